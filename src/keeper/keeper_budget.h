/*
 * keeper_budget.h - when the provider may be asked, and by how many calls at a time.
 * Pure: time and random numbers are the caller's, times are monotonic.
 *
 * A provider blocks an address that draws too many answers 429: the strictest that we know 25 within 5 minutes
 * (provider_limits; a test holds the numbers below against each). So the
 * answers 429 of the last 5 minutes and the calls in flight that could be answered so
 * are together never more than 20: budget_room() gives out no call beyond. The rest is
 * there to meet fewer of them:
 *
 *   refused for its rate   nothing is asked until the pause that it named (or 2, 4, 8, 16,
 *                          32 s) is over; then one call, and with each good answer one more.
 *                          The more refusals the last 5 minutes brought, the longer the pauses
 *                          and the fewer calls at a time
 *   a data set's cap       holds the triggers of that data set alone: of the 20 all triggers together have 16,
 *                          the last 6 one at a time (budget_trigger_room()), so that polls and downloads, and
 *                          data sets that are below their caps, go on. What is known of the
 *                          cap is learned: from the text of the refusal, and from how many of
 *                          our crawls ran when it came. A place opens when one of them ends;
 *                          where others take it first, the data set waits for a while
 *   away                   failure after failure (no answer, or 5xx): one probe at a time,
 *                          after 1, 2, 4 ... 30 s, until one is answered
 *   key refused            to a trigger, or for two crawls in a row: one probe every few minutes, and at once after
 *                          budget_key_retry()
 *
 * Calls whose answers nobody saw (their poller or the keeper was lost) are presumed to have
 * been refused: for 5 minutes, or until as many others were answered well, which does not count where the rate was
 * met, nor for triggers while triggers are refused. With them the sum may be 24.
 *
 * The shape is that of a mail queue's feedback (Postfix, qmgr_feedback): a window for each
 * destination that grows with successes and shrinks on refusal.
 *
 * What a later keeper has to know of it is a budget_record, in wall times: budget_save()
 * whenever something in it has changed, budget_restore() at start.
 */
#ifndef KEEPER_KEEPER_BUDGET_H
#define KEEPER_KEEPER_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/msg.h"
#include "model/request.h"
#include "provider/provider.h"

#define BUDGET_REFUSALS_MAX 20		/* of 25; the rest is for answers that nobody saw */
#define BUDGET_TRIGGERS_MAX 16		/* of the 20, for triggers: what a cap refuses must not stop what it does not refuse */
#define BUDGET_AT_ONCE_MAX  10		/* of the 16, refused and in flight: caps that are met all at once leave some over */
#define BUDGET_UNSEEN_MAX   24		/* with those: so few that nothing is blocked if all of them were refused */
#define BUDGET_WINDOW_MS    300000
#define BUDGET_PAUSE_MAX_MS 3600000	/* of a pause that the provider names */
#define BUDGET_SETS	    64		/* data sets that are told apart; all others share one more place */

/* One data set. */
struct budget_set {
	char	 dataset_id[REQUEST_DATASET_SIZE];	/* "": the place that others share */
	unsigned waiting;	/* our crawls that wait for their trigger */
	unsigned running;	/* our crawls that have a job there, or may have one */
	unsigned in_flight;	/* triggers under way */
	unsigned window;	/* of them at a time */
	unsigned limit;		/* running at a time, as far as is known; beyond it one is tried now and then */
	unsigned step;		/* by so much the limit rises when that one is taken */
	unsigned refused;	/* in a row at the limit */
	bool	 is_cap;	/* the limit was told, and all who run are ours: trying is hopeless */
	bool	 is_contested;	/* a place that one of ours left was taken by others */
	int64_t	 probe_mono_ms;	/* one beyond the limit may be tried then */
};

struct budget {
	const struct provider *provider;	/* its cap of running jobs, and how it tells of it */
	unsigned calls_max;
	unsigned calls;		/* in flight, of those that could be answered 429 */
	int64_t	 refusals_mono_ms[BUDGET_REFUSALS_MAX];	/* the last answers 429, a ring */
	uint64_t refusal_count;
	unsigned presumed;	/* answers that nobody saw, ... */
	unsigned presumed_triggers;	/* ... of them those to triggers, which a cap may have refused, ... */
	int64_t	 presumed_mono_ms;	/* ... the last of them, ... */
	unsigned redeemed;	/* ... and good answers since */
	unsigned window;	/* calls at a time that the provider bore lately */
	unsigned ceiling;	/* up to it the window grows by one with each good answer, then by one a round */
	unsigned credit;	/* good answers of this round */
	unsigned rounds;	/* pauses in a row */
	int64_t	 until_mono_ms;	/* of the pause */
	bool	 paused;	/* no call has begun since it did */
	unsigned failures;	/* in a row */
	bool	 away;		/* the last call was no good; patience() stands still */
	bool	 open;		/* so were many before: one probe at a time */
	unsigned probes;	/* in a row, in vain */
	int64_t	 probe_mono_ms;
	struct uuid failed;	/* the crawl of the last failure */
	bool	 key_refused, key_is_sure;
	struct uuid key_crawl;	/* whose job was asked about when it was refused last */
	int64_t	 key_mono_ms;	/* the next probe of a refused key */
	bool	 changed;	/* what a later keeper has to know, since budget_save() */
	struct budget_set sets[BUDGET_SETS + 1];
	unsigned set_count;	/* of the named ones */
};

struct budget_pause {
	char	 dataset_id[REQUEST_DATASET_SIZE];	/* "": all calls, else the limit of this data set */
	int64_t	 until_ms;
	unsigned times;		/* in a row */
	int64_t	 limit;		/* of a data set; below 0: told, and all who ran were ours. Of all: answers presumed */
};

/* Wall times. They are believed in their distance from noted_ms, so that a clock that was
 * set back meanwhile makes a pause begin again, but never lasts longer. */
struct budget_record {
	int64_t	 noted_ms;	/* 0: nothing was ever noted */
	int64_t	 limited_ms[BUDGET_REFUSALS_MAX];	/* the last answers 429, oldest first */
	unsigned limited_count;
	struct budget_pause pauses[1 + BUDGET_SETS];
	unsigned pause_count;
};

void budget_init(struct budget *, const struct provider *, unsigned calls_max);

/* ---- may it be asked? ---- */

/* Calls that may begin now, beside those in flight. */
unsigned budget_room(const struct budget *, int64_t now_mono_ms);
/* So many of those triggers, with that many of them in flight. */
unsigned budget_trigger_room(const struct budget *, int64_t now_mono_ms, unsigned in_flight);
/* The next moment at which one of both could be more without anything ending; INT64_MAX: none. */
int64_t budget_opens_mono_ms(const struct budget *, int64_t now_mono_ms);
void budget_call_begun(struct budget *, unsigned calls);
void budget_call_ended(struct budget *, unsigned calls);	/* or can no longer be answered 429 */
enum provider_state budget_state(const struct budget *, int64_t now_mono_ms, int64_t *ret_until_mono_ms);
unsigned budget_refusals(const struct budget *, int64_t now_mono_ms);	/* of the last 5 minutes */
/* Whether time counts against a crawl's patience: not while the provider cannot be asked. */
bool budget_patience_runs(const struct budget *, int64_t now_mono_ms);

/* ---- what came of a call ---- */

void budget_answered(struct budget *);		/* by anything but the following */
/* 429 for its rate; retry_after_ms 0: it named no pause. Returns the end of the pause. */
int64_t budget_limited(struct budget *, int64_t now_mono_ms, int64_t retry_after_ms, uint64_t random);
/* No answer, or one that blames the provider itself (5xx). crawl tells one crawl's trouble from
 * the provider's. */
void budget_failed(struct budget *, int64_t now_mono_ms, bool answered, const struct uuid *crawl, uint64_t random);
/* crawl: whose job was asked about, which may not be ours to see; NULL: a call of which that cannot be. */
void budget_key_refused(struct budget *, int64_t now_mono_ms, const struct uuid *crawl, uint64_t random);
bool budget_key_is_refused(const struct budget *, int64_t now_mono_ms);	/* for sure: the next probe is a while off */
void budget_key_retry(struct budget *, int64_t now_mono_ms);
/* Nobody will ever know. triggers: so many of them, and of those that a former keeper noted. */
void budget_unseen(struct budget *, int64_t now_mono_ms, unsigned calls, unsigned triggers);
/* One of those triggers is heard of after all. */
void budget_trigger_seen(struct budget *);

/* ---- data sets ---- */

struct budget_set *budget_set(struct budget *, const char *dataset_id);
void budget_forget_counts(struct budget *);	/* waiting and running, before they are counted anew */
/* Triggers of it that may begin now, as far as the data set is concerned. */
unsigned budget_set_room(const struct budget *, const struct budget_set *, int64_t now_mono_ms);
/* When one beyond the limit may be tried, of a data set that triggers wait for; INT64_MAX: none. */
int64_t budget_set_opens_mono_ms(const struct budget_set *, int64_t now_mono_ms);
/* The provider took a job; the caller has counted it among those that run. */
void budget_set_taken(struct budget *, struct budget_set *);
/* 429 for its cap; text is the provider's, which may tell both numbers. */
void budget_set_refused(struct budget *, struct budget_set *, int64_t now_mono_ms, const char *text);

/* ---- from one keeper to the next ---- */

void budget_save(struct budget *, int64_t now_mono_ms, int64_t now_wall_ms, struct budget_record *ret);
/* After budget_init(). Held is what the record says and no longer than the limits above allow. */
void budget_restore(struct budget *, int64_t now_mono_ms, int64_t now_wall_ms, const struct budget_record *);

#endif
