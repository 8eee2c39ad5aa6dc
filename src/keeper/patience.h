/*
 * patience.h - what follows when an answer is not the one that was hoped for: the step,
 * the pause before the next attempt, and when the crawl is given up. Pure: one table of
 * rows, read by task and outcome; the clock and the random numbers are the caller's.
 *
 * Patience is measured from the first failure in a row (crawl.failing_ms), on a clock of
 * its own that stands still while nothing could be asked: while trawld is down, the
 * provider is away, wants a pause or refuses the key. So no crawl pays for time that was
 * not its own, and no step of the wall clock ends one.
 */
#ifndef KEEPER_PATIENCE_H
#define KEEPER_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/msg.h"
#include "model/crawl.h"
#include "provider/provider.h"

#define PATIENCE_NO_STEP CRAWL_STEP_COUNT	/* the crawl stays in its state */

/* What of the configuration and of the moment the rules need. */
struct patience_now {
	int64_t		 clock_ms;	/* the patience clock */
	int64_t		 poll_interval_ms;
	int64_t		 max_polls;
	int64_t		 max_attempts;	/* at a download whose body is no data */
	uint64_t	 random;
	const struct provider_limits *limits;
};

struct patience_verdict {
	bool		 ends;		/* the crawl is given up, with error */
	enum error_code	 error;		/* ERROR_NONE: the report's own */
	enum crawl_step	 step;		/* PATIENCE_NO_STEP */
	int64_t		 pause_ms;
};

/* False when it is no matter of waiting: the handler decides. c's counters of what came in a
 * row (failures, failing_ms, unsound, and of polls looks) are brought up to date; answers
 * "building" (looks) and those that say that the job runs (polls) the caller has counted. */
bool patience_after(struct crawl *c, enum task_kind, const struct msg_verdict *, const struct patience_now *,
    struct patience_verdict *ret);
/* Before patience_after(): that the provider does not know the job is believed after a while. */
bool patience_is_gone(const struct crawl *c, const struct msg_verdict *, const struct patience_now *);
/* Until the next poll of a job that runs. */
int64_t patience_poll_pause(const struct patience_now *);

#endif
