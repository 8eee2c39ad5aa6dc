/*
 * front_world.h - a front in the test's own process: the test plays the keeper on a
 * socket pair and the clients on raw sockets, and turns the loop. Its clock can be
 * put forward. For the test-front-* programs only.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "front/front.h"

#define PATIENCE_MS 5000
#define ASKED_MAX 64

/* One message that the keeper got. */
struct asked {
	unsigned	 type;
	uint64_t	 request;
	struct uuid	 crawl_id;
	bool		 wait, refresh;
	char		 key[IDEMPOTENCY_KEY_SIZE];
	char		 request_id[REQUEST_ID_SIZE];
	char		 url[256];
};

struct world {
	struct clock		 clock;		/* first: the clock's functions find the world by it */
	int64_t			 ahead_ms;
	int64_t			 stands_ms;	/* not 0: the clock stands there, but for ahead_ms */
	struct event_base	*base;
	struct conf		 conf;
	struct guard_limits	 limits;
	struct front		*front;
	struct sockaddr_in	 address;
	struct peer		*keeper;	/* our end, playing the keeper */
	struct asked		 asked[ASKED_MAX];
	unsigned		 asked_count;
	unsigned		 taken;		/* of them by world_asked */
	bool			 answers_all;	/* every question is answered at once with the view */
	struct msg_crawl_answer	 answer;
	struct wire_out		 out;
	int			 listener;	/* the front's */
	unsigned		 drained;
};

static struct world *
world_of_clock(const struct clock *clock)
{
	return (struct world *)(uintptr_t)clock;
}

static int64_t
world_mono_ms(const struct clock *clock)
{
	const struct world *world = world_of_clock(clock);

	return (world->stands_ms != 0 ? world->stands_ms : clock_mono_ms(&clock_system)) + world->ahead_ms;
}

static inline void
world_stop_clock(struct world *world)
{
	world->stands_ms = clock_mono_ms(&clock_system);
}

static inline void
world_start_clock(struct world *world)
{
	world->stands_ms = 0;
}

static int64_t
world_wall_ms(const struct clock *clock)
{
	return clock_wall_ms(&clock_system) + world_of_clock(clock)->ahead_ms;
}

/* ---- the keeper ---- */

static void
world_answer(struct world *world, uint64_t request)
{
	world->answer.request = request;
	msg_crawl_answer_put(&world->out, &world->answer);
	peer_send(world->keeper, &world->out);
}

static struct asked *
world_note(struct world *world, unsigned type, uint64_t request, const struct uuid *id)
{
	struct asked *asked = &world->asked[world->asked_count++ % ASKED_MAX];

	memset(asked, 0, sizeof(*asked));
	asked->type = type;
	asked->request = request;
	if (id != NULL)
		asked->crawl_id = *id;
	if (world->answers_all && type <= MSG_CRAWL_RETRY)
		world_answer(world, request);
	return asked;
}

static int
world_on_create(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_crawl_create m;
	struct asked *asked;

	(void)peer;
	assert_int_equal(msg_crawl_create_get(in, &m), 0);
	asked = world_note(arg, MSG_CRAWL_CREATE, m.request, &m.crawl_id);
	asked->wait = m.wait;
	assert_int_equal(str_copy(asked->key, sizeof(asked->key), m.idempotency_key), 0);
	assert_int_equal(str_copy(asked->request_id, sizeof(asked->request_id), m.request_id), 0);
	assert_int_equal(str_copy(asked->url, sizeof(asked->url), m.body.url), 0);
	return 0;
}

static int
world_on_read(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_crawl_read m;

	(void)peer;
	assert_int_equal(msg_crawl_read_get(in, &m), 0);
	world_note(arg, MSG_CRAWL_READ, m.request, &m.crawl_id)->refresh = m.refresh;
	return 0;
}

static int
world_on_ref(struct world *world, struct wire_in *in, unsigned type)
{
	struct msg_crawl_ref m;
	struct asked *asked;

	assert_int_equal(msg_crawl_ref_get(in, &m), 0);
	asked = world_note(world, type, m.request, &m.crawl_id);
	assert_int_equal(str_copy(asked->request_id, sizeof(asked->request_id), m.request_id), 0);
	return 0;
}

static int
world_on_fetch(struct peer *peer, struct wire_in *in, void *arg)
{
	(void)peer;
	return world_on_ref(arg, in, MSG_CRAWL_FETCH);
}

static int
world_on_cancel(struct peer *peer, struct wire_in *in, void *arg)
{
	(void)peer;
	return world_on_ref(arg, in, MSG_CRAWL_CANCEL);
}

static int
world_on_retry(struct peer *peer, struct wire_in *in, void *arg)
{
	(void)peer;
	return world_on_ref(arg, in, MSG_CRAWL_RETRY);
}

static int
world_on_forget(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_forget m;

	(void)peer;
	assert_int_equal(msg_forget_get(in, &m), 0);
	world_note(arg, MSG_FORGET, m.request, NULL);
	return 0;
}

static int
world_on_health(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_health_read m;

	(void)peer;
	assert_int_equal(msg_health_read_get(in, &m), 0);
	world_note(arg, MSG_HEALTH_READ, m.request, NULL);
	return 0;
}

static int
world_on_backup(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_backup m;
	struct asked *asked;

	(void)peer;
	assert_int_equal(msg_backup_get(in, &m), 0);
	asked = world_note(arg, MSG_BACKUP, m.request, NULL);
	assert_int_equal(str_copy(asked->request_id, sizeof(asked->request_id), m.request_id), 0);
	return 0;
}

static const struct ipc_rule world_rules[MSG_TYPE_COUNT] = {
	[MSG_CRAWL_CREATE] = { 1 << ROLE_FRONT, world_on_create },
	[MSG_CRAWL_READ] = { 1 << ROLE_FRONT, world_on_read },
	[MSG_CRAWL_FETCH] = { 1 << ROLE_FRONT, world_on_fetch },
	[MSG_CRAWL_CANCEL] = { 1 << ROLE_FRONT, world_on_cancel },
	[MSG_CRAWL_RETRY] = { 1 << ROLE_FRONT, world_on_retry },
	[MSG_FORGET] = { 1 << ROLE_FRONT, world_on_forget },
	[MSG_HEALTH_READ] = { 1 << ROLE_FRONT, world_on_health },
	[MSG_BACKUP] = { 1 << ROLE_FRONT, world_on_backup },
};

static void
world_on_closed(struct peer *peer, void *arg)
{
	struct world *world = arg;

	if (world->keeper == peer)
		world->keeper = NULL;
}

/* ---- life ---- */

static void
world_turn(struct world *world)
{
	struct timeval wait = { .tv_usec = 2000 };

	(void)event_base_loopexit(world->base, &wait);
	(void)event_base_dispatch(world->base);
}

static inline void
world_start_keeper(struct world *world)
{
	static const struct peer_events events = { .on_closed = world_on_closed };
	struct inherit_message keeper = { .role = ROLE_KEEPER, .generation = 1 };
	struct inherit_message front = { .role = ROLE_FRONT, .generation = 1 };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	front_set_keeper(world->front, &keeper, ends[0]);
	world->keeper = peer_new(world->base, ends[1], ROLE_KEEPER, &front, world_rules, &events, world);
	for (int i = 0; i < 100 && !peer_is_open(world->front->keeper); i++)
		world_turn(world);
	assert_true(peer_is_open(world->front->keeper));
}

static inline void
world_stop_keeper(struct world *world)
{
	peer_free(world->keeper);
	world->keeper = NULL;
	for (int i = 0; i < 1000 && world->front->keeper != NULL; i++)
		world_turn(world);
	assert_null(world->front->keeper);
}

static int
world_listen(struct world *world)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(world->address);

	world->address = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)&world->address, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&world->address, &len), 0);
	return fd;
}

static const char crawl_text[] = "0190a0b0-0000-7000-8000-000000000001";

/* A crawl as the keeper would know it. */
static void
world_view(struct world *world, enum crawl_state state)
{
	struct crawl_view *view = &world->answer.view;
	struct crawl *crawl = &view->crawl;

	memset(&world->answer, 0, sizeof(world->answer));
	world->answer.has_view = true;
	assert_int_equal(uuid_parse(crawl_text, &crawl->id), 0);
	crawl->state = state;
	crawl->version = 1;
	crawl->created_ms = 1764000000000;
	crawl->updated_ms = crawl->created_ms + 1000;
	crawl->provider_records = UINT64_MAX;
	if (state >= CRAWL_POLLING)
		(void)str_copy(crawl->snapshot_id, sizeof(crawl->snapshot_id), "sd_abc123");
	(void)str_copy(view->request.dataset_id, sizeof(view->request.dataset_id), "gd_1");
	(void)str_copy(view->request.competitor, sizeof(view->request.competitor), "acme");
	(void)str_copy(view->request.brand, sizeof(view->request.brand), "acme brand");
	(void)str_copy(view->request.category, sizeof(view->request.category), "snacks");
	(void)str_copy(view->request.url, sizeof(view->request.url), "https://www.facebook.com/acme");
}

/* What a test changes in conf and limits it changes between world_new and world_run. */
static struct world *
world_new(void)
{
	struct world *world = xcalloc(1, sizeof(*world));

	(void)signal(SIGPIPE, SIG_IGN);	/* as control_start() does */
	world->clock = (struct clock){ world_mono_ms, world_wall_ms, world_mono_ms };
	world->base = loop_new();
	log_open("test", LOG_LEVEL_ERROR);
	conf_init(&world->conf);
	world->limits = guard_limits_default;
	wire_init(&world->out);
	world_view(world, CRAWL_POLLING);
	return world;
}

static void
world_run(struct world *world)
{
	world->front = front_new(world->base, &world->conf, &world->clock, &world->limits);
	world->listener = world_listen(world);
	assert_int_equal(front_listen(world->front, world->listener), 0);
	world_start_keeper(world);
}

static void
world_free(struct world *world)
{
	front_free(world->front);
	if (world->keeper != NULL)
		peer_free(world->keeper);
	wire_done(&world->out);
	conf_done(&world->conf);
	event_base_free(world->base);
	free(world);
}

/* The next message that the keeper got; waits for it. */
static struct asked *
world_asked(struct world *world, unsigned type)
{
	struct asked *asked;

	for (int i = 0; i < PATIENCE_MS && world->taken == world->asked_count; i++)
		world_turn(world);
	assert_true(world->taken < world->asked_count);
	asked = &world->asked[world->taken++ % ASKED_MAX];
	assert_string_equal(msg_name(asked->type), msg_name(type));
	return asked;
}

/* ---- clients ---- */

static int
client_open(struct world *world)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&world->address, sizeof(world->address)), 0);
	return fd;
}

static inline void
client_send_n(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

static inline void
client_send(int fd, const char *text)
{
	client_send_n(fd, text, strlen(text));
}

struct answer {
	int	 status;
	char	 head[4096];
	json_t	*doc;		/* NULL: no body */
	size_t	 length;	/* Content-Length */
};

/* Reads until want bytes are there or the connection ends; how many came. */
static inline size_t
client_read(struct world *world, int fd, char *p, size_t want, const char *until)
{
	size_t got = 0;

	for (int i = 0; i < PATIENCE_MS && got < want; i++) {
		ssize_t n = recv(fd, p + got, until != NULL ? 1 : want - got, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		if (n < 0) {
			world_turn(world);
			continue;
		}
		i--;
		got += (size_t)n;
		p[got] = '\0';
		if (until != NULL && got >= strlen(until) && strcmp(p + got - strlen(until), until) == 0)
			break;
	}
	return got;
}

static struct answer
client_answer_of(struct world *world, int fd, bool has_body)
{
	struct answer answer = { 0 };
	char body[32768];
	const char *length;
	struct why why;
	size_t got = client_read(world, fd, answer.head, sizeof(answer.head) - 1, "\r\n\r\n");

	if (got == 0)
		return answer;
	assert_int_equal(sscanf(answer.head, "HTTP/1.%*d %d ", &answer.status), 1);
	length = strcasestr(answer.head, "\r\nContent-Length: ");
	if (length == NULL)
		return answer;
	answer.length = strtoul(length + 18, NULL, 10);
	assert_true(answer.length < sizeof(body));
	if (!has_body || answer.length == 0)
		return answer;
	assert_int_equal(client_read(world, fd, body, answer.length, NULL), answer.length);
	if (json_read(body, answer.length, &answer.doc, &why) < 0)
		fail_msg("not JSON: %s", body);
	return answer;
}

static inline struct answer
client_answer(struct world *world, int fd)
{
	return client_answer_of(world, fd, true);
}

/* True when the front closes it, with or without a reset. */
static inline bool
client_is_closed(struct world *world, int fd)
{
	char byte[2];

	for (int i = 0; i < PATIENCE_MS; i++) {
		ssize_t n = recv(fd, byte, 1, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		assert_true(n < 0);
		world_turn(world);
	}
	return false;
}

static inline void
answer_done(struct answer *answer)
{
	json_decref(answer->doc);
	answer->doc = NULL;
}

/* "a,b,c" of an object, in the order written. */
static inline const char *
members_of(const json_t *object)
{
	static char text[1024];
	const char *key;
	json_t *value;

	text[0] = '\0';
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		if (text[0] != '\0')
			strcat(text, ",");
		strcat(text, key);
	}
	return text;
}

static inline const json_t *
member(const struct answer *answer, const char *name)
{
	return json_object_get(answer->doc, name);
}

static inline const char *
text_of(const struct answer *answer, const char *name)
{
	const char *text = json_text(answer->doc, name);

	return text != NULL ? text : "(none)";
}

static inline void
assert_error_body(const struct answer *answer, int status, const char *code, const char *word)
{
	assert_int_equal(answer->status, status);
	assert_non_null(answer->doc);
	assert_non_null(strstr(answer->head, "\r\nContent-Type: application/json\r\n"));
	assert_string_equal(text_of(answer, "status"), "error");
	assert_string_equal(text_of(answer, "error_code"), code);
	if (strstr(text_of(answer, "message"), word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text_of(answer, "message"), word);
	assert_true(strlen(text_of(answer, "recovery_suggestion")) > 10);
	assert_non_null(strstr(answer->head, text_of(answer, "request_id")));
}

/* Only trawld itself being away asks to be asked again. */
static inline void
assert_error(const struct answer *answer, int status, const char *code, const char *word)
{
	assert_error_body(answer, status, code, word);
	assert_int_equal(strstr(answer->head, "\r\nRetry-After: ") != NULL, strcmp(code, "UNAVAILABLE") == 0);
}

/* And not when that could make a second crawl. */
static inline void
assert_error_once(const struct answer *answer, int status, const char *code, const char *word)
{
	assert_error_body(answer, status, code, word);
	assert_null(strstr(answer->head, "\r\nRetry-After: "));
}
