/* Copies with a bound, printable text, owners of memory and descriptors. */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "base/why.h"

static void
copy_fits_or_leaves_empty(void **state)
{
	char dst[4] = "zzz";

	(void)state;
	assert_int_equal(str_copy(dst, sizeof(dst), "abc"), 0);
	assert_string_equal(dst, "abc");
	assert_int_equal(str_copy(dst, sizeof(dst), "abcd"), -ENAMETOOLONG);
	assert_string_equal(dst, "");
	assert_int_equal(str_copy(dst, sizeof(dst), ""), 0);
	assert_string_equal(dst, "");
}

static void
copy_of_counted_text_refuses_nul(void **state)
{
	char dst[8] = "zzz";

	(void)state;
	assert_int_equal(str_copy_n(dst, sizeof(dst), "abcdef", 3), 0);
	assert_string_equal(dst, "abc");
	assert_int_equal(str_copy_n(dst, sizeof(dst), "a\0b", 3), -EINVAL);
	assert_string_equal(dst, "");
	assert_int_equal(str_copy_n(dst, sizeof(dst), NULL, 0), 0);
	assert_string_equal(dst, "");
}

static const char *
printable(char *dst, size_t size, const char *src)
{
	return str_printable(dst, size, src, strlen(src));
}

static void
printable_escapes_control_and_broken_bytes(void **state)
{
	char dst[64];

	(void)state;
	assert_string_equal(printable(dst, sizeof(dst), "plain \xF0\x9F\x98\x80 text"),
	    "plain \xF0\x9F\x98\x80 text");
	assert_string_equal(printable(dst, sizeof(dst), "a\nb\x1b[0m\x7f"), "a\\x0ab\\x1b[0m\\x7f");
	assert_string_equal(printable(dst, sizeof(dst), "\xff\xc0\xaf"), "\\xff\\xc0\\xaf");
	assert_string_equal(printable(dst, sizeof(dst), "\xc2\x85"), "\\xc2\\x85");
	assert_string_equal(printable(dst, sizeof(dst), "\xf0\x9f\x98"), "\\xf0\\x9f\\x98");
	assert_string_equal(str_printable(dst, sizeof(dst), "a\0b", 3), "a\\x00b");
	assert_string_equal(str_printable(dst, sizeof(dst), NULL, 0), "");
}

static void
printable_cuts_between_characters(void **state)
{
	char dst[64];
	size_t size;

	(void)state;
	assert_string_equal(printable(dst, 7, "abcdef"), "abcdef");
	assert_string_equal(printable(dst, 7, "abcdefg"), "abc...");
	assert_string_equal(printable(dst, 9, "ab\xF0\x9F\x98\x80rest"), "ab...");
	for (size = 1; size < 20; size++) {
		memset(dst, 'z', sizeof(dst));
		printable(dst, size, "ab\n\xF0\x9F\x98\x80 and a lot of rest \xff\xff");
		assert_true(strlen(dst) < size);
		assert_int_equal(utf8_prefix(dst, strlen(dst)), strlen(dst));
	}
}

static void
taking_leaves_the_variable_empty(void **state)
{
	scoped_free char *text = xstrdup("text");
	char *taken = take_ptr(text);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd;

	(void)state;
	assert_null(text);
	assert_string_equal(taken, "text");
	free(taken);
	assert_int_equal(take_fd(&fd), copy);
	assert_int_equal(fd, -1);
	{
		scoped_fd owner = copy;

		assert_int_equal(owner, copy);
	}
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void
allocations_of_nothing_are_memory(void **state)
{
	void *p = xmalloc(0), *q = xcalloc(0, 8), *r = xrealloc(NULL, 0);

	(void)state;
	assert_non_null(p);
	assert_non_null(q);
	assert_non_null(r);
	free(p);
	free(q);
	free(r);
}

static void
wiped_memory_is_zero(void **state)
{
	char secret[8] = "secret!", zero[8] = "";

	(void)state;
	mem_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zero, sizeof(zero));
}

static void
utf8_knows_whole_cut_and_broken_characters(void **state)
{
	(void)state;
	assert_int_equal(utf8_sequence("a", 1), 1);
	assert_int_equal(utf8_sequence("\xc3\xa4", 2), 2);
	assert_int_equal(utf8_sequence("\xe2\x82\xac", 3), 3);
	assert_int_equal(utf8_sequence("\xf4\x8f\xbf\xbf", 4), 4);
	assert_int_equal(utf8_sequence("\xf0\x9f\x98", 3), UTF8_CUT);
	assert_int_equal(utf8_sequence("\xe2", 1), UTF8_CUT);
	assert_int_equal(utf8_sequence("\x80", 1), 0);
	assert_int_equal(utf8_sequence("\xc1\x81", 2), 0);		/* overlong */
	assert_int_equal(utf8_sequence("\xe0\x9f\xbf", 3), 0);
	assert_int_equal(utf8_sequence("\xf0\x8f\xbf\xbf", 4), 0);
	assert_int_equal(utf8_sequence("\xed\xa0\x80", 3), 0);		/* surrogate */
	assert_int_equal(utf8_sequence("\xf4\x90\x80\x80", 4), 0);	/* above U+10FFFF */
	assert_int_equal(utf8_sequence("\xf5", 1), 0);
	assert_int_equal(utf8_prefix("0123456789abcdefghij\xff", 21), 20);
	assert_int_equal(utf8_prefix("0123456789abcde\xf0\x9f\x98\x80\xc3", 20), 19);
	assert_int_equal(utf8_prefix("", 0), 0);
}

/* Every code point in its only form; each other four bytes of that lead fail. */
static void
utf8_accepts_each_code_point(void **state)
{
	uint8_t b[4];
	uint32_t c;
	int n;

	(void)state;
	for (c = 0x80; c < 0x110000; c++) {
		if (c < 0x800) {
			n = 2;
			b[0] = (uint8_t)(0xC0 | c >> 6);
		} else if (c < 0x10000) {
			n = 3;
			b[0] = (uint8_t)(0xE0 | c >> 12);
			b[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
		} else {
			n = 4;
			b[0] = (uint8_t)(0xF0 | c >> 18);
			b[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
			b[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
		}
		b[n - 1] = (uint8_t)(0x80 | (c & 0x3F));
		if (utf8_sequence(b, 4) != (c >= 0xD800 && c < 0xE000 ? 0 : n))
			fail_msg("U+%04X", c);
	}
}

static void
why_is_cut_and_prefixed(void **state)
{
	struct why why;
	char longer[1200];

	(void)state;
	assert_int_equal(why_set(&why, EIO, "read %s", "x"), -EIO);
	assert_string_equal(why.text, "read x");
	why_prefix(&why, "file %d", 7);
	assert_string_equal(why.text, "file 7: read x");
	assert_int_equal(why_set(NULL, EIO, "nobody asks"), -EIO);
	why_prefix(NULL, "nobody asks");

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	why_set(&why, EIO, "%s", longer);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	why_prefix(&why, "here");
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	assert_int_equal(strncmp(why.text, "here: aaa", 9), 0);
	why_prefix(&why, "%s", longer);
	assert_true(strlen(why.text) < sizeof(why.text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_fits_or_leaves_empty),
		cmocka_unit_test(copy_of_counted_text_refuses_nul),
		cmocka_unit_test(printable_escapes_control_and_broken_bytes),
		cmocka_unit_test(printable_cuts_between_characters),
		cmocka_unit_test(taking_leaves_the_variable_empty),
		cmocka_unit_test(allocations_of_nothing_are_memory),
		cmocka_unit_test(wiped_memory_is_zero),
		cmocka_unit_test(utf8_knows_whole_cut_and_broken_characters),
		cmocka_unit_test(utf8_accepts_each_code_point),
		cmocka_unit_test(why_is_cut_and_prefixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
