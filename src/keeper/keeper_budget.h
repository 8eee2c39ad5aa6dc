/*
 * keeper_budget.h - when the provider may be asked. Pure: time and random numbers
 * are the caller's, times are monotonic.
 *
 * The provider blocks an address that gets too many answers 429, so at most 8 of
 * them may come in any 5 minutes. After one, nothing is asked until the pause that
 * it named (or 2, 4, 8, 16, 32 s) is over; then one call at a time, until one is
 * answered otherwise. When 8 came within 5 minutes, nothing is asked until the
 * oldest of them is 5 minutes old. Calls that are in flight when the first 429 comes
 * are beyond recall: as many as they are may be refused with it.
 *
 * A data set's cap on running jobs is refused with 429, too: then the triggers of
 * that data set are held, and let through one at a time.
 *
 * What a later keeper has to know of it is a budget_record, in wall times: budget_save()
 * whenever something in it has changed, budget_restore() at start.
 */
#ifndef KEEPER_KEEPER_BUDGET_H
#define KEEPER_KEEPER_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "model/request.h"

#define BUDGET_LIMITED_MAX 8
#define BUDGET_WINDOW_MS   300000
#define BUDGET_PAUSE_MAX_MS 3600000
#define BUDGET_HOLDS	   64		/* data sets at their cap at a time; more share the last place */
#define BUDGET_HOLD_MS	   30000
#define BUDGET_HOLD_MAX_MS 120000
#define BUDGET_QUEUE_MS	   5000		/* until those who wait look whether the one let through came back */

struct budget_hold {
	char	 dataset_id[REQUEST_DATASET_SIZE];
	int64_t	 until_mono_ms;
	unsigned times;		/* in a row */
	unsigned in_flight;	/* triggers let through since */
};

struct budget {
	int64_t	 limited_mono_ms[BUDGET_LIMITED_MAX];	/* the last answers 429, a ring */
	uint64_t limited_count;
	unsigned rounds;	/* pauses in a row */
	int64_t	 until_mono_ms;
	bool	 probing;	/* one call at a time */
	bool	 changed;	/* since budget_save() */
	struct budget_hold holds[BUDGET_HOLDS];
	unsigned hold_count;
};

struct budget_pause {
	char	 dataset_id[REQUEST_DATASET_SIZE];	/* "": all calls, else triggers of this data set */
	int64_t	 until_ms;
	unsigned times;		/* in a row */
};

/* Wall times. They are believed in their distance from noted_ms, so that a clock that was
 * set back meanwhile makes a pause begin again, but never lasts longer. */
struct budget_record {
	int64_t	 noted_ms;	/* 0: nothing was ever noted */
	int64_t	 limited_ms[BUDGET_LIMITED_MAX];	/* the last answers 429, oldest first */
	unsigned limited_count;
	struct budget_pause pauses[1 + BUDGET_HOLDS];
	unsigned pause_count;
};

/* A call was answered 429; retry_after_ms 0: it named no pause. Returns the end of the pause. */
int64_t budget_limited(struct budget *, int64_t now_mono_ms, int64_t retry_after_ms, uint64_t random);
/* A call was answered otherwise. */
void budget_answered(struct budget *, int64_t now_mono_ms);
/* May a call begin while so many are in flight? */
bool budget_allows(const struct budget *, int64_t now_mono_ms, unsigned in_flight);
bool budget_paused(const struct budget *, int64_t now_mono_ms);

/* A trigger of the data set was refused for its cap: returns how long triggers of it are held. */
int64_t budget_hold(struct budget *, int64_t now_mono_ms, const char *dataset_id);
/* How long a trigger of the data set has to wait; 0: it may begin, and budget_trigger_begun()
 * is to be called when it does. */
int64_t budget_held_ms(const struct budget *, int64_t now_mono_ms, const char *dataset_id);
void budget_trigger_begun(struct budget *, const char *dataset_id);
/* It ended; taken: the provider took the job, so there is room again. */
void budget_trigger_ended(struct budget *, const char *dataset_id, bool taken);

void budget_save(struct budget *, int64_t now_mono_ms, int64_t now_wall_ms, struct budget_record *ret);
/* Into an empty budget. Held is what the record says and no longer than the limits above allow. */
void budget_restore(struct budget *, int64_t now_mono_ms, int64_t now_wall_ms, const struct budget_record *);

#endif
