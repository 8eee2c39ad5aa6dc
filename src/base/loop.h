/*
 * loop.h - the one place that includes libevent, and the few helpers that every
 * role's loop shares.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include <stdint.h>

/* A new loop, or the end of the process; libevent's own messages go to the log. */
struct event_base *loop_new(void);

/* (Re)arms a timer made with evtimer_new(); ms below 0 counts as 0. */
void loop_timer_in(struct event *timer, int64_t ms);

#endif
