/*
 * front_answer.h - answers on their way to the client, whole or bit by bit, and what the
 * connection waits for when they are out. The first part is the guard's owner's, by front_guard.h.
 */
#ifndef FRONT_FRONT_ANSWER_H
#define FRONT_FRONT_ANSWER_H

#include "base/loop.h"

struct guard;
struct guard_conn;

/* Sends what was put into the request's output headers and buffer. */
void guard_answer(struct guard_conn *, struct evhttp_request *, int status, const char *phrase);

/*
 * The same for an answer that is made bit by bit, and may never end: begin takes the output
 * headers, write any number of times what data holds, end what is left in evhttp to say. The
 * request stays with its owner until the end. A client that does not take what is written is
 * gone after answer_ms; no other deadline is set, and the connection makes no room for others.
 * How many stream at a time is the owner's to bound. Not for HEAD.
 */
void guard_stream_begin(struct guard_conn *, struct evhttp_request *, int status, const char *phrase);
/* Empties data. -ENOBUFS, and data as it was: the client is stream_bytes behind. */
int guard_stream_write(struct guard_conn *, struct evhttp_request *, struct evbuffer *data);
void guard_stream_end(struct guard_conn *, struct evhttp_request *);

/* ---- the guard's own ---- */

/* Takes the requests whose answers stream back from their owner, and ends those answers. */
void answer_end_streams(struct guard *);

#endif
