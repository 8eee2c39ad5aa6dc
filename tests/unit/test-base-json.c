/* Whole documents: what is read, what is refused, and how members are asked for. */
#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"

static int
read_text(const char *text, json_t **ret, struct why *why)
{
	return json_read(text, strlen(text), ret, why);
}

static void
document_is_read_and_asked(void **state)
{
	scoped_json *doc = NULL;
	struct why why;

	(void)state;
	assert_int_equal(read_text(" {\"a\":\"text\",\"n\":42,\"f\":1.5,\"x\":null} ", &doc, &why), 0);
	assert_string_equal(json_text(doc, "a"), "text");
	assert_null(json_text(doc, "n"));
	assert_null(json_text(doc, "x"));
	assert_null(json_text(doc, "missing"));
	assert_null(json_text(NULL, "a"));
	assert_int_equal(json_int(doc, "n", 0, 100, -1), 42);
	assert_int_equal(json_int(doc, "n", 42, 42, -1), 42);
	assert_int_equal(json_int(doc, "n", 43, 100, -1), -1);
	assert_int_equal(json_int(doc, "n", 0, 41, -1), -1);
	assert_int_equal(json_int(doc, "f", 0, 100, -1), -1);
	assert_int_equal(json_int(doc, "a", 0, 100, -1), -1);
	assert_int_equal(json_int(doc, "missing", 0, 100, -1), -1);
	assert_int_equal(json_int(NULL, "n", 0, 100, -1), -1);
}

static void
text_that_is_no_document_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "1", "\"text\"", "null", "{", "[1,]", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
		"[1] 2", "{}{}", "[1]x", "\xEF\xBB\xBF{}", "[\"\xFF\"]", "[\"\xED\xA0\x80\"]", "[\"\xC0\x80\"]",
		"[\"\\u0000\"]", "[\"\\ud800\"]", "{'a':1}", "[01]", "[\"\n\"]", "[\v1]", "[1]//", "<html></html>",
	};
	struct why why;
	json_t *doc = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < countof(bad); i++) {
		why.text[0] = '\0';
		if (read_text(bad[i], &doc, &why) != -EINVAL)
			fail_msg("was read: %s", bad[i]);
		assert_true(strlen(why.text) > 10);
		assert_null(doc);
	}
	assert_int_equal(json_read("{}\0", 3, &doc, &why), -EINVAL);
	assert_int_equal(json_read("[\"a\0b\"]", 7, &doc, &why), -EINVAL);
	assert_int_equal(json_read("[10\0]", 5, &doc, &why), -EINVAL);
	assert_non_null(strstr(why.text, "NUL byte at offset 3"));
	assert_int_equal(json_read("[", 1, &doc, NULL), -EINVAL);
}

static void
refusal_tells_line_and_column_on_one_line(void **state)
{
	struct why why;
	json_t *doc;

	(void)state;
	assert_int_equal(read_text("{\n \"a\": 1,\n \"b\": x\n}", &doc, &why), -EINVAL);
	assert_non_null(strstr(why.text, "line 3"));
	assert_non_null(strstr(why.text, "column"));
	assert_int_equal(read_text("[\"a\x1b[1m\n", &doc, &why), -EINVAL);
	assert_null(strchr(why.text, '\x1b'));
	assert_null(strchr(why.text, '\n'));
}

static void
size_is_bounded(void **state)
{
	scoped_free char *text = xmalloc(JSON_DOC_MAX + 1);
	struct why why;
	json_t *doc;

	(void)state;
	memset(text, ' ', JSON_DOC_MAX + 1);
	text[0] = '[';
	text[JSON_DOC_MAX - 1] = ']';
	assert_int_equal(json_read(text, JSON_DOC_MAX, &doc, &why), 0);
	json_decref(doc);
	assert_int_equal(json_read(text, JSON_DOC_MAX + 1, &doc, &why), -EFBIG);
}

/* Depth of arrays in arrays, after a string that is full of brackets. */
static int
read_nested(unsigned depth)
{
	static const char string[] = "[\"[[{\\\"[[\\\\\",";
	scoped_free char *text = xmalloc(2 * depth + sizeof(string));
	char *p = stpcpy(text, string);
	json_t *doc;
	int r;

	memset(p, '[', depth - 1);
	memset(p + depth - 1, ']', depth);
	r = json_read(text, (size_t)(p - text) + 2 * depth - 1, &doc, NULL);
	if (r == 0)
		json_decref(doc);
	return r;
}

static void
nesting_is_bounded_and_brackets_in_strings_do_not_count(void **state)
{
	struct why why;
	json_t *doc;
	char deep[5000];

	(void)state;
	assert_int_equal(read_nested(JSON_DOC_DEPTH), 0);
	assert_int_equal(read_nested(JSON_DOC_DEPTH + 1), -EINVAL);
	assert_int_equal(read_nested(100000), -EINVAL);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(json_read(deep, sizeof(deep), &doc, &why), -EINVAL);
	assert_non_null(strstr(why.text, "deeper"));
	assert_int_equal(read_text("[\"\\", &doc, &why), -EINVAL);
	assert_int_equal(read_text("]]]][", &doc, &why), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_is_read_and_asked),
		cmocka_unit_test(text_that_is_no_document_is_refused),
		cmocka_unit_test(refusal_tells_line_and_column_on_one_line),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(nesting_is_bounded_and_brackets_in_strings_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
