/*
 * front_refuse.h - tells a client that its request is refused, and ends the connection.
 *
 * The answers to the requests before it go out first. Then the connection is taken from
 * evhttp, the refusal written, and what still comes dropped, for as long as the client
 * needs to read it (guard_limits.linger_ms): closing at once would take the answer away
 * from one that is still sending.
 */
#ifndef FRONT_FRONT_REFUSE_H
#define FRONT_FRONT_REFUSE_H

#include "front/front_conn.h"

/* The check refused the message that is being read, and says why. tail: bytes at the input's
 * end that belong to it or follow it; evhttp never sees them. */
void refuse_message(struct guard_conn *, uint64_t tail);
/* Refused whatever it sends. reason is not copied. */
void refuse(struct guard_conn *, int status, const char *reason);
/* What came on a connection that is refused. */
void refuse_drop(struct guard_conn *, struct evbuffer *input, size_t len);
/* Those that wait for it are told: their answers are out. */
void refuse_tell_owed(struct guard *);

#endif
