/*
 * test-keeper-patience.c - what follows when an answer is not the one that was hoped for: each
 * row of task and outcome, then the rows of answers in which patience is measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "keeper/patience.h"
#include "provider/brightdata.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define EVER   INT64_MAX
#define BEGUN  (1000 * DAY)	/* the patience clock of a trawld that has run for long */

/* The usual configuration: polls of 30 s, 120 of them, an hour in all. */
static const struct patience_now usual = { BEGUN, 30 * SECOND, 120, 3, 0, &provider_brightdata.limits };

static struct patience_now
at(int64_t after)
{
	struct patience_now now = usual;

	now.clock_ms += after;
	return now;
}

static struct msg_verdict
said(enum outcome outcome, enum error_code error)
{
	return (struct msg_verdict){ .outcome = outcome, .error = error };
}

static struct patience_verdict
after(struct crawl *c, enum task_kind kind, enum outcome outcome, enum error_code error, int64_t when)
{
	struct patience_verdict p = { .pause_ms = -1 };
	struct patience_now now = at(when);
	struct msg_verdict v = said(outcome, error);

	assert_true(patience_after(c, kind, &v, &now, &p));
	return p;
}

/* ---- each row ---- */

struct row {
	enum task_kind	kind;
	enum outcome	outcome;
	enum crawl_step step;
	int64_t		first_low, first_high;	/* the pause after the first of them in a row ... */
	int64_t		sixth_low, sixth_high;	/* ... and after the sixth */
	int64_t		patience;
	enum error_code	error;			/* at its end; NONE: the report's own */
	bool		counts;			/* as a failure in a row */
};

#define NOW	    0, 0, 0, 0
#define BACKOFF	    750, 1250, 24 * SECOND, 40 * SECOND
#define POLL	    27 * SECOND, 33 * SECOND, 27 * SECOND, 33 * SECOND
#define POLL_LONGER 22500, 37500, 36 * SECOND, 60 * SECOND
#define BUILD	    10 * SECOND, 10 * SECOND, 60 * SECOND, 60 * SECOND
#define NO_STEP	    PATIENCE_NO_STEP
#define KEPT	    (16 * DAY)

static const struct row rows[] = {
	{ TASK_TRIGGER, OUTCOME_WAIT, STEP_NOT_SENT, BACKOFF, HOUR, ERROR_NONE, true },
	{ TASK_TRIGGER, OUTCOME_RETRY, STEP_NOT_SENT, BACKOFF, HOUR, ERROR_NONE, true },
	{ TASK_TRIGGER, OUTCOME_LIMITED, STEP_NOT_SENT, NOW, EVER, ERROR_NONE, false },
	{ TASK_TRIGGER, OUTCOME_BUSY, STEP_NOT_SENT, NOW, EVER, ERROR_NONE, false },
	{ TASK_TRIGGER, OUTCOME_AUTH, STEP_NOT_SENT, NOW, EVER, ERROR_NONE, false },
	{ TASK_POLL, OUTCOME_WAIT, STEP_PENDING, POLL, EVER, ERROR_POLLING_TIMEOUT, false },
	{ TASK_POLL, OUTCOME_RETRY, NO_STEP, POLL_LONGER, HOUR, ERROR_POLLING_TIMEOUT, true },
	{ TASK_POLL, OUTCOME_UNKNOWN, NO_STEP, POLL_LONGER, HOUR, ERROR_POLLING_TIMEOUT, true },
	{ TASK_POLL, OUTCOME_LIMITED, NO_STEP, NOW, EVER, ERROR_NONE, false },
	{ TASK_POLL, OUTCOME_BUSY, NO_STEP, NOW, EVER, ERROR_NONE, false },
	{ TASK_POLL, OUTCOME_AUTH, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_DOWNLOAD, OUTCOME_WAIT, STEP_NOT_BUILT, BUILD, HOUR, ERROR_SNAPSHOT_FAILED, false },
	{ TASK_DOWNLOAD, OUTCOME_RETRY, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_DOWNLOAD, OUTCOME_UNKNOWN, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_DOWNLOAD, OUTCOME_LIMITED, NO_STEP, NOW, EVER, ERROR_NONE, false },
	{ TASK_DOWNLOAD, OUTCOME_BUSY, NO_STEP, NOW, EVER, ERROR_NONE, false },
	{ TASK_DOWNLOAD, OUTCOME_AUTH, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_STORE, OUTCOME_WAIT, STEP_SPOOL_LOST, NOW, KEPT, ERROR_STORAGE_ERROR, false },
	{ TASK_STORE, OUTCOME_RETRY, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_STORE, OUTCOME_UNKNOWN, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_STORE, OUTCOME_LIMITED, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_STORE, OUTCOME_BUSY, NO_STEP, BACKOFF, KEPT, ERROR_NONE, true },
	{ TASK_STORE, OUTCOME_AUTH, NO_STEP, BACKOFF, KEPT, ERROR_STORAGE_PERMISSION, true },
	{ TASK_CANCEL, OUTCOME_WAIT, NO_STEP, BACKOFF, DAY, ERROR_CANCELED, true },
	{ TASK_CANCEL, OUTCOME_RETRY, NO_STEP, BACKOFF, DAY, ERROR_CANCELED, true },
	{ TASK_CANCEL, OUTCOME_UNKNOWN, NO_STEP, BACKOFF, DAY, ERROR_CANCELED, true },
	{ TASK_CANCEL, OUTCOME_LIMITED, NO_STEP, NOW, EVER, ERROR_CANCELED, false },
	{ TASK_CANCEL, OUTCOME_BUSY, NO_STEP, NOW, EVER, ERROR_CANCELED, false },
	{ TASK_CANCEL, OUTCOME_AUTH, NO_STEP, BACKOFF, EVER, ERROR_CANCELED, true },
};

static const struct row *
row_of(enum task_kind kind, enum outcome outcome)
{
	for (size_t i = 0; i < countof(rows); i++) {
		if (rows[i].kind == kind && rows[i].outcome == outcome)
			return &rows[i];
	}
	return NULL;
}

static void
what_is_no_matter_of_waiting_is_left_to_the_handler(void **state)
{
	unsigned left = 0;

	(void)state;
	for (int kind = 0; kind < TASK_KIND_COUNT; kind++) {
		for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
			struct crawl c = { .failures = 4, .unsound = 2, .failing_ms = BEGUN - 1, .looks = 3 };
			struct crawl before = c;
			struct msg_verdict v = said((enum outcome)outcome, ERROR_NOT_FOUND);
			struct patience_verdict p;

			if (row_of((enum task_kind)kind, (enum outcome)outcome) != NULL)
				continue;
			assert_false(patience_after(&c, (enum task_kind)kind, &v, &usual, &p));
			assert_memory_equal(&c, &before, sizeof(c));
			left++;
		}
	}
	assert_int_equal(left, TASK_KIND_COUNT * OUTCOME_COUNT - countof(rows));
}

/* The answer of the row for the n-th time in a row, half a minute after the last; the least and the greatest
 * pause that any random number gives. */
static struct patience_verdict
nth(const struct row *row, unsigned n, int64_t *ret_low, int64_t *ret_high)
{
	struct msg_verdict v = said(row->outcome, ERROR_BRIGHTDATA_UNAVAILABLE);
	struct patience_verdict p = { .pause_ms = -1 };
	struct crawl c = { .polls = 1 }, last;

	for (unsigned i = 1; i <= n; i++) {
		struct patience_now now = at(i * 30 * SECOND);

		c.looks += row->kind == TASK_DOWNLOAD && row->outcome == OUTCOME_WAIT;
		last = c;
		assert_true(patience_after(&c, row->kind, &v, &now, &p));
		assert_int_equal(c.failures, row->counts ? i : 0);
	}
	*ret_low = INT64_MAX;
	*ret_high = INT64_MIN;
	for (uint64_t random = 0; random < 70000; random += 7) {
		struct patience_now now = at(n * 30 * SECOND);

		now.random = random;
		c = last;
		assert_true(patience_after(&c, row->kind, &v, &now, &p));
		*ret_low = p.pause_ms < *ret_low ? p.pause_ms : *ret_low;
		*ret_high = p.pause_ms > *ret_high ? p.pause_ms : *ret_high;
	}
	return p;
}

static void
each_row_has_its_step_and_its_pauses(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct row *row = &rows[i];
		struct patience_verdict p;
		int64_t low, high;

		p = nth(row, 1, &low, &high);
		if (p.ends || p.step != row->step || low < row->first_low || high > row->first_high)
			fail_msg("row %zu: step %d, pause %lld to %lld", i, p.step, (long long)low, (long long)high);
		p = nth(row, 6, &low, &high);
		if (p.ends || p.step != row->step || low < row->sixth_low || high > row->sixth_high)
			fail_msg("row %zu: step %d, sixth %lld to %lld", i, p.step, (long long)low, (long long)high);
		p = nth(row, 40, &low, &high);
		assert_true(high <= MINUTE);
	}
}

/* One when it begins, some on the way, one a moment before patience ends, and one at its end. */
static void
each_row_has_its_patience_measured_from_the_first_in_a_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct row *row = &rows[i];
		int64_t end = row->patience != EVER ? row->patience : 3000 * DAY;
		struct crawl c = { .polls = 1, .looks = 1 };
		struct patience_verdict p;

		assert_false(after(&c, row->kind, row->outcome, ERROR_BRIGHTDATA_UNAVAILABLE, 0).ends);
		for (int part = 1; part < 4; part++) {
			c.looks++;
			p = after(&c, row->kind, row->outcome, ERROR_BRIGHTDATA_UNAVAILABLE, end / 4 * part);
			assert_false(p.ends);
		}
		assert_int_equal(c.failing_ms, row->patience != EVER ? BEGUN : 0);
		p = after(&c, row->kind, row->outcome, ERROR_BRIGHTDATA_UNAVAILABLE, end - 1);
		if (p.ends)
			fail_msg("row %zu ends too early", i);
		p = after(&c, row->kind, row->outcome, ERROR_BRIGHTDATA_UNAVAILABLE, end);
		if (p.ends != (row->patience != EVER) || p.error != row->error)
			fail_msg("row %zu: ends %d, error %d", i, p.ends, p.error);
	}
}

/* ---- triggers ---- */

static void
an_hour_behind_a_cap_is_not_the_crawls_own(void **state)
{
	static const enum outcome waits[] = { OUTCOME_BUSY, OUTCOME_LIMITED, OUTCOME_AUTH };

	(void)state;
	for (size_t i = 0; i < countof(waits); i++) {
		struct crawl c = { .state = CRAWL_TRIGGERING };

		/* Nothing but refusals for two hours, then the first connection that fails. */
		for (int minute = 0; minute < 120; minute++)
			assert_false(after(&c, TASK_TRIGGER, waits[i], ERROR_RATE_LIMITED, minute * MINUTE).ends);
		assert_int_equal(c.failing_ms, 0);
		assert_false(after(&c, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 2 * HOUR).ends);
		/* Another two hours behind it: the provider was there, so the row is over. */
		assert_false(after(&c, TASK_TRIGGER, waits[i], ERROR_RATE_LIMITED, 2 * HOUR + MINUTE).ends);
		assert_int_equal(c.failures, 0);
		for (int more = 0; more < 59; more++)
			assert_false(after(&c, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE,
			    4 * HOUR + more * MINUTE).ends);
		assert_true(after(&c, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 5 * HOUR).ends);
	}
}

/* Its turn came once an hour, because the data set was full: two failures are not a row of an hour. */
static void
a_trigger_that_is_rarely_asked_is_not_given_up_at_its_second_failure(void **state)
{
	struct crawl c = { .state = CRAWL_TRIGGERING };

	(void)state;
	assert_false(after(&c, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 0).ends);
	assert_false(after(&c, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 3 * HOUR).ends);
	assert_true(after(&c, TASK_TRIGGER, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 6 * HOUR).ends);
}

/* ---- polls ---- */

static void
only_answered_polls_are_counted(void **state)
{
	struct crawl c = { .state = CRAWL_POLLING };
	struct patience_verdict p;

	(void)state;
	/* The caller counts answers; a thousand failures between them are none. */
	for (int64_t i = 0; i < 119; i++) {
		for (int n = 0; n < 10; n++)
			assert_false(after(&c, TASK_POLL, OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT,
			    i * HOUR + n * MINUTE).ends);
		c.polls++;
		p = after(&c, TASK_POLL, OUTCOME_WAIT, ERROR_NONE, i * HOUR + 30 * MINUTE);
		assert_false(p.ends);
		assert_int_equal(c.failures, 0);
		assert_int_equal(c.failing_ms, 0);
	}
	assert_int_equal(c.polls, 119);
	c.polls++;
	p = after(&c, TASK_POLL, OUTCOME_WAIT, ERROR_NONE, 120 * HOUR);
	assert_true(p.ends);
	assert_int_equal(p.error, ERROR_POLLING_TIMEOUT);
}

static bool
gone(const struct crawl *c, enum outcome outcome, enum error_code error, int64_t when)
{
	struct msg_verdict v = said(outcome, error);
	struct patience_now now = at(when);

	return patience_is_gone(c, &v, &now);
}

static void
that_there_is_no_such_job_is_believed_after_five_answers_and_two_minutes(void **state)
{
	struct crawl slow = { .state = CRAWL_POLLING }, fast = slow;

	(void)state;
	/* Five answers, half a minute apart. */
	for (int i = 0; i < 4; i++) {
		assert_false(gone(&slow, OUTCOME_RETRY, ERROR_NOT_FOUND, i * 30 * SECOND));
		assert_false(after(&slow, TASK_POLL, OUTCOME_RETRY, ERROR_NOT_FOUND, i * 30 * SECOND).ends);
	}
	assert_false(gone(&slow, OUTCOME_RETRY, ERROR_NOT_FOUND, 2 * MINUTE - 1));
	assert_true(gone(&slow, OUTCOME_RETRY, ERROR_NOT_FOUND, 2 * MINUTE));
	assert_false(gone(&slow, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 2 * MINUTE));
	assert_false(gone(&slow, OUTCOME_LIMITED, ERROR_NOT_FOUND, 2 * MINUTE));
	/* Hundreds within two minutes are not enough, nor are four in an hour. */
	for (int i = 0; i < 1199; i++) {
		assert_false(gone(&fast, OUTCOME_RETRY, ERROR_NOT_FOUND, i * 100));
		(void)after(&fast, TASK_POLL, OUTCOME_RETRY, ERROR_NOT_FOUND, i * 100);
	}
	assert_true(gone(&fast, OUTCOME_RETRY, ERROR_NOT_FOUND, 2 * MINUTE));
	slow = (struct crawl){ .state = CRAWL_POLLING };
	for (int i = 0; i < 4; i++) {
		assert_false(gone(&slow, OUTCOME_RETRY, ERROR_NOT_FOUND, i * 10 * MINUTE));
		(void)after(&slow, TASK_POLL, OUTCOME_RETRY, ERROR_NOT_FOUND, i * 10 * MINUTE);
	}
}

/* A job that was paid for is not given up for one "no such job" after ten timeouts. */
static void
failures_of_another_kind_do_not_make_a_job_gone(void **state)
{
	struct crawl c = { .state = CRAWL_POLLING };

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)after(&c, TASK_POLL, OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT, i * MINUTE);
	for (int i = 0; i < 4; i++) {
		assert_false(gone(&c, OUTCOME_RETRY, ERROR_NOT_FOUND, 10 * MINUTE + i * 30 * SECOND));
		assert_false(after(&c, TASK_POLL, OUTCOME_RETRY, ERROR_NOT_FOUND, 10 * MINUTE + i * 30 * SECOND).ends);
		(void)after(&c, TASK_POLL, OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT, 10 * MINUTE + i * 30 * SECOND + 1);
		(void)after(&c, TASK_POLL, OUTCOME_LIMITED, ERROR_RATE_LIMITED, 10 * MINUTE + i * 30 * SECOND + 2);
	}
	assert_false(gone(&c, OUTCOME_RETRY, ERROR_NOT_FOUND, 12 * MINUTE - 1));
	assert_true(gone(&c, OUTCOME_RETRY, ERROR_NOT_FOUND, 12 * MINUTE));
	/* It is there after all. */
	(void)after(&c, TASK_POLL, OUTCOME_WAIT, ERROR_NONE, 12 * MINUTE);
	assert_int_equal(c.looks, 0);
	assert_false(gone(&c, OUTCOME_RETRY, ERROR_NOT_FOUND, 13 * MINUTE));
}

/* ---- downloads ---- */

static void
a_body_that_is_no_data_is_not_final_after_failures_of_another_kind(void **state)
{
	struct crawl c = { .state = CRAWL_DOWNLOADING };
	struct patience_verdict p;

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_false(after(&c, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT, i * MINUTE).ends);
	assert_int_equal(c.unsound, 0);
	assert_false(after(&c, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_INVALID_DATA, 7 * MINUTE).ends);
	assert_false(after(&c, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT, 8 * MINUTE).ends);
	assert_false(after(&c, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_INVALID_DATA, 9 * MINUTE).ends);
	p = after(&c, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_INVALID_DATA, 12 * MINUTE);
	assert_true(p.ends);
	assert_int_equal(p.error, ERROR_NONE);
	assert_int_equal(c.unsound, 3);
	/* Of a store, the same code is no body of the provider's. */
	c = (struct crawl){ .state = CRAWL_STORING };
	for (int i = 0; i < 10; i++)
		assert_false(after(&c, TASK_STORE, OUTCOME_RETRY, ERROR_INVALID_DATA, i * MINUTE).ends);
	assert_int_equal(c.unsound, 0);
}

static void
a_body_that_is_no_data_is_tried_as_often_as_said_three_times_over_a_minute_at_least(void **state)
{
	(void)state;
	for (int64_t attempts = 1; attempts <= 10; attempts++) {
		for (uint64_t random = 0; random < 1000; random++) {
			struct crawl c = { .state = CRAWL_DOWNLOADING };
			struct msg_verdict v = said(OUTCOME_RETRY, ERROR_INVALID_DATA);
			struct patience_now now = usual;
			struct patience_verdict p = { .ends = false };
			int64_t tried = 0;

			now.max_attempts = attempts;
			now.random = random * UINT64_C(0x9e3779b97f4a7c15);
			while (!p.ends) {
				assert_true(patience_after(&c, TASK_DOWNLOAD, &v, &now, &p));
				assert_in_range(p.pause_ms, 15 * SECOND, 5 * MINUTE);
				tried++;
				if (!p.ends)
					now.clock_ms += p.pause_ms;
			}
			assert_int_equal(tried, attempts);
			if (attempts > 2)
				assert_true(now.clock_ms - BEGUN >= MINUTE);
			assert_true(now.clock_ms - BEGUN <= (attempts - 1) * 5 * MINUTE);
		}
	}
}

static void
building_is_given_up_after_half_an_hour_or_the_time_that_polls_take(void **state)
{
	static const struct { int64_t interval, polls, patience; } confs[] = {
		{ 30 * SECOND, 120, HOUR }, { 30 * SECOND, 10, 30 * MINUTE }, { 100, 20, 30 * MINUTE },
		{ 5 * MINUTE, 100, 500 * MINUTE },
	};

	(void)state;
	for (size_t i = 0; i < countof(confs); i++) {
		struct crawl c = { .state = CRAWL_DOWNLOADING };
		struct msg_verdict v = said(OUTCOME_WAIT, ERROR_NONE);
		struct patience_now now = usual;
		struct patience_verdict p = { .ends = false };

		now.poll_interval_ms = confs[i].interval;
		now.max_polls = confs[i].polls;
		while (!p.ends) {
			c.looks++;
			assert_true(patience_after(&c, TASK_DOWNLOAD, &v, &now, &p));
			assert_in_range(p.pause_ms, 1, MINUTE);
			if (!p.ends)
				now.clock_ms += p.pause_ms;
		}
		assert_int_equal(p.error, ERROR_SNAPSHOT_FAILED);
		assert_in_range(now.clock_ms - BEGUN, confs[i].patience, confs[i].patience + MINUTE);
	}
}

/* Downloads may fail for a day; that the file is being built then is news, and not an hour too late. */
static void
building_is_measured_from_the_first_time_that_it_is_said(void **state)
{
	struct crawl c = { .state = CRAWL_DOWNLOADING };

	(void)state;
	for (int i = 0; i < 24; i++)
		assert_false(after(&c, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, i * HOUR).ends);
	for (int i = 0; i < 60; i++) {
		c.looks++;
		assert_false(after(&c, TASK_DOWNLOAD, OUTCOME_WAIT, ERROR_NONE, 24 * HOUR + i * MINUTE).ends);
	}
	c.looks++;
	assert_true(after(&c, TASK_DOWNLOAD, OUTCOME_WAIT, ERROR_NONE, 25 * HOUR).ends);
}

/* ---- pauses that the provider names ---- */

static void
named_pauses_are_obeyed_within_bounds(void **state)
{
	static const struct {
		enum task_kind kind;
		enum outcome outcome;
		int64_t interval, named, low, high;
	} cases[] = {
		/* "Snapshot is building. Try again in 30s": not longer than between two polls */
		{ TASK_DOWNLOAD, OUTCOME_WAIT, 30 * SECOND, 30 * SECOND, 30 * SECOND, 30 * SECOND },
		{ TASK_DOWNLOAD, OUTCOME_WAIT, 30 * SECOND, 5 * SECOND, 10 * SECOND, 10 * SECOND },
		{ TASK_DOWNLOAD, OUTCOME_WAIT, 30 * SECOND, HOUR, 30 * SECOND, 30 * SECOND },
		{ TASK_DOWNLOAD, OUTCOME_WAIT, 20 * MINUTE, 10 * MINUTE, 10 * MINUTE, 10 * MINUTE },
		{ TASK_DOWNLOAD, OUTCOME_WAIT, 100, 30 * SECOND, 100, 100 },
		{ TASK_DOWNLOAD, OUTCOME_WAIT, 30 * SECOND, -5, 10 * SECOND, 10 * SECOND },
		/* Retry-After of a 503 */
		{ TASK_DOWNLOAD, OUTCOME_RETRY, 30 * SECOND, 20 * SECOND, 20 * SECOND, 20 * SECOND },
		{ TASK_DOWNLOAD, OUTCOME_RETRY, 30 * SECOND, 100, 750, 1250 },
		{ TASK_DOWNLOAD, OUTCOME_RETRY, 30 * SECOND, 10 * HOUR, HOUR, HOUR },
		{ TASK_POLL, OUTCOME_RETRY, 30 * SECOND, 5 * MINUTE, 5 * MINUTE, 5 * MINUTE },
		{ TASK_POLL, OUTCOME_WAIT, 30 * SECOND, 5 * SECOND, 27 * SECOND, 33 * SECOND },
		{ TASK_STORE, OUTCOME_RETRY, 30 * SECOND, INT64_MAX, HOUR, HOUR },
		/* What the budget holds for all calls is not held here as well. */
		{ TASK_TRIGGER, OUTCOME_LIMITED, 30 * SECOND, 40 * SECOND, 0, 0 },
		{ TASK_POLL, OUTCOME_LIMITED, 30 * SECOND, 40 * SECOND, 0, 0 },
		{ TASK_TRIGGER, OUTCOME_BUSY, 30 * SECOND, 40 * SECOND, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct crawl c = { .looks = 1 };
		struct msg_verdict v = said(cases[i].outcome, ERROR_NONE);
		struct patience_now now = usual;
		struct patience_verdict p;

		v.retry_after_ms = cases[i].named;
		now.poll_interval_ms = cases[i].interval;
		assert_true(patience_after(&c, cases[i].kind, &v, &now, &p));
		if (p.pause_ms < cases[i].low || p.pause_ms > cases[i].high)
			fail_msg("case %zu: %lld ms", i, (long long)p.pause_ms);
	}
}

/* A provider that says "in an hour" with each 503 is asked more than twice, and not for ever. */
static void
named_pauses_are_not_the_crawls_own_time(void **state)
{
	struct crawl c = { .state = CRAWL_POLLING };
	struct msg_verdict v = said(OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE);
	struct patience_now now = usual;
	struct patience_verdict p = { .ends = false };
	unsigned asked = 0;

	(void)state;
	v.retry_after_ms = HOUR;
	for (; !p.ends && asked < 1000; asked++) {
		assert_true(patience_after(&c, TASK_POLL, &v, &now, &p));
		now.clock_ms += p.pause_ms;
	}
	assert_true(p.ends);
	assert_in_range(asked, 60, 110);	/* as often as without its pauses */
}

static void
polls_of_a_job_that_runs_are_spread(void **state)
{
	struct patience_now now = usual;
	int64_t low = INT64_MAX, high = 0;

	(void)state;
	for (uint64_t random = 0; random < 20000; random++) {
		int64_t pause;

		now.random = random;
		pause = patience_poll_pause(&now);
		low = pause < low ? pause : low;
		high = pause > high ? pause : high;
	}
	assert_int_equal(low, 27 * SECOND);
	assert_int_equal(high, 33 * SECOND);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_matter_of_waiting_is_left_to_the_handler),
		cmocka_unit_test(each_row_has_its_step_and_its_pauses),
		cmocka_unit_test(each_row_has_its_patience_measured_from_the_first_in_a_row),
		cmocka_unit_test(an_hour_behind_a_cap_is_not_the_crawls_own),
		cmocka_unit_test(a_trigger_that_is_rarely_asked_is_not_given_up_at_its_second_failure),
		cmocka_unit_test(only_answered_polls_are_counted),
		cmocka_unit_test(that_there_is_no_such_job_is_believed_after_five_answers_and_two_minutes),
		cmocka_unit_test(failures_of_another_kind_do_not_make_a_job_gone),
		cmocka_unit_test(a_body_that_is_no_data_is_not_final_after_failures_of_another_kind),
		cmocka_unit_test(a_body_that_is_no_data_is_tried_as_often_as_said_three_times_over_a_minute_at_least),
		cmocka_unit_test(building_is_given_up_after_half_an_hour_or_the_time_that_polls_take),
		cmocka_unit_test(building_is_measured_from_the_first_time_that_it_is_said),
		cmocka_unit_test(named_pauses_are_obeyed_within_bounds),
		cmocka_unit_test(named_pauses_are_not_the_crawls_own_time),
		cmocka_unit_test(polls_of_a_job_that_runs_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
