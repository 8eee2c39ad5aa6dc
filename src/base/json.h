/*
 * json.h - whole JSON documents of bounded size: API bodies, provider answers.
 *
 * The one place that includes jansson. Readers use jansson's own json_t calls
 * on what json_read() gave; streams of any length go through json_stream.h, and
 * JSON is written with json_out.h.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct why;

#define JSON_DOC_MAX (1u << 20)		/* larger documents are refused: -EFBIG */
#define JSON_DOC_DEPTH 64		/* deeper ones, too: -EINVAL */

/* Reads one document: strict RFC 8259, UTF-8 checked, no duplicate member, no
 * NUL, nothing after it. -EINVAL with line and column in why, -EFBIG. The
 * caller calls json_decref(). */
int json_read(const char *p, size_t len, json_t **ret, struct why *why);

/* The member as text, or NULL when it is missing or not a string. */
const char *json_text(const json_t *object, const char *member);
/* The member as an integer within [min, max]; fallback when missing or not such. */
int64_t json_int(const json_t *object, const char *member, int64_t min, int64_t max,
    int64_t fallback);

static inline void
json_free_scoped(json_t **doc)
{
	json_decref(*doc);
}
#define scoped_json __attribute__((cleanup(json_free_scoped))) json_t

#endif
