/*
 * supervisor.h - what the files of the supervisor share. One struct holds all its
 * state; nobody else includes this.
 *
 *   supervisor.c   set-up, signals, ticking         place.c        who should run, and does
 *   switchboard.c  connections between children     place_start.c  starts, and their throttle
 *   status.c       the line that systemd shows      place_end.c    what follows when one ends
 *   askers.c       who waits for a reload           reload.c       SIGHUP
 *   drain.c        the end                          away.c         a data directory that has gone
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "conf/conf.h"
#include "supervisor/asker.h"
#include "supervisor/child.h"
#include "supervisor/listener.h"
#include "supervisor/options.h"
#include "supervisor/service.h"

#define STATUS_SIZE	  1024
#define PLACE_OLD_MAX	  3	/* that leave at a time; each may have a call open that costs money */
#define KEEPER_SILENCE_MS 10000	/* without a beat systemd is not told that all is well */

enum phase { PHASE_STARTING, PHASE_SERVING, PHASE_DRAINING };

/* Where one instance of a service runs: at most one process that counts, and older
 * ones on their way out. */
struct place {
	struct supervisor	*sup;
	const struct service	*service;
	unsigned		 instance;
	bool			 wanted;	/* the configuration asks for it */
	uint32_t		 generation;	/* of the last start; the first is 1 */
	unsigned		 failures;	/* starts in a row that did not last */
	char			 words[INHERIT_TEXT_SIZE];	/* the last STATUS from here; "" for none */
	struct event		*restart;
	struct child		*children;	/* newest first */
};

struct reload {
	bool		 active, again, back;	/* again: asked for meanwhile; back: undoing one */
	unsigned	 at;			/* the place that is being replaced */
	unsigned	 failures;		/* of new children there */
	uint32_t	*before;		/* each place: newer generations were started by it */
	struct conf	 old_conf;
	uint32_t	 old_shares[SERVICE_COUNT];
	bool		 same;			/* no option is another one than before */
	bool		 replaced[SERVICE_COUNT];
	int		 old_tcp;		/* -1: the listener stayed */
	char		 old_url[LISTENER_URL_SIZE];
	char		 refusal[512];		/* why the last one failed; "" when it did not */
};

struct supervisor {
	struct options		 options;
	struct conf		 conf;
	struct event_base	*base;
	struct event		*on_term, *on_int, *on_hup, *on_chld, *tick, *watchdog;
	int64_t			 watchdog_ms;
	int64_t			 started_ms, ticked_ms, extended_ms;
	enum phase		 phase;
	int			 exit_status;
	int			 draining_row;	/* of services */
	struct listener		 listener;
	struct {
		int		 dir;		/* DATA_DIR, open, to know it again; -1: it has gone */
		bool		 left;		/* since then: nobody has a file of it open any more */
		char		 words[512];	/* what keeps us from taking it again; "": nothing is there */
	} away;
	int			 lock, null;	/* lock: -1 while it has gone */
	char			 program_dir[1024];
	char			**environment;
	/* What children of each service are started with, by number: another share of the
	 * configuration or another listener has another one. */
	uint32_t		 shares[SERVICE_COUNT], last_share;
	struct place		*places;	/* in the order of services */
	/* Of their children; and whether one may not be started now. */
	void			(*on_message)(struct child *, const struct inherit_message *, void *sup);
	bool			(*forbids_start)(struct place *);
	unsigned		 place_count;
	int64_t			 keeper_beat_ms;	/* or when one that served ended */
	char			 reason[512];	/* of an end with an exit status that is not 0 */
	char			 told_status[STATUS_SIZE];
	struct reload		 reload;
	struct {
		int		 fd;		/* -1: none */
		struct event	*connect;
		bool		 rested;	/* the last one could not be let in */
		void		(*on_asked)(struct supervisor *);
		struct asker	*first;
	} askers;
};

/* ---- place.c ---- */

unsigned service_row(const struct service *);
void places_free(struct supervisor *);
void places_want(struct supervisor *);		/* marks what conf asks for */
/* Fewer than PLACE_OLD_MAX children are leaving there; else the oldest have to hurry. */
bool place_has_room(struct place *);
/* The child that counts: the newest that was not told to leave; or NULL. */
struct child *place_current(const struct place *);
bool places_all_ready(const struct supervisor *);
bool service_runs(const struct supervisor *, const struct service *);
struct child *child_find(const struct supervisor *, pid_t pid);
struct place *keeper_place(const struct supervisor *);
struct child *keeper_child(const struct supervisor *);	/* that counts */

/* ---- away.c ---- */

/* Holds DATA_DIR, which is locked. */
void away_watch(struct supervisor *);
/* Before a start: it may not be done, since DATA_DIR has gone. The first to ask learns that it has. */
bool away_forbids(struct place *);
void away_tick(struct supervisor *);		/* each second */

/* ---- switchboard.c ---- */

/* A new process runs: it gets its connections, and those get theirs to it. */
void switchboard_connect(struct supervisor *, struct child *);

/* ---- place_start.c ---- */

void places_make(struct supervisor *);
/* Starts a process there (now, whatever was scheduled); a failure is scheduled again. */
void place_start(struct place *);
/* After a pause that grows with the failures in a row there; the first time at once. */
void place_restart_later(struct place *);

/* ---- place_end.c ---- */

/* The process was reaped: logs it, frees it, and decides what follows. */
void place_on_end(struct child *, int wait_status);

/* ---- askers.c ---- */

/* Without the socket it goes on: SIGHUP does the same. on_asked: to begin a reload. */
void askers_listen(struct supervisor *, void (*on_asked)(struct supervisor *));
void askers_let_go(struct supervisor *);	/* closes the socket and leaves its name: the directory has gone */
void askers_close(struct supervisor *);
void askers_tick(struct supervisor *);	/* now and then */
/* A reload begins: whoever has asked by now is answered when it ends. */
void askers_attach(struct supervisor *);
void askers_answer(struct supervisor *, int exit_status, const char *text);
/* There will be no more reloads. */
void askers_dismiss(struct supervisor *, const char *text);

/* ---- reload.c ---- */

void reload_begin(struct supervisor *);
void reload_continue(struct supervisor *);	/* after anything happened to a child */
/* A new child ended before it was ready. True: the reload takes it on itself. */
bool reload_on_failure(struct supervisor *, struct place *, int status);
void reload_done(struct supervisor *);		/* forgets whatever is under way */
void reload_stop(struct supervisor *, const char *reason);	/* ... and tells who waits; it is to be done later */

/* ---- status.c ---- */

const char *status_line(const struct supervisor *);	/* until the next call */
void status_tell(struct supervisor *);			/* after anything that may have changed it */

/* ---- drain.c ---- */

void drain_begin(struct supervisor *, int exit_status, const char *reason);
void drain_continue(struct supervisor *);

#endif
