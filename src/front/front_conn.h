/*
 * front_conn.h - one record for each connection, and what the files of the guard share:
 *
 *   front_guard.c      puts them together: reading, requests, the turn, life
 *     front_answer.c     answers, and those that stream
 *     front_address.c    how many connections one address may have
 *       front_room.c       who makes room when all places are taken
 *         front_accept.c     listening sockets: accept, pause
 *         front_deadline.c   how long anything may take
 *           front_refuse.c     a refusal, and the end after it
 *             front_conn.c       the record; what evhttp and libevent do with it
 *
 * Each uses only what stands below it. What the guard promises to its owner is in
 * front_guard.h; nobody else includes this.
 */
#ifndef FRONT_FRONT_CONN_H
#define FRONT_FRONT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/loop.h"
#include "front/front_limits.h"
#include "front/http_check.h"

#define FIRST_REQUEST_MS 1000	/* what a new connection gets at least to send its first request */
#define EVHTTP_SLACK	1024	/* evhttp's own limits lie above ours, so that ours speak */

TAILQ_HEAD(conn_list, guard_conn);

/* What a connection waits for: a list of the guard for each, in the order in which they began to. */
enum conn_wait {
	WAIT_NONE,		/* for its request's owner; in no list */
	WAIT_FRESH,		/* new, and its address is not looked at yet */
	WAIT_UNASKED,		/* not a byte came yet */
	WAIT_IDLE,		/* between requests */
	WAIT_SLOW,		/* for the client alone: a request is on its way in, an answer out */
	WAIT_OWING,		/* refused, and the answers before are out */
	WAIT_TOLD,		/* refused, and that is out, too */
	CONN_WAIT_COUNT
};

struct conn_address {
	unsigned char bytes[16];
};

struct guard_conn {
	uint32_t		 magic;
	struct guard		*guard;
	TAILQ_ENTRY(guard_conn)	 link;		/* live or dead */
	TAILQ_ENTRY(guard_conn)	 wait_link;
	enum conn_wait		 wait;
	int64_t			 since_ms;	/* it waits so */
	struct bufferevent	*stream;	/* ours is one of two references */
	struct evbuffer_cb_entry *watch;
	struct evhttp_request	*request;	/* with the owner; else NULL */
	void			*data;
	int			 fd;		/* -1 until the first byte */
	struct http_check	 check;
	uint64_t		 given, answered;	/* requests */
	int64_t			 began_ms;	/* the first byte of the message that is being read */
	int64_t			 answer_ms;	/* the oldest byte that the client has not taken was made; 0: none */
	int64_t			 looked_ms;
	bool			 streaming;	/* the request's answer has begun and goes on */
	bool			 refused;
	bool			 cutting;
	bool			 taken;
	bool			 closed;	/* evhttp has let go */
	int64_t			 end_ms;	/* taken: patience with the client */
	size_t			 dropped;
	struct {
		bufferevent_data_cb	 read, write;
		bufferevent_event_cb	 event;
		void			*arg;
	} evhttp;				/* its callbacks while taken */
	struct conn_list	*same;		/* NULL, or those whose addresses have one hash */
	TAILQ_ENTRY(guard_conn)	 same_link;
	struct conn_address	 address;	/* meant when there is a same */
};

struct listener;

struct guard {
	struct guard		*next;
	struct event_base	*base;
	const struct clock	*clock;
	const struct guard_limits *limits;
	struct guard_events	 events;
	void			*arg;
	struct evhttp		*http;
	struct event		*turn;		/* what must wait until evhttp's callback has returned */
	struct conn_list	 live, dead;
	struct conn_list	 waits[CONN_WAIT_COUNT];	/* of the live ones */
	struct guard_conn	**by_fd;
	unsigned		 fds, count;
	bool			 stopping;
	int64_t			 stopping_ms;

	struct {
		struct listener	*listeners;
		unsigned	 in_turn;	/* accepted */
		bool		 paused, short_of_files;
		int64_t		 paused_until_ms, complained_ms;
	} accept;				/* front_accept.c's */
	struct {
		uint64_t	 silent, slow;	/* connections that made room since that was told */
		int64_t		 told_ms;	/* 0: never */
	} room;					/* front_room.c's */
	struct conn_list	*addresses;	/* front_address.c's */
};

static inline int64_t
guard_now(const struct guard *guard)
{
	return clock_mono_ms(guard->clock);
}

/* The turn comes when the callbacks that are due now have returned, before anything is read anew. */
static inline void
guard_turn_soon(struct guard *guard)
{
	event_active(guard->turn, 0, 0);
}

/* ---- life ---- */

/* One more, with a stream for evhttp; on_input is told of what comes before evhttp reads it. */
struct guard_conn *conn_new(struct guard *, evbuffer_cb_func on_input);
/* That of a callback's argument. */
struct guard_conn *conn_of(void *arg);
/* It has a socket now: conn_find() finds it. */
void conn_learn_fd(struct guard_conn *);
struct guard_conn *conn_find(const struct guard *, struct bufferevent *);
/* Has evhttp close it now; not from within one of evhttp's callbacks. */
void conn_close(struct guard_conn *);
/* evhttp has closed it. It is dead: in no list, and released in the next turn. */
void conn_mark_closed(struct guard_conn *);
/* evhttp may close one without telling. */
bool conn_is_let_go(const struct guard_conn *);
void conn_release(struct guard_conn *);

/* ---- what it waits for ---- */

/* At the end of that list, whose connections have waited since then or longer. */
void conn_wait(struct guard_conn *, enum conn_wait, int64_t since_ms);
/* What follows from its requests and answers alone. */
enum conn_wait conn_state(const struct guard_conn *);

/* ---- its stream ---- */

/* evhttp's callbacks are put aside for these, until conn_close(). False: evhttp has let go. */
bool conn_take(struct guard_conn *, bufferevent_data_cb on_write, bufferevent_event_cb on_event);
/* The client has sent something that has not been read yet. */
bool conn_has_unread(const struct guard_conn *);
/* Both directions are down: nobody will read an answer. (A client that has only
 * finished sending still waits.) */
bool conn_is_hung_up(const struct guard_conn *);
/* The client sees an end after what was written; it can still send. */
void conn_end_writing(struct guard_conn *);

#endif
