/* Which known word a mistyped one is taken for, and that a strange one is taken for none. */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static const char *const words[] = {
	"trigger", "status", "wait", "download", "cancel", "events", "PORT", "DATA_DIR", "BACKGROUND_POLL_INTERVAL",
	"BACKGROUND_POLLING_ENABLED",
};

static const char *
nearest_of(const char *typed)
{
	struct nearest n = { .typed = typed };

	for (size_t i = 0; i < countof(words); i++)
		nearest_try(&n, words[i]);
	return n.best != NULL ? n.best : "-";
}

static void
a_mistyped_word_finds_the_one_that_was_meant(void **state)
{
	static const struct { const char *typed, *meant; } rows[] = {
		{ "triger", "trigger" }, { "tirgger", "trigger" }, { "trigggger", "trigger" }, { "stauts", "status" },
		{ "wiat", "wait" }, { "EVENTS", "events" }, { "port", "PORT" }, { "PROT", "PORT" },
		{ "DATADIR", "DATA_DIR" }, { "BACKGROUND_POL_INTERVL", "BACKGROUND_POLL_INTERVAL" },
		{ "wait", "wait" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		assert_string_equal(nearest_of(rows[i].typed), rows[i].meant);
}

static void
a_word_that_was_only_begun_is_finished(void **state)
{
	(void)state;
	assert_string_equal(nearest_of("dow"), "download");
	assert_string_equal(nearest_of("background_polling"), "BACKGROUND_POLLING_ENABLED");
	assert_string_equal(nearest_of("do"), "-");
}

static void
a_strange_word_is_near_to_none(void **state)
{
	char longest[5001];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_string_equal(nearest_of("xyzzy"), "-");
	assert_string_equal(nearest_of(""), "-");
	assert_string_equal(nearest_of("SOMETHING_ELSE"), "-");
	assert_string_equal(nearest_of(longest), "-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mistyped_word_finds_the_one_that_was_meant),
		cmocka_unit_test(a_word_that_was_only_begun_is_finished),
		cmocka_unit_test(a_strange_word_is_near_to_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
