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
#include "front/front_answer.h"
#include "front/front_limits.h"

struct guard;
struct guard_conn;

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

/* A place for the owner's own struct: the request it works on. */
void guard_set_data(struct guard_conn *, void *data);
void *guard_data(const struct guard_conn *);

#endif
