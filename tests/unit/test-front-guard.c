/*
 * test-front-guard.c - the front against clients that are odd, slow, many or gone:
 * refusals in JSON and never a page of evhttp's, pipelining, deadlines, the cap, the
 * drain.
 */
#include <limits.h>
#include <sys/resource.h>

#include "front_world.h"

#define HOST "Host: localhost\r\n"
#define GET "GET /x HTTP/1.1\r\n" HOST "\r\n"
#define STATUS "GET /api/v1/crawl/0190a0b0-0000-7000-8000-000000000001/status HTTP/1.1\r\n" HOST "\r\n"
#define POST "POST /api/v1/crawl/trigger HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
#define BODY "{\"url\":\"https://www.facebook.com/a\",\"num_of_posts\":1}"

static int
set_up(void **state)
{
	*state = world_new();
	return 0;
}

static int
tear_down(void **state)
{
	world_free(*state);
	return 0;
}

static unsigned
connections(const struct world *world)
{
	return guard_connections(world->front->guard);
}

static void
wait_for_connections(struct world *world, unsigned count)
{
	for (int i = 0; i < PATIENCE_MS && connections(world) != count; i++)
		world_turn(world);
	assert_int_equal(connections(world), count);
}

/* ---- refusals ---- */

static void
test_refusals_are_json_and_end_the_connection(void **state)
{
	static char long_uri[9100], long_header[20100];
	const struct {
		const char *text;
		size_t len;
		int status;
		const char *code;
	} table[] = {
#define ROW(text, status, code) { text, sizeof(text) - 1, status, code }
		ROW("GET /health HTTP/1.1\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW("GET /health HTTP/1.1\r\nHost : x\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW("GET /health HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW("GET /health HTTP/1.1\r\n" HOST HOST "\r\n", 400, "INVALID_REQUEST"),
		ROW("GET /health HTTP/1.1\n" HOST "\r\n", 400, "INVALID_REQUEST"),
		ROW("GET //[::/ HTTP/1.1\r\n" HOST "\r\n", 400, "INVALID_REQUEST"),
		ROW("GET http://[::/ HTTP/1.1\r\n" HOST "\r\n", 400, "INVALID_REQUEST"),
		ROW("\r\n\r\nGET /health HTTP/1.1\r\n", 400, "INVALID_REQUEST"),
		ROW("PROPFIND / HTTP/1.1\r\n" HOST "\r\n", 501, "INVALID_REQUEST"),
		ROW("GET / HTTP/3.0\r\n" HOST "\r\n", 505, "INVALID_REQUEST"),
		ROW(POST "Content-Length: 9999999999\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"),
		ROW(POST "Content-Length: 65537\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"),
		ROW(POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "INVALID_REQUEST"),
		ROW(POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW(POST "Transfer-Encoding: gzip\r\n\r\n", 501, "INVALID_REQUEST"),
		ROW(POST "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW(POST "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW(POST "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW(POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n", 400, "INVALID_REQUEST"),
		ROW(POST "Transfer-Encoding: chunked\r\n\r\n10001\r\n", 413, "PAYLOAD_TOO_LARGE"),
		ROW(POST "Expect: something\r\nContent-Length: 2\r\n\r\n{}", 417, "INVALID_REQUEST"),
		ROW("HEAD /health HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 400, "INVALID_REQUEST"),
		{ long_uri, sizeof(long_uri) - 1, 414, "INVALID_REQUEST" },
		{ long_header, sizeof(long_header) - 1, 431, "HEADERS_TOO_LARGE" },
	};
	struct world *world = *state;

	memset(long_uri, 'a', sizeof(long_uri) - 1);
	memcpy(long_uri, "GET /", 5);
	memset(long_header, 'a', sizeof(long_header) - 1);
	memcpy(long_header, "GET / HTTP/1.1\r\nX: ", 19);
	world_run(world);
	for (size_t i = 0; i < countof(table); i++) {
		int fd = client_open(world);
		struct answer answer;

		client_send_n(fd, table[i].text, table[i].len);
		answer = client_answer(world, fd);
		if (answer.status != table[i].status)
			fail_msg("row %zu: %d: %s", i, answer.status, table[i].text);
		assert_error(&answer, table[i].status, table[i].code, ".");
		assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
		assert_true(client_is_closed(world, fd));
		answer_done(&answer);
		close(fd);
	}
	assert_int_equal(world->asked_count, 0);
	wait_for_connections(world, 0);
}

static void
test_a_body_that_is_too_large_is_refused_before_it_is_sent(void **state)
{
	struct world *world = *state;
	static char flood[1 << 20];
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, POST "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n");
	answer = client_answer(world, fd);
	assert_error(&answer, 413, "PAYLOAD_TOO_LARGE", "larger");
	answer_done(&answer);
	close(fd);
	/* A client that sends it all the same can read its answer nevertheless. */
	memset(flood, 'x', sizeof(flood));
	fd = client_open(world);
	client_send(fd, POST "Content-Length: 1000000\r\n\r\n");
	for (int i = 0; i < 40; i++) {
		(void)send(fd, flood, sizeof(flood) / 64, MSG_DONTWAIT | MSG_NOSIGNAL);
		world_turn(world);
	}
	answer = client_answer(world, fd);
	assert_error(&answer, 413, "PAYLOAD_TOO_LARGE", "larger");
	answer_done(&answer);
	close(fd);
	wait_for_connections(world, 0);
}

static void
test_what_follows_good_requests_is_refused_after_their_answers(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	client_send(fd, GET STATUS "GET /y HTTP/1.1\r\nHost : a\r\n\r\n" GET);
	answer = client_answer(world, fd);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	answer = client_answer(world, fd);
	assert_error(&answer, 400, "INVALID_REQUEST", "White space");
	answer_done(&answer);
	assert_true(client_is_closed(world, fd));
	assert_int_equal(world->asked_count, 1);
	close(fd);
}

static void
test_a_refusal_waits_for_the_request_before_it(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, STATUS "BAD\r\n\r\n");
	world_answer(world, world_asked(world, MSG_CRAWL_READ)->request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	answer = client_answer(world, fd);
	assert_error(&answer, 400, "INVALID_REQUEST", ".");
	answer_done(&answer);
	close(fd);
}

/* ---- what must work ---- */

static void
test_pipelined_requests_are_answered_in_order(void **state)
{
	struct world *world = *state;
	char text[8192] = "", line[128];
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(line, sizeof(line), "GET /path-%d HTTP/1.1\r\n" HOST "\r\n", i);
		strcat(text, line);
	}
	client_send(fd, text);
	for (int i = 0; i < 40; i++) {
		struct answer answer = client_answer(world, fd);

		(void)snprintf(line, sizeof(line), "\"/path-%d\"", i);
		assert_error(&answer, 404, "NOT_FOUND", line);
		answer_done(&answer);
	}
	close(fd);
	wait_for_connections(world, 0);
}

static void
test_bodies_arrive_whole_in_every_framing(void **state)
{
	static const char *const requests[] = {
		POST "Content-Length: 53\r\n\r\n" BODY,
		POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n34\r\n\"url\":\"https://www.facebook.com/a\",\"num_of_posts\":1}\r\n0\r\n\r\n",
	};
	struct world *world = *state;

	world->answers_all = true;
	world_run(world);
	for (size_t i = 0; i < countof(requests); i++) {
		size_t len = strlen(requests[i]);

		/* In one piece, and byte by byte. */
		for (int slow = 0; slow < 2; slow++) {
			int fd = client_open(world);
			struct answer answer;

			for (size_t n = 0; n < len; n += slow ? 1 : len) {
				client_send_n(fd, requests[i] + n, slow ? 1 : len);
				(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
			}
			answer = client_answer(world, fd);
			if (answer.status != 200)
				fail_msg("%zu/%d: %d %s", i, slow, answer.status, text_of(&answer, "message"));
			assert_string_equal(world_asked(world, MSG_CRAWL_CREATE)->url, "https://www.facebook.com/a");
			answer_done(&answer);
			close(fd);
		}
	}
}

static void
test_a_body_up_to_the_limit_is_read(void **state)
{
	static char text[70000];
	struct world *world = *state;
	struct answer answer;
	size_t at;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	at = (size_t)snprintf(text, sizeof(text), POST "Content-Length: 65536\r\n\r\n" BODY);
	memset(text + at, ' ', 65536 - strlen(BODY));
	at += 65536 - strlen(BODY);
	for (size_t n = 0; n < at;) {
		ssize_t sent = send(fd, text + n, at - n, MSG_DONTWAIT | MSG_NOSIGNAL);

		n += sent > 0 ? (size_t)sent : 0;
		world_turn(world);
	}
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(fd);
}

static void
test_expect_100_continue_is_honoured(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world->answers_all = true;
	world_run(world);
	fd = client_open(world);
	client_send(fd, POST "Expect: 100-continue\r\nContent-Length: 53\r\n\r\n");
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 100);
	client_send(fd, BODY);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(fd);
}

static void
test_connections_close_when_asked_or_old(void **state)
{
	static const struct {
		const char *text;
		bool closes;
	} table[] = {
		{ "GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", true },
		{ "GET /x HTTP/1.0\r\n\r\n", true },
		{ "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false },
	};
	struct world *world = *state;

	world_run(world);
	for (size_t i = 0; i < countof(table); i++) {
		int fd = client_open(world);
		char all[4096];

		client_send(fd, table[i].text);
		if (table[i].closes) {
			size_t got = client_read(world, fd, all, sizeof(all) - 1, NULL);

			assert_true(got > 0);
			assert_non_null(strstr(all, " 404 "));
		} else {
			struct answer answer = client_answer(world, fd);

			assert_error(&answer, 404, "NOT_FOUND", "/x");
			answer_done(&answer);
			assert_int_equal(connections(world), 1);
		}
		close(fd);
		wait_for_connections(world, 0);
	}
}

static void
test_a_client_that_has_only_finished_sending_gets_its_answer(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, STATUS);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	(void)world_asked(world, MSG_CRAWL_READ);
	world->ahead_ms += 3000;
	for (int i = 0; i < 200; i++)
		world_turn(world);
	world_answer(world, world->asked[0].request);
	answer = client_answer(world, fd);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	close(fd);
	wait_for_connections(world, 0);
}

/* A listener without a name in any file system; no port of the machine is used up. */
static struct sockaddr_un
listen_unix(struct world *world, socklen_t *ret_len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_len = sizeof(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, ret_len), 0);
	assert_int_equal(front_listen(world->front, fd), 0);
	return address;
}

static int
client_open_unix(const struct sockaddr_un *address, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)address, len), 0);
	return fd;
}

static void
test_the_unix_socket_speaks_the_same(void **state)
{
	struct world *world = *state;
	struct sockaddr_un address;
	struct answer answer;
	socklen_t len;
	int fd;

	world_run(world);
	address = listen_unix(world, &len);
	fd = client_open_unix(&address, len);
	client_send(fd, GET);
	answer = client_answer(world, fd);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	close(fd);
}

/* ---- slow, many, gone ---- */

static void
test_slow_requests_are_told_so_and_closed(void **state)
{
	static const struct {
		const char *text;
		int64_t early_ms, late_ms;
	} table[] = {
		{ "G", 9000, 1500 },
		{ "GET /health HTTP/1.1\r\nHost: a\r\n", 9000, 1500 },
		{ POST "Content-Length: 1000\r\n\r\n{", 31000, 1500 },
		{ POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 160000, 2000 },
	};
	struct world *world = *state;

	world_run(world);
	for (size_t i = 0; i < countof(table); i++) {
		int fd = client_open(world);
		struct answer answer;
		char byte;

		client_send(fd, table[i].text);
		for (int n = 0; n < 20; n++)
			world_turn(world);
		world->ahead_ms += table[i].early_ms;
		for (int n = 0; n < 150; n++)
			world_turn(world);
		assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
		world->ahead_ms += table[i].late_ms;
		answer = client_answer(world, fd);
		assert_error(&answer, 408, "INVALID_REQUEST", "too long");
		answer_done(&answer);
		assert_true(client_is_closed(world, fd));
		world->ahead_ms += 3000;	/* and who does not close is closed */
		wait_for_connections(world, 0);
		close(fd);
	}
}

static void
test_idle_connections_are_closed(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fresh, used;

	world_run(world);
	fresh = client_open(world);
	used = client_open(world);
	client_send(used, GET);
	answer = client_answer(world, used);
	assert_int_equal(answer.status, 404);
	answer_done(&answer);
	wait_for_connections(world, 2);
	world->ahead_ms += 59000;
	for (int i = 0; i < 150; i++)
		world_turn(world);
	assert_int_equal(connections(world), 2);
	world->ahead_ms += 2000;
	assert_true(client_is_closed(world, fresh));
	world->ahead_ms += 600000 - 61000 + 10000;	/* a load balancer keeps its own for up to 600 s */
	for (int i = 0; i < 150; i++)
		world_turn(world);
	assert_int_equal(connections(world), 1);
	world->ahead_ms += 11000;
	assert_true(client_is_closed(world, used));
	wait_for_connections(world, 0);
	close(fresh);
	close(used);
}

static void
test_a_client_that_does_not_read_is_closed_and_takes_no_memory(void **state)
{
	struct world *world = *state;
	int fd, sent = 0, small = 4096;

	world->answers_all = true;
	world_run(world);
	/* Else the kernel takes megabytes of answers. */
	(void)setsockopt(world->listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fd = client_open(world);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int i = 0; i < 3000; i++) {
		if (send(fd, STATUS, strlen(STATUS), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			sent++;
		else
			world_turn(world);
	}
	assert_true(sent > 100);
	/* Until the answers are stuck. */
	for (unsigned before = UINT_MAX; before != world->asked_count;) {
		before = world->asked_count;
		for (int i = 0; i < 50; i++)
			world_turn(world);
	}
	assert_true(world->asked_count < 200);
	assert_int_equal(connections(world), 1);
	world->ahead_ms += 31000;
	wait_for_connections(world, 0);
	close(fd);
}

static void
test_a_client_that_is_gone_is_forgotten(void **state)
{
	struct linger reset = { .l_onoff = 1 };
	struct world *world = *state;
	uint64_t request;
	int fd;

	world_run(world);
	fd = client_open(world);
	client_send(fd, STATUS);
	request = world_asked(world, MSG_CRAWL_READ)->request;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	world->ahead_ms += 1000;
	assert_true(world_asked(world, MSG_FORGET)->request == request);
	wait_for_connections(world, 0);
	assert_null(TAILQ_FIRST(&world->front->waiting));
	/* Its answer, when it was on its way already, finds nobody. */
	world_answer(world, request);
	world_turn(world);
	assert_non_null(world->front->keeper);
}

static void
test_more_connections_than_allowed_wait_their_turn(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fds[5];

	world->limits.connections = 2;
	world_run(world);
	for (size_t i = 0; i < countof(fds); i++) {
		fds[i] = client_open(world);
		client_send(fds[i], GET);
	}
	for (size_t i = 0; i < countof(fds); i++) {
		answer = client_answer(world, fds[i]);
		assert_error(&answer, 404, "NOT_FOUND", "/x");
		answer_done(&answer);
		assert_true(connections(world) <= 2);
		close(fds[i]);
	}
	wait_for_connections(world, 0);
}

static void
client_get(struct world *world, int fd)
{
	struct answer answer;

	client_send(fd, GET);
	answer = client_answer(world, fd);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
}

static void
turn_often(struct world *world, int times)
{
	for (int i = 0; i < times; i++)
		world_turn(world);
}

static bool
is_open(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static void
test_the_connection_that_is_idle_longest_makes_room(void **state)
{
	struct world *world = *state;
	int fds[4];

	world->limits.connections = 4;
	world_run(world);
	for (size_t i = 0; i < 3; i++) {
		fds[i] = client_open(world);
		client_get(world, fds[i]);
		world->ahead_ms += 1;
	}
	client_get(world, fds[0]);	/* now fds[1] is the one */
	turn_often(world, 20);
	assert_int_equal(connections(world), 3);
	fds[3] = client_open(world);
	client_get(world, fds[3]);
	assert_true(client_is_closed(world, fds[1]));
	close(fds[1]);
	fds[1] = client_open(world);
	client_get(world, fds[1]);
	assert_true(client_is_closed(world, fds[2]));
	turn_often(world, 20);
	assert_int_equal(connections(world), 3);
	for (size_t i = 0; i < countof(fds); i++) {
		if (i != 2)
			assert_true(is_open(fds[i]));
		close(fds[i]);
	}
	wait_for_connections(world, 0);
}

static void
test_connections_that_never_asked_make_room_first_but_not_at_once(void **state)
{
	struct world *world = *state;
	int kept, late, silent[7];

	world->limits.connections = 8;
	world_run(world);
	kept = client_open(world);
	client_get(world, kept);
	for (size_t i = 0; i < 6; i++)
		silent[i] = client_open(world);
	turn_often(world, 20);
	assert_int_equal(connections(world), 7);
	world->ahead_ms += 500;
	silent[6] = client_open(world);	/* the last place; all that were silent are young */
	assert_true(client_is_closed(world, kept));
	for (size_t i = 0; i < countof(silent); i++)
		assert_true(is_open(silent[i]));
	close(kept);
	world->ahead_ms += 600;
	kept = client_open(world);
	client_get(world, kept);
	assert_true(client_is_closed(world, silent[0]));
	late = client_open(world);
	client_get(world, late);
	assert_true(client_is_closed(world, silent[1]));
	assert_true(is_open(kept));
	for (size_t i = 0; i < countof(silent); i++)
		close(silent[i]);
	close(kept);
	close(late);
	wait_for_connections(world, 0);
}

/* What is under way: a request with its owner, however long, one after an answer, and one
 * that is not whole yet, for as long as anybody needs to send it. */
static void
test_no_request_under_way_makes_room(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int head, body, asking, next, waits;

	world->limits.connections = 4;
	world_run(world);
	world_stop_clock(world);
	asking = client_open(world);
	client_send(asking, STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	next = client_open(world);
	client_send(next, GET STATUS);	/* the first is answered, the second under way */
	answer = client_answer(world, next);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	(void)world_asked(world, MSG_CRAWL_READ);
	world->ahead_ms += 5000;
	head = client_open(world);
	client_send(head, "GET /x HTTP/1.1\r\n");
	body = client_open(world);
	client_send(body, POST "Content-Length: 53\r\n\r\n{");
	waits = client_open(world);
	client_send(waits, GET);
	wait_for_connections(world, 4);
	world->ahead_ms += 999;
	turn_often(world, 200);
	assert_int_equal(connections(world), 4);
	assert_true(is_open(head) && is_open(body) && is_open(asking) && is_open(next) && is_open(waits));
	/* One becomes idle, and gives way at once. */
	world_answer(world, world->asked[0].request);
	answer = client_answer(world, asking);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	answer = client_answer(world, waits);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	assert_true(client_is_closed(world, asking));
	client_send(head, HOST "\r\n");
	answer = client_answer(world, head);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	close(head);
	close(body);
	close(asking);
	close(next);
	close(waits);
	world_start_clock(world);
	world->ahead_ms += FRONT_KEEPER_MS;	/* what is still asked is given up */
	wait_for_connections(world, 0);
}

static void
assert_told_to_make_room(struct world *world, int fd)
{
	struct answer answer = client_answer(world, fd);

	assert_error(&answer, 408, "INVALID_REQUEST", "while all connections were taken");
	assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
	answer_done(&answer);
	assert_true(client_is_closed(world, fd));
}

static void
test_the_request_that_is_longest_on_its_way_makes_room(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fds[4], waits;

	world->limits.connections = 4;
	world_run(world);
	world_stop_clock(world);
	fds[0] = client_open(world);
	client_send(fds[0], STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	world->ahead_ms += 5000;
	for (size_t i = 1; i < countof(fds); i++) {
		fds[i] = client_open(world);
		client_send(fds[i], i % 2 == 0 ? "GET /x HTTP/1.1\r\n" : POST "Content-Length: 53\r\n\r\n{");
		turn_often(world, 10);
		world->ahead_ms += 100;
		client_send(fds[1], " ");	/* that something comes is not enough */
		turn_often(world, 10);
	}
	waits = client_open(world);
	client_send(waits, GET);
	world->ahead_ms += 699;
	turn_often(world, 200);
	for (size_t i = 0; i < countof(fds); i++)
		assert_true(is_open(fds[i]));
	assert_true(is_open(waits));
	world->ahead_ms += 1;
	assert_told_to_make_room(world, fds[1]);
	answer = client_answer(world, waits);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	assert_true(is_open(fds[0]) && is_open(fds[2]) && is_open(fds[3]));
	world_answer(world, world->asked[0].request);
	answer = client_answer(world, fds[0]);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	for (size_t i = 0; i < countof(fds); i++)
		close(fds[i]);
	close(waits);
	world_start_clock(world);
	world->ahead_ms += FRONT_KEEPER_MS;	/* what is still asked is given up */
	wait_for_connections(world, 0);
}

/* Nobody waits for the moment in which a client reads what it is told. */
static void
test_a_refusal_that_is_told_makes_room_first(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int idle, refused, fd;

	world->limits.connections = 3;
	world_run(world);
	world_stop_clock(world);
	idle = client_open(world);
	client_get(world, idle);
	refused = client_open(world);
	client_send(refused, "BAD\r\n\r\n");
	answer = client_answer(world, refused);
	assert_error(&answer, 400, "INVALID_REQUEST", ".");
	answer_done(&answer);
	turn_often(world, 10);
	assert_int_equal(connections(world), 2);
	fd = client_open(world);
	client_get(world, fd);
	turn_often(world, 10);
	assert_int_equal(connections(world), 2);
	assert_true(is_open(idle) && is_open(fd));
	close(idle);
	close(refused);
	close(fd);
	world_start_clock(world);
	world->ahead_ms += FRONT_KEEPER_MS;	/* what is still asked is given up */
	wait_for_connections(world, 0);
}

static void
test_a_client_that_does_not_take_its_answer_makes_room(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int asking, stuck, waits, small = 4096;

	world->answers_all = true;
	world->limits.connections = 2;
	world_run(world);
	world_stop_clock(world);
	/* Else the kernel takes megabytes of answers. */
	(void)setsockopt(world->listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	stuck = client_open(world);
	(void)setsockopt(stuck, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int i = 0; i < 1000; i++) {
		if (send(stuck, STATUS, strlen(STATUS), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			world_turn(world);
	}
	for (unsigned before = UINT_MAX; before != world->asked_count;) {
		before = world->asked_count;
		turn_often(world, 50);
	}
	world->answers_all = false;
	world->taken = world->asked_count;
	asking = client_open(world);
	client_send(asking, STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	waits = client_open(world);
	client_send(waits, GET);
	world->ahead_ms += 999;
	turn_often(world, 200);
	assert_int_equal(connections(world), 2);
	assert_true(is_open(waits));
	world->ahead_ms += 1;
	answer = client_answer(world, waits);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	assert_true(is_open(asking));
	close(asking);
	close(stuck);
	close(waits);
	world_start_clock(world);
	world->ahead_ms += FRONT_KEEPER_MS;	/* what is still asked is given up */
	wait_for_connections(world, 0);
}

/* What a client sent before its connection was to be closed is not lost. */
static void
test_a_connection_whose_next_request_has_come_does_not_make_room(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fds[3];

	world->limits.connections = 3;
	world_run(world);
	for (size_t i = 0; i < 2; i++) {
		fds[i] = client_open(world);
		client_get(world, fds[i]);
	}
	/* Both come in one turn of the loop, the new one first or last. */
	fds[2] = client_open(world);
	client_send(fds[0], STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	assert_true(client_is_closed(world, fds[1]));
	world_answer(world, world->asked[0].request);
	answer = client_answer(world, fds[0]);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	for (size_t i = 0; i < countof(fds); i++)
		close(fds[i]);
	wait_for_connections(world, 0);
}

static void
test_hundreds_of_silent_connections_keep_nobody_out(void **state)
{
	struct world *world = *state;
	static int fds[400];
	int64_t begun;

	world->limits.connections = 100;
	world_run(world);
	for (size_t i = 0; i < countof(fds); i++) {
		fds[i] = client_open(world);
		world->ahead_ms += 20;
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	}
	begun = clock_mono_ms(&clock_system);
	for (int i = 0; i < 20; i++) {
		int fd = client_open(world);

		client_get(world, fd);
		close(fd);
	}
	assert_true(clock_mono_ms(&clock_system) - begun < 2000);
	assert_true(connections(world) < 100);
	for (size_t i = 0; i < countof(fds); i++)
		close(fds[i]);
	wait_for_connections(world, 0);
}

/* They send on, each a byte at a time, and never end. */
static void
test_hundreds_of_slow_senders_keep_nobody_out(void **state)
{
	struct world *world = *state;
	static int fds[400];
	int64_t begun;

	world->limits.connections = 100;
	world_run(world);
	for (size_t i = 0; i < countof(fds); i++) {
		fds[i] = client_open(world);
		client_send(fds[i], i % 2 == 0 ? "GET /x HTTP/1.1\r\nA: " : POST "Content-Length: 999\r\n\r\n{");
		world->ahead_ms += 20;
		world_turn(world);
	}
	begun = clock_mono_ms(&clock_system);
	for (int i = 0; i < 20; i++) {
		int fd = client_open(world);

		for (size_t n = 0; n < countof(fds); n++)
			(void)send(fds[n], " ", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		client_get(world, fd);
		close(fd);
	}
	assert_true(clock_mono_ms(&clock_system) - begun < 2000);
	assert_told_to_make_room(world, fds[0]);
	for (size_t i = 0; i < countof(fds); i++)
		close(fds[i]);
	wait_for_connections(world, 0);
}

/* ---- one address ---- */

static int
client_open_from(struct world *world, uint32_t from)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&world->address, sizeof(world->address)), 0);
	return fd;
}

static void
assert_one_too_many(struct world *world, int fd)
{
	struct answer answer = client_answer(world, fd);

	assert_error(&answer, 429, "RATE_LIMITED", "too many connections");
	answer_done(&answer);
	assert_true(client_is_closed(world, fd));
	close(fd);
}

static void
test_one_address_has_no_more_connections_than_it_may(void **state)
{
	struct world *world = *state;
	struct sockaddr_un address;
	struct answer answer;
	int fds[2], fd;
	socklen_t len;

	world->limits.per_address = countof(fds);
	world_run(world);
	address = listen_unix(world, &len);
	for (size_t i = 0; i < countof(fds); i++) {
		fds[i] = client_open(world);
		client_send(fds[i], STATUS);
		(void)world_asked(world, MSG_CRAWL_READ);
	}
	/* What it asks for is not looked at. */
	for (int i = 0; i < 5; i++) {
		fd = client_open(world);
		client_send(fd, STATUS);
		assert_one_too_many(world, fd);
	}
	assert_int_equal(world->asked_count, countof(fds));
	/* Others are none of it. */
	for (uint32_t i = 1; i < 6; i++) {
		fd = client_open_from(world, INADDR_LOOPBACK + i);
		client_get(world, fd);
		close(fd);
		fd = client_open_unix(&address, len);
		client_get(world, fd);
		close(fd);
	}
	for (size_t i = 0; i < countof(fds); i++) {
		world_answer(world, world->asked[i].request);
		answer = client_answer(world, fds[i]);
		assert_int_equal(answer.status, 200);
		answer_done(&answer);
		close(fds[i]);
	}
	wait_for_connections(world, 0);
	fd = client_open(world);
	client_get(world, fd);
	close(fd);
}

static void
test_an_address_gives_up_its_own_silent_connection_for_one_more(void **state)
{
	struct world *world = *state;
	int fds[3], other, fd;

	world->limits.per_address = 2;
	world_run(world);
	world_stop_clock(world);
	other = client_open_from(world, INADDR_LOOPBACK + 1);
	client_get(world, other);
	for (size_t i = 0; i < 2; i++) {
		world->ahead_ms += 1;
		fds[i] = client_open(world);
		client_get(world, fds[i]);
	}
	fds[2] = client_open(world);
	assert_true(client_is_closed(world, fds[0]));
	client_get(world, fds[1]);
	client_send(fds[1], STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	/* One that has only just come may be about to ask. */
	assert_one_too_many(world, client_open(world));
	world->ahead_ms += 1000;
	fd = client_open(world);
	assert_true(client_is_closed(world, fds[2]));
	client_get(world, fd);
	assert_true(is_open(other) && is_open(fds[1]));
	for (size_t i = 0; i < countof(fds); i++)
		close(fds[i]);
	close(other);
	close(fd);
	world_start_clock(world);
	world->ahead_ms += FRONT_KEEPER_MS;	/* what is still asked is given up */
	wait_for_connections(world, 0);
}

static void
test_clients_wait_while_descriptors_are_short(void **state)
{
	struct world *world = *state;
	struct rlimit before, tight;
	struct answer answer;
	int fds[6], last;

	world_run(world);
	for (size_t i = 0; i < countof(fds); i++) {
		fds[i] = client_open(world);
		client_send(fds[i], GET);
	}
	/* Room for one connection more. */
	last = dup(fds[0]);
	close(last);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = (struct rlimit){ .rlim_cur = (rlim_t)last + 1, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	answer = client_answer(world, fds[0]);
	assert_error(&answer, 404, "NOT_FOUND", "/x");
	answer_done(&answer);
	for (int i = 0; i < 50; i++)
		world_turn(world);
	assert_int_equal(connections(world), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 1; i < countof(fds); i++) {
		answer = client_answer(world, fds[i]);
		assert_error(&answer, 404, "NOT_FOUND", "/x");
		answer_done(&answer);
	}
	for (size_t i = 0; i < countof(fds); i++)
		close(fds[i]);
}

static void
test_many_short_connections_leave_nothing_behind(void **state)
{
	struct world *world = *state;

	world_run(world);
	for (int i = 0; i < 300; i++) {
		int fd = client_open(world);

		if (i % 3 == 0)
			client_send(fd, "GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
		else if (i % 3 == 1)
			client_send(fd, "rubbish");
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
		close(fd);
	}
	wait_for_connections(world, 0);
}

/* ---- drain ---- */

static void
on_drained(void *arg)
{
	struct world *world = arg;

	world->drained++;
}

static void
test_a_drain_finishes_what_is_begun_and_closes_the_rest(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int idle, reader, trigger;

	world_run(world);
	idle = client_open(world);
	client_send(idle, GET);
	answer = client_answer(world, idle);
	answer_done(&answer);
	reader = client_open(world);
	client_send(reader, STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	trigger = client_open(world);
	client_send(trigger, POST "Content-Length: 53\r\n\r\n" BODY);
	world_view(world, CRAWL_ACCEPTED);
	world->answer.more = true;
	world_answer(world, world_asked(world, MSG_CRAWL_CREATE)->request);
	for (int i = 0; i < 10; i++)
		world_turn(world);
	front_drain(world->front, on_drained, world);
	assert_true(client_is_closed(world, idle));
	/* Its crawl is on disk: it need not wait for the provider. */
	answer = client_answer(world, trigger);
	assert_int_equal(answer.status, 202);
	assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
	answer_done(&answer);
	assert_true(client_is_closed(world, trigger));
	assert_int_equal(world->drained, 0);
	world_view(world, CRAWL_POLLING);
	world_answer(world, world->asked[0].request);
	answer = client_answer(world, reader);
	assert_int_equal(answer.status, 200);
	answer_done(&answer);
	assert_true(client_is_closed(world, reader));
	for (int i = 0; i < PATIENCE_MS && world->drained == 0; i++)
		world_turn(world);
	assert_int_equal(world->drained, 1);
	close(idle);
	close(reader);
	close(trigger);
}

static void
test_a_drain_gives_a_connection_that_never_asked_a_moment_to_do_so(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int early, never;

	world_run(world);
	early = client_open(world);
	never = client_open(world);
	for (int i = 0; i < 10; i++)
		world_turn(world);
	world->ahead_ms += 10000;	/* both have been silent for long */
	front_drain(world->front, on_drained, world);
	for (int i = 0; i < 10; i++)
		world_turn(world);
	client_send(early, GET);
	answer = client_answer(world, early);
	assert_int_equal(answer.status, 404);
	assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
	answer_done(&answer);
	assert_int_equal(world->drained, 0);
	world->ahead_ms += 1000;
	assert_true(client_is_closed(world, never));
	for (int i = 0; i < PATIENCE_MS && world->drained == 0; i++)
		world_turn(world);
	assert_int_equal(world->drained, 1);
	close(early);
	close(never);
}

static void
test_a_drain_does_not_wait_for_ever(void **state)
{
	struct world *world = *state;
	struct answer answer;
	int fd, silent;

	world_run(world);
	silent = client_open(world);
	client_send(silent, "GET /");
	fd = client_open(world);
	client_send(fd, STATUS);
	(void)world_asked(world, MSG_CRAWL_READ);
	front_drain(world->front, on_drained, world);
	for (int i = 0; i < 100; i++)
		world_turn(world);
	assert_int_equal(world->drained, 0);
	world->ahead_ms += 2500;
	answer = client_answer(world, fd);
	assert_error(&answer, 503, "UNAVAILABLE", "in time");
	answer_done(&answer);
	world->ahead_ms += 500;
	for (int i = 0; i < PATIENCE_MS && world->drained == 0; i++)
		world_turn(world);
	assert_int_equal(world->drained, 1);
	close(fd);
	close(silent);
}

/* ---- evhttp and the check see the same ---- */

static uint32_t
draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A valid stream with some bytes changed, dropped or doubled. */
static size_t
mutate(char *dst, size_t size, uint32_t *seed)
{
	static const char *const parts[] = {
		GET, STATUS, POST "Content-Length: 53\r\n\r\n" BODY,
		POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"OPTIONS /x HTTP/1.1\r\n" HOST "Connection: Keep-Alive, TE\r\nContent-Length: 3\r\n\r\nabc",
		"HEAD /health HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n",
		"GET /x HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nxx",
	};
	static const char bytes[] = "\r\n\t :;,0159aAfxX/?#%\0\x7f\x80[]-+\"";
	size_t len = 0;

	for (unsigned n = draw(seed) % 3 + 1; n > 0; n--) {
		const char *part = parts[draw(seed) % countof(parts)];

		memcpy(dst + len, part, strlen(part));
		len += strlen(part);
	}
	for (unsigned n = draw(seed) % 3; n > 0 && len + 2 < size; n--) {
		size_t at = draw(seed) % len;

		switch (draw(seed) % 3) {
		case 0:
			dst[at] = bytes[draw(seed) % (sizeof(bytes) - 1)];
			break;
		case 1:
			memmove(dst + at, dst + at + 1, --len - at);
			break;
		default:
			memmove(dst + at + 1, dst + at, len++ - at);
			dst[at] = bytes[draw(seed) % (sizeof(bytes) - 1)];
		}
	}
	return len;
}

static void
test_no_client_ever_sees_a_page_of_evhttp(void **state)
{
	static char text[4096], all[65536];
	struct world *world = *state;
	uint32_t seed = 20240607;
	unsigned served = 0, refused = 0;
	struct sockaddr_un address;
	socklen_t address_len;

	world->answers_all = true;
	world_run(world);
	address = listen_unix(world, &address_len);
	for (int i = 0; i < 3000; i++) {
		uint32_t start = seed;
		size_t len = mutate(text, sizeof(text), &seed), cut = draw(&seed) % (len + 1);
		int fd = client_open_unix(&address, address_len);
		size_t got = 0;
		ssize_t n;

		client_send_n(fd, text, cut);
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
		(void)send(fd, text + cut, len - cut, MSG_NOSIGNAL);
		for (int quiet = 0; quiet < 6; quiet++) {
			(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
			n = recv(fd, all + got, sizeof(all) - 1 - got, MSG_DONTWAIT);
			if (n > 0) {
				got += (size_t)n;
				quiet = 0;
			}
		}
		all[got] = '\0';
		if (strcasestr(all, "<html") != NULL || strstr(all, "text/html") != NULL)
			fail_msg("seed %u: %.*s\n-> %s", start, (int)len, text, all);
		served += strstr(all, " 200 OK") != NULL || strstr(all, " 404 Not Found") != NULL;
		refused += strstr(all, " 400 Bad Request") != NULL;
		close(fd);
	}
	/* Both ways were gone often. */
	assert_true(served > 500 && refused > 500);
	wait_for_connections(world, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(refusals_are_json_and_end_the_connection),
		T(a_body_that_is_too_large_is_refused_before_it_is_sent),
		T(what_follows_good_requests_is_refused_after_their_answers),
		T(a_refusal_waits_for_the_request_before_it),
		T(pipelined_requests_are_answered_in_order),
		T(bodies_arrive_whole_in_every_framing),
		T(a_body_up_to_the_limit_is_read),
		T(expect_100_continue_is_honoured),
		T(connections_close_when_asked_or_old),
		T(a_client_that_has_only_finished_sending_gets_its_answer),
		T(the_unix_socket_speaks_the_same),
		T(slow_requests_are_told_so_and_closed),
		T(idle_connections_are_closed),
		T(a_client_that_does_not_read_is_closed_and_takes_no_memory),
		T(a_client_that_is_gone_is_forgotten),
		T(more_connections_than_allowed_wait_their_turn),
		T(the_connection_that_is_idle_longest_makes_room),
		T(connections_that_never_asked_make_room_first_but_not_at_once),
		T(no_request_under_way_makes_room),
		T(the_request_that_is_longest_on_its_way_makes_room),
		T(a_refusal_that_is_told_makes_room_first),
		T(a_client_that_does_not_take_its_answer_makes_room),
		T(a_connection_whose_next_request_has_come_does_not_make_room),
		T(hundreds_of_silent_connections_keep_nobody_out),
		T(hundreds_of_slow_senders_keep_nobody_out),
		T(one_address_has_no_more_connections_than_it_may),
		T(an_address_gives_up_its_own_silent_connection_for_one_more),
		T(clients_wait_while_descriptors_are_short),
		T(many_short_connections_leave_nothing_behind),
		T(a_drain_finishes_what_is_begun_and_closes_the_rest),
		T(a_drain_gives_a_connection_that_never_asked_a_moment_to_do_so),
		T(a_drain_does_not_wait_for_ever),
		T(no_client_ever_sees_a_page_of_evhttp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
