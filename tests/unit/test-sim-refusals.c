/*
 * test-sim-refusals.c - answers 429 counted by window, against a plain count over all
 * of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_random.h"
#include "sim/sim_refusals.h"

#define MANY 4000

static struct refusals refusals;

static int
clear(void **state)
{
	(void)state;
	memset(&refusals, 0, sizeof refusals);
	return 0;
}

static uint64_t
count_window(const int64_t *times, size_t count, int64_t end)
{
	uint64_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += times[i] <= end && end - times[i] <= REFUSALS_WINDOW_MS;
	return n;
}

static void
test_counts_are_those_of_every_window(void **state)
{
	static int64_t times[MANY];
	struct sim_random r = random_for(1, "refusals", 0);
	uint64_t most = 0, recent;
	int64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		/* Bursts, and pauses of up to a window. */
		now += random_chance(&r, 5) ? random_between(&r, 0, REFUSALS_WINDOW_MS) :
		    random_between(&r, 0, 2000);
		times[i] = now;
		(void)refusals_add(&refusals, now, false);
		recent = count_window(times, i + 1, now);
		if (recent > most)
			most = recent;
		assert_int_equal(refusals_recent(&refusals, now), recent);
		assert_int_equal(refusals.most, most);
	}
	assert_false(refusals.saturated);
	assert_false(refusals.banned);
	assert_int_equal(refusals_recent(&refusals, now + REFUSALS_WINDOW_MS + 1), 0);
	assert_int_equal(refusals.most, most);
}

static void
test_the_window_includes_both_its_ends(void **state)
{
	(void)state;
	(void)refusals_add(&refusals, 1, false);
	(void)refusals_add(&refusals, 1 + REFUSALS_WINDOW_MS, false);
	assert_int_equal(refusals.most, 2);
	assert_int_equal(refusals_recent(&refusals, 1 + REFUSALS_WINDOW_MS), 2);
	assert_int_equal(refusals_recent(&refusals, 2 + REFUSALS_WINDOW_MS), 1);
}

static void
test_more_than_fit_are_said_to_be_more(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REFUSALS_MAX; i++)
		(void)refusals_add(&refusals, 1000, false);
	assert_false(refusals.saturated);
	assert_int_equal(refusals.most, REFUSALS_MAX);
	(void)refusals_add(&refusals, 1001, false);
	assert_true(refusals.saturated);
	assert_int_equal(refusals.most, REFUSALS_MAX);
	assert_int_equal(refusals_recent(&refusals, 1001), REFUSALS_MAX);
}

static void
test_the_25th_within_five_minutes_bans_once(void **state)
{
	(void)state;
	for (int i = 0; i < BAN_ANSWERS - 1; i++)
		assert_false(refusals_add(&refusals, 1, true));
	/* The first 24 have left the window by now. */
	assert_false(refusals_add(&refusals, 2 + REFUSALS_WINDOW_MS, true));
	for (int i = 0; i < BAN_ANSWERS - 2; i++)
		assert_false(refusals_add(&refusals, 3 + REFUSALS_WINDOW_MS, true));
	assert_true(refusals_add(&refusals, 3 + REFUSALS_WINDOW_MS, true));
	assert_false(refusals_add(&refusals, 3 + REFUSALS_WINDOW_MS, true));
	assert_true(refusals.banned);
	assert_int_equal(refusals.bans, 1);
}

static void
test_a_lifted_ban_starts_anew_but_the_count_does_not(void **state)
{
	(void)state;
	for (int i = 0; i < BAN_ANSWERS; i++)
		(void)refusals_add(&refusals, 1, true);
	refusals_lift(&refusals);
	assert_false(refusals.banned);
	for (int i = 0; i < BAN_ANSWERS - 1; i++)
		assert_false(refusals_add(&refusals, 2, true));
	assert_true(refusals_add(&refusals, 2, true));
	assert_int_equal(refusals.bans, 2);
	assert_int_equal(refusals.most, 2 * BAN_ANSWERS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counts_are_those_of_every_window, clear),
		cmocka_unit_test_setup(test_the_window_includes_both_its_ends, clear),
		cmocka_unit_test_setup(test_more_than_fit_are_said_to_be_more, clear),
		cmocka_unit_test_setup(test_the_25th_within_five_minutes_bans_once, clear),
		cmocka_unit_test_setup(test_a_lifted_ban_starts_anew_but_the_count_does_not, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
