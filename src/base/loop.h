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
/* The same for a role that turns events off and on with every request or call: changes
 * are told to epoll once a turn, those that undo each other not at all. Descriptors on
 * such a loop must not be duplicates of each other (event_config_set_flag()). */
struct event_base *loop_new_busy(void);

/* (Re)arms a timer made with evtimer_new(); ms below 0 counts as 0. */
void loop_timer_in(struct event *timer, int64_t ms);

#endif
