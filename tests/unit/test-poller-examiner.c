/*
 * The examiner: the same answer for every size around its buffers, with threads and
 * without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "poller/examiner.h"
#include "provider/brightdata.h"

/* An array of posts of exactly len bytes, filled up with white space. */
static char *
make_array(size_t len, uint64_t *ret_posts)
{
	static const char post[] = "{\"post_id\":\"1\",\"attachments\":[1,2]},\n";
	char *text = xmalloc(len + 1);
	size_t at = 1;

	memset(text, ' ', len);
	text[0] = '[';
	text[len] = '\0';
	for (*ret_posts = 0; at + sizeof(post) + 1 < len; ++*ret_posts) {
		memcpy(text + at, post, sizeof(post) - 1);
		at += sizeof(post) - 1;
	}
	if (*ret_posts > 0)
		text[at - 2] = ' ';	/* the last comma */
	text[len - 1] = ']';
	return text;
}

/* Of all bytes, whatever was found in them. */
static void
check_sums(struct examiner *e, const char *text, size_t len)
{
	struct checksum *whole = checksum_new();
	uint8_t ours[SHA256_SIZE], theirs[SHA256_SIZE];
	uint32_t our_crc, their_crc;

	checksum_update(whole, text, len);
	checksum_end(whole, &their_crc, theirs);
	checksum_free(whole);
	examiner_sums(e, &our_crc, ours);
	assert_int_equal(our_crc, their_crc);
	assert_memory_equal(ours, theirs, sizeof(ours));
}

/* Gives the full buffers of the text; what is left is in the last one. */
static size_t
fill(struct examiner *e, const char *text, size_t len)
{
	for (; len >= EXAMINER_BUFFER; text += EXAMINER_BUFFER, len -= EXAMINER_BUFFER) {
		memcpy(examiner_buffer(e), text, EXAMINER_BUFFER);
		examiner_give(e);
	}
	if (len > 0)
		memcpy(examiner_buffer(e), text, len);
	return len;
}

static int
examine(const char *text, size_t len, struct record_counts *ret, struct why *why)
{
	struct examiner *e = examiner_new(provider_brightdata.record_form(PLATFORM_FACEBOOK));
	size_t rest = fill(e, text, len);
	int rc = examiner_end(e, rest, why);

	*ret = *examiner_counts(e);
	check_sums(e, text, len);
	examiner_free(e);
	return rc;
}

static void
test_counts_do_not_depend_on_sizes(void **state)
{
	(void)state;
	for (size_t buffers = 0; buffers <= 2 * EXAMINER_BUFFERS + 1; buffers++) {
		for (int extra = -1; extra <= 1; extra++) {
			size_t len = buffers * EXAMINER_BUFFER + 100 + (size_t)(extra - (buffers > 0 ? 100 : 0));
			uint64_t posts;
			scoped_free char *text = make_array(len, &posts);
			struct record_counts counts;
			struct why why = { "" };

			if (examine(text, len, &counts, &why) < 0)
				fail_msg("%zu bytes: %s", len, why.text);
			assert_int_equal(counts.posts, posts);
			assert_int_equal(counts.media, 2 * posts);
		}
	}
}

static void
test_a_fault_anywhere_is_found(void **state)
{
	size_t len = 6 * EXAMINER_BUFFER + 77;
	uint64_t posts;

	(void)state;
	for (size_t at = 0; at < len; at += EXAMINER_BUFFER - 1) {
		scoped_free char *text = make_array(len, &posts);
		struct record_counts counts;
		struct why why = { "" };

		text[at] = '\x01';
		assert_int_equal(examine(text, len, &counts, &why), -EINVAL);
		assert_true(why.text[0] != '\0');
		/* And a cut there. */
		assert_int_equal(examine(text, at + (at == 0), &counts, &why), -EINVAL);
	}
}

static void
test_nothing_is_no_fault_and_a_number_is(void **state)
{
	struct record_counts counts;
	struct why why = { "" };

	(void)state;
	assert_int_equal(examine("", 0, &counts, &why), 0);
	assert_int_equal(counts.posts, 0);
	assert_int_equal(examine("17", 2, &counts, &why), -EINVAL);
	assert_string_equal(why.text, "neither an array nor records");
}

static void
test_it_can_be_given_up_at_any_time(void **state)
{
	size_t len = 3 * EXAMINER_BUFFERS * EXAMINER_BUFFER;
	uint64_t posts;
	scoped_free char *text = make_array(len, &posts);

	(void)state;
	examiner_free(NULL);
	for (size_t end = 0; end < len; end += EXAMINER_BUFFER * 3 / 2 + 1) {
		struct examiner *e = examiner_new(provider_brightdata.record_form(PLATFORM_FACEBOOK));

		(void)fill(e, text, end);
		examiner_free(e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_do_not_depend_on_sizes),
		cmocka_unit_test(test_a_fault_anywhere_is_found),
		cmocka_unit_test(test_nothing_is_no_fault_and_a_number_is),
		cmocka_unit_test(test_it_can_be_given_up_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
