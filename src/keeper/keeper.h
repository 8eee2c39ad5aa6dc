/*
 * keeper.h - what the files of this folder share: the keeper's one struct and what
 * each file offers the others. Nobody else includes it but the keeper's tests.
 *
 *   keeper_peer.c     peers come and go; who may say what
 *   keeper_turn.c     one commit for all that came in; timers; drain
 *   keeper_crawl.c    keeper_step(): the one function that makes a step
 *   keeper_request.c  what fronts ask
 *   keeper_result.c   what pollers report, and the table of patience
 *   keeper_lease.c    due work becomes leases; leases end, overrun, or are lost
 *   keeper_budget.c   when the provider may be asked (pure; keeper_budget.h)
 *   keeper_watch.c    requests that wait for a crawl
 *   keeper_outbox.c   events to the publisher
 *   keeper_status.c   health and the status line
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

#include "base/json_out.h"
#include "base/log.h"
#include "conf/conf.h"
#include "ipc/msg.h"
#include "ipc/peer.h"
#include "keeper/keeper_budget.h"
#include "keeper/store.h"
#include "model/log_kind.h"

/* The keys of our tables are numbers that count up, and ids whose last half is random:
 * their last eight bytes, multiplied, spread as well as a hash over all of them. */
static inline uint32_t
keeper_hash(const void *key, size_t len)
{
	uint64_t last;

	memcpy(&last, (const unsigned char *)key + len - sizeof(last), sizeof(last));
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

struct lease {
	uint64_t		 token;
	struct uuid		 crawl_id;
	enum task_kind		 kind;
	struct keeper_peer	*poller;
	int64_t			 deadline_mono_ms;
	int64_t			 stored_mono_ms;	/* when the deadline was last written to the store */
	int64_t			 kill_mono_ms;		/* asked to kill its poller then; 0: not */
	bool			 counted;	/* in provider_calls */
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

struct keeper {
	const struct conf	*conf;
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
	bool			 triggers_wait;	/* older triggers wait for a slot: new ones go behind them */
	bool			 calls_wait;	/* other calls do: new triggers leave them some */
	int64_t			 wall_offset_ms;	/* wall minus monotonic, as last seen */

	uint32_t		 epoch, lease_count;
	struct lease		*leases;	/* by token */
	struct budget		 budget;
	unsigned		 provider_calls;	/* leases in flight that call the provider */

	struct watch		*watches;	/* by front and request */
	struct watched		*watched;	/* by crawl */
	unsigned		 watch_count;

	struct uuid_maker	 event_ids;
	struct keeper_peer	*batch_to;	/* has an unacknowledged batch; NULL for none */
	uint64_t		 batch_seq;	/* its last event */

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
void keeper_recover(struct keeper *);
void keeper_free(struct keeper *);	/* closes the peers and the store; commits nothing */

/* ---- peers and turns ---- */

void keeper_peer_add(struct keeper *, const struct inherit_message *who, int fd);	/* takes fd */
unsigned keeper_peer_count(const struct keeper *, enum role);	/* those that said HELLO */

int64_t keeper_now(const struct keeper *);	/* wall */
int64_t keeper_mono(const struct keeper *);
void keeper_wake(struct keeper *);		/* a turn is wanted */
void keeper_turn(struct keeper *);		/* grants, commits, sends */
void keeper_drain(struct keeper *);		/* a turn; from now on nothing is given out */
size_t keeper_unsent(const struct keeper *);	/* bytes that wait to leave */
/* Where result is a store's failure, the end of the process. */
void keeper_must(struct keeper *, int result, const struct why *);

/* ---- crawls ---- */

bool keeper_find(struct keeper *, const struct uuid *, struct job *ret);
const struct trigger_request *keeper_request_of(struct keeper *, struct job *);
/* A new crawl, on disk after the next commit. */
void keeper_add(struct keeper *, struct job *, const char *idempotency_key);
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
    keeper_on_crawl_cancel, keeper_on_forget, keeper_on_health_read;
/* One CRAWL_ANSWER; job may be NULL (no view). */
void keeper_answer(struct keeper *, struct keeper_peer *front, uint64_t request, enum error_code, bool existed,
    bool more, struct job *);

/* ---- results of pollers ---- */

ipc_handler_fn keeper_on_trigger_done, keeper_on_poll_done, keeper_on_download_done, keeper_on_store_done,
    keeper_on_reconcile_done, keeper_on_cancel_done;

/* ---- leases ---- */

ipc_handler_fn keeper_on_poller_state, keeper_on_task_progress, keeper_on_task_returned;
void keeper_lease_grant(struct keeper *);
/* A new crawl, not yet written, leased at once if nothing stands against it: one write in
 * place of two, one search saved. NULL when it has to wait its turn. The caller makes
 * STEP_LEASE_TRIGGER, writes the row, and sends. */
struct lease *keeper_lease_newborn(struct keeper *, struct job *);
void keeper_lease_send(struct keeper *, struct job *, const struct lease *);
/* When work becomes due that could be given out; INT64_MAX for never. Wall time. */
int64_t keeper_lease_next(struct keeper *);
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

/* ---- waiting requests ---- */

/* False when there are too many: the request was not kept. */
bool keeper_watch_add(struct keeper *, struct keeper_peer *front, uint64_t request, enum watch_kind,
    const struct uuid *crawl_id);
void keeper_watch_forget(struct keeper *, struct keeper_peer *front, uint64_t request);
void keeper_watch_drop(struct keeper *, struct keeper_peer *front);	/* the front is gone */
/* The crawl changed; polled: the provider has just been asked about it, in vain or not. */
void keeper_watch_wake(struct keeper *, struct job *, bool polled);

/* ---- events ---- */

ipc_handler_fn keeper_on_event_ack;
void keeper_outbox_add(struct keeper *, struct job *, enum event_type);
void keeper_outbox_send(struct keeper *);	/* after a commit */
void keeper_outbox_lost(struct keeper *, struct keeper_peer *publisher);

/* ---- health ---- */

void keeper_status_recover(struct keeper *);	/* the failures of the last hour */
void keeper_status_failed(struct keeper *, const struct crawl *);
void keeper_status_trouble(struct keeper *, const char *text);	/* becomes last_error */
uint32_t keeper_status_failed_in_hour(const struct keeper *);
void keeper_status_tell(struct keeper *);
void keeper_status_fill(struct keeper *, struct msg_health_answer *);

#endif
