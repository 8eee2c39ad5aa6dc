/* front_refuse.c - see front_refuse.h. What a refusal says is its owner's. */
#include "front/front_refuse.h"

static void
refuse_on_written(struct bufferevent *stream, void *arg)
{
	struct guard_conn *conn = conn_of(arg);
	struct guard *guard = conn->guard;
	int64_t now = guard_now(guard);

	(void)stream;
	conn_end_writing(conn);
	conn->end_ms = now + guard->limits->linger_ms;
	conn_wait(conn, WAIT_TOLD, now);
	if (guard->count >= guard->limits->connections)
		guard_turn_soon(guard);
}

static void
refuse_on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	/* A stream that begins with a handshake may be refused before it is through. */
	if ((what & BEV_EVENT_CONNECTED) == 0)
		conn_close(conn_of(arg));
}

static void
refuse_tell(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;
	int64_t now = guard_now(guard);

	if (!conn_take(conn, refuse_on_written, refuse_on_event)) {
		conn_wait(conn, WAIT_NONE, now);
		return;
	}
	conn->end_ms = now + guard->limits->answer_ms;
	conn_wait(conn, WAIT_SLOW, now);
	guard->events.on_refused(conn->check.status, conn->check.reason,
	    bufferevent_get_output(conn->stream), guard->arg);
	(void)bufferevent_enable(conn->stream, EV_READ | EV_WRITE);
}

/* Drops the last tail bytes of the input. */
static void
refuse_cut(struct guard_conn *conn, struct evbuffer *input, uint64_t tail)
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

void
refuse_message(struct guard_conn *conn, uint64_t tail)
{
	conn->refused = true;
	refuse_cut(conn, bufferevent_get_input(conn->stream), tail);
	if (conn->answered == conn->check.messages)
		refuse_tell(conn);
}

void
refuse(struct guard_conn *conn, int status, const char *reason)
{
	conn->check.status = status;
	conn->check.reason = reason;
	refuse_message(conn, UINT64_MAX);
}

void
refuse_drop(struct guard_conn *conn, struct evbuffer *input, size_t len)
{
	conn->dropped += len;
	refuse_cut(conn, input, len);
}

void
refuse_tell_owed(struct guard *guard)
{
	struct guard_conn *conn;

	while ((conn = TAILQ_FIRST(&guard->waits[WAIT_OWING])) != NULL)
		refuse_tell(conn);
}
