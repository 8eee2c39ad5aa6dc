/* Dates and times as text, checked against the C library over the whole range. */
#include "base/timefmt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"

#define LAST_MS INT64_C(253402300799999)

static void
time_is_written_as_utc_with_milliseconds(void **state)
{
	char text[TIME_TEXT_SIZE];

	(void)state;
	assert_string_equal(time_format(text, 0), "1970-01-01T00:00:00.000Z");
	assert_string_equal(time_format(text, INT64_C(1795458011123)), "2026-11-23T18:20:11.123Z");
	assert_string_equal(time_format(text, INT64_C(951782400000)), "2000-02-29T00:00:00.000Z");
	assert_string_equal(time_format(text, LAST_MS), "9999-12-31T23:59:59.999Z");
}

static void
time_out_of_range_is_written_as_the_nearest(void **state)
{
	char text[TIME_TEXT_SIZE];

	(void)state;
	assert_string_equal(time_format(text, -1), "1970-01-01T00:00:00.000Z");
	assert_string_equal(time_format(text, INT64_MIN), "1970-01-01T00:00:00.000Z");
	assert_string_equal(time_format(text, INT64_MAX), "9999-12-31T23:59:59.999Z");
}

static void
calendar_agrees_with_the_c_library(void **state)
{
	char ours[TIME_TEXT_SIZE], theirs[TIME_TEXT_SIZE];
	int64_t ms, back;
	struct tm tm;
	time_t t;

	(void)state;
	/* Steps of a little under a day visit each day and all hours. */
	for (ms = 0; ms <= LAST_MS; ms += INT64_C(86399) * 997) {
		t = (time_t)(ms / 1000);
		assert_non_null(gmtime_r(&t, &tm));
		(void)snprintf(theirs, sizeof(theirs), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		    (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100, tm.tm_mday % 100,
		    tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100, (int)(ms % 1000));
		time_format(ours, ms);
		if (strcmp(ours, theirs) != 0)
			fail_msg("%s is not %s", ours, theirs);
		if (time_parse(ours, &back) != 0 || back != ms)
			fail_msg("%s does not read back", ours);
		if (timegm(&tm) != t)
			fail_msg("%s: timegm", theirs);
	}
}

static void
time_is_read_with_fraction_and_offset(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t00:00:00z", 0 },
		{ "1970-01-01T00:00:00.5Z", 500 },
		{ "1970-01-01T00:00:00.0019999999999999999999999Z", 1 },
		{ "1970-01-01T02:00:00+02:00", 0 },
		{ "1970-01-01T00:00:00-00:30", 1800000 },
		{ "1970-01-01T00:00:00+00:00", 0 },
		{ "2026-11-23T18:20:11.123Z", INT64_C(1795458011123) },
		{ "2024-02-29T23:59:59.999Z", INT64_C(1709251199999) },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
		{ "9999-12-31T23:59:59.999Z", LAST_MS },
	};
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < countof(good); i++) {
		assert_int_equal(time_parse(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
}

static void
time_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "2026", "2026-11-23", "2026-11-23T18:20:11", "2026-11-23 18:20:11Z",
		"2026-11-23T18:20Z", "2026-11-23T24:00:00Z", "2026-11-23T18:60:00Z",
		"2026-11-23T18:20:61Z", "2026-11-23T18:20:11.Z", "2026-11-23T18:20:11,5Z",
		"2026-11-23T18:20:11+2:00", "2026-11-23T18:20:11+0200", "2026-11-23T18:20:11+24:00",
		"2026-11-23T18:20:11+02:60", "2026-11-23T18:20:11Zx", "2026-11-23T18:20:11Z ",
		" 2026-11-23T18:20:11Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
		"-026-11-23T18:20:11Z", "2026-11-23T+8:20:11Z",
	};
	int64_t ms = 42;
	size_t i;

	(void)state;
	for (i = 0; i < countof(bad); i++)
		if (time_parse(bad[i], &ms) != -EINVAL)
			fail_msg("was read: %s", bad[i]);
	assert_int_equal(ms, 42);
}

static void
date_exists_or_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "2026-1-01", "2026-01-1", "2026-00-01", "2026-01-00", "2026-01-32", "2026-04-31",
		"2025-02-29", "2100-02-29", "1969-12-31", "10000-01-01", "2026-01-01x", " 2026-01-01",
		"2026/01/01", "2026-01-01T00:00:00Z", "01-01-2026",
	};
	struct date d;
	size_t i;

	(void)state;
	assert_int_equal(date_parse("2024-02-29", &d), 0);
	assert_true(d.year == 2024 && d.month == 2 && d.day == 29);
	assert_int_equal(date_parse("2000-02-29", &d), 0);
	assert_int_equal(date_parse("1970-01-01", &d), 0);
	assert_int_equal(date_parse("9999-12-31", &d), 0);
	for (i = 0; i < countof(bad); i++)
		if (date_parse(bad[i], &d) != -EINVAL)
			fail_msg("was read: %s", bad[i]);
}

static void
duration_is_short_and_cut(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0 ms" }, { 250, "250 ms" }, { 999, "999 ms" }, { 1000, "1 s" }, { 1500, "1.5 s" },
		{ 1999, "1.9 s" }, { 59999, "59.9 s" }, { 60000, "1 min" }, { 61000, "1 min 1 s" },
		{ 3599999, "59 min 59 s" }, { 7500000, "2 h 5 min" }, { 7200000, "2 h" },
		{ 86400000, "1 d" }, { 90000000, "1 d 1 h" }, { -1500, "0 ms" },
	};
	char text[32];
	size_t i;

	(void)state;
	for (i = 0; i < countof(rows); i++)
		assert_string_equal(duration_format(text, sizeof(text), rows[i].ms), rows[i].text);
	(void)duration_format(text, sizeof(text), INT64_MIN);
	(void)duration_format(text, 3, 1500);
	assert_string_equal(text, "1.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_written_as_utc_with_milliseconds),
		cmocka_unit_test(time_out_of_range_is_written_as_the_nearest),
		cmocka_unit_test(calendar_agrees_with_the_c_library),
		cmocka_unit_test(time_is_read_with_fraction_and_offset),
		cmocka_unit_test(time_that_is_none_is_refused),
		cmocka_unit_test(date_exists_or_is_refused),
		cmocka_unit_test(duration_is_short_and_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
