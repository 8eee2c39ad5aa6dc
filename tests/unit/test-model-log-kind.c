/* The table of log kinds: what users' filters hold on to is well-formed and unique. */
#include "model/log_kind.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FOR_EACH_KIND(i, kind) \
	for (unsigned i = 0; ((kind) = log_kind_at(i)) != NULL; i++)

static void
every_kind_is_found_once_and_the_base_ones_too(void **state)
{
	const struct log_kind *kind;
	unsigned count = 0, of_base = 0;

	(void)state;
	FOR_EACH_KIND(i, kind) {
		count++;
		of_base += kind == &log_kind_no_memory || kind == &log_kind_library_error ||
		    kind == &log_kind_library_warning || kind == &log_kind_lines_lost;
	}
	assert_int_equal(of_base, 4);
	assert_int_equal(count, KIND_COUNT + 4);
	assert_ptr_equal(log_kind_at(KIND_CRAWL_FAILED), &log_kinds[KIND_CRAWL_FAILED]);
}

static void
names_are_words_with_dashes(void **state)
{
	const struct log_kind *kind;

	(void)state;
	FOR_EACH_KIND(i, kind) {
		assert_non_null(kind->name);
		assert_true(kind->name[0] >= 'a' && kind->name[0] <= 'z');
		assert_int_equal(strspn(kind->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(kind->name));
		assert_null(strstr(kind->name, "--"));
	}
}

static void
message_ids_are_128_bits_in_hex(void **state)
{
	const struct log_kind *kind;

	(void)state;
	FOR_EACH_KIND(i, kind) {
		assert_int_equal(strlen(kind->message_id), 32);
		assert_int_equal(strspn(kind->message_id, "0123456789abcdef"), 32);
	}
}

static void
no_two_share_a_name_or_an_id(void **state)
{
	const struct log_kind *a, *b;

	(void)state;
	FOR_EACH_KIND(i, a) {
		FOR_EACH_KIND(j, b) {
			if (i == j)
				continue;
			assert_string_not_equal(a->name, b->name);
			assert_string_not_equal(a->message_id, b->message_id);
		}
	}
}

/* What stands in the catalog and in a table of Markdown: one line, no column's end. */
static void
an_operator_is_told_something_about_each(void **state)
{
	const struct log_kind *kind;

	(void)state;
	FOR_EACH_KIND(i, kind) {
		assert_true(kind->level <= LOG_LEVEL_INFO);
		assert_true(strlen(kind->subject) > 0 && strlen(kind->subject) < 80);
		assert_true(isupper((unsigned char)kind->subject[0]) ||
		    strncmp(kind->subject, "trawld", 6) == 0);
		assert_int_equal(kind->meaning[strlen(kind->meaning) - 1], '.');
		assert_null(strpbrk(kind->subject, "\n|@"));
		assert_null(strpbrk(kind->meaning, "\n|"));
		assert_null(strpbrk(kind->action, "\n|"));
	}
}

static void
what_is_wrong_is_told_with_what_to_do(void **state)
{
	const struct log_kind *kind;

	(void)state;
	FOR_EACH_KIND(i, kind) {
		if (kind->level < LOG_LEVEL_INFO)
			assert_string_not_equal(kind->action, "");
		if (kind->action[0] != '\0')
			assert_int_equal(kind->action[strlen(kind->action) - 1], '.');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_found_once_and_the_base_ones_too),
		cmocka_unit_test(names_are_words_with_dashes),
		cmocka_unit_test(message_ids_are_128_bits_in_hex),
		cmocka_unit_test(no_two_share_a_name_or_an_id),
		cmocka_unit_test(an_operator_is_told_something_about_each),
		cmocka_unit_test(what_is_wrong_is_told_with_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
