/*
 * front_guard.c - owns evhttp and one record for each connection, and puts the parts of
 * the guard together (front_conn.h names them): every byte is checked before evhttp reads
 * it, what evhttp reads goes to the owner, and the rest is done in the turn. What a request
 * means is its owner's.
 */
#include "front/front_guard.h"

#include "base/log.h"
#include "base/mem.h"
#include "front/front_accept.h"
#include "front/front_address.h"
#include "front/front_answer.h"
#include "front/front_conn.h"
#include "front/front_deadline.h"
#include "front/front_refuse.h"
#include "front/front_room.h"
#include "model/log_kind.h"

const struct guard_limits guard_limits_default = {
	.http = { .target = 2048, .head = 8192, .fields = 100, .body = 64 << 10 },
	.connections = 1024,
	.per_address = 0,
	.head_ms = 10000,
	.request_ms = 30000,
	.bytes_per_second = 500,
	.answer_ms = 30000,
	.first_ms = 60000,
	.idle_ms = 620000,
	.linger_ms = 2000,
	.stream_bytes = 256 << 10,
};

/* ---- reading ---- */

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
			refuse_message(conn, tail);
			return;
		}
	}
}

static void
conn_on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct guard_conn *conn = conn_of(arg);
	enum conn_wait wait;

	if (info->n_added == 0 || conn->cutting)
		return;
	if (conn->refused) {
		refuse_drop(conn, input, info->n_added);
		return;
	}
	if (conn->fd < 0)
		conn_learn_fd(conn);
	conn_check_added(conn, input, info->n_added);
	wait = conn_state(conn);
	if (wait != conn->wait && !conn->taken && conn->answer_ms == 0)
		conn_wait(conn, wait, conn->began_ms);
}

static struct bufferevent *
guard_on_connection(struct event_base *base, void *arg)
{
	struct guard *guard = arg;
	struct guard_conn *conn = conn_new(guard, conn_on_input);

	(void)base;
	address_expect(conn);
	accept_count(guard);
	return conn->stream;
}

/* ---- requests ---- */

/* evhttp ends the connection. A request that it has put aside first is ours to free. */
static void
conn_on_closed(struct evhttp_connection *connection, void *arg)
{
	struct guard_conn *conn = conn_of(arg);
	struct evhttp_request *request = conn->request;

	(void)connection;
	if (request != NULL) {
		conn->request = NULL;
		conn->streaming = false;
		conn->guard->events.on_gone(conn, conn->guard->arg);
		if (evhttp_request_get_connection(request) == NULL)
			evhttp_request_free(request);
	}
	conn_mark_closed(conn);
}

static void
guard_on_request(struct evhttp_request *request, void *arg)
{
	struct guard *guard = arg;
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	struct guard_conn *conn = conn_find(guard, evhttp_connection_get_bufferevent(connection));

	evhttp_connection_set_closecb(connection, conn_on_closed, conn);
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

/* ---- the turn ---- */

static void
guard_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct guard *guard = arg;
	struct guard_conn *conn;

	(void)fd;
	(void)what;
	while ((conn = TAILQ_FIRST(&guard->dead)) != NULL)
		conn_release(conn);
	refuse_tell_owed(guard);
	address_admit(guard);
	room_make(guard);
	accept_resume(guard);
}

void
guard_sweep(struct guard *guard)
{
	deadline_sweep(guard);
	guard_on_turn(-1, 0, guard);
}

/* ---- life ---- */

int
guard_listen(struct guard *guard, int fd)
{
	return accept_listen(guard, fd);
}

static struct evhttp *
http_new(struct guard *guard)
{
	const struct http_limits *limits = &guard->limits->http;
	struct evhttp *http = evhttp_new(guard->base);

	if (http == NULL)
		fatal(1, &log_kind_no_memory, "no memory for the HTTP server");
	evhttp_set_max_headers_size(http, limits->head + EVHTTP_SLACK);
	evhttp_set_max_body_size(http, limits->body + EVHTTP_SLACK);
	/* All that evhttp knows: which of them a path takes is the owner's to say. */
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
	    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(http, guard_on_connection, guard);
	evhttp_set_gencb(http, guard_on_request, guard);
	return http;
}

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
	for (size_t i = 0; i < countof(guard->waits); i++)
		TAILQ_INIT(&guard->waits[i]);
	guard->turn = event_new(base, -1, 0, guard_on_turn, guard);
	if (guard->turn == NULL)
		fatal(1, &log_kind_no_memory, "no memory for an event");
	guard->http = http_new(guard);
	accept_init(guard);
	address_init(guard);
	return guard;
}

void
guard_stop(struct guard *guard)
{
	guard->stopping = true;
	guard->stopping_ms = guard_now(guard);
	accept_pause(guard);
	answer_end_streams(guard);
	guard_sweep(guard);
}

void
guard_free(struct guard *guard)
{
	struct guard_conn *conn;

	if (guard == NULL)
		return;
	evhttp_free(guard->http);	/* with the listeners */
	while ((conn = TAILQ_FIRST(&guard->live)) != NULL)
		conn_release(conn);
	while ((conn = TAILQ_FIRST(&guard->dead)) != NULL)
		conn_release(conn);
	accept_done(guard);
	address_done(guard);
	event_free(guard->turn);
	free(guard->by_fd);
	free(guard);
}

unsigned
guard_connections(const struct guard *guard)
{
	return guard->count;
}
