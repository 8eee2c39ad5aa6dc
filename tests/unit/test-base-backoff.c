/* Pauses grow, keep their cap and spread. */
#include "base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The least and the greatest pause that any random number gives: random counts
 * modulo an odd width of less than 2^20 here. */
static void
bounds(const struct backoff *b, unsigned n, int64_t *ret_low, int64_t *ret_high)
{
	int64_t low = INT64_MAX, high = 0, pause;
	uint64_t random;

	for (random = 0; random < 100000; random++) {
		pause = backoff_pause_ms(b, n, random);
		low = pause < low ? pause : low;
		high = pause > high ? pause : high;
	}
	*ret_low = low;
	*ret_high = high;
}

static void
pause_doubles_and_spreads_by_a_quarter(void **state)
{
	static const struct backoff b = { 1000, 60000 };
	int64_t low, high, expected = 1000;
	unsigned n;

	(void)state;
	for (n = 1; n <= 6; n++, expected *= 2) {
		bounds(&b, n, &low, &high);
		assert_int_equal(low, expected - expected / 4);
		assert_int_equal(high, expected + expected / 4);
	}
}

static void
no_pause_is_longer_than_the_cap(void **state)
{
	static const struct backoff b = { 1000, 60000 };
	int64_t low, high;

	(void)state;
	bounds(&b, 7, &low, &high);
	assert_int_equal(low, 36000);
	assert_int_equal(high, 60000);
	assert_true(backoff_pause_ms(&b, 4000000000u, UINT64_MAX) <= 60000);
	assert_true(backoff_pause_ms(&b, 0, 5) <= 1250);
}

static void
extremes_do_not_overflow(void **state)
{
	static const struct backoff huge = { INT64_MAX, INT64_MAX }, grows = { 1, INT64_MAX },
	    none = { 0, 1000 };

	(void)state;
	assert_true(backoff_pause_ms(&huge, 1, UINT64_MAX) > 0);
	assert_true(backoff_pause_ms(&grows, UINT32_MAX, UINT64_MAX) > 0);
	assert_int_equal(backoff_pause_ms(&none, 50, 7), 0);
}

static void
jitter_spreads_by_its_part(void **state)
{
	int64_t low = INT64_MAX, high = 0, value;
	uint64_t random;

	(void)state;
	for (random = 0; random < 5000; random++) {
		value = backoff_jitter(10000, 5, random);
		low = value < low ? value : low;
		high = value > high ? value : high;
	}
	assert_int_equal(low, 8000);
	assert_int_equal(high, 12000);
	assert_int_equal(backoff_jitter(3, 5, 12345), 3);
	assert_int_equal(backoff_jitter(0, 5, 12345), 0);
	assert_int_equal(backoff_jitter(-7, 5, 12345), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pause_doubles_and_spreads_by_a_quarter),
		cmocka_unit_test(no_pause_is_longer_than_the_cap),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(jitter_spreads_by_its_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
