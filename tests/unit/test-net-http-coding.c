/*
 * Bodies that come compressed although nobody asked: each coding in pieces of every size,
 * cut at every place, damaged, grown too large; and what only looks compressed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/why.h"
#include "net/http_coding.h"

#define GZIP (16 + MAX_WBITS)
#define ZLIB MAX_WBITS

static const char text[] = "[{\"post_id\":\"1\",\"content\":\"caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9\"},{\"post_id\":\"2\"}]\n";

struct taken {
	char	*p;
	size_t	 len, room;
	uint64_t total;
	unsigned calls, stop_after;	/* 0: never */
};

static int
take(const void *p, size_t len, void *arg)
{
	struct taken *t = arg;

	t->total += len;
	if (t->len + len <= t->room) {
		memcpy(t->p + t->len, p, len);
		t->len += len;
	}
	return ++t->calls == t->stop_after ? -ECANCELED : 0;
}

static uint8_t *
pack(const void *p, size_t len, int bits, size_t *ret_len)
{
	z_stream z = { 0 };
	uint8_t *packed;

	assert_int_equal(deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
	*ret_len = deflateBound(&z, len) + 64;
	packed = xmalloc(*ret_len);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)len;
	z.next_out = packed;
	z.avail_out = (uInt)*ret_len;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*ret_len = z.total_out;
	(void)deflateEnd(&z);
	return packed;
}

/* What the bytes came to, in pieces of step. */
static int
run(const char *named, const void *p, size_t len, size_t step, struct taken *t, struct why *why)
{
	struct http_coding c;
	int rc;

	why->text[0] = '\0';
	http_coding_init(&c, take, t);
	rc = http_coding_named(&c, named, why);
	for (size_t at = 0; at < len && rc == 0; at += step) {
		size_t n = len - at < step ? len - at : step;
		scoped_free uint8_t *piece = xmalloc(n);

		memcpy(piece, (const uint8_t *)p + at, n);
		rc = http_coding_feed(&c, piece, n, why);
	}
	if (rc == 0)
		rc = http_coding_end(&c, why);
	http_coding_done(&c);
	http_coding_done(&c);
	assert_int_equal(rc == 0 || t->stop_after > 0, why->text[0] == '\0');
	return rc;
}

static void
test_what_came_compressed_is_given_on_as_it_was(void **state)
{
	static const struct {
		int bits;
		const char *named;
	} rows[] = { { GZIP, "gzip" }, { GZIP, "" }, { GZIP, "x-GZIP" }, { GZIP, "deflate" }, { GZIP, "identity" }, { ZLIB, "deflate" } };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		size_t len;
		scoped_free uint8_t *packed = pack(text, strlen(text), rows[i].bits, &len);

		for (size_t step = 1; step <= len; step++) {
			char got[256];
			struct taken t = { .p = got, .room = sizeof(got) };
			struct why why;

			assert_int_equal(run(rows[i].named, packed, len, step, &t, &why), 0);
			assert_int_equal(t.total, strlen(text));
			assert_memory_equal(got, text, strlen(text));
		}
	}
}

static void
test_a_cut_stream_is_never_whole(void **state)
{
	static const struct {
		int bits;
		const char *named;
	} rows[] = { { GZIP, "" }, { ZLIB, "deflate" } };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		size_t len;
		scoped_free uint8_t *packed = pack(text, strlen(text), rows[i].bits, &len);

		for (size_t cut = 2; cut < len; cut++) {
			struct taken t = { 0 };
			struct why why;

			assert_int_equal(run(rows[i].named, packed, cut, 5, &t, &why), -EBADMSG);
			assert_non_null(strstr(why.text, "is cut"));
		}
	}
}

static void
test_damage_anywhere_is_found(void **state)
{
	size_t len;
	scoped_free uint8_t *packed = pack(text, strlen(text), GZIP, &len);

	(void)state;
	for (size_t at = 2; at < len; at++) {
		struct taken t = { 0 };
		struct why why;

		if (at >= 4 && at < 10)
			continue;	/* the time, the level and the system: nothing hangs on them */
		packed[at] ^= 0x55;
		assert_int_equal(run("gzip", packed, len, 7, &t, &why), -EBADMSG);
		packed[at] ^= 0x55;
	}
}

/* Files that were compressed one by one and put together, and blocks filled up with zeros. */
static void
test_members_in_a_row_are_one_body(void **state)
{
	size_t len;
	scoped_free uint8_t *packed = pack(text, strlen(text), GZIP, &len), *row = xcalloc(3, len + 10);
	static const struct {
		size_t gap, tail;
		uint8_t last;
		int result;
	} rows[] = { { 0, 0, 0, 0 }, { 5, 7, 0, 0 }, { 0, 1, 'x', -EBADMSG }, { 0, 2, 0x1f, -EBADMSG } };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		size_t all = 2 * len + rows[i].gap + rows[i].tail;

		memset(row, 0, 3 * (len + 10));
		memcpy(row, packed, len);
		memcpy(row + len + rows[i].gap, packed, len);
		if (rows[i].tail > 0)
			row[all - 1] = rows[i].last;
		for (size_t step = 1; step < all + 1; step++) {
			char got[512];
			struct taken t = { .p = got, .room = sizeof(got) };
			struct why why;

			assert_int_equal(run("", row, all, step, &t, &why), rows[i].result);
			if (rows[i].result == 0)
				assert_int_equal(t.total, 2 * strlen(text));
		}
	}
}

static void
test_what_is_not_compressed_passes(void **state)
{
	static const char *const bodies[] = { "", "[", "[]", "{\"a\":1}", "\x1f", "\x1f\x8a", "x\x9c", "x" };
	static const char *const names[] = { "", "identity", "gzip", "deflate" };

	(void)state;
	for (size_t i = 0; i < countof(bodies); i++) {
		for (size_t j = 0; j < countof(names); j++) {
			for (size_t step = 1; step < 4; step++) {
				char got[16];
				struct taken t = { .p = got, .room = sizeof(got) };
				struct why why;

				if (strcmp(names[j], "deflate") == 0 && strcmp(bodies[i], "x\x9c") == 0)
					continue;	/* that is a head */
				assert_int_equal(run(names[j], bodies[i], strlen(bodies[i]), step, &t, &why), 0);
				assert_int_equal(t.len, strlen(bodies[i]));
				assert_memory_equal(got, bodies[i], t.len);
			}
		}
	}
}

static void
test_other_codings_are_refused_by_name(void **state)
{
	static const char *const names[] = { "br", "zstd", "gzip, gzip", "compress", "\x01" };

	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct taken t = { 0 };
		struct why why;

		assert_int_equal(run(names[i], "[]", 2, 1, &t, &why), -EPROTO);
		assert_int_equal(t.calls, 0);
	}
}

/* Zeros shrink to a thousandth. What grows as data does is let through, however large it is. */
static void
test_a_bomb_ends_early(void **state)
{
	size_t size = 64 << 20, len;
	scoped_free char *zeros = xcalloc(1, size);
	scoped_free uint8_t *packed = pack(zeros, size, GZIP, &len);
	struct taken t = { 0 };
	struct why why;

	(void)state;
	assert_int_equal(run("gzip", packed, len, 1000, &t, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "200 times"));
	assert_true(t.total <= HTTP_CODING_FREE + 65536);
	for (size_t i = 0; i < size; i++)
		if (i % 97 == 0)
			zeros[i] = (char)(i * 2654435761u >> 24);
	free(packed);
	packed = pack(zeros, size, GZIP, &len);
	t = (struct taken){ 0 };
	assert_int_equal(run("gzip", packed, len, 1 << 20, &t, &why), 0);
	assert_int_equal(t.total, size);
}

static void
test_the_receiver_can_stop(void **state)
{
	size_t size = 1 << 20, len;
	scoped_free char *zeros = xcalloc(1, size);
	scoped_free uint8_t *packed = pack(zeros, size, GZIP, &len);
	struct taken t = { .stop_after = 2 };
	struct why why;

	(void)state;
	assert_int_equal(run("", packed, len, len, &t, &why), -ECANCELED);
	assert_int_equal(t.calls, 2);
	t = (struct taken){ .stop_after = 1 };
	assert_int_equal(run("", "x", 1, 1, &t, &why), -ECANCELED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_came_compressed_is_given_on_as_it_was),
		cmocka_unit_test(test_a_cut_stream_is_never_whole),
		cmocka_unit_test(test_damage_anywhere_is_found),
		cmocka_unit_test(test_members_in_a_row_are_one_body),
		cmocka_unit_test(test_what_is_not_compressed_passes),
		cmocka_unit_test(test_other_codings_are_refused_by_name),
		cmocka_unit_test(test_a_bomb_ends_early),
		cmocka_unit_test(test_the_receiver_can_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
