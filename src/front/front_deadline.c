/*
 * front_deadline.c - see front_deadline.h.
 *
 * evhttp stops reading while a request is with its owner, so it does not notice there
 * that a client left; the sweep looks at the socket instead.
 */
#include "front/front_deadline.h"

#include "front/front_refuse.h"

#define GONE_LOOK_MS	1000	/* how often a waiting client's socket is looked at */
#define LINGER_BYTES	(4u << 20)

static bool
conn_is_quiet(const struct guard_conn *conn)
{
	return conn->wait == WAIT_FRESH || conn->wait == WAIT_UNASKED || conn->wait == WAIT_IDLE;
}

/* When it is over; INT64_MAX while it is the owner's turn. */
static int64_t
conn_deadline(const struct guard_conn *conn)
{
	const struct guard_limits *limits = conn->guard->limits;
	uint64_t length = conn->check.length ? conn->check.length : limits->http.body;

	if (conn->taken)
		return conn->dropped > LINGER_BYTES ? 0 : conn->end_ms;
	if (conn->answer_ms != 0)
		return conn->answer_ms + limits->answer_ms;
	if (conn->request != NULL)
		return INT64_MAX;
	if (conn_is_quiet(conn))
		return conn->since_ms + (conn->given == 0 ? limits->first_ms : limits->idle_ms);
	if (conn->check.phase == HTTP_IN_HEAD)
		return conn->began_ms + limits->head_ms;
	return conn->began_ms + limits->request_ms + (int64_t)length * 1000 / limits->bytes_per_second;
}

static bool
conn_is_gone(struct guard_conn *conn, int64_t now)
{
	if (conn->request == NULL || now - conn->looked_ms < GONE_LOOK_MS)
		return false;
	conn->looked_ms = now;
	return conn_is_hung_up(conn);
}

/* While stopping: quiet, and nothing is on its way in. One that has not asked anything
 * yet is about to, and its client does not expect a new connection to be closed. */
static bool
conn_may_leave(const struct guard_conn *conn, int64_t now)
{
	const struct guard *guard = conn->guard;

	if (conn->given == 0 && now - guard->stopping_ms < FIRST_REQUEST_MS)
		return false;
	return guard->stopping && conn_is_quiet(conn) && !conn_has_unread(conn);
}

void
deadline_end(struct guard_conn *conn, const char *reason)
{
	if (!conn->taken && conn_state(conn) == WAIT_SLOW)
		refuse(conn, 408, reason);
	else
		conn_close(conn);
}

void
deadline_sweep(struct guard *guard)
{
	int64_t now = guard_now(guard);
	struct guard_conn *conn, *next;

	for (conn = TAILQ_FIRST(&guard->live); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (conn_is_let_go(conn))
			conn_mark_closed(conn);
		else if (now >= conn_deadline(conn))
			deadline_end(conn, "The request took too long to arrive.");
		else if (conn_is_gone(conn, now) || conn_may_leave(conn, now))
			conn_close(conn);
	}
}
