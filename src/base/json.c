/*
 * json.c - bounded, strict reading of whole documents on top of jansson, which
 * gets to see only what is small and flat enough. The document is the caller's.
 */
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

/* Jansson recurses; what is nested deeper than our bound must not reach it. */
static bool
too_deep(const char *p, size_t len)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in_string = false;
		} else if (p[i] == '"') {
			in_string = true;
		} else if (p[i] == '[' || p[i] == '{') {
			if (++depth > JSON_DOC_DEPTH)
				return true;
		} else if ((p[i] == ']' || p[i] == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

int
json_read(const char *p, size_t len, json_t **ret, struct why *why)
{
	json_error_t error;
	char text[JSON_ERROR_TEXT_LENGTH * 2];
	const char *nul;
	json_t *doc;

	if (len > JSON_DOC_MAX)
		return why_set(why, EFBIG, "the JSON text has %zu bytes, at most %u are read", len, JSON_DOC_MAX);
	if (len == 0)
		return why_set(why, EINVAL, "there is no JSON text: it is empty");
	/* jansson passes over a NUL that stands after a number. */
	nul = memchr(p, '\0', len);
	if (nul != NULL)
		return why_set(why, EINVAL, "not valid JSON: there is a NUL byte at offset %zu", (size_t)(nul - p));
	if (too_deep(p, len))
		return why_set(why, EINVAL, "the JSON text is nested deeper than %d levels", JSON_DOC_DEPTH);
	/* What jansson cannot allocate ends the process, as everywhere: good JSON would be told as bad. */
	json_set_alloc_funcs(xmalloc, free);
	doc = json_loadb(p, len, JSON_REJECT_DUPLICATES, &error);
	if (doc == NULL && json_error_code(&error) == json_error_null_character)
		return why_set(why, EINVAL, "line %d, column %d: a string holds the character \\u0000, which is not "
		    "accepted", error.line, error.column);
	if (doc == NULL) {
		str_printable(text, sizeof(text), error.text, strlen(error.text));
		return why_set(why, EINVAL, "not valid JSON at line %d, column %d: %s", error.line, error.column, text);
	}
	*ret = doc;
	return 0;
}

const char *
json_text(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

int64_t
json_int(const json_t *object, const char *member, int64_t min, int64_t max, int64_t fallback)
{
	const json_t *value = json_object_get(object, member);

	if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
		return fallback;
	return json_integer_value(value);
}
