/*
 * keeper.h - what the files of this folder share: the keeper's one struct and what
 * each file offers the others. Nobody else includes it but the keeper's tests.
 *
 *   keeper_peer.c     peers come and go; who may say what
 *   keeper_turn.c     one commit for all that came in; timers; drain
 *   keeper_crawl.c    keeper_step(): the one function that makes a step
 *   keeper_request.c  what fronts ask
 *   keeper_trigger.c  what pollers report of triggers, in time and late
 *   keeper_search.c   the search for jobs whose trigger's outcome is unknown
 *   keeper_result.c   what pollers report of everything else
 *   patience.c        what follows when it is not what was hoped for (pure; patience.h)
 *   keeper_lease.c    leases end, overrun, or are lost
 *   keeper_grant.c    due work becomes leases, as the provider and the pollers have room
 *   keeper_budget.c   when the provider may be asked (pure; keeper_budget.h)
 *   keeper_disk.c     room on the disk; what goes on without any
 *   keeper_clock.c    the wall clock of a turn, the patience clock, what outlives a keeper of them
 *   keeper_watch.c    requests that wait for a crawl
 *   keeper_outbox.c   events to the publisher
 *   keeper_status.c   health and the status line
 *   keeper_prune.c    what is over goes: crawls, events, files, room
 *   keeper_backup.c   a copy of the store while it is in use
 *
 * Order: keeper_new, keeper_recover, keeper_peer_add for each connection,
 * keeper_drain, keeper_free. Everything happens on the loop. A failure of the store
 * ends the process (EXIT_STATUS_FAILURE): what is on disk is then unknown here, and the
 * next keeper reads it.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/fs.h"
#include "base/json_out.h"
#include "base/log.h"
#include "conf/conf.h"
#include "ipc/msg.h"
#include "ipc/peer.h"
#include "keeper/keeper_budget.h"
#include "keeper/patience.h"
#include "keeper/store.h"
#include "model/log_kind.h"
#include "provider/provider.h"

/* The keys of our tables are numbers that count up, and ids whose last half is random:
 * their last eight bytes, multiplied, spread as well as a hash over all of them. */
static inline uint32_t
keeper_hash(const void *key, size_t len)
{
	size_t n = len < sizeof(uint64_t) ? len : sizeof(uint64_t);
	uint64_t last = 0;

	memcpy(&last, (const unsigned char *)key + len - n, n);
	return (uint32_t)(last * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

#define HASH_FUNCTION(key, len, hash) (hash) = keeper_hash(key, len)
#define uthash_fatal(msg) fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "out of memory: %s", msg)
#include <uthash.h>
#include <utlist.h>

#define KEEPER_LIVE_MAX	   200000	/* crawls that have not ended; more are refused */
#define KEEPER_WATCH_MAX   65536	/* requests that wait */
#define KEEPER_BATCH	   64		/* crawls read from the store at a time */
#define KEEPER_TURN_MAX	   256		/* changes that collect before a commit is due whatever else is ready */
#define KEEPER_CRASHES_MAX 3		/* pollers lost in a row over one crawl */

/* What the keeper needs of its parent; a test gives its own. */
struct keeper_parent {
	void (*kill)(void *arg, unsigned instance, unsigned generation, const char *reason);
	void (*status)(void *arg, const char *text);
	void *arg;
};

#define TRIGGER_VALID_MS 15000	/* a trigger leaves its poller within this, or never */
/* From the moment a trigger is given out until it is surely over: the time in which it may leave, that in
 * which its poller waits for the answer (60 s), and as much again as a provider may go on after that. */
#define TRIGGER_LIFE_MS	 90000

struct lease {
	uint64_t		 token;
	struct uuid		 crawl_id;		/* nil: of a search */
	enum task_kind		 kind;
	struct keeper_peer	*poller;
	int64_t			 deadline_mono_ms;
	int64_t			 stored_mono_ms;	/* when the deadline was last written to the store */
	int64_t			 kill_mono_ms;		/* asked to kill its poller then; 0: not */
	unsigned		 calls;			/* of the budget's that it holds */
	struct budget_set	*set;			/* trigger: among whose triggers in flight it counts */
	struct trigger_request	 request;		/* of its crawl */
	struct lease		*prev, *next;		/* of this poller */
	UT_hash_handle		 hh;
};

/* A connection: front, poller or publisher. */
struct keeper_peer {
	struct peer		*peer;
	struct keeper		*keeper;
	uint64_t		 serial;	/* never used again, unlike the address */
	enum role		 role;
	unsigned		 slots[LANE_COUNT];	/* poller: LANE_CALL and LANE_TRANSFER */
	unsigned		 used[LANE_COUNT];
	unsigned		 triggers;	/* of them */
	int64_t			 heard_mono_ms;	/* when it last said anything */
	struct lease		*leases;
	struct watch		*watches;	/* front: its waiting requests */
	struct keeper_peer	*prev, *next;
};

enum watch_kind {
	WATCH_SETTLED,		/* CREATE with wait: the trigger's outcome is known */
	WATCH_REFRESH,		/* READ with refresh: the provider was asked */
	WATCH_FETCH,		/* FETCH: it has ended, or is not ready */
	WATCH_KIND_COUNT
};

/* A crawl with what is known of it during one handler. */
struct job {
	struct crawl		crawl;
	struct trigger_request	request;	/* read when first wanted */
	bool			has_request;
};

#define KEEPER_MINUTES STORE_MINUTES

/* What is known of the store at the start. */
struct keeper_start {
	uint64_t boot;		/* names this start of the machine */
	bool	 doubtful;	/* the store may be a copy: what it holds as accepted may have been triggered since;
				 * false again when that is on disk */
};

struct keeper {
	const struct conf	*conf;
	const struct provider	*provider;
	const struct clock	*clock;
	uint64_t		(*random)(void);
	struct event_base	*base;
	struct store		*store;		/* owned */
	struct keeper_parent	 parent;

	struct keeper_peer	*peers;
	uint64_t		 last_serial;
	struct wire_out		 out;		/* scratch of every message sent */
	struct msg_crawl_answer	 answer;	/* scratch, large */
	struct msg_task		 task;		/* scratch, large */
	struct crawl		 batch[KEEPER_BATCH];
	struct json_out		 json, json2;	/* scratch of events */

	struct event		*turn;		/* when no input is ready */
	struct event		*turn_now;	/* before any more input */
	struct event		*due;		/* work becomes due */
	struct event		*tick;		/* each second */
	unsigned		 changes;	/* since the last turn */
	const char		*request_id;	/* of the client's request that is being handled; NULL: of none */
	bool			 draining;
	int			 (*room)(int dirfd, struct fs_room *ret);	/* fs_room(); a test gives its own */
	int			 data_dir_fd;	/* -1: not known */
	struct fs_room		 disk;
	bool			 disk_low;	/* no trigger, no download */
	unsigned		 disk_refused;	/* downloads in a row that found no room ... */
	int64_t			 disk_mono_ms;	/* ... none is given out until then */
	struct keeper_start	 start;
	bool			 begun;		/* keeper_begin() is behind us */
	bool			 suspended;	/* the store cannot be written: it is only read ... */
	enum error_code		 suspended_by;	/* ... because of this */
	bool			 calls_wait;	/* polls are due and find no room: triggers leave them some */
	int64_t			 wall_offset_ms;	/* wall minus monotonic, as of this turn */
	int64_t			 patience_ms;	/* the patience clock, and ... */
	int64_t			 patience_mono_ms;	/* ... when it was read last */
	struct clock_record	 clock_kept;	/* as the store has it */
	int64_t			 set_between_ms;	/* the clock was set by so much between the last life and this */
	int64_t			 provider_ahead_ms;	/* the provider's clock minus ours ... */
	bool			 provider_known, provider_seen;	/* ... has been seen ever, in this life */

	uint32_t		 epoch, lease_count;
	struct lease		*leases;	/* by token */
	struct budget		 budget;
	unsigned		 triggers;	/* leases of triggers */
	unsigned		 turn_set;	/* the data set whose triggers go first in this turn */
	struct search		*searches;

	struct watch		*watches;	/* by front and request */
	struct watched		*watched;	/* by crawl */
	unsigned		 watch_count;

	struct prune		*prune;		/* of keeper_prune.c; NULL before it has started */

	struct uuid_maker	 event_ids;
	struct keeper_peer	*batch_to;	/* has an unacknowledged batch; NULL for none */
	uint64_t		 batch_seq;	/* its last event */

	struct keeper_backup	*backup;	/* under way; NULL: none is */

	uint32_t		 live;		/* crawls that have not ended */
	uint32_t		 counts[CRAWL_STATE_COUNT];	/* live states: now; ends: since start */
	uint32_t		 failed[KEEPER_MINUTES];	/* crawls failed in each minute */
	int64_t			 failed_minute;	/* of the newest */
	int64_t			 error_mono_ms;	/* of last_error; 0: none */
	char			 last_error[ERROR_TEXT_SIZE];
	char			 status[256];	/* as last told */
};

/* Takes over the store. conf, clock and base are borrowed. The base has three
 * priorities (event_base_priority_init) and nothing on it yet. */
struct keeper *keeper_new(struct event_base *, struct store *, const struct conf *, const struct clock *,
    uint64_t (*random)(void), const struct keeper_parent *);
/* Begins a new epoch and takes up what a former keeper left: call once, before any peer. */
void keeper_recover(struct keeper *, const struct keeper_start *);
void keeper_begin(struct keeper *);	/* the same, once the store can be written */
void keeper_resume(struct keeper *);	/* a new epoch, after a time in which it could not */
/* The parent has read its configuration anew: what waits for a person is tried at once. */
void keeper_reloaded(struct keeper *);
void keeper_free(struct keeper *);	/* closes the peers and the store; commits nothing */

/* ---- peers and turns ---- */

void keeper_peer_add(struct keeper *, const struct inherit_message *who, int fd);	/* takes fd */
unsigned keeper_peer_count(const struct keeper *, enum role);	/* those that said HELLO */

/* The wall clock as of this turn: a step of the system's is taken up by keeper_clock_follow(), together with
 * all due times, so no deadline is ever judged by a clock that jumped. */
int64_t keeper_now(const struct keeper *);
int64_t keeper_mono(const struct keeper *);
void keeper_clock_follow(struct keeper *);	/* first in each turn */
void keeper_clock_recover(struct keeper *, uint64_t boot);
void keeper_clock_keep(struct keeper *);	/* before a commit */
void keeper_clock_note_provider(struct keeper *, int64_t date_ms);	/* the provider's Date */
int64_t keeper_provider_now(const struct keeper *);	/* the provider's clock, as far as it is known */
/* Of ours and the provider's, the one that is behind: a clock that runs ahead must not cost what cannot be
 * had again. */
int64_t keeper_now_behind(const struct keeper *);
int64_t keeper_patience(struct keeper *);	/* brought up to date */
struct patience_now keeper_patience_now(struct keeper *);
/* When the next poll of a running job is due, as far as it is up to us. */
int64_t keeper_poll_due(const struct keeper *, int64_t pause_ms);
void keeper_wake(struct keeper *);		/* a turn is wanted */
void keeper_turn(struct keeper *);		/* grants, commits, sends */
void keeper_drain(struct keeper *);		/* a turn; from now on nothing is given out */
size_t keeper_unsent(const struct keeper *);	/* bytes that wait to leave */
/* Where result is a store's failure, the end of the process. */
void keeper_must(struct keeper *, int result, const struct why *);

/* ---- the disk ---- */

struct why;
void keeper_disk_look(struct keeper *);		/* each second */
void keeper_disk_check_place(const struct keeper *);	/* each second; the end of the process where DATA_DIR has gone */
void keeper_disk_refused(struct keeper *);	/* a download found no room */
bool keeper_disk_lets_download(const struct keeper *);
/* The store's result is that of a disk that takes no writes: no room (-ENOSPC) or read-only (-EROFS, which *result
 * then is). */
bool keeper_disk_refuses(const struct keeper *, int *result);
/* A commit failed so: what it held is dropped, and until one succeeds the store is only read. */
void keeper_suspend(struct keeper *, int result, const struct why *);
bool keeper_is_read_only(const struct keeper *);	/* that is why it is suspended */
void keeper_try_resume(struct keeper *);

/* ---- crawls ---- */

bool keeper_find(struct keeper *, const struct uuid *, struct job *ret);
const struct trigger_request *keeper_request_of(struct keeper *, struct job *);
/* A new crawl, on disk after the next commit. */
void keeper_add(struct keeper *, struct job *, const char *idempotency_key);
/* A failed crawl goes on, by a step out of failed that its history allows; false: by none. */
bool keeper_reopen(struct keeper *, struct job *);
/* Makes the step, which must be drawn in crawl.h: state, version, times, the event, in
 * the open transaction; counters, log line, waiting requests. The caller has set the
 * other members (due_ms, lease, note, ...). */
void keeper_step(struct keeper *, struct job *, enum crawl_step);
/* Writes a crawl that stays in its state. */
void keeper_save(struct keeper *, struct job *);
/* STEP_FAIL and STEP_CANCEL with their reason; text is cut to fit. */
void keeper_fail(struct keeper *, struct job *, enum error_code, enum crawl_stage, const char *text);
void keeper_cancel(struct keeper *, struct job *, const char *text);
/* gcs_path of a completed crawl; "" for others. */
void keeper_object_url(const struct keeper *, const struct crawl *, char *dst, size_t size);
void keeper_note(struct crawl *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- requests of fronts ---- */

ipc_handler_fn keeper_on_crawl_create, keeper_on_crawl_read, keeper_on_crawl_fetch,
    keeper_on_crawl_retry, keeper_on_crawl_cancel, keeper_on_forget, keeper_on_health_read;
/* One CRAWL_ANSWER; job may be NULL (no view). */
void keeper_answer(struct keeper *, struct keeper_peer *front, uint64_t request, enum error_code, bool existed,
    bool more, struct job *);

/* ---- results of pollers ---- */

ipc_handler_fn keeper_on_trigger_open, keeper_on_trigger_done, keeper_on_poll_done, keeper_on_download_done,
    keeper_on_store_done, keeper_on_cancel_done;

/* 1: the crawl of a report that counts; 0: a report to be ignored; negative: a bad one. What it says of the
 * provider as a whole is noted. */
int keeper_result_take(struct keeper *, struct peer *, enum task_kind, const struct msg_verdict *, struct job *);
void keeper_note_answer(struct keeper *, enum task_kind, const struct msg_verdict *);
/* Waits, or gives the crawl up; false: no matter of waiting. */
bool keeper_wait_more(struct keeper *, struct job *, enum task_kind, const struct msg_verdict *);
const char *keeper_verdict_words(const struct msg_verdict *);
/* Clients who still wait are told that the key is refused; their crawls end. */
void keeper_tell_key_refused(struct keeper *, const char *text);

/* The outcome of its trigger is unknown: the crawl waits to be searched for. answered: the provider has ended
 * the call, whatever it said; intent_ms is set. */
void keeper_trigger_unknown(struct keeper *, struct job *, bool answered, const char *reason);
/* The crawl's job is known: from here on it is never triggered again. */
void keeper_triggered(struct keeper *, struct job *, const char *snapshot_id, enum crawl_step);
/* True when the provider's job already is another crawl's. */
bool keeper_is_of_another(struct keeper *, const struct crawl *, const char *snapshot_id, struct uuid *ret_owner);

/* ---- searches ---- */

ipc_handler_fn keeper_on_search_page, keeper_on_search_input, keeper_on_search_done;
/* A crawl of the data set is to be searched for, at due_ms (wall) at the latest. */
void keeper_search_want(struct keeper *, const char *dataset_id, int64_t due_ms);
void keeper_search_recover(struct keeper *);
void keeper_search_grant(struct keeper *);
int64_t keeper_search_next(const struct keeper *);	/* wall; INT64_MAX for never */
void keeper_search_lost(struct keeper *, uint64_t token);	/* its lease is over without an end of it */
void keeper_search_shift(struct keeper *, int64_t by_ms);	/* the clock was set */
void keeper_search_free(struct keeper *);

/* ---- leases ---- */

ipc_handler_fn keeper_on_poller_state, keeper_on_task_progress, keeper_on_task_returned;
struct lease *keeper_lease_new(struct keeper *, struct keeper_peer *poller, const struct uuid *crawl_id,
    enum task_kind, uint64_t token);		/* token 0: a new one */
struct lease *keeper_lease_find(struct keeper *, uint64_t token);
void keeper_lease_free(struct keeper *, struct lease *);
void keeper_lease_extend(struct keeper *, struct lease *);
int64_t keeper_lease_ms(const struct keeper *, enum task_kind);	/* how long one lasts */
/* The slots of a poller that a task takes: triggers share those of the other calls. */
enum crawl_lane keeper_lease_slots(enum task_kind);
void keeper_lease_watch_overrun(struct keeper *);
/* The lease of a result: 1 and its crawl (the lease is over then, crawl.lease 0), 0 when the
 * result is to be ignored, -EBADMSG when poller never had such a lease. */
int keeper_lease_end(struct keeper *, struct keeper_peer *poller, uint64_t token, const struct uuid *crawl_id,
    enum task_kind, struct job *ret);
/* The poller is gone: its crawls are due again, and one too many such losses fails a crawl. */
void keeper_lease_lost(struct keeper *, struct keeper_peer *poller);
/* The same when it is us who end: nothing is written, the next keeper recovers. */
void keeper_lease_forget(struct keeper *, struct keeper_peer *poller);
/* Only time is lost: what a former keeper had given out is due again. */
void keeper_lease_recover(struct keeper *);

/* ---- granting ---- */

void keeper_grant(struct keeper *);
/* A new crawl, not yet written, leased at once if nothing stands against it: one write in
 * place of two, one search saved. NULL when it has to wait its turn. The caller makes
 * STEP_LEASE_TRIGGER, writes the row, and sends. */
struct lease *keeper_grant_newborn(struct keeper *, struct job *);
void keeper_grant_send(struct keeper *, struct job *, const struct lease *);
/* When work becomes due that could be given out; INT64_MAX for never. Wall time. */
int64_t keeper_grant_next(struct keeper *);
/* Calls that may begin now: as many as provider and pollers have room for. */
unsigned keeper_grant_room(const struct keeper *);
struct keeper_peer *keeper_choose_poller(const struct keeper *, enum task_kind);
/* What holds a crawl at this moment, and until when (wall, 0: not known); "" for nothing. */
void keeper_waiting_for(struct keeper *, struct job *, char dst[WAITING_SIZE], int64_t *ret_until_ms);
/* A crawl changed its state: counted for its data set. from CRAWL_STATE_COUNT: it is new. */
void keeper_count_place(struct keeper *, struct job *, enum crawl_state from);

/* ---- waiting requests ---- */

/* False when there are too many: the request was not kept. */
bool keeper_watch_add(struct keeper *, struct keeper_peer *front, uint64_t request, enum watch_kind,
    const struct uuid *crawl_id);
void keeper_watch_forget(struct keeper *, struct keeper_peer *front, uint64_t request);
void keeper_watch_drop(struct keeper *, struct keeper_peer *front);	/* the front is gone */
/* The crawl changed; polled: the provider has just been asked about it, in vain or not. */
void keeper_watch_wake(struct keeper *, struct job *, bool polled);
/* Does a client wait for the outcome of its trigger? */
bool keeper_watch_is_awaited(struct keeper *, const struct uuid *crawl_id);
/* Calls each for every crawl whose trigger's outcome a client waits for; it may end them. */
void keeper_watch_each_awaited(struct keeper *, void (*each)(struct keeper *, const struct uuid *, void *arg),
    void *arg);

/* ---- events ---- */

ipc_handler_fn keeper_on_event_ack;
void keeper_outbox_add(struct keeper *, struct job *, enum event_type);
void keeper_outbox_send(struct keeper *);	/* after a commit */
void keeper_outbox_lost(struct keeper *, struct keeper_peer *publisher);

/* ---- what is over ---- */

void keeper_prune_start(struct keeper *);	/* from now on by itself */
void keeper_prune_free(struct keeper *);
/* Makes one small step; true: there is more to do now. */
bool keeper_prune_step(struct keeper *);
/* The lease of a download is over, and nothing came of it: its file loses its name, whoever still writes. */
void keeper_prune_part(struct keeper *, const struct uuid *crawl_id, uint64_t lease);

/* ---- backups ---- */

ipc_handler_fn keeper_on_backup;
void keeper_backup_step(struct keeper *);	/* last in a turn: nothing waits for it */
void keeper_backup_forget(struct keeper *, struct keeper_peer *front, uint64_t request);
void keeper_backup_drop(struct keeper *, struct keeper_peer *front);	/* the front is gone */
void keeper_backup_free(struct keeper *);

/* ---- health ---- */

void keeper_status_recover(struct keeper *);	/* the failures of the last hour */
void keeper_status_failed(struct keeper *, const struct crawl *);
void keeper_status_trouble(struct keeper *, const char *text);	/* becomes last_error */
uint32_t keeper_status_failed_in_hour(const struct keeper *);
void keeper_status_tell(struct keeper *);
void keeper_status_fill(struct keeper *, struct msg_health_answer *);

#endif
