/*
 * json_stream.c - counts records with yajl's parser callbacks. Owns the parser
 * and, for a token that spans chunks, a buffer of held-back bytes.
 *
 * yajl is laxer than RFC 8259 in two points, which are checked here on the bytes
 * before yajl sees them: it takes vertical tab and form feed for white space, and
 * overlong forms and surrogates for UTF-8. Its own, slower UTF-8 check is off.
 *
 * A token that does not end within a chunk is kept by yajl and scanned again from
 * its start with every further chunk. To keep that linear, bytes that follow a
 * long open token are held back until they are as many as the token so far.
 */
#include "base/json_stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "base/why.h"

#define SLICE (64u << 10)	/* bytes checked and parsed at a time, while they are in cache */
#define LENGTH_BITS 64

struct json_stream {
	yajl_handle	 parser;
	json_record_fn	*on_record;
	void		*arg;

	const char *const *names;
	size_t		 name_lengths[JSON_STREAM_MEMBERS];
	unsigned	 count;
	uint64_t	 lengths;	/* bit n: a watched name has n bytes */

	struct json_member members[JSON_STREAM_MEMBERS];
	struct json_member *next;	/* watched member whose key was read last */
	struct json_member *open;	/* watched array or object whose items are counted */
	unsigned	 depth;		/* open arrays and objects */
	unsigned	 record_depth;	/* how many of them are around a record */
	enum json_shape	 shape;
	uint64_t	 records;

	uint64_t	 checked;	/* bytes that passed the checks */
	uint64_t	 parsed;	/* bytes of them that were given to yajl in earlier calls */
	uint64_t	 token_end;	/* where the last token ended; <= parsed between calls */
	const char	*refusal;	/* why a callback stopped yajl */
	bool		 blank;		/* nothing but white space follows the last token */
	bool		 failed;

	uint8_t		 cut[4];	/* start of a character that the last slice cut */
	size_t		 cut_len;
	uint8_t		*held;		/* bytes held back from yajl */
	size_t		 held_len, held_size;
};

/* --- what yajl calls ---------------------------------------------------------- */

static int
refuse(struct json_stream *s, const char *reason)
{
	s->refusal = reason;
	return 0;
}

/* Each token passes here; false when it was too long. */
static inline bool
token_fits(struct json_stream *s)
{
	uint64_t at = s->parsed + yajl_get_bytes_consumed(s->parser);

	if (at - s->token_end > JSON_STREAM_TOKEN_MAX) {
		s->refusal = "a string, a number or a run of white space is longer than 16 MiB";
		return false;
	}
	s->token_end = at;
	return true;
}

static void
member_set(struct json_member *m, enum json_kind kind, const void *text, size_t len)
{
	size_t head = len < JSON_STREAM_HEAD ? len : JSON_STREAM_HEAD - 1;

	m->kind = kind;
	m->length = len;
	if (head > 0)
		memcpy(m->head, text, head);
	m->head[head] = '\0';
}

static void
forget_members(struct json_stream *s)
{
	unsigned i;

	for (i = 0; i < s->count; i++)
		member_set(&s->members[i], JSON_ABSENT, NULL, 0);
	s->next = NULL;
	s->open = NULL;
}

static void
tell_record(struct json_stream *s)
{
	s->records++;
	if (s->on_record != NULL)
		s->on_record(s->members, s->arg);
}

/* The first value at the top decides the shape; an array must stay alone there. */
static int
top_value(struct json_stream *s, enum json_kind kind)
{
	if (s->shape == JSON_SHAPE_ARRAY)
		return refuse(s, "there is more after the end of the array");
	if (s->shape != JSON_SHAPE_EMPTY)
		return 1;
	if (kind == JSON_OBJECT_VALUE)
		s->shape = JSON_SHAPE_RECORDS;
	else if (kind == JSON_ARRAY_VALUE)
		s->shape = JSON_SHAPE_ARRAY;
	else
		s->shape = JSON_SHAPE_OTHER;
	return 1;
}

/* A value within a record: what a watched key waits for, or an item to count. */
static inline void
inner_value(struct json_stream *s, enum json_kind kind, const void *text, size_t len)
{
	if (s->depth == s->record_depth + 1) {
		if (s->next == NULL)
			return;
		member_set(s->next, kind, text, len);
		if (kind == JSON_ARRAY_VALUE || kind == JSON_OBJECT_VALUE)
			s->open = s->next;
		s->next = NULL;
	} else if (s->open != NULL && s->depth == s->record_depth + 2) {
		s->open->length++;
	}
}

static int
on_scalar(struct json_stream *s, enum json_kind kind, const void *text, size_t len)
{
	if (!token_fits(s) || (s->depth == 0 && !top_value(s, kind)))
		return 0;
	if (s->depth > s->record_depth) {
		inner_value(s, kind, text, len);
	} else {
		forget_members(s);
		tell_record(s);
	}
	return 1;
}

static int
on_null(void *arg)
{
	return on_scalar(arg, JSON_NULL_VALUE, NULL, 0);
}

static int
on_bool(void *arg, int value)
{
	(void)value;
	return on_scalar(arg, JSON_BOOL_VALUE, NULL, 0);
}

static int
on_number(void *arg, const char *text, size_t len)
{
	return on_scalar(arg, JSON_NUMBER_VALUE, text, len);
}

static int
on_string(void *arg, const unsigned char *text, size_t len)
{
	return on_scalar(arg, JSON_STRING_VALUE, text, len);
}

static int
on_key(void *arg, const unsigned char *key, size_t len)
{
	struct json_stream *s = arg;
	unsigned i;

	if (!token_fits(s))
		return 0;
	if (s->depth != s->record_depth + 1)
		return 1;
	s->next = NULL;
	if (len >= LENGTH_BITS || (s->lengths >> len & 1) == 0)
		return 1;
	for (i = 0; i < s->count; i++) {
		if (s->name_lengths[i] == len && s->names[i][0] == (char)key[0] && memcmp(s->names[i], key, len) == 0) {
			s->next = &s->members[i];
			break;
		}
	}
	return 1;
}

static int
on_open(struct json_stream *s, enum json_kind kind)
{
	if (!token_fits(s))
		return 0;
	if (s->depth == 0) {
		if (!top_value(s, kind))
			return 0;
		if (s->shape == JSON_SHAPE_ARRAY) {
			s->record_depth = s->depth = 1;
			return 1;
		}
	}
	if (s->depth == JSON_STREAM_DEPTH)
		return refuse(s, "arrays and objects are nested deeper than 64 levels");
	if (s->depth == s->record_depth)
		forget_members(s);
	else
		inner_value(s, kind, NULL, 0);
	s->depth++;
	return 1;
}

static int
on_close(void *arg)
{
	struct json_stream *s = arg;

	if (!token_fits(s))
		return 0;
	s->depth--;
	if (s->depth == s->record_depth)
		tell_record(s);
	else if (s->depth == s->record_depth + 1)
		s->open = NULL;
	return 1;
}

static int
on_open_object(void *arg)
{
	return on_open(arg, JSON_OBJECT_VALUE);
}

static int
on_open_array(void *arg)
{
	return on_open(arg, JSON_ARRAY_VALUE);
}

/* --- making and ending -------------------------------------------------------- */

/* yajl does not look whether it was given memory. Its buffers are bounded by
 * JSON_STREAM_TOKEN_MAX. */
static void *
parser_malloc(void *ctx, size_t size)
{
	(void)ctx;
	return xmalloc(size);
}

static void *
parser_realloc(void *ctx, void *p, size_t size)
{
	(void)ctx;
	return xrealloc(p, size);
}

static void
parser_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,	/* raw text: nothing is converted */
	.yajl_string = on_string,
	.yajl_start_map = on_open_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_open_array,
	.yajl_end_array = on_close,
};

static void
watch_names(struct json_stream *s, const char *const *names, unsigned count)
{
	unsigned i;

	assert(count <= JSON_STREAM_MEMBERS);
	s->names = names;
	s->count = count;
	for (i = 0; i < count; i++) {
		s->name_lengths[i] = strlen(names[i]);
		assert(s->name_lengths[i] < LENGTH_BITS);
		s->lengths |= UINT64_C(1) << s->name_lengths[i];
	}
}

struct json_stream *
json_stream_new(const char *const *names, unsigned count, json_record_fn *on_record, void *arg)
{
	yajl_alloc_funcs functions = {
		.malloc = parser_malloc, .realloc = parser_realloc, .free = parser_free,
	};
	struct json_stream *s = xcalloc(1, sizeof(*s));

	s->on_record = on_record;
	s->arg = arg;
	s->shape = JSON_SHAPE_EMPTY;
	s->blank = true;
	watch_names(s, names, count);
	s->parser = yajl_alloc(&callbacks, &functions, s);
	assert(s->parser != NULL);
	(void)yajl_config(s->parser, yajl_allow_multiple_values, 1);
	(void)yajl_config(s->parser, yajl_dont_validate_strings, 1);
	return s;
}

void
json_stream_free(struct json_stream *s)
{
	if (s == NULL)
		return;
	yajl_free(s->parser);
	free(s->held);
	free(s);
}

/* --- checks on the bytes ------------------------------------------------------ */

static int
fail_at(struct json_stream *s, struct why *why, uint64_t offset, const char *reason)
{
	s->failed = true;
	return why_set(why, EINVAL, "not JSON near byte %llu: %s", (unsigned long long)offset, reason);
}

static int
check_utf8(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	static const char broken[] = "broken UTF-8";
	size_t i = 0;
	int step;

	while (s->cut_len > 0 && i < len) {
		s->cut[s->cut_len++] = p[i++];
		step = utf8_sequence(s->cut, s->cut_len);
		if (step == 0)
			return fail_at(s, why, s->checked + i - 1, broken);
		if (step > 0)
			s->cut_len = 0;
	}
	i += utf8_prefix(p + i, len - i);
	if (i == len)
		return 0;
	if (utf8_sequence(p + i, len - i) != UTF8_CUT)
		return fail_at(s, why, s->checked + i, broken);
	s->cut_len = len - i;
	memcpy(s->cut, p + i, s->cut_len);
	return 0;
}

static int
check_space(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	static const char lax[] = "\v\f";
	const uint8_t *found;
	int i;

	for (i = 0; i < 2; i++) {
		found = memchr(p, lax[i], len);
		if (found != NULL)
			return fail_at(s, why, s->checked + (uint64_t)(found - p),
			    "a vertical tab or form feed is not white space in JSON");
	}
	return 0;
}

static int
check(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	int r;

	if (s->checked == 0 && p[0] == 0xEF)
		return fail_at(s, why, 0,
		    "it begins like a UTF-8 byte order mark (BOM), which JSON does not allow");
	r = check_space(s, p, len, why);
	if (r == 0)
		r = check_utf8(s, p, len, why);
	s->checked += len;
	return r;
}

/* --- feeding ------------------------------------------------------------------ */

/* yajl's own text without the newline that it puts at the end. */
static int
fail_parse(struct json_stream *s, struct why *why, yajl_status status)
{
	uint64_t offset = s->parsed + yajl_get_bytes_consumed(s->parser);
	unsigned char *text;
	int r;

	if (offset > s->checked)	/* yajl was ended with a blank of its own */
		offset = s->checked;
	if (status == yajl_status_client_canceled)
		return fail_at(s, why, offset, s->refusal);
	text = yajl_get_error(s->parser, 0, NULL, 0);
	text[strcspn((const char *)text, "\n")] = '\0';
	r = fail_at(s, why, offset, (const char *)text);
	yajl_free_error(s->parser, text);
	return r;
}

static bool
is_blank(const uint8_t *p, size_t len)
{
	while (len > 0 && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
		p++;
		len--;
	}
	return len == 0;
}

/* Keeps in mind whether an unfinished token hangs at the end of these bytes. */
static void
look_at_tail(struct json_stream *s, const uint8_t *p, size_t len)
{
	size_t tail = 0;

	if (s->token_end >= s->parsed) {
		tail = (size_t)(s->token_end - s->parsed);
		s->blank = true;
	}
	s->blank = s->blank && is_blank(p + tail, len - tail);
}

static int
parse(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	yajl_status status = yajl_parse(s->parser, p, len);

	if (status != yajl_status_ok)
		return fail_parse(s, why, status);
	look_at_tail(s, p, len);
	s->parsed += len;
	if (s->parsed - s->token_end > JSON_STREAM_TOKEN_MAX)
		return fail_at(s, why, s->parsed,
		    "a string, a number or a run of white space is longer than 16 MiB");
	return 0;
}

static int
parse_held(struct json_stream *s, struct why *why)
{
	int r = 0;

	if (s->held_len > 0)
		r = parse(s, s->held, s->held_len, why);
	free(s->held);
	s->held = NULL;
	s->held_len = s->held_size = 0;
	return r;
}

static int
hold(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	uint64_t token = s->parsed - s->token_end;

	if (s->held_len + len > s->held_size) {
		s->held_size = 2 * s->held_size + SLICE;
		s->held = xrealloc(s->held, s->held_size);
	}
	memcpy(s->held + s->held_len, p, len);
	s->held_len += len;
	if (s->held_len < token && token + s->held_len <= JSON_STREAM_TOKEN_MAX)
		return 0;
	return parse_held(s, why);
}

static int
feed_slice(struct json_stream *s, const uint8_t *p, size_t len, struct why *why)
{
	int r = check(s, p, len, why);

	if (r < 0)
		return r;
	if (s->held_len > 0 || s->parsed - s->token_end > SLICE)
		return hold(s, p, len, why);
	return parse(s, p, len, why);
}

int
json_stream_feed(struct json_stream *s, const void *p, size_t len, struct why *why)
{
	const uint8_t *from = p;
	size_t n;
	int r;

	assert(!s->failed);
	for (; len > 0; from += n, len -= n) {
		n = len < SLICE ? len : SLICE;
		r = feed_slice(s, from, n, why);
		if (r < 0)
			return r;
	}
	return 0;
}

int
json_stream_end(struct json_stream *s, struct why *why)
{
	yajl_status status;
	int r;

	assert(!s->failed);
	r = parse_held(s, why);
	if (r < 0)
		return r;
	if (s->token_end == 0 && s->blank)	/* for yajl, no value at all is an error */
		return 0;
	status = yajl_complete_parse(s->parser);
	if (status != yajl_status_ok)
		return fail_parse(s, why, status);
	/* A number at the very end is a token now. yajl says nothing about the start of
	 * another value behind a complete one. */
	if (s->token_end < s->parsed && !s->blank)
		return fail_at(s, why, s->parsed, "it ends within a value");
	return 0;
}

enum json_shape
json_stream_shape(const struct json_stream *s)
{
	return s->shape;
}

uint64_t
json_stream_records(const struct json_stream *s)
{
	return s->records;
}
