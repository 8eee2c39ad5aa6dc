/*
 * front_answer.c - see front_answer.h.
 *
 * libevent says of an answer only when the client has taken all of what was written. So a
 * stream's deadline begins with the first byte after such a moment, and is lifted by the next.
 */
#include "front/front_answer.h"

#include <assert.h>
#include <errno.h>

#include "front/front_conn.h"

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

/* The request is not its owner's any more; the last of its answer is about to be written. */
static void
answer_begin_end(struct guard_conn *conn, struct evhttp_request *request)
{
	int64_t now = guard_now(conn->guard);

	assert(conn->request == request);
	conn->request = NULL;
	conn->answer_ms = now;
	conn_wait(conn, WAIT_SLOW, now);
	evhttp_request_set_on_complete_cb(request, answer_on_complete, conn);
}

/* Its answer is the last on this connection when the guard stops. */
static void
answer_close_if_stopping(struct guard_conn *conn, struct evhttp_request *request)
{
	if (conn->guard->stopping)
		(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
}

void
guard_answer(struct guard_conn *conn, struct evhttp_request *request, int status, const char *phrase)
{
	assert(!conn->streaming);
	answer_close_if_stopping(conn, request);
	answer_begin_end(conn, request);
	evhttp_send_reply(request, status, phrase, NULL);
}

/* ---- answers that stream ---- */

void
guard_stream_begin(struct guard_conn *conn, struct evhttp_request *request, int status, const char *phrase)
{
	assert(conn->request == request && !conn->streaming);
	assert(evhttp_request_get_command(request) != EVHTTP_REQ_HEAD);
	conn->streaming = true;
	answer_close_if_stopping(conn, request);
	evhttp_send_reply_start(request, status, phrase);
}

static void
answer_on_drained(struct evhttp_connection *connection, void *arg)
{
	(void)connection;
	conn_of(arg)->answer_ms = 0;
}

int
guard_stream_write(struct guard_conn *conn, struct evhttp_request *request, struct evbuffer *data)
{
	size_t unsent = evbuffer_get_length(bufferevent_get_output(conn->stream));

	assert(conn->request == request && conn->streaming);
	if (evbuffer_get_length(data) == 0)
		return 0;
	if (unsent + evbuffer_get_length(data) > conn->guard->limits->stream_bytes)
		return -ENOBUFS;
	if (conn->answer_ms == 0)
		conn->answer_ms = guard_now(conn->guard);
	evhttp_send_reply_chunk_with_cb(request, data, answer_on_drained, conn);
	return 0;
}

void
guard_stream_end(struct guard_conn *conn, struct evhttp_request *request)
{
	assert(conn->streaming);
	conn->streaming = false;
	answer_begin_end(conn, request);
	evhttp_send_reply_end(request);
}

void
answer_end_streams(struct guard *guard)
{
	struct guard_conn *conn, *next;

	for (conn = TAILQ_FIRST(&guard->live); conn != NULL; conn = next) {
		struct evhttp_request *request = conn->request;

		next = TAILQ_NEXT(conn, link);
		if (!conn->streaming)
			continue;
		guard->events.on_gone(conn, guard->arg);
		guard_stream_end(conn, request);
	}
}
