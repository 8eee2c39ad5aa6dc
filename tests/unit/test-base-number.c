/* Whole numbers and durations: what is read, to which value, and what is refused. */
#include "base/number.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void
numbers_are_digits_within_their_range(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", "1.0", " 1", "1 ", "1a", "0x1", "0", "11", "9999999999999999999999",
	};
	int64_t n;

	(void)state;
	assert_int_equal(number_parse("10", 1, 10, &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(number_parse("007", 1, 10, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(number_parse("999999999999999999", 0, INT64_MAX, &n), 0);
	assert_int_equal(n, INT64_C(999999999999999999));
	for (size_t i = 0; i < countof(bad); i++) {
		if (number_parse(bad[i], 1, 10, &n) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void
durations_are_seconds_or_have_a_unit(void **state)
{
	static const struct { const char *text; int64_t ms; } rows[] = {
		{ "0", 0 }, { "90", 90000 }, { "90s", 90000 }, { "90 s", 90000 }, { "1.5m", 90000 }, { "2h", 7200000 },
		{ "250ms", 250 }, { "1d", 86400000 }, { "0.3", 300 }, { "0.001", 1 }, { "0.0009", 0 }, { "1.999999999", 1999 },
		{ "1.5ms", 1 },
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		if (duration_parse(rows[i].text, &ms) != 0)
			fail_msg("\"%s\" was refused", rows[i].text);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void
what_is_no_duration_is_refused(void **state)
{
	static const char *const rows[] = {
		"", "s", "-1", "+1", "1x", "1min", "1S", "1e3", "nan", "inf", "0x10", ".5", "5.", "1.2.3", " 10", "1 0",
		"1s 2", "1.0000000000", "1.00000000000000000000", "999999999999999999d", "9999999999999999999",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		if (duration_parse(rows[i], &ms) != -EINVAL)
			fail_msg("\"%s\" was taken", rows[i]);
	}
}

static void
sizes_are_bytes_or_have_a_unit(void **state)
{
	static const struct { const char *text; int64_t bytes; } rows[] = {
		{ "0", 0 }, { "1", 1 }, { "65536", 65536 }, { "64K", 65536 }, { "64k", 65536 }, { "256M", 268435456 },
		{ "1g", 1073741824 }, { "2T", INT64_C(2199023255552) }, { "4194303T", INT64_C(4194303) << 40 },
	};
	static const char *const bad[] = {
		"", "K", "-1", "+1", "1.5M", "1 M", "1KB", "1KiB", "1P", "1b", " 1", "1 ", "0x10", "4194304T",
		"9999999999999999999",
	};
	int64_t bytes;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		if (size_parse(rows[i].text, &bytes) != 0)
			fail_msg("\"%s\" was refused", rows[i].text);
		assert_int_equal(bytes, rows[i].bytes);
	}
	for (size_t i = 0; i < countof(bad); i++)
		if (size_parse(bad[i], &bytes) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits_within_their_range),
		cmocka_unit_test(durations_are_seconds_or_have_a_unit),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(sizes_are_bytes_or_have_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
