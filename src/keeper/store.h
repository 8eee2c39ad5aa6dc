/*
 * store.h - the contract of the job store: crawls, leases, events. No SQL here;
 * store_sqlite.c is the implementation, PostgreSQL could be another.
 *
 * One keeper, one store, one connection. Changes collect in a transaction that
 * opens with the first of them; store_commit() makes them durable together
 * (group commit: everything that arrived since shares one sync). Reads see the
 * changes that are not yet committed. Nothing may leave the process that depends
 * on a change before store_commit() returned 0.
 *
 * Errors: -errno with a reason in why. After any failure of a change or a commit
 * the state on disk is not known to us: the caller ends the process and a new one
 * reads it again. It never tries the same call once more. But for one: a commit that
 * the disk had no room for (store_rollback).
 */
#ifndef KEEPER_STORE_H
#define KEEPER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "ipc/msg.h"
#include "keeper/keeper_budget.h"
#include "model/crawl.h"
#include "model/event.h"
#include "model/request.h"

struct store;
struct why;

/* Told now and then while an opening takes long; text for people. */
struct store_progress {
	void (*tell)(void *arg, const char *text);
	void *arg;
};

/* Opens (making it if new) the database file. An older schema is migrated forward, a
 * transaction for each step; before the first of them a copy of the file is made in
 * backup/ beside it, "NAME.schema-N", and without one nothing is changed. A file that
 * cannot give space back is rebuilt, if there is room for that. progress may
 * be NULL. -ENOTSUP: made by a newer trawld; -EUCLEAN: damaged, or not a job store at
 * all; -EBUSY: another process has it; -ENOSPC: no room, for the copy or the rest. */
int store_open(const char *path, const struct clock *, const struct store_progress *progress,
    struct store **ret, struct why *why);
/* That this program reads and writes. */
int store_schema_version(void);
void store_close(struct store *);	/* commits nothing; checkpoints */

bool store_is_dirty(const struct store *);	/* changes wait for a commit */
int store_commit(struct store *, struct why *why);
/* After a commit that failed with -ENOSPC or -EROFS: the disk would not take it, and nothing of it is there (of a
 * file system that turned read-only during the commit, it may be there for who opens the file anew). The changes
 * are dropped, and what was committed before can be read. */
int store_rollback(struct store *, struct why *why);

/* A number that grows with each call and is durable when it returns: one a keeper's
 * life, the upper half of every lease token it gives. */
int store_next_epoch(struct store *, uint32_t *ret, struct why *why);

/* ---- crawls ---- */

/* -EEXIST: a crawl with that id is there. idempotency_key may be ""; the caller has
 * looked it up before. */
int store_crawl_add(struct store *, const struct crawl *, const struct trigger_request *,
    const char *idempotency_key, struct why *why);
/* -ENOENT. */
int store_crawl_find(struct store *, const struct uuid *, struct crawl *ret, struct why *why);
int store_request_find(struct store *, const struct uuid *, struct trigger_request *ret,
    struct why *why);
/* Writes the crawl (the caller raised version); snapshot_id and object_path only
 * with_job: they are set once, and writing them costs an index. -ENOENT. */
int store_crawl_update(struct store *, const struct crawl *, bool with_job, struct why *why);
/* A crawl that ended goes on: it counts as one of its data set again. */
int store_crawl_reopen(struct store *, const struct uuid *, const char *dataset_id, struct why *why);
/* -ENOENT. */
int store_idempotency_find(struct store *, const char *key, struct uuid *ret, struct why *why);
int store_idempotency_forget(struct store *, const char *key, struct why *why);
/* The crawl that owns a provider's job; -ENOENT. */
int store_snapshot_owner(struct store *, const char *snapshot_id, struct uuid *ret, struct why *why);

/* Crawls in each state that has not ended. */
int store_counts(struct store *, uint32_t ret[CRAWL_STATE_COUNT], struct why *why);

#define STORE_MINUTES 60

/* Crawls that failed in the hour before a time, by an index. */
struct store_failures {
	uint32_t	minutes[STORE_MINUTES];	/* so many minutes before; 0: the last one */
	int64_t		last_ms;		/* when the newest did; 0: none did */
	enum error_code	error;			/* of that one */
	char		error_text[ERROR_TEXT_SIZE];
};
int store_failures(struct store *, int64_t before_ms, struct store_failures *ret, struct why *why);

/* ---- what has ended ---- */

/* A place among the crawls that have ended, in the order of their ends; all 0: before the first. */
struct store_place {
	int64_t		finished_ms;
	struct uuid	id;
};
/* Up to max crawls that ended before before_ms, behind the place, by an index: cost grows with max, not with
 * the store. */
int store_ended(struct store *, int64_t before_ms, const struct store_place *after, struct crawl *ret,
    unsigned max, unsigned *ret_count, struct why *why);
/* Whether a crawl is known by a client's key. */
int store_has_key(struct store *, const struct uuid *, bool *ret, struct why *why);
/* The crawl is gone with its request and its key, for good. */
int store_crawl_forget(struct store *, const struct uuid *, struct why *why);
/* It has no object any more. */
int store_object_forget(struct store *, const struct uuid *, struct why *why);

/* Pages of the file, and those of them that hold nothing. */
int store_pages(struct store *, int64_t *ret_all, int64_t *ret_free, struct why *why);
/* Gives some of those back to the file system; the file is shorter after a later commit. */
int store_shrink(struct store *, struct why *why);

/* ---- leases ---- */

/* Up to max crawls of the lane whose due time has come and that nobody has leased, longest
 * due first, by an index: cost grows with max, not with the store. */
int store_due(struct store *, enum crawl_lane, int64_t now_ms, struct crawl *ret, unsigned max,
    unsigned *ret_count, struct why *why);
/* The earliest due time in the lane that is later than after_ms, leases aside; INT64_MAX for none. */
int store_due_next(struct store *, enum crawl_lane, int64_t after_ms, int64_t *ret_ms, struct why *why);
/* The same as store_due() of the crawls of one data set that wait for their trigger. */
int store_due_triggers(struct store *, const char *dataset_id, int64_t now_ms, struct crawl *ret, unsigned max,
    unsigned *ret_count, struct why *why);
/* Live crawls counted by data set and state, with the first due time among them. */
int store_sets(struct store *, void (*each)(void *arg, const char *dataset_id, enum crawl_state, uint32_t count,
    int64_t first_due_ms), void *arg, struct why *why);
/* Crawls of a data set whose trigger's outcome is unknown, in order of the id, after one (NULL: from the first). */
int store_reconciling(struct store *, const char *dataset_id, const struct uuid *after, struct crawl *ret,
    unsigned max, unsigned *ret_count, struct why *why);
/* The first moment at which a job of one of them can have been made: its intent, or its creation (in our time,
 * ahead_ms is added) where no intent is known. INT64_MAX: there are none. */
int store_reconciling_since(struct store *, const char *dataset_id, int64_t ahead_ms, int64_t *ret_ms,
    struct why *why);
/* The store may be a copy: every crawl that waits for its trigger is to be searched for first, and one that failed
 * without a job when it is taken up again. */
int store_doubt_accepted(struct store *, int64_t now_ms, unsigned *ret_count, struct why *why);
/* Live crawls that wait for no time are due at now_ms, after polling was switched on. */
int store_wake_waiting(struct store *, int64_t now_ms, struct why *why);
/* The crawls with a lease, of tokens above after, in order of the token: what a former
 * keeper had given out. Called at start, with the last token seen, until none is left. */
int store_leased(struct store *, uint64_t after, struct crawl *ret, unsigned max,
    unsigned *ret_count, struct why *why);
/* The wall clock was set by so much: due times of live crawls move with it. */
int store_shift_times(struct store *, int64_t by_ms, struct why *why);
/* No live crawl is due later than that: the clock by which their times were written is not known. */
int store_clamp_times(struct store *, int64_t latest_ms, struct why *why);

/* ---- clocks ---- */

/* What has to be known of one life's clocks in the next. */
struct clock_record {
	int64_t	 boot;			/* names the machine's start in which it was written; 0: never */
	int64_t	 wall_offset_ms;	/* wall minus boot clock then */
	int64_t	 patience_ms;
	int64_t	 provider_ahead_ms;	/* the provider's clock minus ours */
	int64_t	 provider_known;	/* whether that was ever seen */
};
int store_clock_write(struct store *, const struct clock_record *, struct why *why);
int store_clock_read(struct store *, struct clock_record *ret, struct why *why);

/* ---- what the provider refuses ---- */

/* The one record of it, written whole. */
int store_budget_write(struct store *, const struct budget_record *, struct why *why);
/* An empty one when none was ever written. */
int store_budget_read(struct store *, struct budget_record *ret, struct why *why);

/* ---- events: the outbox and its sinks ---- */

/* Each event of the outbox has a position. Positions grow, and none is given twice: not when the outbox was emptied,
 * nor by a copy that takes the store's place. A sink reads events in their order; its cursor is the position of the
 * last one that it has delivered, 0 before the first. Events stay until they are pruned. */
#define SINK_FILE "file"	/* the one sink that there is */

/* Its position, event->seq, is given here. */
int store_event_add(struct store *, struct event *, const char *attributes, size_t attributes_len,
    const char *body, size_t body_len, struct why *why);
/* The first events behind a position, in order, as many as fit one message; text lives until
 * the next call of this function. */
int store_events_after(struct store *, uint64_t seq, unsigned max, struct msg_event_batch *ret, struct why *why);
/* -EUCLEAN: there is no such sink. */
int store_sink_cursor(struct store *, const char *sink, uint64_t *ret, struct why *why);
int store_sink_move(struct store *, const char *sink, uint64_t cursor, struct why *why);
/* What some sink is still to deliver: how many events, and the time of the first (0: there is none). Costs the same
 * whatever is in the outbox. */
int store_events_pending(struct store *, uint64_t *ret_count, int64_t *ret_oldest_ms, struct why *why);
/* Removes the first events, up to max of them, that every sink has delivered and that are from before before_ms. What
 * stands before one of those is older, even if a clock that ran ahead gave it its time. */
int store_events_prune(struct store *, int64_t before_ms, unsigned max, unsigned *ret_count, struct why *why);
/* The store may be a copy: what positions were given since it was made, they are not given again. */
int store_events_leap(struct store *, struct why *why);

/* ---- a copy while the store is in use ---- */

/* In steps, each a few milliseconds; what is changed between them is in the copy, too. It stands for the moment
 * when its last page was copied, and names it: backup/NAME-YYYYMMDDThhmmssZ.db beside the store, its owner's
 * alone. In it no crawl waits for its trigger (backup_doubt()). */
struct store_copy;
struct store_copied {
	char		path[BACKUP_PATH_SIZE];
	uint64_t	size_bytes, crawls;
	int64_t		time_ms;	/* what the copy holds is of then */
};

#define STORE_COPIES_MAX 3	/* so many stay, the newest; older ones go when another is whole */

/* -ENOSPC: there is no room for it; why says how much is missing. */
int store_copy_begin(struct store *, struct store_copy **ret, struct why *why);
/* To be called while no change is open. 1: more steps are to follow; 0: the copy is whole and durable, and what
 * it is was returned. After a failure, too, store_copy_free() is to follow; the store itself is as it was. */
int store_copy_step(struct store_copy *, int64_t now_ms, struct store_copied *ret, struct why *why);
void store_copy_free(struct store_copy *);	/* removes one that is not whole */
/* What a former keeper left of a copy. */
void store_copy_clean(struct store *);

/* ---- a file that is to become the store ---- */

struct store_checked {
	int64_t version;	/* of its schema */
	int64_t crawls, live;
	int64_t newest_ms;	/* the last change of a crawl in it; 0: there is none */
};
/* Reads all of it and takes in the log beside it: it is one file then. -ENOTSUP: made by a newer trawld; -EUCLEAN:
 * damaged, or not a job store. */
int store_check(const char *path, struct store_checked *ret, struct why *why);

#endif
