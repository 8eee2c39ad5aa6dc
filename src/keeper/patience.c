/*
 * patience.c - the table of patience. Follows the provider's retry rules: only a trigger
 * that surely made no job is sent again without a search; questions are free and may be
 * repeated, for as long as the provider keeps what is asked for.
 */
#include "keeper/patience.h"

#include "base/backoff.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS	  (60 * MINUTE_MS)
#define DAY_MS	  (24 * HOUR_MS)

#define BUILD_STEP_MS	 10000			/* pause after the n-th "building": n times this ... */
#define BUILD_CAP_MS	 MINUTE_MS		/* ... at most */
#define GONE_FAILURES	 5			/* "no such snapshot" in a row, and ... */
#define GONE_TIME_MS	 (2 * MINUTE_MS)	/* ... for so long, before it is believed */
#define NAMED_MAX_MS	 HOUR_MS		/* of a pause that the provider names */
#define TRIGGER_FAILURES 3			/* at least: hours behind a cap may lie between two of them */

static const struct backoff short_backoff = { 1000, MINUTE_MS };
/* A page of HTML or a cut array is the provider's bad quarter of an hour, not its last word. */
static const struct backoff unsound_backoff = { 20000, 5 * MINUTE_MS };

enum pace {
	PACE_NONE,		/* not a matter of waiting: the handler decides */
	PACE_NOW,		/* as soon as calls are let through again */
	PACE_BACKOFF,		/* 1 s, doubled with each failure, at most 60 s */
	PACE_POLL,		/* the poll interval */
	PACE_POLL_BACKOFF,	/* the poll interval, doubled with each failure, at most 60 s */
	PACE_BUILD,
};

enum span {
	SPAN_EVER,		/* it is not the crawl that fails */
	SPAN_POLLING,		/* as long as all polls together take */
	SPAN_DAY,
	SPAN_BUILT,		/* a file does not take longer to build */
	SPAN_KEPT,		/* what was paid for is there as long as the provider keeps it */
};

struct row {
	enum pace	pace;
	enum span	span;
	enum crawl_step	step;
	bool		counts;		/* as a failure in a row */
	enum error_code	error;		/* when patience ends; ERROR_NONE: the report's own */
};

#define NO_STEP PATIENCE_NO_STEP

static const struct row rows[TASK_KIND_COUNT][OUTCOME_COUNT] = {
	/*			    pace	       span	     step	      counts error */
	[TASK_TRIGGER] = {
		[OUTCOME_WAIT]	  = { PACE_BACKOFF,	 SPAN_POLLING, STEP_NOT_SENT,	true,  ERROR_NONE },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 SPAN_POLLING, STEP_NOT_SENT,	true,  ERROR_NONE },
		[OUTCOME_LIMITED] = { PACE_NOW,		 SPAN_EVER,    STEP_NOT_SENT,	false, ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 SPAN_EVER,    STEP_NOT_SENT,	false, ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_NOW,		 SPAN_EVER,    STEP_NOT_SENT,	false, ERROR_NONE },
	},
	[TASK_POLL] = {
		[OUTCOME_WAIT]	  = { PACE_POLL,	 SPAN_EVER,    STEP_PENDING,	false, ERROR_POLLING_TIMEOUT },
		[OUTCOME_RETRY]	  = { PACE_POLL_BACKOFF, SPAN_POLLING, NO_STEP,		true,  ERROR_POLLING_TIMEOUT },
		[OUTCOME_UNKNOWN] = { PACE_POLL_BACKOFF, SPAN_POLLING, NO_STEP,		true,  ERROR_POLLING_TIMEOUT },
		[OUTCOME_LIMITED] = { PACE_NOW,		 SPAN_EVER,    NO_STEP,		false, ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 SPAN_EVER,    NO_STEP,		false, ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
	},
	[TASK_DOWNLOAD] = {
		[OUTCOME_WAIT]	  = { PACE_BUILD,	 SPAN_BUILT,   STEP_NOT_BUILT,	false, ERROR_SNAPSHOT_FAILED },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
		[OUTCOME_UNKNOWN] = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
		[OUTCOME_LIMITED] = { PACE_NOW,		 SPAN_EVER,    NO_STEP,		false, ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 SPAN_EVER,    NO_STEP,		false, ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
	},
	[TASK_STORE] = {
		[OUTCOME_WAIT]	  = { PACE_NOW,		 SPAN_KEPT,    STEP_SPOOL_LOST,	false, ERROR_STORAGE_ERROR },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
		[OUTCOME_UNKNOWN] = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
		[OUTCOME_LIMITED] = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_BACKOFF,	 SPAN_KEPT,    NO_STEP,		true,  ERROR_STORAGE_PERMISSION },
	},
	[TASK_CANCEL] = {
		[OUTCOME_WAIT]	  = { PACE_BACKOFF,	 SPAN_DAY,     NO_STEP,		true,  ERROR_CANCELED },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 SPAN_DAY,     NO_STEP,		true,  ERROR_CANCELED },
		[OUTCOME_UNKNOWN] = { PACE_BACKOFF,	 SPAN_DAY,     NO_STEP,		true,  ERROR_CANCELED },
		[OUTCOME_LIMITED] = { PACE_NOW,		 SPAN_EVER,    NO_STEP,		false, ERROR_CANCELED },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 SPAN_EVER,    NO_STEP,		false, ERROR_CANCELED },
		[OUTCOME_AUTH]	  = { PACE_BACKOFF,	 SPAN_EVER,    NO_STEP,		true,  ERROR_CANCELED },
	},
};

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
length_of(enum span span, const struct patience_now *now)
{
	int64_t polling = now->poll_interval_ms * now->max_polls;

	switch (span) {
	case SPAN_POLLING:
		return polling;
	case SPAN_DAY:
		return DAY_MS;
	case SPAN_BUILT:
		return larger(now->limits->build_ms, polling);
	case SPAN_KEPT:
		return now->limits->kept_ms;
	case SPAN_EVER:
	default:
		return INT64_MAX;
	}
}

int64_t
patience_poll_pause(const struct patience_now *now)
{
	return backoff_jitter(now->poll_interval_ms, 10, now->random);
}

static int64_t
pause_of(const struct crawl *c, enum pace pace, const struct patience_now *now)
{
	int64_t interval = now->poll_interval_ms;
	struct backoff polls = { interval, larger(interval, MINUTE_MS) };

	switch (pace) {
	case PACE_BACKOFF:
		return backoff_pause_ms(&short_backoff, c->failures, now->random);
	case PACE_POLL:
		return patience_poll_pause(now);
	case PACE_POLL_BACKOFF:
		return backoff_pause_ms(&polls, c->failures, now->random);
	case PACE_BUILD:
		return smaller(smaller(interval, BUILD_STEP_MS) * (int64_t)c->looks, BUILD_CAP_MS);
	case PACE_NONE:
	case PACE_NOW:
	default:
		return 0;
	}
}

/* "try again in 30s" is obeyed, but not for longer than we would wait between two polls. Other
 * pauses that it names are held by the budget for all calls where that is meant. */
static int64_t
named_pause(enum pace pace, int64_t named, const struct patience_now *now)
{
	if (pace == PACE_NOW)
		return 0;
	return smaller(named, pace == PACE_BUILD ? now->poll_interval_ms : NAMED_MAX_MS);
}

static bool
is_unsound(enum task_kind kind, const struct msg_verdict *v)
{
	return kind == TASK_DOWNLOAD && v->outcome == OUTCOME_RETRY && v->error == ERROR_INVALID_DATA;
}

static bool
is_no_such_job(enum task_kind kind, const struct msg_verdict *v)
{
	return kind == TASK_POLL && v->outcome == OUTCOME_RETRY && v->error == ERROR_NOT_FOUND;
}

/* An answer of another kind than those before it ("no such job" after timeouts, "building" after a day of
 * failed downloads) is the first of its own row. */
static bool
begins_row(const struct crawl *c, enum task_kind kind, const struct msg_verdict *v)
{
	if (kind == TASK_DOWNLOAD && v->outcome == OUTCOME_WAIT)
		return c->looks <= 1;
	return is_no_such_job(kind, v) && c->looks == 0;
}

/* The provider knows the job, or could be asked and wants the trigger later: no failure, and so none in a row. */
static bool
ends_row(enum task_kind kind, const struct msg_verdict *v, const struct row *row)
{
	return kind == TASK_TRIGGER ? !row->counts : kind == TASK_POLL && v->outcome == OUTCOME_WAIT;
}

static void
count(struct crawl *c, enum task_kind kind, const struct msg_verdict *v, const struct row *row, int64_t clock_ms)
{
	if (begins_row(c, kind, v) || ends_row(kind, v, row)) {
		c->failures = 0;
		c->failing_ms = 0;
	}
	if (kind == TASK_POLL && v->outcome == OUTCOME_WAIT)
		c->looks = 0;
	c->looks += is_no_such_job(kind, v);
	c->failures += row->counts;
	c->unsound += is_unsound(kind, v);
	if (c->failing_ms == 0 && row->span != SPAN_EVER)
		c->failing_ms = clock_ms;
}

static bool
is_over(const struct crawl *c, enum task_kind kind, const struct msg_verdict *v, const struct row *row,
    const struct patience_now *now)
{
	if (kind == TASK_POLL && v->outcome == OUTCOME_WAIT)
		return (int64_t)c->polls >= now->max_polls;
	if (is_unsound(kind, v) && (int64_t)c->unsound >= now->max_attempts)
		return true;
	if (kind == TASK_TRIGGER && c->failures < TRIGGER_FAILURES)
		return false;
	return now->clock_ms - c->failing_ms >= length_of(row->span, now);
}

bool
patience_after(struct crawl *c, enum task_kind kind, const struct msg_verdict *v, const struct patience_now *now,
    struct patience_verdict *ret)
{
	const struct row *row = &rows[kind][v->outcome];
	int64_t named;

	if (row->pace == PACE_NONE)
		return false;
	count(c, kind, v, row, now->clock_ms);
	ret->ends = is_over(c, kind, v, row, now);
	ret->error = row->error;
	ret->step = row->step;
	ret->pause_ms = is_unsound(kind, v) ? backoff_pause_ms(&unsound_backoff, 2 * c->unsound - 1, now->random) :
	    pause_of(c, row->pace, now);
	named = named_pause(row->pace, v->retry_after_ms, now);
	if (named > ret->pause_ms) {
		if (c->failing_ms != 0)
			c->failing_ms += named - ret->pause_ms;		/* not the crawl's own time */
		ret->pause_ms = named;
	}
	return true;
}

bool
patience_is_gone(const struct crawl *c, const struct msg_verdict *v, const struct patience_now *now)
{
	return is_no_such_job(TASK_POLL, v) && c->looks + 1 >= GONE_FAILURES &&
	    now->clock_ms - c->failing_ms >= GONE_TIME_MS;
}
