/*
 * fuzz-json-stream.c - any bytes as a snapshot. The first byte chooses where the
 * rest is cut; the cuts must not change what is seen, and what the stream takes are
 * values of as many records to jansson.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_stream.h"
#include "base/mem.h"
#include "base/why.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "post_id", "attachments", "error", "error_code" };

struct seen {
	int result;
	enum json_shape shape;
	uint64_t records, told, inside;
	uint64_t sum;		/* of everything told about members */
};

static void
add(const struct json_record *record, void *arg)
{
	struct seen *seen = arg;

	seen->told += record->place != JSON_IN_ENVELOPE;
	seen->inside += record->place == JSON_IN_ENVELOPE;
	seen->sum = (seen->sum ^ record->kind ^ record->arrays << 8) * UINT64_C(1099511628211);
	for (size_t i = 0; i < countof(names); i++) {
		const struct json_member *m = &record->members[i];

		if (memchr(m->head, '\0', sizeof(m->head)) == NULL)
			abort();
		seen->sum = (seen->sum ^ m->kind ^ m->length << 8) * UINT64_C(1099511628211);
		for (const char *p = m->head; *p != '\0'; p++)
			seen->sum = (seen->sum ^ (uint8_t)*p) * UINT64_C(1099511628211);
	}
}

/* Pieces of step bytes, each in memory of its own so that a read past it is seen. */
static struct seen
run(const uint8_t *data, size_t size, size_t step)
{
	struct seen seen = { 0 };
	struct json_stream *s = json_stream_new(names, countof(names), add, &seen);
	struct why why = { "" };
	size_t at, n;

	for (at = 0; at < size && seen.result == 0; at += n) {
		n = size - at < step ? size - at : step;
		scoped_free uint8_t *piece = xmalloc(n);
		memcpy(piece, data + at, n);
		seen.result = json_stream_feed(s, piece, n, &why);
	}
	if (seen.result == 0)
		seen.result = json_stream_end(s, &why);
	if (seen.result != 0 && why.text[0] == '\0')
		abort();
	seen.shape = json_stream_shape(s);
	seen.records = json_stream_records(s);
	json_stream_free(s);
	return seen;
}

/* Refusals of jansson that are limits of its own, not rules of JSON: halves of
 * surrogate pairs, large numbers, NUL in a key, depth. */
static bool
jansson_limit(const json_error_t *error)
{
	return json_error_code(error) == json_error_numeric_overflow ||
	    json_error_code(error) == json_error_null_byte_in_key ||
	    json_error_code(error) == json_error_stack_overflow ||
	    strstr(error->text, "invalid Unicode") != NULL;
}

/* Over white space and marks, which jansson would not pass over. */
static size_t
skip(const char *text, size_t size, size_t at)
{
	for (;;) {
		if (at < size && strchr(" \t\r\n", text[at]) != NULL)
			at++;
		else if (size - at >= 3 && memcmp(text + at, "\xEF\xBB\xBF", 3) == 0)
			at += 3;
		else
			return at;
	}
}

/* Value after value. False: one of them it does not take. */
static bool
jansson_reads(const char *text, size_t size, uint64_t *ret_records, json_error_t *error)
{
	size_t at = 0;

	for (*ret_records = 0;; at += (size_t)error->position) {
		scoped_json *doc = NULL;

		at = skip(text, size, at);
		if (at >= size)
			return true;
		doc = json_loadb(text + at, size - at, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, error);
		if (doc == NULL)
			return false;
		*ret_records += json_is_array(doc) ? json_array_size(doc) : 1;
	}
}

static void
check_against_jansson(const uint8_t *data, size_t size, const struct seen *seen)
{
	json_error_t error;
	uint64_t records;

	if (size > 0 && memchr(data, '\0', size) != NULL) {	/* jansson passes over some of these */
		if (seen->result == 0)
			abort();
		return;
	}
	if (jansson_reads((const char *)data, size, &records, &error)) {
		if (seen->result != 0 || seen->records != records)
			abort();
	} else if (seen->result == 0 && !jansson_limit(&error)) {
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;

	if (size < 1)
		return 0;
	whole = run(data + 1, size - 1, SIZE_MAX);
	pieces = run(data + 1, size - 1, (size_t)data[0] + 1);
	if (whole.result != pieces.result)
		abort();
	if (whole.result == 0 && (whole.shape != pieces.shape || whole.records != pieces.records ||
	    whole.told != whole.records || whole.sum != pieces.sum || whole.told != pieces.told ||
	    whole.inside != pieces.inside))
		abort();
	check_against_jansson(data + 1, size - 1, &whole);
	return 0;
}
