/*
 * test-keeper-budget.c - the discipline towards the provider: each rule by itself, then all of
 * them against a simulated provider over hours and thousands of calls (provider_world.h).
 */
#include "tests/unit/provider_world.h"

#include <limits.h>
#include <time.h>

#define CALLS 16

static struct budget
fresh(unsigned calls_max)
{
	struct budget b;

	budget_init(&b, &provider_brightdata, calls_max);
	return b;
}

static enum provider_state
state_at(const struct budget *b, int64_t now)
{
	int64_t until;

	return budget_state(b, now, &until);
}

/* n calls that are answered well, one after the other. */
static void
good(struct budget *b, unsigned n)
{
	while (n-- > 0) {
		budget_call_begun(b, 1);
		budget_call_ended(b, 1);
		budget_answered(b);
	}
}

/* ---- at first ---- */

static void
nothing_is_held_at_first(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	assert_int_equal(budget_room(&b, 0), CALLS);
	assert_true(budget_opens_mono_ms(&b, 0) == INT64_MAX);
	assert_int_equal(state_at(&b, 0), PROVIDER_OK);
	assert_int_equal(budget_refusals(&b, 0), 0);
	assert_true(budget_patience_runs(&b, 0));
	assert_false(b.changed);
	budget_call_begun(&b, CALLS - 1);
	assert_int_equal(budget_room(&b, 0), 1);
	budget_call_begun(&b, 1);
	assert_int_equal(budget_room(&b, 0), 0);
	budget_call_ended(&b, 2);
	assert_int_equal(budget_room(&b, 0), 2);
}

/* ---- refused for its rate ---- */

static void
the_pause_is_what_the_provider_named_within_an_hour(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	assert_int_equal(budget_limited(&b, 1000, 7000, 99), 8000);
	assert_int_equal(budget_room(&b, 7999), 0);
	assert_int_equal(budget_opens_mono_ms(&b, 1000), 8000);
	assert_int_equal(state_at(&b, 7999), PROVIDER_LIMITED);
	assert_false(budget_patience_runs(&b, 7999));
	assert_int_equal(budget_room(&b, 8000), 1);
	assert_int_equal(state_at(&b, 8000), PROVIDER_OK);
	assert_true(budget_patience_runs(&b, 8000));
	assert_int_equal(budget_limited(&b, 10000, 100 * HOUR, 0), 10000 + HOUR);
}

static void
the_pause_doubles_to_32_s_when_none_is_named(void **state)
{
	static const int64_t pauses[] = { 2000, 4000, 8000, 16000, 32000, 32000 };
	struct budget b = fresh(CALLS);
	int64_t now = 0;

	(void)state;
	for (unsigned i = 0; i < countof(pauses); i++) {
		int64_t until = budget_limited(&b, now, i % 2 ? 0 : -5, (uint64_t)i * 12345);

		assert_in_range(until - now, pauses[i], pauses[i] + pauses[i] / 4);
		now = until;
	}
	now += BUDGET_WINDOW_MS;
	good(&b, 1);
	assert_in_range(budget_limited(&b, now, 0, 0) - now, 2000, 2500);
}

/* A good answer between any two of them is no reason to begin with 2 s again and again. */
static void
pauses_stay_long_where_refusals_are_many(void **state)
{
	struct budget b = fresh(CALLS);
	int64_t now = 0, until = 0;

	(void)state;
	for (int i = 0; i < 12; i++) {
		until = budget_limited(&b, now, i % 2 ? 0 : 100, 0);
		good(&b, 1);
		now = until + 100;
	}
	assert_true(budget_limited(&b, now, 0, 0) - now >= 32000);
	assert_true(budget_limited(&b, now + 50000, 100, 0) - now - 50000 >= 32000);
}

static void
refusals_of_calls_in_flight_do_not_lengthen_the_pause(void **state)
{
	struct budget b = fresh(CALLS);
	int64_t until;

	(void)state;
	budget_call_begun(&b, 6);
	until = budget_limited(&b, 1000, 0, 0);
	for (int i = 1; i < 6; i++)
		assert_int_equal(budget_limited(&b, 1000 + i, 0, 0), until);
	assert_int_equal(b.rounds, 1);
	assert_int_equal(budget_refusals(&b, 2000), 6);
	assert_int_equal(budget_limited(&b, 1500, 40000, 0), 41500);	/* but by naming a longer one */
	assert_int_equal(budget_limited(&b, 1600, 1000, 0), 41500);
}

static void
after_a_pause_one_call_goes_then_with_each_good_answer_one_more(void **state)
{
	struct budget b = fresh(CALLS);
	int64_t until;

	(void)state;
	budget_call_begun(&b, CALLS);
	budget_call_ended(&b, 1);
	until = budget_limited(&b, 1000, 5000, 0);
	for (int i = 1; i < CALLS; i++) {	/* the others were in flight when it began, and are answered well */
		budget_call_ended(&b, 1);
		budget_answered(&b);
	}
	assert_int_equal(budget_room(&b, until - 1), 0);
	assert_int_equal(budget_room(&b, until), 1);
	for (unsigned i = 1; i < 8; i++) {
		budget_call_begun(&b, 1);
		assert_int_equal(budget_room(&b, until), i - 1);
		budget_call_ended(&b, 1);
		budget_answered(&b);
		assert_int_equal(budget_room(&b, until), i + 1);
	}
	/* Where it broke is met slowly. */
	good(&b, 7);
	assert_int_equal(budget_room(&b, until), 8);
	good(&b, 1);
	assert_int_equal(budget_room(&b, until), 9);
}

/* ---- the promise ---- */

static void
refusals_and_calls_in_flight_are_never_more_than_20(void **state)
{
	static const unsigned calls_max[] = { 1, 2, 15, 16, 17, 19, 20 };

	(void)state;
	for (unsigned i = 0; i < countof(calls_max); i++) {
		struct budget b = fresh(calls_max[i]);
		struct budget_set *set = budget_set(&b, "gd_a");

		for (unsigned refusals = 1; refusals <= BUDGET_REFUSALS_MAX; refusals++) {
			unsigned room;

			budget_set_refused(&b, set, refusals, "");
			room = budget_room(&b, refusals);
			assert_int_equal(room, least(calls_max[i], BUDGET_REFUSALS_MAX - refusals));
		}
		assert_int_equal(state_at(&b, 30), PROVIDER_LIMITED);
		assert_false(budget_patience_runs(&b, 30));
		assert_int_equal(budget_opens_mono_ms(&b, 30), BUDGET_WINDOW_MS + 1);
		assert_int_equal(budget_room(&b, BUDGET_WINDOW_MS), 0);
		assert_int_equal(budget_room(&b, BUDGET_WINDOW_MS + 1), 1);
		assert_int_equal(budget_room(&b, BUDGET_WINDOW_MS + 20), calls_max[i]);
	}
}

static void
more_than_20_calls_are_the_operators_risk_until_the_first_refusal(void **state)
{
	struct budget b = fresh(512);

	(void)state;
	assert_int_equal(budget_room(&b, 0), 512);
	budget_set_refused(&b, budget_set(&b, "gd_a"), 1, "");
	assert_int_equal(budget_room(&b, 2), 19);
	assert_int_equal(budget_room(&b, BUDGET_WINDOW_MS + 1), 512);
	for (int i = 0; i < 500; i++)
		budget_set_refused(&b, budget_set(&b, "gd_a"), 2, "");
	assert_int_equal(budget_refusals(&b, 3), BUDGET_REFUSALS_MAX);
	assert_int_equal(budget_room(&b, 3), 0);
	assert_int_equal(budget_room(&b, BUDGET_WINDOW_MS + 2), 512);
}

/* A provider that answers every call with 429, whatever pause it names. */
static void
refuse_all(int64_t retry_after_ms)
{
	static int64_t times[4096];
	struct budget b = fresh(CALLS);
	unsigned count = 0;

	for (int64_t now = 0; now < 6 * HOUR && count < countof(times); now += 100) {
		if (budget_room(&b, now) == 0)
			continue;
		times[count++] = now;
		(void)budget_limited(&b, now, retry_after_ms, (uint64_t)now * 2654435761u);
	}
	assert_true(count > 5);
	for (unsigned i = BUDGET_REFUSALS_MAX; i < count; i++)
		assert_true(times[i] - times[i - BUDGET_REFUSALS_MAX] >= BUDGET_WINDOW_MS);
}

static void
a_provider_that_refuses_all_is_asked_20_times_in_5_minutes_at_most(void **state)
{
	(void)state;
	refuse_all(0);
	refuse_all(1);
	refuse_all(1000);
	refuse_all(40000);
	refuse_all(-5);
}

/* ---- answers that nobody saw ---- */

static void
calls_that_nobody_saw_the_end_of_count_as_refused(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	budget_unseen(&b, 1000, 0, 0);
	assert_false(b.changed);
	budget_unseen(&b, 1000, 12, 0);
	assert_true(b.changed);
	assert_int_equal(budget_refusals(&b, 1000), 0);		/* seen was none */
	assert_int_equal(budget_room(&b, 1000), 8);
	budget_unseen(&b, 1000, 8, 0);
	assert_int_equal(budget_room(&b, 1000), 1);		/* it may well be that none was */
	budget_unseen(&b, 1000, 1000, 0);
	assert_int_equal(budget_room(&b, 1000), 0);
	assert_int_equal(state_at(&b, 1000), PROVIDER_LIMITED);
}

static void
they_fade_with_time(void **state)
{
	struct budget b = fresh(CALLS);
	int64_t opens = 1000;

	(void)state;
	budget_unseen(&b, 1000, BUDGET_UNSEEN_MAX, 0);
	for (int i = 0; i < 3 && budget_room(&b, opens) == 0; i++)
		opens = budget_opens_mono_ms(&b, opens);
	assert_int_equal(opens, 1000 + BUDGET_WINDOW_MS);
	assert_int_equal(budget_room(&b, opens - 1), 0);
	assert_int_equal(budget_room(&b, opens), CALLS);
	assert_true(budget_opens_mono_ms(&b, opens) == INT64_MAX);
}

static void
they_fade_with_as_many_good_answers(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	budget_unseen(&b, 1000, 16, 0);
	assert_int_equal(budget_room(&b, 1000), 4);
	good(&b, 10);
	assert_int_equal(budget_room(&b, 1000), 14);
	good(&b, 100);
	assert_int_equal(budget_room(&b, 1000), 16);
	budget_unseen(&b, 11000, 4, 0);
	assert_int_equal(budget_room(&b, 11000), 16);
	budget_unseen(&b, 11000, 4, 0);
	assert_int_equal(budget_room(&b, 11000), 12);
}

static void
they_do_not_fade_where_others_were_refused(void **state)
{
	struct budget b = fresh(CALLS), limited = fresh(CALLS);

	(void)state;
	budget_set_refused(&b, budget_set(&b, "gd_a"), 1000, "");
	budget_set_refused(&b, budget_set(&b, "gd_a"), 1000, "");
	budget_unseen(&b, 1000, 10, 8);
	good(&b, 100);
	assert_int_equal(budget_room(&b, 12000), 20 - 2 - 2);	/* triggers are no better than those */
	budget_trigger_seen(&b);
	assert_int_equal(budget_room(&b, 12000), 20 - 2 - 2);
	for (int i = 0; i < 7; i++)
		budget_trigger_seen(&b);			/* it has come to be known what became of them */
	assert_int_equal(budget_room(&b, 12000), CALLS);
	assert_int_equal(budget_room(&b, 1000 + BUDGET_WINDOW_MS), CALLS);

	(void)budget_limited(&limited, 1000, 1000, 0);
	budget_unseen(&limited, 1000, 10, 0);
	good(&limited, 100);
	assert_int_equal(budget_room(&limited, 12000), 20 - 1 - 10);	/* nor is its good word worth anything */
	assert_int_equal(budget_room(&limited, 1000 + BUDGET_WINDOW_MS), CALLS);
}

/* ---- triggers ---- */

static void
caps_leave_room_for_what_they_do_not_refuse(void **state)
{
	struct budget b = fresh(CALLS);
	unsigned triggers = 0, refused = 0, in_a_row = 0;

	(void)state;
	/* Each of them is refused, by the cap of a data set of its own. */
	for (int64_t now = 1000; now < 200000; now += 1000) {
		triggers = budget_trigger_room(&b, now, 0);
		assert_true(triggers + refused <= BUDGET_TRIGGERS_MAX);
		in_a_row += triggers == 1;
		for (unsigned i = 0; i < triggers && i < 4; i++)
			budget_set_refused(&b, budget_set(&b, name_of(refused++)), now, "");
		assert_true(budget_room(&b, now) >= 4);
		assert_int_equal(state_at(&b, now), PROVIDER_OK);
	}
	assert_int_equal(refused, BUDGET_TRIGGERS_MAX);
	assert_true(in_a_row >= 4);			/* the last ones one at a time */
	/* Those that are lost now are triggers of before; who polls does not pay for them. */
	budget_unseen(&b, 201000, 8, 8);
	good(&b, 8);
	assert_int_equal(budget_room(&b, 201000), 4);
	assert_int_equal(budget_trigger_room(&b, 201000, 0), 0);
	assert_int_equal(budget_trigger_room(&b, 201000 + BUDGET_WINDOW_MS, 3), BUDGET_AT_ONCE_MAX - 3);
}

static void
caps_that_are_met_all_at_once_leave_triggers_over(void **state)
{
	struct budget b = fresh(CALLS), bold = fresh(512);
	unsigned triggers = budget_trigger_room(&b, 1000, 0), rest = 0;

	(void)state;
	assert_in_range(triggers, 8, BUDGET_AT_ONCE_MAX);
	for (unsigned i = 0; i < triggers; i++)		/* all that are in flight, each by a data set of its own */
		budget_set_refused(&b, budget_set(&b, name_of(i)), 1000, "");
	for (unsigned i = 0; i < 40; i++) {		/* as many good ones as may be */
		assert_int_equal(budget_trigger_room(&b, 1000 + i, 0), 1);
		good(&b, 1);
	}
	while (budget_trigger_room(&b, 2000, 0) > 0)
		budget_set_refused(&b, budget_set(&b, name_of(triggers + rest++)), 2000, "");
	assert_int_equal(triggers + rest, BUDGET_TRIGGERS_MAX);
	assert_int_equal(budget_trigger_room(&bold, 1000, 0), 512);	/* whoever sets so many takes the risk */
}

/* ---- when to look again ---- */

static void
anything(struct budget *b, int64_t now, uint64_t random)
{
	struct uuid crawl = { { (uint8_t)(random >> 32) } };

	switch (random % 9) {
	case 0:
		(void)budget_limited(b, now, (int64_t)(random >> 20) % 3 * 40000, random);
		break;
	case 1:
		budget_failed(b, now, random & 16, &crawl, random);
		break;
	case 2:
		budget_key_refused(b, now, random & 32 ? NULL : &crawl, random);
		break;
	case 3:
		budget_unseen(b, now, (random >> 8) % 8, (random >> 16) % 8);
		break;
	case 4:
		budget_set_refused(b, budget_set(b, "gd_a"), now, "Running jobs: 100>=100");
		break;
	case 5:
		budget_key_retry(b, now);
		break;
	case 6:
		if (b->calls > 0)
			budget_call_ended(b, 1);
		break;
	case 7:
		if (budget_room(b, now) > 0)
			budget_call_begun(b, 1);
		break;
	default:
		budget_answered(b);
	}
}

static void
room_never_grows_by_time_before_the_moment_that_is_told(void **state)
{
	struct world w = { .random = 7 };
	unsigned grew = 0;

	(void)state;
	for (int run = 0; run < 300; run++) {
		struct budget b = fresh(run % 2 ? CALLS : 20);
		int64_t now = 1000;

		for (int i = 0; i < 60; i++, now += (int64_t)(rnd(&w) % 30000)) {
			int64_t opens;
			unsigned room;

			anything(&b, now, rnd(&w));
			opens = budget_opens_mono_ms(&b, now);
			room = budget_room(&b, now);
			assert_true(opens > now);
			for (int64_t t = now; t < now + 2 * HOUR && t < opens; t += 997)
				assert_true(budget_room(&b, t) <= room);
			if (opens < INT64_MAX) {
				assert_true(budget_room(&b, opens - 1) <= room);
				grew += budget_room(&b, opens) > room;
			}
		}
	}
	assert_true(grew > 1000);
}

/* ---- away ---- */

static const struct uuid crawl_a = { { 1 } }, crawl_b = { { 2 } };

static void
no_answer_five_times_in_a_row_leaves_one_probe_at_a_time_with_growing_pauses(void **state)
{
	static const int64_t pauses[] = { 1000, 2000, 4000, 8000, 16000, 24000, 24000 };
	struct budget b = fresh(CALLS);
	int64_t now = 1000;

	(void)state;
	for (int i = 0; i < 4; i++)
		budget_failed(&b, now, false, &crawl_a, 0);
	assert_int_equal(budget_room(&b, now), CALLS);
	assert_int_equal(state_at(&b, now), PROVIDER_OK);
	for (unsigned i = 0; i < countof(pauses); i++) {
		int64_t opens;

		budget_failed(&b, now, false, &crawl_a, rnd(&(struct world){ .random = i + 1 }));
		budget_failed(&b, now, false, &crawl_b, 0);	/* was in flight */
		assert_int_equal(state_at(&b, now), PROVIDER_AWAY);
		assert_int_equal(budget_room(&b, now), 0);
		opens = budget_opens_mono_ms(&b, now);
		assert_in_range(opens - now, pauses[i] * 3 / 4, pauses[i] * 5 / 4);
		assert_int_equal(budget_room(&b, opens), 1);
		budget_call_begun(&b, 1);
		assert_int_equal(budget_room(&b, opens), 0);
		budget_call_ended(&b, 1);
		now = opens;
	}
	budget_answered(&b);
	assert_int_equal(state_at(&b, now), PROVIDER_OK);
	assert_int_equal(budget_room(&b, now), 2);		/* not all who waited at once */
	good(&b, 20);
	assert_int_equal(budget_room(&b, now), CALLS);
}

static void
answers_that_blame_the_provider_count_when_they_are_of_several_crawls(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	for (int i = 0; i < 100; i++)
		budget_failed(&b, 1000, true, &crawl_a, 0);
	assert_int_equal(state_at(&b, 1000), PROVIDER_OK);
	assert_true(budget_patience_runs(&b, 1000));		/* it is that crawl's own trouble */
	for (int i = 0; i < 5; i++)
		budget_failed(&b, 1000, true, i % 2 ? &crawl_a : &crawl_b, 0);
	assert_int_equal(state_at(&b, 1000), PROVIDER_AWAY);
}

static void
a_probe_in_vain_is_one_whoever_makes_it(void **state)
{
	struct budget b = fresh(CALLS);
	int64_t now;

	(void)state;
	for (int i = 0; i < 6; i++)
		budget_failed(&b, 1000, true, i % 2 ? &crawl_a : &crawl_b, 0);
	for (int i = 0; i < 10; i++) {
		now = budget_opens_mono_ms(&b, 1000);
		assert_int_equal(budget_room(&b, now), 1);
		budget_failed(&b, now, true, &crawl_a, 0);
		assert_int_equal(budget_room(&b, now), 0);
	}
}

static void
one_good_answer_ends_a_row_of_failures(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	for (int i = 0; i < 100; i++) {
		budget_failed(&b, 1000, false, &crawl_a, 0);
		assert_false(budget_patience_runs(&b, 1000));
		if (i % 4 == 3) {
			budget_answered(&b);
			assert_true(budget_patience_runs(&b, 1000));
		}
	}
	assert_int_equal(budget_room(&b, 1000), CALLS);
}

/* ---- the key ---- */

static const struct uuid one = { { 1 } }, two = { { 2 } };

static void
a_refused_key_is_tried_twice_then_every_few_minutes(void **state)
{
	struct budget b = fresh(CALLS);
	int64_t now = 1000;

	(void)state;
	budget_key_refused(&b, now, &one, 0);
	assert_int_equal(budget_room(&b, now), 1);		/* it may be that job's alone, ... */
	budget_key_refused(&b, now, &one, 0);
	assert_int_equal(budget_room(&b, now), 1);		/* ... however often it is asked about */
	assert_false(budget_key_is_refused(&b, now));
	for (unsigned i = 0; i < 20; i++) {
		int64_t opens;

		budget_key_refused(&b, now, i % 2 ? &one : &two, i * UINT64_C(0x9e3779b97f4a7c15));
		budget_key_refused(&b, now + 1, NULL, 0);		/* was in flight */
		assert_true(budget_key_is_refused(&b, now));
		assert_int_equal(state_at(&b, now), PROVIDER_KEY_REFUSED);
		assert_false(budget_patience_runs(&b, now));
		assert_int_equal(budget_room(&b, now), 0);
		opens = budget_opens_mono_ms(&b, now);
		assert_in_range(opens - now, 162000, 198000);
		assert_int_equal(budget_room(&b, opens - 1), 0);
		assert_int_equal(budget_room(&b, opens), 1);
		now = opens;
	}
	budget_answered(&b);
	assert_int_equal(state_at(&b, now), PROVIDER_OK);
	assert_int_equal(budget_room(&b, now), CALLS);
}

static void
a_new_key_is_tried_at_once(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	budget_key_refused(&b, 1000, NULL, 0);			/* a trigger: that is the key's */
	assert_int_equal(budget_room(&b, 2000), 0);
	budget_key_retry(&b, 2000);
	assert_int_equal(budget_room(&b, 2000), 1);
	assert_false(budget_key_is_refused(&b, 2000));
	budget_key_refused(&b, 2100, &one, 0);			/* no better */
	assert_true(budget_key_is_refused(&b, 2100));
	assert_int_equal(budget_room(&b, 2100), 0);
	budget_key_retry(&b, 3000);
	budget_answered(&b);
	assert_int_equal(budget_room(&b, 3000), CALLS);
}

static void
a_pause_that_the_provider_wants_is_not_cut_by_a_new_key(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	(void)budget_limited(&b, 1000, 60000, 0);
	budget_key_retry(&b, 2000);
	assert_int_equal(budget_room(&b, 2000), 0);
}

static void
one_refused_call_amid_good_answers_stops_nothing(void **state)
{
	struct budget b = fresh(CALLS);

	(void)state;
	for (int64_t now = 0; now < 100000; now += 1000) {
		budget_key_refused(&b, now, &one, 0);
		assert_int_equal(budget_room(&b, now), 1);
		budget_answered(&b);
		assert_int_equal(budget_room(&b, now), CALLS);
	}
}

/* ---- data sets ---- */

static void
what_a_refusal_tells_of_the_cap_is_learned(void **state)
{
	/* ours is what we count when it comes; may_run is how many of ours may run afterwards. */
	static const struct {
		const char *text;
		unsigned running, in_flight, may_run;
		bool tried_soon;	/* one beyond that is, within two minutes */
	} rows[] = {
		{ "Running jobs: 100>=100", 100, 0, 100, false },
		{ "Running jobs: 100>=100", 93, 7, 100, false },
		{ "Running jobs: 100>=100", 10, 0, 10, true },		/* 90 are others' */
		{ "Running jobs: 100>=100", 5, 5, 10, true },
		{ "Running jobs: 100>=100", 0, 0, 0, true },
		{ "Running jobs: 20>=20", 24, 0, 20, false },		/* 4 have ended, and we do not know it yet */
		{ "Running jobs: 130>=100", 20, 0, 0, true },
		{ "Running jobs: 130>=100", 50, 0, 20, true },
		{ "wait until some of them finish. Running jobs: 1500>=1500.", 1500, 0, 1500, false },
		{ "Running jobs: 3>=100", 50, 0, 50, false },		/* senseless: we were refused all the same */
		{ "Running jobs: 60>=9999999", 50, 0, 50, true },
		{ "Running jobs: -5>=-5", 50, 0, 50, true },
		{ "Running jobs: 99999999999>=99999999999", 50, 0, 50, true },
		{ "Running jobs: many", 50, 2, 52, true },
		{ "", 50, 0, 50, true },
		{ "", 0, 0, 0, true },
	};

	(void)state;
	for (unsigned i = 0; i < countof(rows); i++) {
		struct budget b = fresh(CALLS);
		struct budget_set *set = budget_set(&b, "gd_a");
		int64_t opens;

		set->waiting = 1000;
		set->running = rows[i].running;
		set->in_flight = rows[i].in_flight;
		budget_set_refused(&b, set, 1000, rows[i].text);
		assert_true(b.changed);
		assert_int_equal(budget_set_room(&b, set, 1000), 0);
		if (set->limit > rows[i].may_run || (rows[i].may_run > 0 && set->limit + 1 < rows[i].may_run))
			fail_msg("row %u: limit %u", i, set->limit);
		opens = budget_set_opens_mono_ms(set, 1000);
		assert_in_range(opens - 1000, 30000, rows[i].tried_soon ? 120000 : 600000);
		if (!rows[i].tried_soon)
			assert_true(opens - 1000 > 120000);
		set->in_flight = 0;
		set->running = rows[i].may_run;
		assert_int_equal(budget_set_room(&b, set, opens - 1), 0);
		assert_int_equal(budget_set_room(&b, set, opens), 1);
	}
}

static void
a_place_opens_for_each_job_that_ends(void **state)
{
	struct budget b = fresh(CALLS);
	struct budget_set *set = budget_set(&b, "gd_a");

	(void)state;
	set->waiting = 500;
	set->running = 20;
	budget_set_refused(&b, set, 1000, "Running jobs: 20>=20");
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(budget_set_room(&b, set, 2000), 0);
		set->running--;
		assert_int_equal(budget_set_room(&b, set, 2000), 1);
		set->in_flight++;
		assert_int_equal(budget_set_room(&b, set, 2000), 0);
		set->in_flight--;
		set->running++;
		budget_set_taken(&b, set);
	}
	set->running -= 3;
	assert_int_equal(budget_set_room(&b, set, 2000), 3);
}

static void
a_hold_of_one_data_set_holds_nothing_else(void **state)
{
	struct budget b = fresh(CALLS);
	struct budget_set *a = budget_set(&b, "gd_a"), *other = budget_set(&b, "gd_b");

	(void)state;
	a->waiting = other->waiting = 10;
	a->running = 20;
	budget_set_refused(&b, a, 1000, "Running jobs: 20>=20");
	assert_int_equal(budget_set_room(&b, a, 1000), 0);
	assert_int_equal(budget_set_room(&b, other, 1000), 4);
	assert_int_equal(budget_room(&b, 1000), CALLS);
	assert_int_equal(state_at(&b, 1000), PROVIDER_OK);
	assert_true(budget_patience_runs(&b, 1000));
	assert_true(budget_set_opens_mono_ms(other, 1000) == INT64_MAX);
	a->waiting = 0;
	assert_true(budget_set_opens_mono_ms(a, 1000) == INT64_MAX);	/* nobody waits for it */
}

static void
one_beyond_the_limit_is_tried_and_the_limit_climbs_faster_and_faster(void **state)
{
	struct budget b = fresh(CALLS);
	struct budget_set *set = budget_set(&b, "gd_a");
	unsigned tried = 0;

	(void)state;
	set->waiting = 2000;
	while (set->running < 1000) {
		unsigned room = budget_set_room(&b, set, 1000);

		assert_true(room > 0);
		tried += set->running >= set->limit;
		set->running++;
		budget_set_taken(&b, set);
	}
	assert_true(tried < 100);
	/* With one of them under way there is no second one. */
	set->limit = set->running;
	set->in_flight = 1;
	assert_int_equal(budget_set_room(&b, set, 1000), 0);
}

static void
holds_grow_while_others_have_the_places(void **state)
{
	static const int64_t holds[] = { 30000, 60000, 120000, 120000 };
	struct budget b = fresh(CALLS);
	struct budget_set *set = budget_set(&b, "gd_a");
	int64_t now = 1000;

	(void)state;
	set->waiting = 10;
	set->running = 10;
	for (unsigned i = 0; i < countof(holds); i++) {
		budget_set_refused(&b, set, now, "Running jobs: 100>=100");
		budget_set_refused(&b, set, now + 1, "Running jobs: 100>=100");	/* was in flight */
		assert_int_equal(budget_set_opens_mono_ms(set, now) - now, holds[i]);
		now += holds[i];
	}
	set->running++;
	budget_set_taken(&b, set);		/* they have gone */
	set->running--;
	now += 1000;
	budget_set_refused(&b, set, now, "Running jobs: 100>=100");
	assert_int_equal(budget_set_opens_mono_ms(set, now) - now, holds[0]);
}

/* At first all were ours, and only a new contract would have changed the cap. */
static void
a_long_hold_ends_when_others_have_come(void **state)
{
	struct budget b = fresh(CALLS);
	struct budget_set *set = budget_set(&b, "gd_a");

	(void)state;
	set->waiting = 10;
	set->running = 100;
	budget_set_refused(&b, set, 1000, "Running jobs: 100>=100");
	assert_int_equal(budget_set_opens_mono_ms(set, 1000), 1000 + 600000);
	set->running = 60;
	budget_set_refused(&b, set, 20000, "Running jobs: 100>=100");
	assert_true(budget_set_opens_mono_ms(set, 20000) <= 20000 + 120000);
}

static void
more_data_sets_than_places_share_one_and_nobody_is_lost(void **state)
{
	struct budget b = fresh(CALLS);
	struct budget_set *shared = &b.sets[BUDGET_SETS], *place;

	(void)state;
	for (unsigned i = 0; i < BUDGET_SETS; i++) {
		place = budget_set(&b, name_of(i));
		assert_true(place != shared);
		assert_true(place == budget_set(&b, name_of(i)));
		place->waiting = 1;
	}
	budget_set(&b, "gd_x")->waiting++;
	budget_set(&b, "gd_y")->waiting++;
	assert_int_equal(shared->waiting, 2);
	assert_string_equal(shared->dataset_id, "");
	/* One becomes free: who is counted in the shared place is found there all the same. */
	budget_set(&b, name_of(5))->waiting = 0;
	assert_true(budget_set(&b, "gd_x") == shared);
	assert_true(budget_set(&b, "gd_z") == shared);
	budget_set(&b, "gd_x")->waiting--;
	budget_set(&b, "gd_y")->waiting--;
	assert_true(is_unused_place(shared));
	place = budget_set(&b, "gd_x");
	assert_true(place == &b.sets[5]);
	assert_string_equal(place->dataset_id, "gd_x");
	assert_int_equal(budget_set_room(&b, place, 0), 4);
}

/* ---- from one keeper to the next ---- */

/* The budget of the next keeper, when the clocks read so. The first one saved at WALL. */
static struct budget
next_keeper(struct budget *b, int64_t now, int64_t next_now, int64_t next_wall)
{
	struct budget next = fresh(b->calls_max);
	struct budget_record record;

	budget_save(b, now, WALL, &record);
	assert_false(b->changed);
	budget_restore(&next, next_now, next_wall, &record);
	assert_false(next.changed);
	return next;
}

static void
the_next_keeper_waits_for_the_rest_of_the_pause(void **state)
{
	struct budget b = fresh(CALLS), next;

	(void)state;
	(void)budget_limited(&b, 1000, 60000, 0);
	assert_true(b.changed);
	next = next_keeper(&b, 1000, 5, WALL + 20000);
	assert_int_equal(budget_room(&next, 5 + 39999), 0);
	assert_int_equal(budget_room(&next, 5 + 40000), 1);		/* one by one still */
	good(&next, 1);
	assert_true(next.changed);
	assert_int_equal(budget_room(&next, 5 + 40000), 2);
	next = next_keeper(&b, 1000, 5, WALL + 60000);
	assert_int_equal(budget_room(&next, 5), 1);
}

static void
the_next_keeper_goes_on_with_the_longer_pauses(void **state)
{
	struct budget b = fresh(CALLS), next;
	int64_t now = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		now = budget_limited(&b, now, 0, 0);
	next = next_keeper(&b, now, 0, WALL);
	assert_int_equal(budget_limited(&next, 0, 0, 0), 16000);
}

static void
the_next_keeper_knows_the_refusals_and_forgets_them_in_time(void **state)
{
	struct budget b = fresh(CALLS), next;

	(void)state;
	for (int i = 0; i < 15; i++)
		budget_set_refused(&b, budget_set(&b, "gd_a"), 1000 + i * 10000, "");
	next = next_keeper(&b, 150000, 7, WALL + 60000);
	assert_int_equal(budget_refusals(&next, 7), 15);
	assert_int_equal(budget_room(&next, 7), 5);
	/* The first is 209 s old by now. */
	assert_int_equal(budget_refusals(&next, 7 + 90999), 15);
	assert_int_equal(budget_refusals(&next, 7 + 91000), 14);
	next = next_keeper(&b, 150000, 7, WALL + BUDGET_WINDOW_MS);
	assert_int_equal(budget_refusals(&next, 7), 0);
}

static void
the_next_keeper_knows_the_answers_that_nobody_saw(void **state)
{
	struct budget b = fresh(CALLS), next;

	(void)state;
	budget_unseen(&b, 1000, 9, 0);
	good(&b, 2);
	assert_true(b.changed);
	next = next_keeper(&b, 1000, 5, WALL);
	assert_int_equal(budget_room(&next, 5), 20 - 7);
	budget_unseen(&next, 5, 7, 0);				/* and its own */
	assert_int_equal(budget_room(&next, 5), 20 - 14);
	next = next_keeper(&next, 5, 3, WALL);
	assert_int_equal(budget_room(&next, 3), 20 - 14);
	assert_int_equal(budget_room(&next, 3 + BUDGET_WINDOW_MS), CALLS);
}

static void
the_next_keeper_knows_that_good_answers_tell_nothing(void **state)
{
	struct budget b = fresh(CALLS), next;

	(void)state;
	(void)budget_limited(&b, 1000, 2000, 0);
	budget_unseen(&b, 1000, 10, 0);
	good(&b, 20);
	next = next_keeper(&b, 60000, 5, WALL);
	good(&next, 20);
	assert_int_equal(budget_room(&next, 20000), 20 - 1 - 10);
	assert_int_equal(budget_room(&next, 5 + BUDGET_WINDOW_MS), CALLS);
}

static void
the_next_keeper_knows_the_caps(void **state)
{
	struct budget b = fresh(CALLS), next;
	struct budget_set *set = budget_set(&b, "gd_a");

	(void)state;
	set->waiting = 10;
	set->running = 20;
	budget_set_refused(&b, set, 1000, "Running jobs: 20>=20");
	set = budget_set(&b, "gd_b");
	set->waiting = 10;
	set->running = 30;
	budget_set_refused(&b, set, 1000, "Running jobs: 100>=100");
	(void)budget_set(&b, "gd_c");

	next = next_keeper(&b, 1000, 0, WALL + 10000);
	assert_int_equal(next.set_count, 2);			/* of the third nothing is known */
	set = budget_set(&next, "gd_a");
	set->waiting = 10;
	set->running = 19;
	assert_int_equal(budget_set_room(&next, set, 0), 1);
	set->running = 20;
	assert_int_equal(budget_set_room(&next, set, 589999), 0);
	assert_int_equal(budget_set_opens_mono_ms(set, 0), 590000);
	assert_int_equal(budget_set_room(&next, set, 590000), 1);
	set = budget_set(&next, "gd_b");
	set->waiting = 10;
	set->running = 30;
	assert_int_equal(budget_set_room(&next, set, 19999), 0);
	assert_int_equal(budget_set_room(&next, set, 20000), 1);
	budget_set_refused(&next, set, 20000, "Running jobs: 100>=100");
	assert_int_equal(budget_set_opens_mono_ms(set, 20000), 80000);	/* the second in a row */
	assert_int_equal(budget_set_room(&next, budget_set(&next, "gd_c"), 0), 4);
}

static void
nothing_to_keep_is_nothing_to_wait_for(void **state)
{
	struct budget b = fresh(CALLS), next = next_keeper(&b, 1000, 7, WALL);
	struct budget_record nothing = { .noted_ms = 0 };

	(void)state;
	assert_int_equal(budget_room(&next, 7), CALLS);
	assert_true(budget_opens_mono_ms(&next, 7) == INT64_MAX);
	assert_int_equal(next.set_count, 0);
	budget_restore(&b, 7, WALL, &nothing);
	assert_int_equal(budget_room(&b, 7), CALLS);
}

static void
answers_that_teach_nothing_are_not_written(void **state)
{
	struct budget b = fresh(CALLS);
	struct budget_set *set = budget_set(&b, "gd_a");

	(void)state;
	good(&b, 100);
	set->running = 1;
	budget_set_taken(&b, set);
	budget_failed(&b, 1000, false, &crawl_a, 0);
	assert_false(b.changed);
	budget_set_refused(&b, set, 1000, "Running jobs: 100>=100");
	assert_true(b.changed);
}

static void
a_clock_set_back_begins_the_pause_anew_and_no_more(void **state)
{
	struct budget b = fresh(CALLS), next;

	(void)state;
	(void)budget_limited(&b, 1000, 60000, 0);
	next = next_keeper(&b, 11000, 0, WALL - 100 * HOUR);
	assert_int_equal(budget_room(&next, 49999), 0);
	assert_int_equal(budget_room(&next, 50000), 1);
	assert_int_equal(budget_refusals(&next, BUDGET_WINDOW_MS - 10001), 1);
	assert_int_equal(budget_refusals(&next, BUDGET_WINDOW_MS - 10000), 0);
}

static void
a_record_of_nonsense_holds_no_longer_than_an_hour(void **state)
{
	struct budget_record record = { .noted_ms = WALL, .limited_count = BUDGET_REFUSALS_MAX, .pause_count = 3,
		.pauses = { { "", INT64_MAX / 2, 5, INT64_MAX }, { "gd_a", INT64_MAX / 2, UINT_MAX, INT64_MIN },
		    { "gd_b", INT64_MIN / 2, 7, INT64_MAX } } };
	struct budget b = fresh(CALLS);
	struct budget_set *set;

	(void)state;
	for (int i = 0; i < BUDGET_REFUSALS_MAX; i++)
		record.limited_ms[i] = i % 2 ? INT64_MAX / 2 : INT64_MIN / 2;
	budget_restore(&b, 1000, WALL, &record);
	assert_int_equal(budget_room(&b, HOUR), 0);
	assert_int_equal(budget_room(&b, 1000 + HOUR), 1);
	set = budget_set(&b, "gd_a");
	set->waiting = 1;
	set->running = UINT_MAX / 2;
	assert_true(budget_set_opens_mono_ms(set, 1000) == INT64_MAX || budget_set_opens_mono_ms(set, 1000) <= 601000);
	(void)budget_set_room(&b, set, 1000);
	budget_set_refused(&b, set, 1000, "");
	assert_in_range(budget_set_opens_mono_ms(set, 1000), 1000, 601000);
}

/* Keepers that live for a moment each do not ask more often than one that lives on. */
static void
never_more_than_20_refusals_in_5_minutes_whoever_asks(void **state)
{
	static int64_t times[4096];
	struct budget b = fresh(CALLS);
	unsigned count = 0;
	int64_t mono_ms;

	(void)state;
	for (int64_t now = 0; now < 2 * HOUR && count < countof(times); now += 100) {
		struct budget next = fresh(CALLS);
		struct budget_record record;

		mono_ms = now + 7 * (now % 13);		/* another keeper, another start of its clock */
		if (budget_room(&b, mono_ms) > 0) {
			times[count++] = now;
			(void)budget_limited(&b, mono_ms, 1000, 0);
		}
		budget_save(&b, mono_ms, WALL + now, &record);
		budget_restore(&next, now + 100 + 7 * ((now + 100) % 13), WALL + now + 100, &record);
		b = next;
	}
	assert_true(count > 5);
	for (unsigned i = BUDGET_REFUSALS_MAX; i < count; i++)
		assert_true(times[i] - times[i - BUDGET_REFUSALS_MAX] >= BUDGET_WINDOW_MS);
}

/* Nor do keepers none of which lives to see an answer. */
static void
keepers_that_see_no_answer_make_fewer_calls_than_are_blocked_for(void **state)
{
	struct budget_record record = { .noted_ms = 0 };
	struct budget b = fresh(CALLS);
	int64_t times[600];
	unsigned count = 0;

	(void)state;
	for (int64_t now = 0; now < HOUR; now += 1000) {
		struct budget next = fresh(CALLS);
		unsigned room = budget_room(&b, now);

		for (unsigned i = 0; i < room && count < countof(times); i++)
			times[count++] = now;
		if (b.changed)
			budget_save(&b, now, WALL + now, &record);
		budget_restore(&next, now, WALL + now, &record);
		budget_unseen(&next, now, room, 0);
		b = next;
	}
	assert_true(count >= 200);
	for (unsigned i = BUDGET_UNSEEN_MAX; i < count; i++)
		assert_true(times[i] - times[i - BUDGET_UNSEEN_MAX] >= BUDGET_WINDOW_MS - 1000);
}

/* ---- hours of it ---- */

static const struct world_conf usual = { .crawls = 300, .sets = 1, .cap = 100, .calls_max = CALLS, .job = 4 * MINUTE,
	.trigger = SECOND, .poll = 200, .interval = 30 * SECOND, .seed = 1 };

static unsigned
refusals_of(const struct world *w)
{
	return w->busy + w->limited;
}

static void
print(const char *name, const struct world *w)
{
	print_message("%-48s %5u of %5u crawls by minute %5.1f, 429s: %3u, %2u in 5 min; polls wait %5.1f s\n", name,
	    w->done, w->conf.crawls, (double)w->done_at / (double)MINUTE, refusals_of(w), w->most_refusals,
	    (double)w->poll_wait_max / 1000.0);
}

static void
caps_are_met_with_few_refusals_and_all_get_through(void **state)
{
	/* 429s: a few when the cap is met first, then one each 10 minutes, whether it still holds. */
	static const struct {
		const char *name;
		unsigned crawls, sets, cap, refusals, in_window, minutes;
		bool no_numbers;
	} rows[] = {
		{ "300 crawls, cap 100", 300, 1, 100, 3, 3, 20, false },
		{ "1,000 crawls, cap 100", 1000, 1, 100, 8, 3, 55, false },
		{ "300 crawls, cap 20", 300, 1, 20, 8 + 7, 8, 80, false },
		{ "1,000 crawls, cap 20", 1000, 1, 20, 8 + 26, 8, 260, false },
		{ "1,000 crawls, 3 data sets, cap 100", 1000, 3, 100, 9, 6, 25, false },
		{ "1,000 crawls, 3 data sets, cap 20", 1000, 3, 20, 3 * (7 + 9), 18, 90, false },
		{ "1,000 crawls, 10 data sets, cap 20", 1000, 10, 20, 10 * (4 + 3), 20, 40, false },
		{ "1,000 crawls, 2 data sets, cap 300", 1000, 2, 300, 2 * 16, 20, 15, false },
		{ "100 crawls, cap 1", 100, 1, 1, 8 + 60, 8, 600, false },
		{ "1,000 crawls, cap 100 that is not told", 1000, 1, 100, 120, 20, 70, true },
	};

	(void)state;
	for (unsigned i = 0; i < countof(rows); i++) {
		struct world_conf conf = usual;
		struct world *w;

		conf.crawls = rows[i].crawls;
		conf.sets = rows[i].sets;
		conf.cap = rows[i].cap;
		conf.no_numbers = rows[i].no_numbers;
		w = world_new(&conf);
		world_run(w, 12 * HOUR);
		print(rows[i].name, w);
		assert_int_equal(w->done, conf.crawls);
		assert_true(w->done_at <= rows[i].minutes * MINUTE);
		assert_true(refusals_of(w) <= rows[i].refusals);
		assert_true(w->most_refusals <= rows[i].in_window);
		assert_true(w->poll_wait_max <= 5 * SECOND);
		for (unsigned set = 0; set < conf.sets; set++)
			assert_int_equal(w->most[set], least(conf.cap, conf.crawls / conf.sets + (conf.sets > 1)));
		world_free(w);
	}
}

static void
a_larger_cap_than_the_documented_one_is_found_within_minutes(void **state)
{
	struct world_conf conf = usual;
	struct world *w;

	(void)state;
	conf.crawls = 1400;
	conf.cap = 1500;
	conf.never_ends = true;
	conf.interval = HOUR;
	w = world_new(&conf);
	while (w->live[0] < 1400 && w->now < HOUR)
		world_run(w, w->now + SECOND);
	print_message("a cap of 1,500: 1,400 run after %.1f minutes, 429s: %u\n", (double)w->now / (double)MINUTE,
	    refusals_of(w));
	assert_true(w->now <= 5 * MINUTE);
	assert_int_equal(refusals_of(w), 0);
	world_free(w);
}

/* Others run most of the jobs and end: the next to be tried beyond our few shows it. */
static void
places_that_others_leave_are_noticed_within_minutes(void **state)
{
	static const struct phase phases[] = { { .kind = PHASE_FOREIGN, .from = 0, .to = HOUR, .foreign = 90 } };
	struct world_conf conf = usual;
	struct world *w;

	(void)state;
	conf.crawls = 3000;
	conf.phases = phases;
	conf.phase_count = 1;
	w = world_new(&conf);
	world_run(w, HOUR - 1);
	assert_int_equal(w->most[0], 10);
	assert_true(w->done >= 120);
	print_message("others run 90 of 100 for an hour: 429s: %u\n", refusals_of(w));
	assert_true(refusals_of(w) <= 75);		/* about one a minute, to see whether they have gone */
	while (w->live[0] < 90 && w->now < 2 * HOUR)
		world_run(w, w->now + SECOND);
	print_message("they end: 90 of ours run %.1f minutes later\n", (double)(w->now - HOUR) / (double)MINUTE);
	assert_true(w->now <= HOUR + 4 * MINUTE);
	world_free(w);
}

/* Others come to a data set that was all ours, as our jobs end, and take each place at once: each
 * trigger is refused. That must not use up what is there for polls and for other data sets. */
static void
others_who_take_every_place_hold_only_their_data_set(void **state)
{
	static const struct phase phases[] = { { .kind = PHASE_FOREIGN, .from = 6 * MINUTE, .to = 66 * MINUTE,
		.foreign = 100 } };
	struct world_conf conf = usual;
	struct world *w;
	unsigned before;

	(void)state;
	conf.crawls = 1000;
	conf.sets = 2;
	conf.phases = phases;
	conf.phase_count = 1;
	w = world_new(&conf);
	world_run(w, 6 * MINUTE);
	before = refusals_of(w);
	world_run(w, 65 * MINUTE);
	print("others take every place of one of two data sets", w);
	assert_int_equal(w->live[0], 0);
	assert_true(w->done > 600);			/* all of the other one, and what ran before they came */
	assert_true(w->most_refusals <= 12);
	assert_true(refusals_of(w) - before <= 45);
	assert_true(w->poll_wait_max <= 5 * SECOND);
	world_run(w, 3 * HOUR);
	assert_int_equal(w->done, 1000);
	world_free(w);
}

static void
a_full_data_set_delays_neither_polls_nor_other_data_sets(void **state)
{
	struct world_conf conf = usual;
	struct world *w;

	(void)state;
	/* The first data set has half of all crawls: 20 at a time of 400 for hours. */
	conf.crawls = 800;
	conf.sets = 2;
	conf.cap = 20;
	w = world_new(&conf);
	world_run(w, 5 * HOUR);
	print("two full data sets", w);
	assert_int_equal(w->done, 800);
	assert_true(w->poll_wait_max <= 2 * SECOND);
	assert_true(w->done_at < 100 * MINUTE);
	world_free(w);
}

static void
a_rate_of_the_provider_is_kept_to_and_all_get_through(void **state)
{
	static const struct {
		const char *name;
		unsigned rate;
		int64_t retry_after;
		unsigned hours;
	} rows[] = {
		{ "300 calls a minute", 300, 0, 1 },
		{ "120 calls a minute", 120, 0, 3 },
		{ "60 calls a minute, no pause named", 60, 0, 4 },
		{ "60 calls a minute, 10 s named", 60, 10 * SECOND, 4 },
		{ "60 calls a minute, 1 s named", 60, SECOND, 4 },
		{ "20 calls a minute", 20, 0, 16 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(rows); i++) {
		struct world_conf conf = usual;
		struct world *w;

		conf.crawls = 500;
		conf.rate = rows[i].rate;
		conf.retry_after = rows[i].retry_after;
		w = world_new(&conf);
		world_run(w, rows[i].hours * HOUR);
		print(rows[i].name, w);
		assert_int_equal(w->done, 500);
		assert_true(w->most_refusals <= 18);
		world_free(w);
	}
}

static void
a_provider_that_is_away_sees_one_probe_at_a_time_and_is_found_back_within_a_minute(void **state)
{
	static const struct {
		const char *name;
		enum phase_kind kind;
		unsigned connects;
	} rows[] = {
		{ "unreachable for an hour", PHASE_AWAY, 200 },
		{ "silent for an hour", PHASE_SILENT, 140 },
		{ "500 for an hour", PHASE_ERROR, 220 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(rows); i++) {
		const struct phase phase = { .kind = rows[i].kind, .from = 2 * MINUTE, .to = 62 * MINUTE };
		struct world_conf conf = usual;
		unsigned connects;
		struct world *w;

		conf.crawls = 100000;
		conf.sets = 10;
		conf.cap = 100000;
		conf.phases = &phase;
		conf.phase_count = 1;
		w = world_new(&conf);
		world_run(w, 2 * MINUTE);
		connects = w->connects;
		assert_true(connects > 500);
		world_run(w, 3 * MINUTE + 30 * SECOND);
		assert_int_equal(state_at(&w->b, mono(w)), PROVIDER_AWAY);
		assert_false(budget_patience_runs(&w->b, mono(w)));
		assert_true(w->in_flight <= 1);
		world_run(w, 62 * MINUTE - 1);
		print_message("%s, 100,000 crawls wait: %u calls\n", rows[i].name, w->connects - connects);
		assert_in_range(w->connects - connects, 50, rows[i].connects);
		connects = w->connects;
		while (state_at(&w->b, mono(w)) != PROVIDER_OK && w->now < 64 * MINUTE)
			world_run(w, w->now + 10);
		assert_true(w->now <= 63 * MINUTE + (rows[i].kind == PHASE_SILENT ? 30 * SECOND : 0));
		assert_true(w->in_flight <= 2);		/* not all who waited at once */
		assert_true(w->connects - connects <= 4);
		world_run(w, w->now + MINUTE);
		assert_true(w->connects - connects > 400);
		world_free(w);
	}
}

static void
the_trouble_of_one_crawl_is_its_own(void **state)
{
	(void)state;
	for (int forbidden = 0; forbidden < 2; forbidden++) {
		struct world_conf conf = usual;
		struct world *w;

		conf.crawls = 200;
		*(forbidden ? &conf.forbidden : &conf.broken) = 1 + 7;
		w = world_new(&conf);
		world_run(w, 2 * HOUR);
		print(forbidden ? "one crawl draws 403" : "one crawl draws 500", w);
		assert_int_equal(w->done, 199);
		assert_true(w->done_at <= 25 * MINUTE);
		assert_true(w->poll_wait_max <= 4 * MINUTE);
		world_free(w);
	}
}

static void
a_refused_key_costs_a_probe_every_few_minutes(void **state)
{
	static const struct phase phase = { .kind = PHASE_KEY, .from = 3 * MINUTE, .to = 63 * MINUTE };
	struct world_conf conf = usual;
	unsigned connects, in_flight;
	struct world *w;

	(void)state;
	conf.crawls = 1000;
	conf.phases = &phase;
	conf.phase_count = 1;
	w = world_new(&conf);
	world_run(w, 3 * MINUTE);
	connects = w->connects;
	in_flight = w->in_flight;
	world_run(w, 33 * MINUTE);
	print_message("a refused key: %u calls in 30 minutes\n", w->connects - connects);
	assert_in_range(w->connects - connects, 9, 2 + 12 + in_flight);
	assert_int_equal(state_at(&w->b, mono(w)), PROVIDER_KEY_REFUSED);
	connects = w->connects;
	for (int i = 0; i < 3; i++) {
		budget_key_retry(&w->b, mono(w));
		grant(w);
		assert_int_equal(w->connects, connects + 1);
		world_run(w, w->now + 10 * SECOND);
		assert_int_equal(w->connects, ++connects);
	}
	world_run(w, 5 * HOUR);
	assert_int_equal(w->done, 1000);
	world_free(w);
}

static void
more_data_sets_than_places_all_get_through(void **state)
{
	static const struct phase phases[] = { { .kind = PHASE_LIMITED, .from = 3 * MINUTE, .to = 4 * MINUTE } };

	(void)state;
	for (unsigned restarts = 0; restarts < 2; restarts++) {
		struct world_conf conf = usual;
		struct world *w;

		conf.crawls = 1500;
		conf.sets = 150;
		conf.cap = 5;
		conf.job = MINUTE;
		conf.phases = phases;
		conf.phase_count = countof(phases);
		conf.restart = restarts * 5 * MINUTE;
		w = world_new(&conf);
		world_run(w, 12 * HOUR);
		print(restarts ? "150 data sets, keepers come and go" : "150 data sets", w);
		assert_int_equal(w->done, 1500);
		assert_true(is_unused_place(&w->b.sets[BUDGET_SETS]));
		for (unsigned i = 0; i < BUDGET_SETS; i++)
			assert_true(is_unused_place(&w->b.sets[i]));
		world_free(w);
	}
}

static void
any_number_of_calls_may_be_allowed(void **state)
{
	/* A cap that is met by hundreds at a time refuses hundreds: that is the risk that PROVIDER_CALLS_MAX tells of. */
	static const struct { unsigned calls_max, crawls, cap, minutes; } rows[] = {
		{ 1, 60, 5000, 60 }, { 2, 100, 5000, 60 }, { 4, 200, 5000, 60 }, { 20, 2000, 5000, 60 },
		{ 512, 20000, 20000, 15 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(rows); i++) {
		struct world_conf conf = usual;
		struct world *w;

		conf.calls_max = rows[i].calls_max;
		conf.crawls = rows[i].crawls;
		conf.cap = rows[i].cap;
		conf.job = MINUTE;
		w = world_new(&conf);
		world_run(w, 2 * HOUR);
		print_message("%u calls at a time: ", rows[i].calls_max);
		print("", w);
		assert_int_equal(w->done, rows[i].crawls);
		assert_true(w->done_at <= rows[i].minutes * MINUTE);
		world_free(w);
	}
}

/* All of it at once, with pollers and keepers that are lost at any moment. */
static const struct phase bad_hour[] = {
	{ .kind = PHASE_LIMITED, .from = 5 * MINUTE, .to = 12 * MINUTE },
	{ .kind = PHASE_AWAY, .from = 20 * MINUTE, .to = 24 * MINUTE },
	{ .kind = PHASE_SILENT, .from = 30 * MINUTE, .to = 33 * MINUTE },
	{ .kind = PHASE_LIMITED, .from = 36 * MINUTE, .to = 37 * MINUTE, .retry_after = 10 * SECOND },
	{ .kind = PHASE_LIMITED, .from = 39 * MINUTE, .to = 39 * MINUTE + 20 * SECOND },
	{ .kind = PHASE_ERROR, .from = 42 * MINUTE, .to = 44 * MINUTE },
	{ .kind = PHASE_FOREIGN, .from = 45 * MINUTE, .to = 55 * MINUTE, .foreign = 90 },
	{ .kind = PHASE_FOREIGN, .from = 46 * MINUTE, .to = 50 * MINUTE, .foreign = 100, .set = 1 },
	{ .kind = PHASE_KEY, .from = 57 * MINUTE, .to = 60 * MINUTE },
};

static void
no_loss_of_pollers_or_keepers_brings_a_ban(void **state)
{
	static const struct {
		const char *name;
		int64_t lose, restart;
		bool pollers_stay;
		unsigned rate, crawls, calls_max;
	} rows[] = {
		{ "a bad hour", 0, 0, false, 0, 4000, 16 },
		{ "20 calls at a time", 0, 0, false, 0, 1500, 20 },
		{ "pollers are lost", 20 * SECOND, 0, false, 0, 4000, 16 },
		{ "keepers are lost", 0, MINUTE, false, 0, 4000, 16 },
		{ "keepers are lost, 20 calls at a time", 0, MINUTE, false, 0, 1500, 20 },
		{ "keepers are lost, pollers are not", 0, MINUTE, true, 0, 4000, 16 },
		{ "both are lost", 20 * SECOND, MINUTE, false, 0, 4000, 16 },
		{ "keepers live for 5 s", 0, 5 * SECOND, false, 0, 3000, 16 },
		{ "keepers live for 20 s beside a rate", 0, 20 * SECOND, false, 120, 100, 16 },
		{ "pollers and keepers for 3 s beside a rate", SECOND, 3 * SECOND, false, 120, 30, 16 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(rows); i++) {
		for (unsigned seed = 1; seed <= 5; seed++) {
			struct world_conf conf = usual;
			struct world *w;

			conf.seed = seed;
			conf.crawls = rows[i].crawls;
			conf.sets = 3;
			conf.calls_max = rows[i].calls_max;
			conf.lose = rows[i].lose;
			conf.restart = rows[i].restart;
			conf.pollers_stay = rows[i].pollers_stay;
			conf.rate = rows[i].rate;
			conf.phases = bad_hour;
			conf.phase_count = countof(bad_hour);
			w = world_new(&conf);
			world_run(w, 24 * HOUR);
			if (seed == 1)
				print(rows[i].name, w);
			assert_int_equal(w->done, conf.crawls);
			if (rows[i].lose == 0 && rows[i].restart == 0)
				assert_true(w->most_refusals <= BUDGET_REFUSALS_MAX);
			world_free(w);
		}
	}
}

/* A provider that refuses all, and none of the answers is seen: then it is not asked. */
static void
lost_refusals_never_add_up(void **state)
{
	static const struct phase phase = { .kind = PHASE_LIMITED, .from = 2 * MINUTE, .to = 2 * HOUR };

	(void)state;
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct world_conf conf = usual;
		struct world *w;

		conf.crawls = 1000;
		conf.seed = seed;
		conf.lose = 7 * SECOND;
		conf.restart = 13 * SECOND;
		conf.phases = &phase;
		conf.phase_count = 1;
		w = world_new(&conf);
		world_run(w, 2 * HOUR);
		assert_true(w->most_refusals < BAN);
		world_free(w);
	}
}

/* ---- what it costs ---- */

static void
asking_the_budget_costs_next_to_nothing(void **state)
{
	struct budget b = fresh(CALLS);
	unsigned sum = 0, times = 200000;
	char last[32];
	clock_t begun;
	double ns;

	(void)state;
	for (unsigned i = 0; i < BUDGET_SETS; i++)
		budget_set(&b, name_of(i))->waiting = 1;
	for (int i = 0; i < 10; i++)
		budget_set_refused(&b, &b.sets[3], 1000, "Running jobs: 100>=100");
	(void)snprintf(last, sizeof(last), "%s", name_of(BUDGET_SETS - 1));
	begun = clock();
	for (unsigned i = 0; i < times; i++) {
		const struct budget_set *set = budget_set(&b, last);

		sum += budget_room(&b, 2000 + i % 2) + budget_set_room(&b, set, 2000);
	}
	ns = (double)(clock() - begun) / CLOCKS_PER_SEC * 1e9 / times;
	print_message("room and set of a grant: %.0f ns\n", ns);
	assert_true(sum > 0);
	assert_true(ns < 20000);
}

/* The numbers of the budget are the same for all providers, so they must suit the strictest. */
static void
no_provider_blocks_who_keeps_to_the_budget(void **state)
{
	(void)state;
	for (unsigned i = 0; provider_table[i] != NULL; i++) {
		const struct provider_limits *limits = &provider_table[i]->limits;

		assert_true(limits->refusals > BUDGET_UNSEEN_MAX && BUDGET_UNSEEN_MAX > BUDGET_REFUSALS_MAX);
		assert_in_range(limits->refusals_ms, 1, BUDGET_WINDOW_MS);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_held_at_first),
		cmocka_unit_test(the_pause_is_what_the_provider_named_within_an_hour),
		cmocka_unit_test(the_pause_doubles_to_32_s_when_none_is_named),
		cmocka_unit_test(pauses_stay_long_where_refusals_are_many),
		cmocka_unit_test(refusals_of_calls_in_flight_do_not_lengthen_the_pause),
		cmocka_unit_test(after_a_pause_one_call_goes_then_with_each_good_answer_one_more),
		cmocka_unit_test(refusals_and_calls_in_flight_are_never_more_than_20),
		cmocka_unit_test(more_than_20_calls_are_the_operators_risk_until_the_first_refusal),
		cmocka_unit_test(a_provider_that_refuses_all_is_asked_20_times_in_5_minutes_at_most),
		cmocka_unit_test(calls_that_nobody_saw_the_end_of_count_as_refused),
		cmocka_unit_test(they_fade_with_time),
		cmocka_unit_test(they_fade_with_as_many_good_answers),
		cmocka_unit_test(they_do_not_fade_where_others_were_refused),
		cmocka_unit_test(caps_leave_room_for_what_they_do_not_refuse),
		cmocka_unit_test(caps_that_are_met_all_at_once_leave_triggers_over),
		cmocka_unit_test(room_never_grows_by_time_before_the_moment_that_is_told),
		cmocka_unit_test(no_answer_five_times_in_a_row_leaves_one_probe_at_a_time_with_growing_pauses),
		cmocka_unit_test(answers_that_blame_the_provider_count_when_they_are_of_several_crawls),
		cmocka_unit_test(a_probe_in_vain_is_one_whoever_makes_it),
		cmocka_unit_test(one_good_answer_ends_a_row_of_failures),
		cmocka_unit_test(a_refused_key_is_tried_twice_then_every_few_minutes),
		cmocka_unit_test(a_new_key_is_tried_at_once),
		cmocka_unit_test(a_pause_that_the_provider_wants_is_not_cut_by_a_new_key),
		cmocka_unit_test(one_refused_call_amid_good_answers_stops_nothing),
		cmocka_unit_test(what_a_refusal_tells_of_the_cap_is_learned),
		cmocka_unit_test(a_place_opens_for_each_job_that_ends),
		cmocka_unit_test(a_hold_of_one_data_set_holds_nothing_else),
		cmocka_unit_test(one_beyond_the_limit_is_tried_and_the_limit_climbs_faster_and_faster),
		cmocka_unit_test(holds_grow_while_others_have_the_places),
		cmocka_unit_test(a_long_hold_ends_when_others_have_come),
		cmocka_unit_test(more_data_sets_than_places_share_one_and_nobody_is_lost),
		cmocka_unit_test(the_next_keeper_waits_for_the_rest_of_the_pause),
		cmocka_unit_test(the_next_keeper_goes_on_with_the_longer_pauses),
		cmocka_unit_test(the_next_keeper_knows_the_refusals_and_forgets_them_in_time),
		cmocka_unit_test(the_next_keeper_knows_the_answers_that_nobody_saw),
		cmocka_unit_test(the_next_keeper_knows_that_good_answers_tell_nothing),
		cmocka_unit_test(the_next_keeper_knows_the_caps),
		cmocka_unit_test(nothing_to_keep_is_nothing_to_wait_for),
		cmocka_unit_test(answers_that_teach_nothing_are_not_written),
		cmocka_unit_test(a_clock_set_back_begins_the_pause_anew_and_no_more),
		cmocka_unit_test(a_record_of_nonsense_holds_no_longer_than_an_hour),
		cmocka_unit_test(never_more_than_20_refusals_in_5_minutes_whoever_asks),
		cmocka_unit_test(keepers_that_see_no_answer_make_fewer_calls_than_are_blocked_for),
		cmocka_unit_test(caps_are_met_with_few_refusals_and_all_get_through),
		cmocka_unit_test(a_larger_cap_than_the_documented_one_is_found_within_minutes),
		cmocka_unit_test(places_that_others_leave_are_noticed_within_minutes),
		cmocka_unit_test(others_who_take_every_place_hold_only_their_data_set),
		cmocka_unit_test(a_full_data_set_delays_neither_polls_nor_other_data_sets),
		cmocka_unit_test(a_rate_of_the_provider_is_kept_to_and_all_get_through),
		cmocka_unit_test(a_provider_that_is_away_sees_one_probe_at_a_time_and_is_found_back_within_a_minute),
		cmocka_unit_test(the_trouble_of_one_crawl_is_its_own),
		cmocka_unit_test(a_refused_key_costs_a_probe_every_few_minutes),
		cmocka_unit_test(more_data_sets_than_places_all_get_through),
		cmocka_unit_test(any_number_of_calls_may_be_allowed),
		cmocka_unit_test(no_loss_of_pollers_or_keepers_brings_a_ban),
		cmocka_unit_test(lost_refusals_never_add_up),
		cmocka_unit_test(asking_the_budget_costs_next_to_nothing),
		cmocka_unit_test(no_provider_blocks_who_keeps_to_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
