/*
 * test-keeper-budget.c - the discipline of answers 429: its pauses, and over simulated
 * hours its promise of 8 in any 5 minutes.
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
