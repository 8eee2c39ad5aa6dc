/*
 * front_guard.c - owns evhttp, its listeners and one record for each connection.
 * What a request means is its owner's.
 *
 * What makes this work is how libevent 2.1 behaves:
 * - evhttp asks for a bufferevent for each connection (evhttp_set_bevcb). A reference
 *   of our own keeps it valid; when its event callback is gone, evhttp has let go.
 * - A callback on its input buffer runs as bytes arrive, before evhttp reads them.
 * - evhttp stops reading while a request is with its owner, so it does not notice
 *   there that a client left; the sweep looks at the socket instead.
 * - To have evhttp close a connection, its own event callback is told of a timeout.
 *
 * A connection that is to be told of a refusal is taken over first: evhttp's
 * callbacks are put aside, the refusal is written, what still comes is dropped
 * (closing at once would take the answer away from a client that is still sending),
 * and then evhttp is told that the connection timed out.
 *
 * Connections on which nothing is under way are in lists, in the order in which they fell
 * silent. When the last place is taken the first of them is closed, in the same turn, so a
 * place is free before the next client comes, and none is searched for.
 */
#include "front/front_guard.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"

#define CONN_MAGIC	0x67756172u
#define ACCEPT_BATCH	2	/* a loop turn: fronts that share a socket share what comes */
#define EMFILE_PAUSE_MS 200
#define GONE_LOOK_MS	1000	/* how often a waiting client's socket is looked at */
#define LINGER_BYTES	(4u << 20)
#define EVHTTP_SLACK	1024	/* evhttp's own limits lie above ours, so that ours speak */

const struct guard_limits guard_limits_default = {
	.http = { .target = 2048, .head = 8192, .fields = 100, .body = 64 << 10 },
	.connections = 1024,
	.head_ms = 10000,
	.request_ms = 30000,
	.bytes_per_second = 500,
	.answer_ms = 30000,
	.first_ms = 60000,
	.idle_ms = 620000,
	.linger_ms = 2000,
};

#define FIRST_REQUEST_MS 1000	/* what a new connection gets at least to send its first request */
#define ROOM_LOOKS	16	/* connections looked at for one to close; those before have bytes unread */
#define FULL_TOLD_MS	60000	/* how often that all connections are taken is logged */

TAILQ_HEAD(conn_list, guard_conn);

struct guard_conn {
	uint32_t		 magic;
	struct guard		*guard;
	TAILQ_ENTRY(guard_conn)	 link;		/* live or dead */
	TAILQ_ENTRY(guard_conn)	 wait_link;
	struct conn_list	*waits;		/* NULL, or which of the guard's lists it is in */
	struct bufferevent	*stream;	/* ours is one of two references */
	struct evbuffer_cb_entry *watch;
	struct evhttp_request	*request;	/* with the owner; else NULL */
	void			*data;
	int			 fd;		/* -1 until the first byte */
	struct http_check	 check;
	uint64_t		 given, answered;	/* requests */
	int64_t			 began_ms;	/* the first byte of the message that is being read */
	int64_t			 quiet_ms;	/* since when nothing is asked */
	int64_t			 answer_ms;	/* the answer was made; 0: none is under way */
	int64_t			 looked_ms;
	bool			 refused;
	bool			 cutting;
	bool			 taken;
	bool			 closed;	/* evhttp has let go */
	int64_t			 end_ms;	/* taken: patience with the client */
	size_t			 dropped;
	struct {
		bufferevent_data_cb	 read, write;
		bufferevent_event_cb	 event;
		void			*arg;
	} evhttp;				/* its callbacks while taken */
};

struct listener {
	struct listener		*next;
	struct evconnlistener	*socket;
};

struct guard {
	struct guard		*next;
	struct event_base	*base;
	const struct clock	*clock;
	const struct guard_limits *limits;
	struct guard_events	 events;
	void			*arg;
	struct evhttp		*http;
	struct listener		*listeners;
	struct conn_list	 live, dead;
	/* Of the live ones, those that nothing is to be done for; oldest first. */
	struct conn_list	 unasked;	/* not a byte came yet */
	struct conn_list	 idle;		/* between requests */
	struct conn_list	 owing;		/* refused, and the answers before are out */
	struct guard_conn	**by_fd;
	unsigned		 fds, count, accepted;	/* accepted in this turn */
	struct event		*turn;		/* what must wait until evhttp's callback has returned */
	bool			 paused, stopping;
	bool			 short_of_files;
	int64_t			 stopping_ms;
	int64_t			 paused_until_ms, complained_ms;
	uint64_t		 made_room;	/* connections closed for others since that was told */
	int64_t			 told_full_ms;	/* 0: never */
};

/* Only to find the guard of a listener: evhttp takes the one argument that a
 * listener's two callbacks share. */
static struct guard *guards;

static struct guard_conn *
conn_of(void *arg)
{
	struct guard_conn *conn = arg;

	assert(conn != NULL && conn->magic == CONN_MAGIC);
	return conn;
}

static int64_t
guard_now(const struct guard *guard)
{
	return clock_mono_ms(guard->clock);
}

/* list: of the guard's, or NULL; at its end. */
static void
conn_set_waits(struct guard_conn *conn, struct conn_list *list)
{
	if (conn->waits != NULL)
		TAILQ_REMOVE(conn->waits, conn, wait_link);
	conn->waits = list;
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, conn, wait_link);
}

/* ---- accepting ---- */

static void
guard_pause(struct guard *guard)
{
	guard->paused = true;
	for (struct listener *l = guard->listeners; l != NULL; l = l->next)
		(void)evconnlistener_disable(l->socket);
}

static void
guard_resume(struct guard *guard)
{
	if (!guard->paused || guard->stopping || guard->count >= guard->limits->connections ||
	    guard_now(guard) < guard->paused_until_ms)
		return;
	guard->paused = false;
	guard->accepted = 0;
	for (struct listener *l = guard->listeners; l != NULL; l = l->next)
		(void)evconnlistener_enable(l->socket);
}

static struct guard *
guard_of(const struct evconnlistener *socket)
{
	for (struct guard *guard = guards; guard != NULL; guard = guard->next) {
		for (struct listener *l = guard->listeners; l != NULL; l = l->next) {
			if (l->socket == socket)
				return guard;
		}
	}
	return NULL;
}

static void
guard_on_accept_error(struct evconnlistener *socket, void *arg)
{
	int error = errno;
	struct guard *guard = guard_of(socket);
	int64_t now;

	(void)arg;
	assert(guard != NULL);
	now = guard_now(guard);
	guard->paused_until_ms = now + EMFILE_PAUSE_MS;
	guard->short_of_files = true;
	guard_pause(guard);
	event_active(guard->turn, 0, 0);
	if (guard->complained_ms == 0 || now - guard->complained_ms >= 1000) {
		guard->complained_ms = now;
		log_as(KIND_ACCEPT_PAUSED, NULL,
		    "no connection can be accepted for a moment: %s (%u are open)", strerror(error), guard->count);
	}
}

int
guard_listen(struct guard *guard, int fd)
{
	struct listener *listener;
	struct evconnlistener *socket;

	if (evutil_make_socket_nonblocking(fd) < 0)
		return -errno;
	socket = evconnlistener_new(guard->base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, fd);
	if (socket == NULL || evhttp_bind_listener(guard->http, socket) == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(socket, guard_on_accept_error);
	listener = xcalloc(1, sizeof(*listener));
	listener->socket = socket;
	listener->next = guard->listeners;
	guard->listeners = listener;
	return 0;
}

/* ---- the end of a connection ---- */

static void
conn_release(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;

	conn_set_waits(conn, NULL);
	TAILQ_REMOVE(conn->closed ? &guard->dead : &guard->live, conn, link);
	if (conn->fd >= 0)
		guard->by_fd[conn->fd] = NULL;
	evbuffer_remove_cb_entry(bufferevent_get_input(conn->stream), conn->watch);
	(void)bufferevent_decref(conn->stream);
	conn->magic = 0;
	free(conn);
	guard->count--;
}

static void
conn_mark_closed(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;

	if (conn->closed)
		return;
	conn->closed = true;
	conn_set_waits(conn, NULL);
	TAILQ_REMOVE(&guard->live, conn, link);
	TAILQ_INSERT_TAIL(&guard->dead, conn, link);
	event_active(guard->turn, 0, 0);
}

/* evhttp ends the connection. A request that it has put aside first is ours to free. */
static void
conn_on_closed(struct evhttp_connection *connection, void *arg)
{
	struct guard_conn *conn = conn_of(arg);
	struct evhttp_request *request = conn->request;

	(void)connection;
	if (request != NULL) {
		conn->request = NULL;
		conn->guard->events.on_gone(conn, conn->guard->arg);
		if (evhttp_request_get_connection(request) == NULL)
			evhttp_request_free(request);
	}
	conn_mark_closed(conn);
}

/* Has evhttp close it now; not from within one of evhttp's callbacks. */
static void
conn_close(struct guard_conn *conn)
{
	bufferevent_data_cb on_read, on_write;
	bufferevent_event_cb on_event;
	void *arg;

	if (conn->taken) {
		conn->taken = false;
		bufferevent_setcb(conn->stream, conn->evhttp.read, conn->evhttp.write,
		    conn->evhttp.event, conn->evhttp.arg);
	}
	bufferevent_getcb(conn->stream, &on_read, &on_write, &on_event, &arg);
	if (on_event != NULL)
		on_event(conn->stream, BEV_EVENT_READING | BEV_EVENT_TIMEOUT, arg);
	conn_mark_closed(conn);
}

static bool
conn_is_let_go(const struct guard_conn *conn)
{
	bufferevent_event_cb on_event;

	if (conn->taken)
		return false;
	bufferevent_getcb(conn->stream, NULL, NULL, &on_event, NULL);
	return on_event == NULL;
}

/* ---- refusing ---- */

static void
conn_on_refusal_written(struct bufferevent *stream, void *arg)
{
	struct guard_conn *conn = conn_of(arg);

	(void)shutdown(bufferevent_getfd(stream), SHUT_WR);
	conn->end_ms = guard_now(conn->guard) + conn->guard->limits->linger_ms;
}

static void
conn_on_refusal_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	(void)what;
	conn_close(conn_of(arg));
}

/* No read callback: evhttp may have a delayed call of it under way, with its own
 * argument. What comes is dropped by conn_on_input. */
static void
conn_tell_refusal(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;

	bufferevent_getcb(conn->stream, &conn->evhttp.read, &conn->evhttp.write,
	    &conn->evhttp.event, &conn->evhttp.arg);
	if (conn->evhttp.event == NULL)
		return;
	conn->taken = true;
	conn->end_ms = guard_now(guard) + guard->limits->answer_ms;
	bufferevent_setcb(conn->stream, NULL, conn_on_refusal_written, conn_on_refusal_event, conn);
	guard->events.on_refused(conn->check.status, conn->check.reason,
	    bufferevent_get_output(conn->stream), guard->arg);
	(void)bufferevent_enable(conn->stream, EV_READ | EV_WRITE);
}

/* Drops the last tail bytes of the input. */
static void
conn_cut(struct guard_conn *conn, struct evbuffer *input, uint64_t tail)
{
	size_t len = evbuffer_get_length(input);
	struct evbuffer *kept;

	conn->cutting = true;
	if (tail >= len) {
		(void)evbuffer_drain(input, len);
	} else if ((kept = evbuffer_new()) != NULL) {
		(void)evbuffer_remove_buffer(input, kept, len - (size_t)tail);
		(void)evbuffer_drain(input, (size_t)tail);
		(void)evbuffer_prepend_buffer(input, kept);
		evbuffer_free(kept);
	}
	conn->cutting = false;
}

/* tail: bytes at the input's end that belong to the refused message or follow it. */
static void
conn_refuse(struct guard_conn *conn, uint64_t tail)
{
	conn->refused = true;
	conn_cut(conn, bufferevent_get_input(conn->stream), tail);
	if (conn->answered == conn->check.messages)
		conn_tell_refusal(conn);
}

/* ---- reading ---- */

static void
conn_learn_fd(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;
	unsigned fd = (unsigned)bufferevent_getfd(conn->stream);

	if (fd >= guard->fds) {
		unsigned fds = fd + 64;

		guard->by_fd = xrealloc(guard->by_fd, fds * sizeof(*guard->by_fd));
		memset(guard->by_fd + guard->fds, 0, (fds - guard->fds) * sizeof(*guard->by_fd));
		guard->fds = fds;
	}
	conn->fd = (int)fd;
	guard->by_fd[fd] = conn;
}

/* One run of bytes; false when refused, with *ret_tail set. after: bytes behind the run. */
static bool
conn_check_run(struct guard_conn *conn, const unsigned char *p, size_t len, size_t after,
    uint64_t *ret_tail)
{
	while (len > 0) {
		size_t used;

		if (conn->check.phase == HTTP_BETWEEN)
			conn->began_ms = guard_now(conn->guard);
		if (http_check_feed(&conn->check, p, len, &used) == HTTP_REFUSED) {
			*ret_tail = conn->check.bytes + (len - used) + after;
			return false;
		}
		p += used;
		len -= used;
	}
	return true;
}

static void
conn_check_added(struct guard_conn *conn, struct evbuffer *input, size_t added)
{
	size_t total = evbuffer_get_length(input), at = total - added;
	struct evbuffer_iovec run;
	struct evbuffer_ptr ptr;
	uint64_t tail;

	while (at < total) {
		if (evbuffer_ptr_set(input, &ptr, at, EVBUFFER_PTR_SET) < 0 ||
		    evbuffer_peek(input, (ev_ssize_t)(total - at), &ptr, &run, 1) < 1)
			return;
		if (run.iov_len > total - at)
			run.iov_len = total - at;
		at += run.iov_len;
		if (!conn_check_run(conn, run.iov_base, run.iov_len, total - at, &tail)) {
			conn_refuse(conn, tail);
			return;
		}
	}
}

static void
conn_on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct guard_conn *conn = conn_of(arg);

	if (info->n_added == 0 || conn->cutting)
		return;
	if (conn->fd < 0)
		conn_learn_fd(conn);
	if (conn->waits != &conn->guard->owing)
		conn_set_waits(conn, NULL);
	if (!conn->refused) {
		conn_check_added(conn, input, info->n_added);
		return;
	}
	conn->dropped += info->n_added;
	conn_cut(conn, input, info->n_added);
}

static struct bufferevent *
guard_on_connection(struct event_base *base, void *arg)
{
	struct guard *guard = arg;
	const struct http_limits *http = &guard->limits->http;
	struct guard_conn *conn = xcalloc(1, sizeof(*conn));

	conn->magic = CONN_MAGIC;
	conn->guard = guard;
	conn->fd = -1;
	conn->quiet_ms = guard_now(guard);
	http_check_init(&conn->check, http);
	conn->stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (conn->stream == NULL)
		fatal(1, &log_kind_no_memory, "no memory for a connection");
	bufferevent_incref(conn->stream);
	bufferevent_setwatermark(conn->stream, EV_READ, 0, http->body + http->head + EVHTTP_SLACK);
	conn->watch = evbuffer_add_cb(bufferevent_get_input(conn->stream), conn_on_input, conn);
	TAILQ_INSERT_TAIL(&guard->live, conn, link);
	conn_set_waits(conn, &guard->unasked);
	if (++guard->count >= guard->limits->connections || ++guard->accepted >= ACCEPT_BATCH) {
		guard_pause(guard);
		event_active(guard->turn, 0, 0);
	}
	return conn->stream;
}

/* ---- requests and answers ---- */

static struct guard_conn *
conn_of_request(struct guard *guard, struct evhttp_request *request)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);
	unsigned fd = (unsigned)bufferevent_getfd(stream);
	struct guard_conn *conn = fd < guard->fds ? guard->by_fd[fd] : NULL;

	assert(conn != NULL && conn->stream == stream);
	evhttp_connection_set_closecb(connection, conn_on_closed, conn);
	return conn;
}

static void
guard_on_request(struct evhttp_request *request, void *arg)
{
	struct guard *guard = arg;
	struct guard_conn *conn = conn_of_request(guard, request);

	conn->request = request;
	if (++conn->given > conn->check.messages) {
		/* evhttp sees a request where the check saw none yet: they read differently. */
		log_as(KIND_REQUEST_UNCLEAR, NULL, "a request was read in two ways; its connection is closed");
		(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
		guard_answer(conn, request, 400, "Bad Request");
		return;
	}
	guard->events.on_request(conn, request, guard->arg);
}

static bool
conn_is_quiet(const struct guard_conn *conn)
{
	return conn->check.phase == HTTP_BETWEEN && conn->answered == conn->check.messages &&
	    !conn->refused;
}

static void
conn_on_answered(struct evhttp_request *request, void *arg)
{
	struct guard_conn *conn = conn_of(arg);
	struct guard *guard = conn->guard;

	(void)request;
	conn->answered++;
	conn->answer_ms = 0;
	conn->quiet_ms = guard_now(guard);
	if (conn_is_quiet(conn)) {
		conn_set_waits(conn, &guard->idle);
		if (guard->count >= guard->limits->connections)
			event_active(guard->turn, 0, 0);
	} else if (conn->refused && conn->answered == conn->check.messages) {
		conn_set_waits(conn, &guard->owing);
		event_active(guard->turn, 0, 0);
	}
}

void
guard_answer(struct guard_conn *conn, struct evhttp_request *request, int status, const char *phrase)
{
	assert(conn->request == request);
	conn->request = NULL;
	conn->answer_ms = guard_now(conn->guard);
	if (conn->guard->stopping)
		(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
	evhttp_request_set_on_complete_cb(request, conn_on_answered, conn);
	evhttp_send_reply(request, status, phrase, NULL);
}

void
guard_set_data(struct guard_conn *conn, void *data)
{
	conn->data = data;
}

void *
guard_data(const struct guard_conn *conn)
{
	return conn->data;
}

/* ---- room for one more ---- */

/* The client has sent something that has not been read yet. */
static bool
conn_has_unread(const struct guard_conn *conn)
{
	int unread = 0;

	return ioctl(bufferevent_getfd(conn->stream), FIONREAD, &unread) == 0 && unread > 0;
}

/* The first of the list that may be closed. One that has bytes unread goes to the end:
 * it leaves the list as soon as they are read. */
static struct guard_conn *
guard_first_silent(struct conn_list *list, int64_t since_ms)
{
	struct guard_conn *conn;

	for (unsigned i = 0; i < ROOM_LOOKS && (conn = TAILQ_FIRST(list)) != NULL; i++) {
		if (conn->quiet_ms > since_ms)
			return NULL;
		if (!conn_has_unread(conn))
			return conn;
		conn_set_waits(conn, list);
	}
	return NULL;
}

static void
guard_tell_full(struct guard *guard, int64_t now)
{
	if (guard->told_full_ms != 0 && now - guard->told_full_ms < FULL_TOLD_MS)
		return;
	log_as(KIND_CONNECTIONS_FULL, NULL, "all %u connections are taken; %" PRIu64 " that nothing was "
	    "asked on made room for others", guard->count, guard->made_room);
	guard->told_full_ms = now;
	guard->made_room = 0;
}

/* Who has not asked in all its time goes first: its client has least to lose. */
static void
guard_make_room(struct guard *guard)
{
	int64_t now = guard_now(guard);
	struct guard_conn *conn;

	if (guard->stopping || (guard->count < guard->limits->connections && !guard->short_of_files))
		return;
	guard->short_of_files = false;
	conn = guard_first_silent(&guard->unasked, now - FIRST_REQUEST_MS);
	if (conn == NULL)
		conn = guard_first_silent(&guard->idle, now);
	if (conn != NULL) {
		guard->made_room++;
		conn_close(conn);
	}
	guard_tell_full(guard, now);
}

/* ---- sweeping ---- */

static void
guard_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct guard *guard = arg;
	struct guard_conn *conn;

	(void)fd;
	(void)what;
	while ((conn = TAILQ_FIRST(&guard->dead)) != NULL)
		conn_release(conn);
	while ((conn = TAILQ_FIRST(&guard->owing)) != NULL) {
		conn_set_waits(conn, NULL);
		conn_tell_refusal(conn);
	}
	guard_make_room(guard);
	guard_resume(guard);
}

/* When it is over; INT64_MAX while it is the owner's turn. */
static int64_t
conn_deadline(const struct guard_conn *conn)
{
	const struct guard_limits *limits = conn->guard->limits;
	uint64_t length = conn->check.length ? conn->check.length : limits->http.body;

	if (conn->taken)
		return conn->dropped > LINGER_BYTES ? 0 : conn->end_ms;
	if (conn->request != NULL)
		return INT64_MAX;
	if (conn->answer_ms != 0)
		return conn->answer_ms + limits->answer_ms;
	if (conn_is_quiet(conn))
		return conn->quiet_ms + (conn->given == 0 ? limits->first_ms : limits->idle_ms);
	if (conn->check.phase == HTTP_IN_HEAD)
		return conn->began_ms + limits->head_ms;
	return conn->began_ms + limits->request_ms + (int64_t)length * 1000 / limits->bytes_per_second;
}

/* Both directions are down: nobody will read an answer. (A client that has only
 * finished sending still waits.) */
static bool
conn_is_gone(struct guard_conn *conn, int64_t now)
{
	struct pollfd look = { .fd = conn->fd };

	if (conn->request == NULL || now - conn->looked_ms < GONE_LOOK_MS)
		return false;
	conn->looked_ms = now;
	return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

/* While stopping: quiet, and nothing is on its way in. One that has not asked anything
 * yet is about to, and its client does not expect a new connection to be closed. */
static bool
conn_may_leave(const struct guard_conn *conn)
{
	int64_t begun = conn->guard->stopping_ms;

	if (conn->given == 0 && guard_now(conn->guard) - begun < FIRST_REQUEST_MS)
		return false;
	return conn->guard->stopping && conn_is_quiet(conn) && !conn_has_unread(conn);
}

/* A client that was too slow with its request is told so. */
static void
conn_time_out(struct guard_conn *conn)
{
	if (!conn->taken && !conn->refused && conn->check.phase != HTTP_BETWEEN &&
	    conn->answered == conn->check.messages) {
		conn->check.status = 408;
		conn->check.reason = "The request took too long to arrive.";
		conn_refuse(conn, UINT64_MAX);
		return;
	}
	conn_close(conn);
}

void
guard_sweep(struct guard *guard)
{
	int64_t now = guard_now(guard);
	struct guard_conn *conn, *next;

	for (conn = TAILQ_FIRST(&guard->live); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (conn_is_let_go(conn))
			conn_mark_closed(conn);
		else if (now >= conn_deadline(conn))
			conn_time_out(conn);
		else if (conn_is_gone(conn, now) || conn_may_leave(conn))
			conn_close(conn);
	}
	guard_on_turn(-1, 0, guard);
}

/* ---- life ---- */

struct guard *
guard_new(struct event_base *base, const struct clock *clock, const struct guard_limits *limits,
    const struct guard_events *events, void *arg)
{
	struct guard *guard = xcalloc(1, sizeof(*guard));

	guard->base = base;
	guard->clock = clock;
	guard->limits = limits;
	guard->events = *events;
	guard->arg = arg;
	TAILQ_INIT(&guard->live);
	TAILQ_INIT(&guard->dead);
	TAILQ_INIT(&guard->unasked);
	TAILQ_INIT(&guard->idle);
	TAILQ_INIT(&guard->owing);
	guard->turn = event_new(base, -1, 0, guard_on_turn, guard);
	guard->http = evhttp_new(base);
	if (guard->turn == NULL || guard->http == NULL)
		fatal(1, &log_kind_no_memory, "no memory for the HTTP server");
	evhttp_set_max_headers_size(guard->http, limits->http.head + EVHTTP_SLACK);
	evhttp_set_max_body_size(guard->http, limits->http.body + EVHTTP_SLACK);
	/* All that evhttp knows: which of them a path takes is the owner's to say. */
	evhttp_set_allowed_methods(guard->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
	    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(guard->http, guard_on_connection, guard);
	evhttp_set_gencb(guard->http, guard_on_request, guard);
	guard->next = guards;
	guards = guard;
	return guard;
}

void
guard_stop(struct guard *guard)
{
	guard->stopping = true;
	guard->stopping_ms = guard_now(guard);
	guard_pause(guard);
	guard_sweep(guard);
}

void
guard_free(struct guard *guard)
{
	struct guard **at = &guards;
	struct guard_conn *conn;
	struct listener *listener;

	if (guard == NULL)
		return;
	while (*at != guard)
		at = &(*at)->next;
	*at = guard->next;
	evhttp_free(guard->http);	/* with the listeners */
	while ((conn = TAILQ_FIRST(&guard->live)) != NULL)
		conn_release(conn);
	while ((conn = TAILQ_FIRST(&guard->dead)) != NULL)
		conn_release(conn);
	while ((listener = guard->listeners) != NULL) {
		guard->listeners = listener->next;
		free(listener);
	}
	event_free(guard->turn);
	free(guard->by_fd);
	free(guard);
}

unsigned
guard_connections(const struct guard *guard)
{
	return guard->count;
}
