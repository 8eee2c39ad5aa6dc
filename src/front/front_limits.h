/*
 * front_limits.h - what the guard (front_guard.h) allows its clients, and whom it tells what
 * comes of them.
 */
#ifndef FRONT_FRONT_LIMITS_H
#define FRONT_FRONT_LIMITS_H

#include <stdint.h>

#include "base/loop.h"
#include "front/http_check.h"

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

#endif
