/*
 * test-keeper-budget.c - the discipline of answers 429: its pauses, and over simulated
 * hours its promise of 8 in any 5 minutes, kept by one keeper or by many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "keeper/keeper_budget.h"

#define HOUR 3600000LL

static void
test_nothing_is_held_at_first(void **state)
{
	struct budget b = { .until_mono_ms = 0 };

	(void)state;
	assert_true(budget_allows(&b, 1, 1000));
	assert_false(budget_paused(&b, 1));
}

static void
test_pause_is_what_the_provider_named_within_an_hour(void **state)
{
	struct budget b = { .until_mono_ms = 0 };

	(void)state;
	assert_int_equal(budget_limited(&b, 1000, 7000, 0), 8000);
	assert_true(budget_paused(&b, 7999));
	assert_false(budget_paused(&b, 8000));
	assert_int_equal(budget_limited(&b, 10000, 100 * HOUR, 0), 10000 + HOUR);
}

static void
test_pause_doubles_to_32_s_when_none_is_named(void **state)
{
	static const int64_t pauses[] = { 2000, 4000, 8000, 16000, 32000, 32000 };
	struct budget b = { .until_mono_ms = 0 };
	int64_t now = 0;

	(void)state;
	for (unsigned i = 0; i < countof(pauses); i++) {
		int64_t until = budget_limited(&b, now, 0, (uint64_t)i * 12345);

		assert_in_range(until - now, pauses[i], pauses[i] + pauses[i] / 4);
		now = until;
	}
	budget_answered(&b, now);
	assert_in_range(budget_limited(&b, now, 0, 0) - now, 2000, 300000);
}

static void
test_refusals_of_calls_in_flight_do_not_lengthen_the_pause(void **state)
{
	struct budget b = { .until_mono_ms = 0 };
	int64_t until = budget_limited(&b, 1000, 0, 0);

	(void)state;
	for (int i = 1; i < 6; i++)
		assert_true(budget_limited(&b, 1000 + i, 0, 0) <= until + 4000);
	assert_int_equal(b.rounds, 1);
}

static void
test_after_a_pause_calls_go_one_by_one_until_one_is_answered(void **state)
{
	struct budget b = { .until_mono_ms = 0 };
	int64_t until = budget_limited(&b, 1000, 0, 0);

	(void)state;
	assert_false(budget_allows(&b, until - 1, 0));
	assert_true(budget_allows(&b, until, 0));
	assert_false(budget_allows(&b, until, 1));
	budget_answered(&b, until - 1);		/* came from a call before the pause */
	assert_false(budget_allows(&b, until, 1));
	budget_answered(&b, until + 1);
	assert_true(budget_allows(&b, until + 1, 50));
}

/* A provider that answers every call with 429, whatever pause it names. */
static void
drive(int64_t retry_after_ms)
{
	static int64_t times[4096];
	struct budget b = { .until_mono_ms = 0 };
	unsigned count = 0;

	for (int64_t now = 0; now < 6 * HOUR && count < countof(times); now += 100) {
		if (!budget_allows(&b, now, 0))
			continue;
		times[count++] = now;
		(void)budget_limited(&b, now, retry_after_ms, (uint64_t)now * 2654435761u);
	}
	assert_true(count > 5);
	for (unsigned i = BUDGET_LIMITED_MAX; i < count; i++)
		assert_true(times[i] - times[i - BUDGET_LIMITED_MAX] >= BUDGET_WINDOW_MS);
}

static void
test_never_more_than_8_refusals_in_5_minutes(void **state)
{
	(void)state;
	drive(0);
	drive(1);
	drive(1000);
	drive(40000);
	drive(-5);
}

static void
test_refusals_for_a_full_data_set_count_as_well(void **state)
{
	struct budget b = { .until_mono_ms = 0 };
	int64_t now = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < BUDGET_LIMITED_MAX; i++) {
		snprintf(name, sizeof(name), "gd_%d", i);
		assert_false(budget_paused(&b, now));
		(void)budget_hold(&b, now++, name);
	}
	assert_true(budget_paused(&b, now));
	assert_false(budget_paused(&b, BUDGET_WINDOW_MS));
}

static void
test_hold_of_a_data_set_grows_and_lets_one_through_at_a_time(void **state)
{
	static const int64_t holds[] = { 30000, 60000, 120000, 120000 };
	struct budget b = { .until_mono_ms = 0 };
	int64_t now = 0;

	(void)state;
	for (unsigned i = 0; i < countof(holds); i++) {
		assert_int_equal(budget_held_ms(&b, now, "gd_a"), 0);
		budget_trigger_begun(&b, "gd_a");
		if (i > 0)
			assert_true(budget_held_ms(&b, now, "gd_a") > 0);
		budget_trigger_ended(&b, "gd_a", false);
		assert_int_equal(budget_hold(&b, now, "gd_a"), holds[i]);
		assert_int_equal(budget_held_ms(&b, now + 1, "gd_a"), holds[i] - 1);
		assert_int_equal(budget_held_ms(&b, now + 1, "gd_b"), 0);
		now += holds[i];
	}
	budget_trigger_begun(&b, "gd_a");
	budget_trigger_ended(&b, "gd_a", true);
	budget_trigger_begun(&b, "gd_a");
	assert_int_equal(budget_held_ms(&b, now, "gd_a"), 0);
}

static void
test_more_data_sets_than_places_are_held_in_the_last(void **state)
{
	struct budget b = { .until_mono_ms = 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < BUDGET_HOLDS + 10; i++) {
		snprintf(name, sizeof(name), "gd_%d", i);
		assert_int_equal(budget_hold(&b, 1000, name), 30000);
		assert_int_equal(budget_held_ms(&b, 1000, name), 30000);
	}
	assert_int_equal(budget_held_ms(&b, 1000, "gd_0"), 30000);
}

/* ---- from one keeper to the next ---- */

#define WALL 1732385000000LL

/* The budget of the next keeper, when the clocks read so. The first one saved at WALL. */
static struct budget
next_keeper(struct budget *b, int64_t now, int64_t next_now, int64_t next_wall)
{
	struct budget next = { .until_mono_ms = 0 };
	struct budget_record record;

	budget_save(b, now, WALL, &record);
	assert_false(b->changed);
	budget_restore(&next, next_now, next_wall, &record);
	assert_false(next.changed);
	return next;
}

static void
test_next_keeper_waits_for_the_rest_of_the_pause(void **state)
{
	struct budget b = { .until_mono_ms = 0 }, next;

	(void)state;
	(void)budget_limited(&b, 1000, 60000, 0);
	assert_true(b.changed);
	next = next_keeper(&b, 1000, 5, WALL + 20000);
	assert_true(budget_paused(&next, 5 + 39999));
	assert_false(budget_paused(&next, 5 + 40000));
	assert_true(budget_allows(&next, 5 + 40000, 0));
	assert_false(budget_allows(&next, 5 + 40000, 1));	/* one by one still */
	budget_answered(&next, 5 + 40000);
	assert_true(next.changed);
	assert_true(budget_allows(&next, 5 + 40000, 1));
	next = next_keeper(&b, 1000, 5, WALL + 60000);
	assert_false(budget_paused(&next, 5));
}

static void
test_next_keeper_goes_on_with_the_longer_pauses(void **state)
{
	struct budget b = { .until_mono_ms = 0 }, next;
	int64_t now = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		now = budget_limited(&b, now, 0, 0);
	next = next_keeper(&b, now, 0, WALL);
	assert_int_equal(budget_limited(&next, 0, 0, 0), 16000);
}

static void
test_nothing_to_keep_is_nothing_to_wait_for(void **state)
{
	struct budget b = { .until_mono_ms = 0 }, next = next_keeper(&b, 1000, 7, WALL);

	(void)state;
	assert_true(budget_allows(&next, 7, 1000));
	assert_int_equal(next.limited_count, 0);
}

static void
test_answers_that_teach_nothing_are_not_written(void **state)
{
	struct budget b = { .until_mono_ms = 0 };

	(void)state;
	budget_answered(&b, 1000);
	budget_trigger_begun(&b, "gd_a");
	budget_trigger_ended(&b, "gd_a", true);
	assert_false(b.changed);
	(void)budget_hold(&b, 1000, "gd_a");
	assert_true(b.changed);
}

static void
test_clock_set_back_begins_the_pause_anew_and_no_more(void **state)
{
	struct budget b = { .until_mono_ms = 0 }, next;

	(void)state;
	(void)budget_limited(&b, 1000, 60000, 0);
	next = next_keeper(&b, 11000, 0, WALL - 100 * HOUR);
	assert_true(budget_paused(&next, 49999));
	assert_false(budget_paused(&next, 50000));
}

static void
test_record_of_nonsense_holds_no_longer_than_an_hour(void **state)
{
	struct budget_record record = { .noted_ms = WALL, .limited_count = BUDGET_LIMITED_MAX, .pause_count = 2,
		.pauses = { { "", INT64_MAX / 2, 5 }, { "gd_a", INT64_MAX / 2, 5 } } };
	struct budget b = { .until_mono_ms = 0 };

	(void)state;
	for (int i = 0; i < BUDGET_LIMITED_MAX; i++)
		record.limited_ms[i] = i % 2 ? INT64_MAX / 2 : INT64_MIN / 2;
	budget_restore(&b, 1000, WALL, &record);
	assert_true(budget_paused(&b, HOUR));
	assert_false(budget_paused(&b, 1000 + HOUR));
	assert_true(budget_held_ms(&b, 1000, "gd_a") <= BUDGET_HOLD_MAX_MS);
}

static void
test_next_keeper_holds_full_data_sets_and_lets_one_through(void **state)
{
	struct budget b = { .until_mono_ms = 0 }, next;

	(void)state;
	(void)budget_hold(&b, 1000, "gd_a");
	budget_trigger_begun(&b, "gd_a");
	next = next_keeper(&b, 1000, 0, WALL + 10000);
	assert_int_equal(budget_held_ms(&next, 0, "gd_a"), 20000);
	assert_int_equal(budget_held_ms(&next, 0, "gd_b"), 0);
	assert_int_equal(budget_held_ms(&next, 20000, "gd_a"), 0);
	budget_trigger_begun(&next, "gd_a");
	assert_true(budget_held_ms(&next, 20000, "gd_a") > 0);
	assert_int_equal(budget_hold(&next, 20000, "gd_a"), 60000);
}

/* Keepers that live for a moment each do not ask more often than one that lives on. */
static void
test_never_more_than_8_refusals_in_5_minutes_whoever_asks(void **state)
{
	static int64_t times[4096];
	struct budget b = { .until_mono_ms = 0 };
	unsigned count = 0;
	int64_t mono;

	(void)state;
	for (int64_t now = 0; now < 2 * HOUR && count < countof(times); now += 100) {
		struct budget next = { .until_mono_ms = 0 };
		struct budget_record record;

		mono = now + 7 * (now % 13);	/* another keeper, another start of its clock */
		if (budget_allows(&b, mono, 0)) {
			times[count++] = now;
			(void)budget_limited(&b, mono, 1000, 0);
		}
		budget_save(&b, mono, WALL + now, &record);
		budget_restore(&next, now + 100 + 7 * ((now + 100) % 13), WALL + now + 100, &record);
		b = next;
	}
	assert_true(count > 5);
	for (unsigned i = BUDGET_LIMITED_MAX; i < count; i++)
		assert_true(times[i] - times[i - BUDGET_LIMITED_MAX] >= BUDGET_WINDOW_MS);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_held_at_first),
		cmocka_unit_test(test_pause_is_what_the_provider_named_within_an_hour),
		cmocka_unit_test(test_pause_doubles_to_32_s_when_none_is_named),
		cmocka_unit_test(test_refusals_of_calls_in_flight_do_not_lengthen_the_pause),
		cmocka_unit_test(test_after_a_pause_calls_go_one_by_one_until_one_is_answered),
		cmocka_unit_test(test_never_more_than_8_refusals_in_5_minutes),
		cmocka_unit_test(test_refusals_for_a_full_data_set_count_as_well),
		cmocka_unit_test(test_hold_of_a_data_set_grows_and_lets_one_through_at_a_time),
		cmocka_unit_test(test_more_data_sets_than_places_are_held_in_the_last),
		cmocka_unit_test(test_next_keeper_waits_for_the_rest_of_the_pause),
		cmocka_unit_test(test_next_keeper_goes_on_with_the_longer_pauses),
		cmocka_unit_test(test_nothing_to_keep_is_nothing_to_wait_for),
		cmocka_unit_test(test_answers_that_teach_nothing_are_not_written),
		cmocka_unit_test(test_clock_set_back_begins_the_pause_anew_and_no_more),
		cmocka_unit_test(test_record_of_nonsense_holds_no_longer_than_an_hour),
		cmocka_unit_test(test_next_keeper_holds_full_data_sets_and_lets_one_through),
		cmocka_unit_test(test_never_more_than_8_refusals_in_5_minutes_whoever_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
