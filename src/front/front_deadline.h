/*
 * front_deadline.h - how long a connection may be in the state that it is in, by
 * guard_limits, and its end when that is over. While a request is with its owner there
 * is no deadline, and none for an answer that streams while its client takes it.
 */
#ifndef FRONT_FRONT_DEADLINE_H
#define FRONT_FRONT_DEADLINE_H

#include "front/front_conn.h"

/* Ends what is over: late, hung up, or quiet while the guard stops. Marks what evhttp has let go. */
void deadline_sweep(struct guard *);
/* A client whose request is on its way is told why with 408; any other is cut off. */
void deadline_end(struct guard_conn *, const char *reason);

#endif
