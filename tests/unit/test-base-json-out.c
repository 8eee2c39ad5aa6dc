/* Written JSON: its exact text, and that it parses whatever the strings hold. */
#include "base/json_out.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

static void
assert_text(struct json_out *o, const char *expected)
{
	size_t len;

	assert_string_equal(json_out_text(o, &len), expected);
	assert_int_equal(len, strlen(expected));
}

static void
members_and_arrays_get_their_commas(void **state)
{
	struct json_out o;

	(void)state;
	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "crawl_id", "01");
	json_out_member(&o, "none", NULL);
	json_out_member_int(&o, "count", INT64_MIN);
	json_out_member_bool(&o, "yes", true);
	json_out_member_time(&o, "at", 1795458011123);
	json_out_member_time(&o, "never", 0);
	json_out_key(&o, "data");
	json_out_open_array(&o);
	json_out_int(&o, 7);
	json_out_bool(&o, false);
	json_out_null(&o);
	json_out_string(&o, NULL);
	json_out_open(&o);
	json_out_close(&o);
	json_out_open_array(&o);
	json_out_close_array(&o);
	json_out_raw(&o, "{\"a\":[1]}", 9);
	json_out_raw(&o, "null", 4);
	json_out_close_array(&o);
	json_out_close(&o);
	assert_text(&o, "{\"crawl_id\":\"01\",\"none\":null,\"count\":-9223372036854775808,\"yes\":true,"
	    "\"at\":\"2026-11-23T18:20:11.123Z\",\"never\":null,"
	    "\"data\":[7,false,null,null,{},[],{\"a\":[1]},null]}");
	json_out_done(&o);
}

static void
text_is_empty_before_and_after_clear(void **state)
{
	struct json_out o;
	int i;

	(void)state;
	json_out_init(&o);
	assert_text(&o, "");
	for (i = 0; i < 3; i++) {
		json_out_clear(&o);
		assert_text(&o, "");
		json_out_open(&o);
		json_out_member_int(&o, "i", i);
		json_out_close(&o);
		assert_non_null(strchr(json_out_text(&o, NULL), '0' + i));
		json_out_clear(&o);
		json_out_open_array(&o);	/* cleared in the middle */
		json_out_int(&o, 1);
	}
	json_out_done(&o);
	json_out_done(&o);
}

static void
strings_are_escaped_and_mended(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *written;
	} rows[] = {
		{ "plain", 5, "[\"plain\"]" },
		{ "", 0, "[\"\"]" },
		{ "q\"b\\s/\b\f\n\r\t", 11, "[\"q\\\"b\\\\s/\\b\\f\\n\\r\\t\"]" },
		{ "\x01\x1f\x7f", 3, "[\"\\u0001\\u001F\x7f\"]" },
		{ "a\0b", 3, "[\"a\\u0000b\"]" },
		{ "\xF0\x9F\x9A\xA8", 4, "[\"\xF0\x9F\x9A\xA8\"]" },
		{ "\xFF", 1, "[\"\xEF\xBF\xBD\"]" },
		{ "a\xFFz\xC3", 4, "[\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"]" },
		{ "\xED\xA0\x80", 3, "[\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"]" },
		{ "a\xE2\x80\xA8" "b\xE2\x80\xA9", 8, "[\"a\\u2028b\\u2029\"]" },
		{ "\xE2\x80\xA9\xC2\x85\xE2\x80\xA9\"", 9, "[\"\\u2029\\u0085\\u2029\\\"\"]" },
		{ "\xE2\x80\xA7\xE2\x80\xAA\xE2\x81\xA8\xC2\x86", 11, "[\"\xE2\x80\xA7\xE2\x80\xAA\xE2\x81\xA8\xC2\x86\"]" },
		{ "\xE2\x80", 2, "[\"\xEF\xBF\xBD\xEF\xBF\xBD\"]" },
		{ "\xF0\x9F\x9A", 3, "[\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"]" },
	};
	struct json_out o;
	size_t i;

	(void)state;
	json_out_init(&o);
	for (i = 0; i < countof(rows); i++) {
		json_out_clear(&o);
		json_out_open_array(&o);
		json_out_string_n(&o, rows[i].text, rows[i].len);
		json_out_close_array(&o);
		assert_text(&o, rows[i].written);
	}
	json_out_done(&o);
}

static void
numbers_have_the_wanted_decimals(void **state)
{
	struct json_out o;
	size_t len;

	(void)state;
	json_out_init(&o);
	json_out_open_array(&o);
	json_out_number(&o, 1.25, 1);
	json_out_number(&o, -3, 0);
	json_out_number(&o, 0.1, 3);
	json_out_number(&o, NAN, 2);
	json_out_number(&o, INFINITY, 2);
	json_out_close_array(&o);
	assert_text(&o, "[1.2,-3,0.100,null,null]");
	json_out_clear(&o);
	json_out_number(&o, 1.7976931348623157e308, 20);
	(void)json_out_text(&o, &len);
	assert_int_equal(len, 309 + 1 + 20);
	json_out_done(&o);
}

static void
any_bytes_make_text_that_parses(void **state)
{
	struct json_out o;
	char bytes[64];
	uint64_t x = 99;
	size_t i, n, len;
	const char *text;

	(void)state;
	json_out_init(&o);
	for (n = 0; n < 5000; n++) {
		scoped_json *doc = NULL;

		for (i = 0; i < sizeof(bytes); i++) {
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
			bytes[i] = (char)((x >> 40) | (x >> 33 & 1 ? 0x80 : 1));
			bytes[i] = bytes[i] != '\0' ? bytes[i] : 'x';
		}
		bytes[sizeof(bytes) - 1] = '\0';
		json_out_clear(&o);
		json_out_open(&o);
		json_out_member(&o, bytes, bytes);
		json_out_close(&o);
		text = json_out_text(&o, &len);
		assert_int_equal(json_read(text, len, &doc, NULL), 0);
		if (utf8_prefix(bytes, strlen(bytes)) == strlen(bytes))
			assert_string_equal(json_text(doc, bytes), bytes);
	}
	json_out_done(&o);
}

/* Whether the misuse ends the process by an assertion. */
static bool
aborts(void (*misuse)(struct json_out *))
{
	struct json_out o;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		json_out_init(&o);
		misuse(&o);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

static void
value_for_key(struct json_out *o)
{
	json_out_open(o);
	json_out_int(o, 1);
}

static void
two_values_at_the_top(struct json_out *o)
{
	json_out_int(o, 1);
	json_out_int(o, 2);
}

static void
close_what_is_not_open(struct json_out *o)
{
	json_out_close(o);
}

static void
misuse_is_caught(void **state)
{
	(void)state;
	assert_true(aborts(value_for_key));
	assert_true(aborts(two_values_at_the_top));
	assert_true(aborts(close_what_is_not_open));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_arrays_get_their_commas),
		cmocka_unit_test(text_is_empty_before_and_after_clear),
		cmocka_unit_test(strings_are_escaped_and_mended),
		cmocka_unit_test(numbers_have_the_wanted_decimals),
		cmocka_unit_test(any_bytes_make_text_that_parses),
		cmocka_unit_test(misuse_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
