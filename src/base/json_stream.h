/*
 * json_stream.h - reads the records of a snapshot of any length in bounded
 * memory, while its bytes pass by.
 *
 * A snapshot is an array of records, or records one after the other (JSON
 * Lines), told apart by the first byte that is not white space. For each record
 * that is an object the stream reports the members that the caller named: what
 * kind of value stood there, how long it was, and the first bytes of a string.
 * Nothing else of a record is kept.
 *
 * Order: new, feed as often as bytes arrive, end, free. Memory: about 64 KiB
 * whatever the input, but for one string or number longer than a chunk, which
 * the parser must hold whole (capped by JSON_STREAM_TOKEN_MAX).
 */
#ifndef BASE_JSON_STREAM_H
#define BASE_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct why;

#define JSON_STREAM_MEMBERS   16	/* members that can be watched */
#define JSON_STREAM_HEAD      32	/* bytes of a watched string that are kept */
#define JSON_STREAM_DEPTH     64	/* deeper nesting is refused */
#define JSON_STREAM_TOKEN_MAX (16u << 20)

enum json_kind {
	JSON_ABSENT,		/* the record has no such member */
	JSON_NULL_VALUE,
	JSON_BOOL_VALUE,
	JSON_NUMBER_VALUE,
	JSON_STRING_VALUE,
	JSON_ARRAY_VALUE,
	JSON_OBJECT_VALUE,
};

struct json_member {
	enum json_kind	kind;
	uint64_t	length;		/* bytes of a string or number, items of an array, members of an object */
	char		head[JSON_STREAM_HEAD];	/* a string's or number's first bytes, NUL-terminated */
};

/* What the top level was. */
enum json_shape {
	JSON_SHAPE_EMPTY,	/* no value at all */
	JSON_SHAPE_ARRAY,	/* one array of records */
	JSON_SHAPE_RECORDS,	/* objects one after the other; one object alone is this, too */
	JSON_SHAPE_OTHER,	/* a number, a string, ...: not a snapshot */
};

/* members[] has one entry for each watched name, in the order they were given. */
typedef void json_record_fn(const struct json_member *members, void *arg);

struct json_stream;

/* names: count strings, NULL-terminated elsewhere not needed; they must outlive the stream. */
struct json_stream *json_stream_new(const char *const *names, unsigned count,
    json_record_fn *on_record, void *arg);
void json_stream_free(struct json_stream *);

/* -EINVAL with the byte offset in why when the bytes are not JSON (or too deep,
 * or a token is too long). After a failure only free is allowed. */
int json_stream_feed(struct json_stream *, const void *p, size_t len, struct why *why);
/* No more bytes: -EINVAL when the text is not complete. */
int json_stream_end(struct json_stream *, struct why *why);

enum json_shape json_stream_shape(const struct json_stream *);
uint64_t json_stream_records(const struct json_stream *);	/* values at record level */

#endif
