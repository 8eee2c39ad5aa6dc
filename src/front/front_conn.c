/*
 * front_conn.c - the record of a connection: what evhttp and libevent do with it.
 *
 * What makes this work is how libevent 2.1 behaves:
 * - evhttp asks for a bufferevent for each connection (evhttp_set_bevcb). A reference
 *   of our own keeps it valid; when its event callback is gone, evhttp has let go.
 * - A callback on its input buffer runs as bytes arrive, before evhttp reads them.
 * - To have evhttp close a connection, its own event callback is told of a timeout.
 *
 * All that knows that a stream is a plain socket stands under "its stream" and in
 * stream_new(): another kind of bufferevent is made there, and asked there.
 */
#include "front/front_conn.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"

#define CONN_MAGIC	0x67756172u

/* ---- its stream ---- */

/* evhttp gives it the socket. */
static struct bufferevent *
stream_new(struct event_base *base)
{
	struct bufferevent *stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (stream == NULL)
		fatal(1, &log_kind_no_memory, "no memory for a connection");
	return stream;
}

bool
conn_has_unread(const struct guard_conn *conn)
{
	int unread = 0;

	return ioctl(bufferevent_getfd(conn->stream), FIONREAD, &unread) == 0 && unread > 0;
}

bool
conn_is_hung_up(const struct guard_conn *conn)
{
	struct pollfd look = { .fd = bufferevent_getfd(conn->stream) };

	return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

void
conn_end_writing(struct guard_conn *conn)
{
	(void)shutdown(bufferevent_getfd(conn->stream), SHUT_WR);
}

bool
conn_take(struct guard_conn *conn, bufferevent_data_cb on_write, bufferevent_event_cb on_event)
{
	bufferevent_getcb(conn->stream, &conn->evhttp.read, &conn->evhttp.write,
	    &conn->evhttp.event, &conn->evhttp.arg);
	if (conn->evhttp.event == NULL)
		return false;
	conn->taken = true;
	/* No read callback: evhttp may have a delayed call of it under way, with its own argument. */
	bufferevent_setcb(conn->stream, NULL, on_write, on_event, conn);
	return true;
}

/* ---- what it waits for ---- */

void
conn_wait(struct guard_conn *conn, enum conn_wait wait, int64_t since_ms)
{
	struct guard *guard = conn->guard;

	if (conn->wait != WAIT_NONE)
		TAILQ_REMOVE(&guard->waits[conn->wait], conn, wait_link);
	conn->wait = wait;
	conn->since_ms = since_ms;
	if (wait != WAIT_NONE)
		TAILQ_INSERT_TAIL(&guard->waits[wait], conn, wait_link);
}

enum conn_wait
conn_state(const struct guard_conn *conn)
{
	if (conn->answered != conn->check.messages)
		return WAIT_NONE;
	if (conn->refused)
		return WAIT_OWING;
	if (conn->check.phase != HTTP_BETWEEN)
		return WAIT_SLOW;
	return conn->given == 0 ? WAIT_UNASKED : WAIT_IDLE;
}

/* ---- life ---- */

struct guard_conn *
conn_of(void *arg)
{
	struct guard_conn *conn = arg;

	assert(conn != NULL && conn->magic == CONN_MAGIC);
	return conn;
}

struct guard_conn *
conn_new(struct guard *guard, evbuffer_cb_func on_input)
{
	const struct http_limits *http = &guard->limits->http;
	struct guard_conn *conn = xcalloc(1, sizeof(*conn));

	conn->magic = CONN_MAGIC;
	conn->guard = guard;
	conn->fd = -1;
	http_check_init(&conn->check, http);
	conn->stream = stream_new(guard->base);
	bufferevent_incref(conn->stream);
	bufferevent_setwatermark(conn->stream, EV_READ, 0, http->body + http->head + EVHTTP_SLACK);
	conn->watch = evbuffer_add_cb(bufferevent_get_input(conn->stream), on_input, conn);
	TAILQ_INSERT_TAIL(&guard->live, conn, link);
	guard->count++;
	return conn;
}

void
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

struct guard_conn *
conn_find(const struct guard *guard, struct bufferevent *stream)
{
	unsigned fd = (unsigned)bufferevent_getfd(stream);
	struct guard_conn *conn = fd < guard->fds ? guard->by_fd[fd] : NULL;

	assert(conn != NULL && conn->stream == stream);
	return conn;
}

/* Of the lists that only live ones are in. */
static void
conn_leave_lists(struct guard_conn *conn)
{
	conn_wait(conn, WAIT_NONE, 0);
	if (conn->same != NULL)
		TAILQ_REMOVE(conn->same, conn, same_link);
	conn->same = NULL;
}

void
conn_release(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;

	conn_leave_lists(conn);
	TAILQ_REMOVE(conn->closed ? &guard->dead : &guard->live, conn, link);
	if (conn->fd >= 0)
		guard->by_fd[conn->fd] = NULL;
	evbuffer_remove_cb_entry(bufferevent_get_input(conn->stream), conn->watch);
	(void)bufferevent_decref(conn->stream);
	conn->magic = 0;
	free(conn);
	guard->count--;
}

void
conn_mark_closed(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;

	if (conn->closed)
		return;
	conn->closed = true;
	conn_leave_lists(conn);
	TAILQ_REMOVE(&guard->live, conn, link);
	TAILQ_INSERT_TAIL(&guard->dead, conn, link);
	guard_turn_soon(guard);
}

void
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

bool
conn_is_let_go(const struct guard_conn *conn)
{
	bufferevent_event_cb on_event;

	if (conn->taken)
		return false;
	bufferevent_getcb(conn->stream, NULL, NULL, &on_event, NULL);
	return on_event == NULL;
}
