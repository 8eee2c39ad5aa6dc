/*
 * test-front-stream.c - answers that stream, and may never end: a guard with an owner that
 * does nothing but stream. Its clock stands but for what a test adds.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "front/front_guard.h"

#define GET "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define PATIENCE 5000	/* turns */
#define DAY_MS 86400000

struct world {
	struct clock		 clock;		/* first: the clock's functions find the world by it */
	int64_t			 now_ms;
	struct event_base	*base;
	struct guard_limits	 limits;
	struct guard		*guard;
	int			 listener;
	struct sockaddr_in	 address;
	struct guard_conn	*conn;		/* the stream's, or NULL */
	struct evhttp_request	*request;
	struct evbuffer		*data;
	unsigned		 begun, gone, answered;
	bool			 streams;	/* what is asked; else it is answered at once */
};

static int64_t
world_now(const struct clock *clock)
{
	return ((const struct world *)(uintptr_t)clock)->now_ms;
}

static void
world_on_request(struct guard_conn *conn, struct evhttp_request *request, void *arg)
{
	struct world *world = arg;

	if (!world->streams) {
		world->answered++;
		(void)evbuffer_add(evhttp_request_get_output_buffer(request), "whole", 5);
		guard_answer(conn, request, 200, "OK");
		return;
	}
	world->begun++;
	world->conn = conn;
	world->request = request;
	guard_stream_begin(conn, request, 200, "OK");
}

static void
world_on_gone(struct guard_conn *conn, void *arg)
{
	struct world *world = arg;

	world->gone++;
	if (conn == world->conn)
		world->conn = NULL;
}

static void
world_on_refused(int status, const char *reason, struct evbuffer *out, void *arg)
{
	(void)reason;
	(void)arg;
	(void)evbuffer_add_printf(out, "HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
}

static void
world_turn(struct world *world)
{
	struct timeval wait = { .tv_usec = 2000 };

	(void)event_base_loopexit(world->base, &wait);
	(void)event_base_dispatch(world->base);
	if (world->guard != NULL)
		guard_sweep(world->guard);
}

static void
turn_often(struct world *world)
{
	for (int i = 0; i < 50; i++)
		world_turn(world);
}

static int
set_up(void **state)
{
	static const struct guard_events events = { world_on_request, world_on_gone, world_on_refused };
	struct world *world = xcalloc(1, sizeof(*world));
	socklen_t len = sizeof(world->address);

	(void)signal(SIGPIPE, SIG_IGN);
	log_open("test", LOG_LEVEL_ERROR);
	world->clock = (struct clock){ world_now, world_now, world_now };
	world->now_ms = 1000000;
	world->base = loop_new();
	world->data = evbuffer_new();
	world->limits = guard_limits_default;
	world->limits.connections = 3;
	world->streams = true;
	world->guard = guard_new(world->base, &world->clock, &world->limits, &events, world);
	world->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	world->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(world->listener, (struct sockaddr *)&world->address, len), 0);
	assert_int_equal(listen(world->listener, 64), 0);
	assert_int_equal(getsockname(world->listener, (struct sockaddr *)&world->address, &len), 0);
	assert_int_equal(guard_listen(world->guard, world->listener), 0);
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	guard_free(world->guard);
	evbuffer_free(world->data);
	event_base_free(world->base);
	free(world);
	return 0;
}

static int
client_open(const struct world *world, const char *request)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&world->address, sizeof(world->address)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return fd;
}

/* Reads until the text comes; false when the connection ends before, or it never comes. */
static bool
client_sees(struct world *world, int fd, const char *text)
{
	char got[4096];
	size_t len = 0;

	for (int i = 0; i < PATIENCE && len < sizeof(got) - 1; i++) {
		ssize_t n = recv(fd, got + len, 1, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n < 0) {
			world_turn(world);
			continue;
		}
		i--;
		len += (size_t)n;
		got[len] = '\0';
		if (strstr(got, text) != NULL)
			return true;
	}
	return false;
}

static bool
client_sees_end(struct world *world, int fd)
{
	char bytes[4096];

	for (int i = 0; i < PATIENCE; i++) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		if (n < 0)
			world_turn(world);
	}
	return false;
}

static int
write_text(struct world *world, const char *text)
{
	(void)evbuffer_add(world->data, text, strlen(text));
	return guard_stream_write(world->conn, world->request, world->data);
}

static void
wait_for(struct world *world, const unsigned *what, unsigned count)
{
	for (int i = 0; i < PATIENCE && *what != count; i++)
		world_turn(world);
	assert_int_equal(*what, count);
}

static void
wait_for_connections(struct world *world, unsigned count)
{
	for (int i = 0; i < PATIENCE && guard_connections(world->guard) != count; i++)
		world_turn(world);
	assert_int_equal(guard_connections(world->guard), count);
}

/* ---- tests ---- */

static void
test_a_stream_lasts_as_long_as_its_client_takes_it(void **state)
{
	struct world *world = *state;
	int fd = client_open(world, GET);

	assert_true(client_sees(world, fd, "\r\nTransfer-Encoding: chunked\r\n"));
	for (int day = 0; day < 5; day++) {
		assert_int_equal(write_text(world, "tick"), 0);
		assert_int_equal(evbuffer_get_length(world->data), 0);
		assert_true(client_sees(world, fd, "4\r\ntick\r\n"));
		world->now_ms += DAY_MS;
		turn_often(world);
	}
	assert_int_equal(world->gone, 0);
	assert_int_equal(guard_connections(world->guard), 1);
	close(fd);
	wait_for(world, &world->gone, 1);
	wait_for_connections(world, 0);
}

static void
test_a_stream_that_ends_leaves_its_connection_to_the_next_request(void **state)
{
	struct world *world = *state;
	int fd = client_open(world, GET GET);

	wait_for(world, &world->begun, 1);
	assert_int_equal(write_text(world, "one"), 0);
	assert_true(client_sees(world, fd, "3\r\none\r\n"));
	assert_int_equal(world->begun, 1);
	world->streams = false;
	guard_stream_end(world->conn, world->request);
	assert_true(client_sees(world, fd, "0\r\n\r\nHTTP/1.1 200 OK\r\n"));
	assert_true(client_sees(world, fd, "whole"));
	assert_int_equal(world->answered, 1);
	world->now_ms += world->limits.idle_ms - 1000;
	turn_often(world);
	assert_int_equal(guard_connections(world->guard), 1);
	world->now_ms += 1000;
	assert_true(client_sees_end(world, fd));
	assert_int_equal(world->gone, 0);
	close(fd);
	wait_for_connections(world, 0);
}

/* HTTP/1.0 has no chunks; the end of the connection is that of the stream. */
static void
test_an_old_client_gets_the_bytes_alone(void **state)
{
	struct world *world = *state;
	int fd = client_open(world, "GET /stream HTTP/1.0\r\n\r\n");

	wait_for(world, &world->begun, 1);
	assert_int_equal(write_text(world, "one"), 0);
	assert_true(client_sees(world, fd, "\r\n\r\none"));
	guard_stream_end(world->conn, world->request);
	assert_true(client_sees_end(world, fd));
	assert_int_equal(world->gone, 0);
	close(fd);
	wait_for_connections(world, 0);
}

static void
test_a_client_that_does_not_take_its_stream_is_gone(void **state)
{
	struct world *world = *state;
	int fd, small = 4096;
	static char text[4096 + 1];

	memset(text, 'x', sizeof(text) - 1);
	(void)setsockopt(world->listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fd = client_open(world, GET);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	wait_for(world, &world->begun, 1);
	/* No more is kept for it than is allowed, and nothing of what is refused is lost. */
	for (int i = 0; write_text(world, text) == 0; i++) {
		world_turn(world);
		assert_true(i < 10000);
	}
	assert_int_equal(evbuffer_get_length(world->data), sizeof(text) - 1);
	assert_int_equal(guard_stream_write(world->conn, world->request, world->data), -ENOBUFS);
	world->now_ms += world->limits.answer_ms - 1000;
	turn_often(world);
	assert_int_equal(world->gone, 0);
	world->now_ms += 1000;
	wait_for(world, &world->gone, 1);
	wait_for_connections(world, 0);
	close(fd);
}

static void
test_a_stream_makes_no_room_for_others(void **state)
{
	struct world *world = *state;
	int streams[2], fd;

	for (size_t i = 0; i < countof(streams); i++) {
		streams[i] = client_open(world, GET);
		wait_for(world, &world->begun, (unsigned)i + 1);
	}
	world->now_ms += DAY_MS;
	world->streams = false;
	for (unsigned i = 0; i < 10; i++) {
		fd = client_open(world, GET);
		assert_true(client_sees(world, fd, "whole"));
		assert_true(client_sees_end(world, fd));
		close(fd);
	}
	assert_int_equal(world->gone, 0);
	assert_int_equal(guard_connections(world->guard), countof(streams));
	assert_int_equal(write_text(world, "still"), 0);
	assert_true(client_sees(world, streams[1], "5\r\nstill\r\n"));
	guard_free(world->guard);
	world->guard = NULL;
	assert_int_equal(world->gone, countof(streams));
	for (size_t i = 0; i < countof(streams); i++)
		close(streams[i]);
}

static void
test_a_guard_that_stops_ends_streams(void **state)
{
	struct world *world = *state;
	int fd = client_open(world, GET);

	wait_for(world, &world->begun, 1);
	assert_int_equal(write_text(world, "one"), 0);
	guard_stop(world->guard);
	assert_int_equal(world->gone, 1);
	assert_true(client_sees(world, fd, "3\r\none\r\n0\r\n\r\n"));
	world->now_ms += 1000;
	assert_true(client_sees_end(world, fd));
	close(fd);
	wait_for_connections(world, 0);
	assert_int_equal(world->gone, 1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_stream_lasts_as_long_as_its_client_takes_it),
		T(a_stream_that_ends_leaves_its_connection_to_the_next_request),
		T(an_old_client_gets_the_bytes_alone),
		T(a_client_that_does_not_take_its_stream_is_gone),
		T(a_stream_makes_no_room_for_others),
		T(a_guard_that_stops_ends_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
