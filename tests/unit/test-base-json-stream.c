/*
 * The reader of snapshots: what it counts and sees, that the places where chunks are cut
 * change nothing, that neither depth nor length of what is in a record matters, and what it
 * refuses.
 */
#include "base/json_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/why.h"

#define NAMES 4
#define KEPT 64

static const char *const names[NAMES] = { "id", "media", "error", "warning_code" };

/* Everything that a stream told about a text. */
struct seen {
	int result;		/* of the first call that failed, else 0 */
	enum json_shape shape;
	uint64_t records;
	unsigned told;		/* of them */
	unsigned inside;	/* told of what may be an envelope */
	unsigned arrays;	/* of the last record by itself */
	struct json_member kept[KEPT][NAMES];
	struct why why;
};

static void
keep(const struct json_record *record, void *arg)
{
	struct seen *seen = arg;

	if (record->place == JSON_IN_ENVELOPE) {
		seen->inside++;
		return;
	}
	if (record->place == JSON_BY_ITSELF)
		seen->arrays = record->arrays;
	if (seen->told < KEPT)
		memcpy(seen->kept[seen->told], record->members, sizeof(seen->kept[0]));
	seen->told++;
}

/* Feeds copies, so that a read past a chunk's end is seen by the sanitizer. */
static int
feed_copy(struct json_stream *s, const char *p, size_t len, struct why *why)
{
	scoped_free char *copy = xmalloc(len);

	if (len > 0)
		memcpy(copy, p, len);
	return json_stream_feed(s, copy, len, why);
}

/* Feeds pieces of step bytes (the first of first bytes) and ends. */
static struct seen *
run(const char *p, size_t len, size_t first, size_t step)
{
	struct seen *seen = xcalloc(1, sizeof(*seen));
	struct json_stream *s = json_stream_new(names, NAMES, keep, seen);
	size_t at, n;

	for (at = 0; at < len && seen->result == 0; at += n) {
		n = at == 0 && first > 0 ? first : step;
		if (n > len - at)
			n = len - at;
		seen->result = feed_copy(s, p + at, n, &seen->why);
	}
	if (seen->result == 0)
		seen->result = json_stream_end(s, &seen->why);
	seen->shape = json_stream_shape(s);
	seen->records = json_stream_records(s);
	json_stream_free(s);
	return seen;
}

static struct seen *
run_text(const char *text)
{
	return run(text, strlen(text), 0, SIZE_MAX);
}

static void
assert_same(const struct seen *a, const struct seen *b)
{
	size_t i, j;

	assert_int_equal(a->result, b->result);
	if (a->result < 0)
		return;
	assert_int_equal(a->shape, b->shape);
	assert_int_equal(a->records, b->records);
	assert_int_equal(a->told, b->told);
	assert_int_equal(a->inside, b->inside);
	for (i = 0; i < a->told && i < KEPT; i++) {
		for (j = 0; j < NAMES; j++) {
			assert_int_equal(a->kept[i][j].kind, b->kept[i][j].kind);
			assert_int_equal(a->kept[i][j].length, b->kept[i][j].length);
			assert_string_equal(a->kept[i][j].head, b->kept[i][j].head);
		}
	}
}

static void
assert_member(const struct json_member *m, enum json_kind kind, uint64_t length, const char *head)
{
	assert_int_equal(m->kind, kind);
	assert_int_equal(m->length, length);
	assert_string_equal(m->head, head);
}

#define SAMPLE \
	"{\"id\":\"a\\u00e4\\n\",\"media\":[1,{\"id\":7,\"media\":[1,2]},[[]],null],\"other\":{\"error\":1}}\n" \
	"{\"media\":{\"x\":1,\"y\":[2],\"z\":{}},\"id\":-12.5e+3,\"warning_code\":\"\xF0\x9F\x9A\xA8 alarm\"}\n" \
	"{\"error\":null,\"id\":true,\"idx\":1,\"i\":2,\"ID\":3,\"warning_code\":\"\\ud83d\\ude80\"}\n"

static void
assert_sample(const struct seen *seen)
{
	assert_int_equal(seen->result, 0);
	assert_int_equal(seen->records, 3);
	assert_int_equal(seen->told, 3);
	assert_member(&seen->kept[0][0], JSON_STRING_VALUE, 4, "a\xC3\xA4\n");
	assert_member(&seen->kept[0][1], JSON_ARRAY_VALUE, 4, "");
	assert_member(&seen->kept[0][2], JSON_ABSENT, 0, "");
	assert_member(&seen->kept[0][3], JSON_ABSENT, 0, "");
	assert_member(&seen->kept[1][0], JSON_NUMBER_VALUE, 8, "-12.5e+3");
	assert_member(&seen->kept[1][1], JSON_OBJECT_VALUE, 3, "");
	assert_member(&seen->kept[1][3], JSON_STRING_VALUE, 10, "\xF0\x9F\x9A\xA8 alarm");
	assert_member(&seen->kept[2][0], JSON_BOOL_VALUE, 0, "");
	assert_member(&seen->kept[2][1], JSON_ABSENT, 0, "");
	assert_member(&seen->kept[2][2], JSON_NULL_VALUE, 0, "");
	assert_member(&seen->kept[2][3], JSON_STRING_VALUE, 4, "\xF0\x9F\x9A\x80");
}

/* The lines as one array. */
static char *
as_array(const char *lines)
{
	char *text = xmalloc(strlen(lines) + 3), *p;

	(void)sprintf(text, "[%s]", lines);
	for (p = text; *p != '\0'; p++)
		if (*p == '\n')
			*p = strchr(p + 1, '\n') != NULL ? ',' : ' ';
	return text;
}

static void
members_are_seen_in_lines_and_in_an_array(void **state)
{
	scoped_free char *array = as_array(SAMPLE);
	scoped_free struct seen *lines = run_text(SAMPLE), *whole = run_text(array);

	(void)state;
	assert_sample(lines);
	assert_int_equal(lines->shape, JSON_SHAPE_RECORDS);
	assert_sample(whole);
	assert_int_equal(whole->shape, JSON_SHAPE_ARRAY);
}

static void
chunks_may_be_cut_anywhere(void **state)
{
	scoped_free char *array = as_array(SAMPLE);
	const char *const texts[] = { SAMPLE, array };
	size_t i, j, len;

	(void)state;
	for (i = 0; i < countof(texts); i++) {
		len = strlen(texts[i]);
		for (j = 1; j < len; j++) {
			scoped_free struct seen *two = run(texts[i], len, j, SIZE_MAX);
			scoped_free struct seen *many = run(texts[i], len, 0, j);

			assert_sample(two);
			assert_sample(many);
		}
	}
}

static void
text_cut_short_is_an_error_unless_a_record_ended_there(void **state)
{
	scoped_free char *array = as_array(SAMPLE);
	size_t i, len = strlen(array);

	(void)state;
	for (i = 1; i < len - 1; i++) {
		scoped_free struct seen *seen = run(array, i, 0, SIZE_MAX);
		scoped_free struct seen *bytes = run(array, i, 0, 1);

		assert_int_equal(seen->result, -EINVAL);
		assert_int_equal(bytes->result, -EINVAL);
		assert_true(strlen(seen->why.text) > 0);
	}
	for (i = 1; i < strlen(SAMPLE); i++) {
		scoped_free struct seen *seen = run(SAMPLE, i, 0, 7);
		bool at_end = SAMPLE[i] == '\n' || SAMPLE[i - 1] == '\n';

		assert_int_equal(seen->result, at_end ? 0 : -EINVAL);
	}
}

static void
shape_is_told_by_the_first_value(void **state)
{
	static const struct {
		const char *text;
		enum json_shape shape;
		uint64_t records;
	} rows[] = {
		{ "", JSON_SHAPE_EMPTY, 0 },
		{ " \r\n\t ", JSON_SHAPE_EMPTY, 0 },
		{ "[]", JSON_SHAPE_ARRAY, 0 },
		{ " [ ] \n", JSON_SHAPE_ARRAY, 0 },
		{ "[{}]", JSON_SHAPE_ARRAY, 1 },
		{ "[{},{} , {}]", JSON_SHAPE_ARRAY, 3 },
		{ "[[],[[{}]],1,null]", JSON_SHAPE_ARRAY, 4 },
		{ "{}", JSON_SHAPE_RECORDS, 1 },
		{ "\n{}\n\n{}\n", JSON_SHAPE_RECORDS, 2 },
		{ "{}\n1\n[2,3]\n\"x\"\n", JSON_SHAPE_RECORDS, 5 },
		{ "[1]\n[2]", JSON_SHAPE_ARRAY, 2 },
		{ "[{},{}][{}] [] [ {} ]", JSON_SHAPE_ARRAY, 4 },
		{ "[1] 2", JSON_SHAPE_ARRAY, 2 },
		{ "[1]{}", JSON_SHAPE_ARRAY, 2 },
		{ "null\n{}\n[{},null]\n{}", JSON_SHAPE_RECORDS, 5 },
		{ "\"x\" [{}]", JSON_SHAPE_ARRAY, 2 },
		{ "\xEF\xBB\xBF[{}]", JSON_SHAPE_ARRAY, 1 },
		{ "\xEF\xBB\xBF{}\r\n{}\r\n", JSON_SHAPE_RECORDS, 2 },
		{ "\xEF\xBB\xBF[{}]\n\xEF\xBB\xBF[{}]", JSON_SHAPE_ARRAY, 2 },
		{ "\xEF\xBB\xBF", JSON_SHAPE_EMPTY, 0 },
		{ "\xEF\xBB\xBF \n", JSON_SHAPE_EMPTY, 0 },
		{ "1", JSON_SHAPE_OTHER, 1 },
		{ "1-2\"x\"true5null", JSON_SHAPE_OTHER, 6 },
		{ "1 2", JSON_SHAPE_OTHER, 2 },
		{ "null", JSON_SHAPE_OTHER, 1 },
		{ "true", JSON_SHAPE_OTHER, 1 },
		{ "\"Snapshot is building\"", JSON_SHAPE_OTHER, 1 },
		{ "-0.5e3", JSON_SHAPE_OTHER, 1 },
		{ "0 \r", JSON_SHAPE_OTHER, 1 },
		{ "{} 12\n", JSON_SHAPE_RECORDS, 2 },
		{ "{} 12", JSON_SHAPE_RECORDS, 2 },
	};
	size_t i, step;

	(void)state;
	for (i = 0; i < countof(rows); i++) {
		for (step = 1; step < 20; step += 6) {
			scoped_free struct seen *seen = run(rows[i].text, strlen(rows[i].text), 0, step);

			assert_int_equal(seen->result, 0);
			assert_int_equal(seen->shape, rows[i].shape);
			assert_int_equal(seen->records, rows[i].records);
			assert_int_equal(seen->told, rows[i].records);
		}
	}
}

static void
value_that_is_no_object_is_a_record_without_members(void **state)
{
	scoped_free struct seen *seen = run_text("[{\"id\":1},5,[{\"id\":2}],{\"id\":3},\"id\"]");

	(void)state;
	assert_int_equal(seen->records, 5);
	assert_member(&seen->kept[0][0], JSON_NUMBER_VALUE, 1, "1");
	assert_member(&seen->kept[1][0], JSON_ABSENT, 0, "");
	assert_member(&seen->kept[2][0], JSON_ABSENT, 0, "");
	assert_member(&seen->kept[3][0], JSON_NUMBER_VALUE, 1, "3");
	assert_member(&seen->kept[4][0], JSON_ABSENT, 0, "");
}

static void
member_that_comes_twice_counts_as_the_last(void **state)
{
	scoped_free struct seen *seen = run_text("{\"media\":[1,2],\"media\":[3],\"id\":\"x\",\"id\":null}");

	(void)state;
	assert_member(&seen->kept[0][1], JSON_ARRAY_VALUE, 1, "");
	assert_member(&seen->kept[0][0], JSON_NULL_VALUE, 0, "");
}

static void
head_of_a_string_is_cut_and_its_length_kept(void **state)
{
	scoped_free struct seen *seen = run_text(
	    "{\"id\":\"0123456789012345678901234567890123456789\","
	    "\"error\":\"0123456789012345678901234567890\","
	    "\"warning_code\":123456789012345678901234567890123456789012345}");

	(void)state;
	assert_member(&seen->kept[0][0], JSON_STRING_VALUE, 40, "0123456789012345678901234567890");
	assert_member(&seen->kept[0][2], JSON_STRING_VALUE, 31, "0123456789012345678901234567890");
	assert_member(&seen->kept[0][3], JSON_NUMBER_VALUE, 45, "1234567890123456789012345678901");
}

static void
key_with_escapes_is_the_same_key(void **state)
{
	scoped_free struct seen *seen = run_text("{\"\\u0069d\":1,\"media\\u0000\":2,\"\":3}");

	(void)state;
	assert_member(&seen->kept[0][0], JSON_NUMBER_VALUE, 1, "1");
	assert_member(&seen->kept[0][1], JSON_ABSENT, 0, "");
}

static void
what_is_not_json_is_refused_however_it_is_cut(void **state)
{
	static const char *const bad[] = {
		"[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"{\"a\" 1}", "{a:1}", "{'a':1}", "{1:1}", "[01]", "[1.]", "[.5]", "[+1]", "[-]", "[1e]", "[1e+]",
		"[0x10]", "[NaN]", "[Infinity]", "[tru]", "[True]", "[nul", "[\"a]", "[\"\\x\"]", "[\"\\u12g4\"]",
		"[\"\t\"]", "[\"\n\"]", "[\"a\x01\"]", "[1]//x", "/**/[1]", "[1]]", "[1]}", "{}]", "{},{}",
		"{}\n\"half", "{}\"", "{}\ntru", "[]nul", "[1]\n\"x", "1 \"", "{} -", "{}\n1.", "{}\n1e", "{} \"\xC3",
		"[1]x", "{}x", "[1]\v", "\f[1]", "[\v1]", "{\"a\":\f1}", "{\"a\":1]", "[1}", "[{]}", "[1],[2]", "-", "1.5e", "00", "0 01", "truefalse", "nulll",
		"<html>", "Snapshot is not ready", "\xEF\xBB", "\xEF\xBB\xBE[1]", "[\xEF\xBB\xBF]", "{\xEF\xBB\xBF}",
		"[1,\xEF\xBB\xBF" "2]", "[\"\\ud83\"]", "[\"\\", "\"\\u00e", "\xEF\xBB\xBFtru",
		"[\"\xFF\"]", "[\"\xC0\xAF\"]", "[\"\xE0\x80\xAF\"]", "[\"\xED\xA0\x80\"]", "[\"\xF4\x90\x80\x80\"]",
		"[\"\xF0\x9F\x98\"]", "[\"\xC3\"]", "[\"\x80\"]", "\xC3\xA4", "[\"\xF0\x9F\x98\x80\x80\"]",
	};
	size_t i, step;

	(void)state;
	for (i = 0; i < countof(bad); i++) {
		for (step = 1; step < 24; step += step < 4 ? 1 : 10) {
			scoped_free struct seen *seen = run(bad[i], strlen(bad[i]), 0, step);

			if (seen->result != -EINVAL)
				fail_msg("in pieces of %zu was taken: %s", step, bad[i]);
			assert_int_equal(strncmp(seen->why.text, "not JSON near byte ", 19), 0);
			assert_null(strchr(seen->why.text, '\n'));
		}
	}
}

static void
nul_bytes_are_refused(void **state)
{
	scoped_free struct seen *a = run("[\0]", 3, 0, SIZE_MAX), *b = run("[\"\0\"]", 5, 0, 1),
	    *c = run("{}\0", 3, 0, SIZE_MAX);

	(void)state;
	assert_int_equal(a->result, -EINVAL);
	assert_int_equal(b->result, -EINVAL);
	assert_int_equal(c->result, -EINVAL);
}

static void
refusal_names_the_place_and_the_cause(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "{\"a\":1}\n{\"a\":\"xyz\xFFzz\"}", "not JSON near byte 17: broken UTF-8" },
		{ "[1,2   ", "not JSON near byte 7: it ends within an array or object" },
		{ "{\"a\":tru3}", "not JSON near byte 8: it is neither true, false nor null" },
		{ "[1 2]", "not JSON near byte 3: neither a comma nor the end of an array or object" },
		{ "<html>", "not JSON near byte 0: no JSON value begins like this" },
		{ "[1]  ]", "not JSON near byte 5: no JSON value begins like this" },
		{ "{\"a\":[1}", "not JSON near byte 7: a bracket closes what was not opened" },
		{ "[\"a\nb\"]", "not JSON near byte 3: a control character stands in a string" },
		{ "[1.]", "not JSON near byte 3: a number breaks off" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t step = 1; step < 4; step++) {
			scoped_free struct seen *seen = run(rows[i].text, strlen(rows[i].text), 0, step);

			assert_string_equal(seen->why.text, rows[i].why);
		}
	}
}

/* [[[...]]] or {"a":{"a":...}} of that depth. */
static int
nest(unsigned depth, const char *open, const char *close)
{
	scoped_free char *text = xmalloc((size_t)depth * 8 + 2);
	scoped_free struct seen *seen = NULL;
	char *p = text;
	unsigned i;

	for (i = 0; i < depth; i++)
		p = stpcpy(p, open);
	p = stpcpy(p, "1");
	for (i = 0; i < depth; i++)
		p = stpcpy(p, close);
	seen = run_text(text);
	return seen->result;
}

static void
nesting_is_bounded_by_memory_only(void **state)
{
	static const unsigned depths[] = { 1, 7, 8, 9, 64, 511, 512, 513, 100000, JSON_STREAM_DEPTH };

	(void)state;
	for (size_t i = 0; i < countof(depths); i++)
		assert_int_equal(nest(depths[i], "[", "]"), 0);
	assert_int_equal(nest(JSON_STREAM_DEPTH + 1, "[", "]"), -EINVAL);
	assert_int_equal(nest(1000000, "{\"a\":", "}"), 0);
	assert_int_equal(nest(1000000, "[", "}"), -EINVAL);
	assert_int_equal(nest(999, "[{\"a\":", "}]"), 0);
	assert_int_equal(nest(999, "[{\"a\":", "]}"), -EINVAL);
}

/* What is deep in a record changes nothing of what is told about it. */
static void
deep_members_are_counted_as_one(void **state)
{
	scoped_free char *deep = xmalloc(100000 * 2 + 1), *text = xmalloc(100000 * 2 + 100);
	scoped_free struct seen *seen = NULL;

	(void)state;
	memset(deep, '[', 100000);
	memset(deep + 100000, ']', 100000);
	deep[200000] = '\0';
	(void)sprintf(text, "[{\"id\":\"1\",\"media\":[1,%s,3],\"error\":null},{\"id\":\"2\"}]", deep);
	seen = run(text, strlen(text), 0, 1000);
	assert_int_equal(seen->result, 0);
	assert_int_equal(seen->records, 2);
	assert_member(&seen->kept[0][1], JSON_ARRAY_VALUE, 3, "");
	assert_member(&seen->kept[0][2], JSON_NULL_VALUE, 0, "");
	assert_member(&seen->kept[1][0], JSON_STRING_VALUE, 1, "2");
}

/* A string, a number or white space of any length, in pieces of any size: nothing of it is held. */
static void
tokens_may_be_of_any_length(void **state)
{
	static const struct {
		const char *before, *after;
		char fill;
		enum json_kind kind;
		uint64_t more;		/* in the length, beside what fills it */
	} rows[] = {
		{ "{\"id\":\"", "\"}\n{}", 'x', JSON_STRING_VALUE, 0 },
		{ "{\"id\":1", "}\n{}", '0', JSON_NUMBER_VALUE, 1 },
		{ "{\"id\":", "7}\n{}", ' ', JSON_NUMBER_VALUE, 0 },
		{ "{\"", "\":1}\n{}", 'x', JSON_ABSENT, 0 },
	};
	static const size_t steps[] = { SIZE_MAX, 1 << 20, 65536, 4093, 100 };
	const size_t size = 20 << 20;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		scoped_free char *text = xmalloc(size + 32);
		char *p = stpcpy(text, rows[i].before);

		memset(p, rows[i].fill, size);
		p = stpcpy(p + size, rows[i].after);
		for (size_t j = 0; j < countof(steps); j++) {
			scoped_free struct seen *seen = run(text, (size_t)(p - text), 0, steps[j]);
			uint64_t length = rows[i].fill == ' ' ? 1 : rows[i].kind == JSON_ABSENT ? 0 : size + rows[i].more;

			assert_int_equal(seen->result, 0);
			assert_int_equal(seen->records, 2);
			assert_int_equal(seen->kept[0][0].kind, rows[i].kind);
			assert_int_equal(seen->kept[0][0].length, length);
		}
	}
}

static void
escapes_are_decoded(void **state)
{
	static const struct {
		const char *text, *head;
		uint64_t length;
	} rows[] = {
		{ "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8 },
		{ "\\u0041\\u00e9\\u20AC\\uD83D\\uDE80", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x80", 10 },
		{ "\\ud83d", "\xEF\xBF\xBD", 3 },
		{ "\\ud83dx", "\xEF\xBF\xBDx", 4 },
		{ "\\ude80", "\xEF\xBF\xBD", 3 },
		{ "\\ud83d\\ud83d\\ude80", "\xEF\xBF\xBD\xF0\x9F\x9A\x80", 7 },
		{ "\\ud83d\\n", "\xEF\xBF\xBD\n", 4 },
		{ "\\ud83d\\u0041", "\xEF\xBF\xBD" "A", 4 },
		{ "a\\u0000b", "a", 3 },
		{ "\xEF\xBB\xBF", "\xEF\xBB\xBF", 3 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char text[128];
		int len = snprintf(text, sizeof(text), "[{\"id\":\"%s\"}]", rows[i].text);

		for (size_t step = 1; step < 9; step++) {
			scoped_free struct seen *seen = run(text, (size_t)len, 0, step);

			assert_int_equal(seen->result, 0);
			assert_member(&seen->kept[0][0], JSON_STRING_VALUE, rows[i].length, rows[i].head);
		}
	}
}

static void
items_of_what_may_be_an_envelope_are_told_first(void **state)
{
	static const struct {
		const char *text;
		unsigned told, inside, arrays;
	} rows[] = {
		{ "{\"data\":[{\"id\":1},{\"id\":2}],\"total\":2}", 1, 2, 1 },
		{ "{\"a\":[],\"b\":[1,[2,{\"id\":1}],{\"x\":[{}]}]}", 1, 3, 2 },
		{ "{\"x\":{\"data\":[{},{}]}}", 1, 0, 0 },
		{ "[{\"data\":[{},{}]}]", 1, 0, 0 },
		{ "{\"data\":[{}]}\n[{\"data\":[{}]}]\n{\"data\":[{},{}]}", 3, 3, 1 },
		{ "[[{}]]", 1, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t step = 1; step < 30; step += 4) {
			scoped_free struct seen *seen = run(rows[i].text, strlen(rows[i].text), 0, step);

			assert_int_equal(seen->result, 0);
			assert_int_equal(seen->told, rows[i].told);
			assert_int_equal(seen->records, rows[i].told);
			assert_int_equal(seen->inside, rows[i].inside);
			assert_int_equal(seen->arrays, rows[i].arrays);
		}
	}
}

static void
watching_nothing_and_telling_nobody_is_fine(void **state)
{
	struct json_stream *s = json_stream_new(NULL, 0, NULL, NULL);
	struct why why;

	(void)state;
	assert_int_equal(json_stream_feed(s, "", 0, &why), 0);
	assert_int_equal(json_stream_feed(s, "[{\"id\":1}]", 10, NULL), 0);
	assert_int_equal(json_stream_end(s, NULL), 0);
	assert_int_equal(json_stream_records(s), 1);
	json_stream_free(s);
	json_stream_free(NULL);
}

/* --- against another parser --------------------------------------------------- */

static uint64_t seed;

static unsigned
rnd(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

static json_t *
random_value(unsigned depth)
{
	static const char *const words[] = { "", "id", "caf\xC3\xA9", "\xF0\x9F\x98\x80", "a\"b\\c/\n\t",
	    "\xE2\x82\xAC 5", "0123456789012345678901234567890123456789", "\x7f\x01" };
	const char *key;
	json_t *v;
	unsigned n;

	switch (rnd(depth < 5 ? 8 : 6)) {
	case 0: return json_null();
	case 1: return json_boolean(rnd(2));
	case 2: return json_integer((json_int_t)rnd(2000000000) - 1000000000);
	case 3: return json_real(((double)rnd(1000000) - 500000) / 977);
	case 4:
	case 5: return json_string(words[rnd(countof(words))]);
	case 6:
		v = json_array();
		for (n = rnd(5); n > 0; n--)
			json_array_append_new(v, random_value(depth + 1));
		return v;
	default:
		v = json_object();
		for (n = rnd(6); n > 0; n--) {
			key = rnd(2) ? names[rnd(NAMES)] : words[rnd(countof(words))];
			json_object_set_new(v, key, random_value(depth + 1));
		}
		return v;
	}
}

static uint64_t
length_of(const json_t *v)
{
	scoped_free char *text = NULL;

	if (json_is_string(v))
		return json_string_length(v);
	if (json_is_array(v))
		return json_array_size(v);
	if (json_is_object(v))
		return json_object_size(v);
	if (!json_is_number(v))
		return 0;
	text = json_dumps(v, JSON_ENCODE_ANY);
	return strlen(text);
}

static enum json_kind
kind_of(const json_t *v)
{
	static const enum json_kind kinds[] = {
		[JSON_OBJECT] = JSON_OBJECT_VALUE, [JSON_ARRAY] = JSON_ARRAY_VALUE,
		[JSON_STRING] = JSON_STRING_VALUE, [JSON_INTEGER] = JSON_NUMBER_VALUE,
		[JSON_REAL] = JSON_NUMBER_VALUE, [JSON_TRUE] = JSON_BOOL_VALUE,
		[JSON_FALSE] = JSON_BOOL_VALUE, [JSON_NULL] = JSON_NULL_VALUE,
	};

	return v == NULL ? JSON_ABSENT : kinds[json_typeof(v)];
}

static void
assert_as_jansson(const struct seen *seen, const json_t *array)
{
	const json_t *v;
	size_t i, j;

	assert_int_equal(seen->result, 0);
	assert_int_equal(seen->records, json_array_size(array));
	for (i = 0; i < json_array_size(array) && i < KEPT; i++) {
		for (j = 0; j < NAMES; j++) {
			v = json_object_get(json_array_get(array, i), names[j]);
			assert_int_equal(seen->kept[i][j].kind, kind_of(v));
			assert_int_equal(seen->kept[i][j].length, length_of(v));
			if (json_is_string(v))
				assert_int_equal(strncmp(seen->kept[i][j].head, json_string_value(v),
				    JSON_STREAM_HEAD - 1), 0);
		}
	}
}

/* The same records one on each line, some in an array of their own: one that is an array must be. */
static char *
as_lines(const json_t *array)
{
	char *text = xcalloc(1, 1), *line;
	size_t i, used = 0;

	for (i = 0; i < json_array_size(array); i++) {
		const json_t *record = json_array_get(array, i);
		bool boxed = json_is_array(record) || (i > 0 && rnd(4) == 0);

		line = json_dumps(record, JSON_COMPACT | JSON_ENCODE_ANY);
		text = xrealloc(text, used + strlen(line) + 4);
		used += (size_t)sprintf(text + used, boxed ? "[%s]\n" : "%s\n", line);
		free(line);
	}
	return text;
}

static json_t *
random_records(void)
{
	json_t *array = json_array();
	unsigned n;

	json_array_append_new(array, json_pack("{s:i}", "id", 1));
	for (n = rnd(6); n > 0; n--)
		json_array_append_new(array, random_value(2));
	return array;
}

static void
random_documents_are_read_as_by_jansson(void **state)
{
	static const size_t flags[] = { 0, JSON_COMPACT, JSON_INDENT(3), JSON_ENSURE_ASCII };
	int i;

	(void)state;
	seed = 20261123;
	for (i = 0; i < 3000; i++) {
		scoped_json *array = random_records();
		scoped_free char *text = json_dumps(array, flags[rnd(4)]), *lines = as_lines(array);
		scoped_free struct seen *a = run(text, strlen(text), 0, 1 + rnd(40));
		scoped_free struct seen *b = run(lines, strlen(lines), 0, 1 + rnd(40));

		assert_as_jansson(a, array);
		assert_int_equal(a->shape, JSON_SHAPE_ARRAY);
		assert_as_jansson(b, array);
		assert_int_equal(b->shape, JSON_SHAPE_RECORDS);
	}
}

/* Some refusals of jansson are limits of its own, not rules of JSON. */
static bool
jansson_limit(const json_error_t *error)
{
	return json_error_code(error) == json_error_numeric_overflow ||
	    json_error_code(error) == json_error_null_character ||
	    json_error_code(error) == json_error_null_byte_in_key;
}

/* Reads value after value, as the stream does. False: one of them it does not take. */
static bool
jansson_reads(const char *text, size_t len, uint64_t *ret_records, json_error_t *error)
{
	size_t at = 0;

	for (*ret_records = 0;; at += (size_t)error->position) {
		scoped_json *doc = NULL;

		at += strspn(text + at, " \t\r\n");
		if (at >= len)
			return true;
		doc = json_loadb(text + at, len - at, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, error);
		if (doc == NULL)
			return false;
		*ret_records += json_is_array(doc) ? json_array_size(doc) : 1;
	}
}

static void
damaged_documents_are_refused_as_by_jansson(void **state)
{
	/* No "d" and "D": no escaped half of a surrogate pair, which jansson refuses
	 * although the grammar allows it. */
	static const char marks[] = "{}[],:\"\\ \n\t01.9eE+-tfnulab\x01\x80\xC3\xF0\xFF\v/";
	unsigned taken = 0;
	int i, n;

	(void)state;
	seed = 42;
	for (i = 0; i < 20000; i++) {
		scoped_json *array = random_records();
		scoped_free char *text = json_dumps(array, rnd(2) ? JSON_COMPACT : 0);
		scoped_free struct seen *seen = NULL;
		json_error_t error;
		size_t len = strlen(text);
		uint64_t records;
		bool good;

		for (n = 1 + (int)rnd(3); n > 0; n--)
			text[rnd((unsigned)len)] = marks[rnd(sizeof(marks) - 1)];
		good = jansson_reads(text, len, &records, &error);
		seen = run(text, len, 0, 1 + rnd(60));
		if (!good && jansson_limit(&error))
			continue;
		if ((seen->result == 0) != good)
			fail_msg("stream: %d %s; jansson: %s; text: %s", seen->result, seen->why.text,
			    good ? "taken" : error.text, text);
		if (good)
			assert_int_equal(seen->records, records);
		taken += good;
	}
	assert_true(taken > 500);
}

/* Whatever the bytes, the cuts must not matter. */
static void
random_cuts_change_nothing(void **state)
{
	int i;

	(void)state;
	seed = 7;
	for (i = 0; i < 3000; i++) {
		scoped_json *array = random_records();
		scoped_free char *text = rnd(2) ? json_dumps(array, 0) : as_lines(array);
		scoped_free struct seen *whole = NULL, *pieces = NULL;
		size_t len = strlen(text);

		if (rnd(3) == 0)
			text[rnd((unsigned)len)] = (char)rnd(256);
		whole = run(text, len, 0, SIZE_MAX);
		pieces = run(text, len, 1 + rnd((unsigned)len), 1 + rnd(20));
		assert_same(whole, pieces);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_seen_in_lines_and_in_an_array),
		cmocka_unit_test(chunks_may_be_cut_anywhere),
		cmocka_unit_test(text_cut_short_is_an_error_unless_a_record_ended_there),
		cmocka_unit_test(shape_is_told_by_the_first_value),
		cmocka_unit_test(value_that_is_no_object_is_a_record_without_members),
		cmocka_unit_test(member_that_comes_twice_counts_as_the_last),
		cmocka_unit_test(head_of_a_string_is_cut_and_its_length_kept),
		cmocka_unit_test(key_with_escapes_is_the_same_key),
		cmocka_unit_test(what_is_not_json_is_refused_however_it_is_cut),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(refusal_names_the_place_and_the_cause),
		cmocka_unit_test(nesting_is_bounded_by_memory_only),
		cmocka_unit_test(deep_members_are_counted_as_one),
		cmocka_unit_test(tokens_may_be_of_any_length),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(items_of_what_may_be_an_envelope_are_told_first),
		cmocka_unit_test(watching_nothing_and_telling_nobody_is_fine),
		cmocka_unit_test(random_documents_are_read_as_by_jansson),
		cmocka_unit_test(damaged_documents_are_refused_as_by_jansson),
		cmocka_unit_test(random_cuts_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
