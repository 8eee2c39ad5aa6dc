/*
 * front_guard.h - evhttp behind a guard: its connections, how many there may be,
 * how long anything may take, and a strict look (http_check.h) at every byte before
 * evhttp sees it. What the check refuses is answered here and the connection closed,
 * so no client ever sees one of evhttp's own pages.
 *
 * Order: guard_new, guard_listen for each socket, guard_sweep about ten times a
 * second; guard_stop, and guard_free when guard_connections() is 0 or patience ends.
 *
 * A connection has at most one request at a time with its owner: from on_request
 * until guard_answer() or guard_stream_end(), or until on_gone when the client left
 * first. A pipelined request waits for the answer before it.
 */
#ifndef FRONT_FRONT_GUARD_H
#define FRONT_FRONT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/loop.h"
#include "front/http_check.h"

struct guard;
struct guard_conn;

struct guard_limits {
	struct http_limits http;
	/* At a time. Whoever takes the last place costs the one that is silent longest its own, or
	 * the one whose request is longest on its way in (front_room.h); while the owner is at work
	 * for each, more wait in the listener's backlog. */
	unsigned connections;
	unsigned per_address;		/* of them, of one source address (front_address.h); 0: any number */
	int64_t	 head_ms;		/* from a request's first byte to its empty line */
	int64_t	 request_ms;		/* from its first byte to its last, plus */
	int64_t	 bytes_per_second;	/* its length at this rate */
	int64_t	 answer_ms;		/* from an answer's making to its last byte's leaving; of a stream
					 * from a byte's making to the next moment when none is left */
	int64_t	 first_ms;		/* from the opening to the first byte */
	int64_t	 idle_ms;		/* between requests */
	int64_t	 linger_ms;		/* after a refusal, so that the client can read it */
	uint32_t stream_bytes;		/* of a stream, that the client has not taken yet */
};

extern const struct guard_limits guard_limits_default;

struct guard_events {
	/* A whole request that passed; only guard_answer() may answer it. */
	void (*on_request)(struct guard_conn *, struct evhttp_request *, void *arg);
	/* The client is gone, or its answer streams and the guard stops: the request last given
	 * is about to be freed. */
	void (*on_gone)(struct guard_conn *, void *arg);
	/* Write a whole HTTP/1.1 answer with Connection: close that tells the client. */
	void (*on_refused)(int status, const char *reason, struct evbuffer *out, void *arg);
};

/* limits and clock are borrowed. */
struct guard *guard_new(struct event_base *, const struct clock *, const struct guard_limits *limits,
    const struct guard_events *, void *arg);
/* Ends every connection; on_gone is called for requests still open. */
void guard_free(struct guard *);

/* Takes fd, a listening socket, nonblocking from then on. -ENOMEM. */
int guard_listen(struct guard *, int fd);
/* Accepts no more, ends streams, closes what idles, and every other connection after its answer. */
void guard_stop(struct guard *);
void guard_sweep(struct guard *);
unsigned guard_connections(const struct guard *);

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

/* A place for the owner's own struct: the request it works on. */
void guard_set_data(struct guard_conn *, void *data);
void *guard_data(const struct guard_conn *);

#endif
