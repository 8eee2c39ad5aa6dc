/*
 * front_answer.c - guard_answer() of front_guard.h: answers on their way to the client, and
 * what the connection waits for when they are out.
 */
#include "front/front_conn.h"

#include <assert.h>

static void
answer_on_complete(struct evhttp_request *request, void *arg)
{
	struct guard_conn *conn = conn_of(arg);
	struct guard *guard = conn->guard;
	enum conn_wait wait;

	(void)request;
	conn->answered++;
	conn->answer_ms = 0;
	wait = conn_state(conn);
	conn_wait(conn, wait, guard_now(guard));
	if (wait == WAIT_OWING || (wait != WAIT_NONE && guard->count >= guard->limits->connections))
		guard_turn_soon(guard);
}

void
guard_answer(struct guard_conn *conn, struct evhttp_request *request, int status, const char *phrase)
{
	int64_t now = guard_now(conn->guard);

	assert(conn->request == request);
	conn->request = NULL;
	conn->answer_ms = now;
	conn_wait(conn, WAIT_SLOW, now);
	if (conn->guard->stopping)
		(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
	evhttp_request_set_on_complete_cb(request, answer_on_complete, conn);
	evhttp_send_reply(request, status, phrase, NULL);
}
