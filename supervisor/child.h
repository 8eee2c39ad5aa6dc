/*
 * child.h - one running process of a service: its pid, its generation, the control
 * socket to it. A child object lives from the fork until its end has been reaped.
 *
 *   child_start --> STARTING --READY--> READY --child_leave--> LEAVING --reaped--> child_free
 *
 * A child that overruns the deadline of STARTING or LEAVING is killed from here;
 * what its end means is the policy's (place_end.c).
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "ipc/inherit.h"
#include "supervisor/service.h"
#include "supervisor/spawn.h"

struct child;
struct place;
struct why;

#define CHILD_START_MAX_MS 900000	/* of a start that gets on, as in a migration */

enum child_state { CHILD_STARTING, CHILD_READY, CHILD_LEAVING };

struct child {
	struct child		*next;		/* in its place, older ones follow */
	struct place		*place;
	const struct service	*service;
	unsigned		 instance;
	uint32_t		 generation;
	uint32_t		 share;		/* the number of what it was started with; see struct supervisor */
	enum child_state	 state;
	bool			 served;	/* has been READY */
	pid_t			 pid;
	int			 control;
	int64_t			 started_ms;	/* monotonic */
	int64_t			 beat_ms;	/* monotonic: when it was last heard */
	int64_t			 leave_by_ms;	/* monotonic: then it is killed; of LEAVING */
	struct event		*readable, *deadline;
	/* A whole message of the right version; it may kill the child, never free it. */
	void			(*on_message)(struct child *, const struct inherit_message *, void *arg);
	void			*arg;
};

/* Fills the rest of c (service, instance, generation, on_message, arg are set) and
 * starts the program. s: all but the control socket. WELCOME is sent. */
int child_start(struct child *c, struct event_base *, struct spawn *s, struct why *why);
void child_free(struct child *);	/* closes its control socket; does not kill */

void child_ready(struct child *);
/* It is not ready, but gets on: its time for that begins again, within limits. */
void child_gets_on(struct child *);
/* LEAVE and SIGTERM, and SIGKILL when it is still there then. Called again: it is told a
 * shorter time, or nothing happens; never a longer one. */
void child_leave(struct child *, int64_t within_ms);
void child_kill(struct child *, const char *reason);
/* The keeper is told that a reload is through. */
void child_send_reloaded(struct child *);
/* Hands fd over (the caller closes its copy): a stream to the other child. */
int child_send_peer(struct child *, const struct child *other, int fd);

/* It has ended: what it still said of itself (STATUS), if anything, into dst. */
void child_last_words(const struct child *, char *dst, size_t size);
/* It is in a system call that no signal ends: a disk that does not answer, mostly. */
bool child_waits_for_disk(const struct child *);

/* "poller[2]" for a log line; valid until the next call but one. */
const char *child_name(const struct child *);

#endif
