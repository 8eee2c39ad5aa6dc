/*
 * json_stream.h - reads the records of a snapshot of any length in bounded
 * memory, while its bytes pass by.
 *
 * A snapshot is records and arrays of records, one after the other in any order: one
 * array, JSON Lines, several arrays, lines between them. A byte order mark before any
 * of them is passed over. For each record that is an object the stream reports the
 * members that the caller named: what kind of value stood there, how long it was, and
 * the first bytes of a string. Nothing else of a record is kept.
 *
 * An object that stands for itself may be a record, or an envelope whose array holds
 * the records. Only the caller can tell: so the items of arrays directly in such an
 * object are told, too, before the object itself is.
 *
 * Order: new, feed as often as bytes arrive, end, free. Memory: a few KiB whatever the
 * input, and a bit for each array or object that is open: 2 MiB at JSON_STREAM_DEPTH.
 */
#ifndef BASE_JSON_STREAM_H
#define BASE_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct why;

#define JSON_STREAM_MEMBERS   16	/* members that can be watched */
#define JSON_STREAM_HEAD      32	/* bytes of a watched string that are kept */
#define JSON_STREAM_DEPTH     (16u << 20)	/* deeper nesting is refused */

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
	bool		is_true;	/* of a boolean */
	uint64_t	length;		/* bytes of a string or number, items of an array, members of an object */
	char		head[JSON_STREAM_HEAD];	/* a string's or number's first bytes, NUL-terminated */
};

/* What stood at the top. */
enum json_shape {
	JSON_SHAPE_EMPTY,	/* no value at all */
	JSON_SHAPE_ARRAY,	/* arrays and objects, an array first */
	JSON_SHAPE_RECORDS,	/* arrays and objects, an object first; one object alone is this, too */
	JSON_SHAPE_OTHER,	/* nothing but numbers, strings, ...: not a snapshot */
};

enum json_place {
	JSON_IN_ARRAY,		/* in an array at the top */
	JSON_BY_ITSELF,		/* at the top, as a line is */
	JSON_IN_ENVELOPE,	/* in an array directly in the next one BY_ITSELF that is told */
};

struct json_record {
	enum json_place	 place;
	enum json_kind	 kind;		/* of the record itself: only an object has members */
	unsigned	 arrays;	/* of one BY_ITSELF: so many of its members are arrays */
	/* One entry for each watched name, in the order they were given. */
	const struct json_member *members;
};

typedef void json_record_fn(const struct json_record *, void *arg);

struct json_stream;

/* names: count strings, NULL-terminated elsewhere not needed; they must outlive the stream. */
struct json_stream *json_stream_new(const char *const *names, unsigned count,
    json_record_fn *on_record, void *arg);
void json_stream_free(struct json_stream *);

/* -EINVAL with the byte offset in why when the bytes are not JSON (or too deep). After a
 * failure only free is allowed. */
int json_stream_feed(struct json_stream *, const void *p, size_t len, struct why *why);
/* No more bytes: -EINVAL when the text is not complete. */
int json_stream_end(struct json_stream *, struct why *why);

enum json_shape json_stream_shape(const struct json_stream *);
uint64_t json_stream_records(const struct json_stream *);	/* in arrays at the top, and by themselves */

#endif
