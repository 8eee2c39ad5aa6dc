/*
 * json_out.c - JSON text by yajl's generator, which keeps commas and nesting
 * right; broken UTF-8 is mended before the generator sees it. Owns the
 * generator and its buffer.
 */
#include "base/json_out.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <yajl/yajl_gen.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/utf8.h"

#define REPLACEMENT "\xEF\xBF\xBD"	/* U+FFFD */

/* yajl does not look whether it was given memory. */
static void *
gen_malloc(void *ctx, size_t size)
{
	(void)ctx;
	return xmalloc(size);
}

static void *
gen_realloc(void *ctx, void *p, size_t size)
{
	(void)ctx;
	return xrealloc(p, size);
}

static void
gen_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

/* Every refusal of the generator is a call in the wrong place. */
static void
must(yajl_gen_status status)
{
	assert(status == yajl_gen_status_ok);
	(void)status;
}

void
json_out_init(struct json_out *o)
{
	static const yajl_alloc_funcs functions = {
		.malloc = gen_malloc, .realloc = gen_realloc, .free = gen_free,
	};

	o->gen = yajl_gen_alloc(&functions);
	assert(o->gen != NULL);
}

void
json_out_clear(struct json_out *o)
{
	yajl_gen_reset(o->gen, NULL);
	yajl_gen_clear(o->gen);
}

void
json_out_done(struct json_out *o)
{
	if (o->gen != NULL)
		yajl_gen_free(o->gen);
	o->gen = NULL;
}

void
json_out_open(struct json_out *o)
{
	must(yajl_gen_map_open(o->gen));
}

void
json_out_close(struct json_out *o)
{
	must(yajl_gen_map_close(o->gen));
}

void
json_out_open_array(struct json_out *o)
{
	must(yajl_gen_array_open(o->gen));
}

void
json_out_close_array(struct json_out *o)
{
	must(yajl_gen_array_close(o->gen));
}

/* A copy with each broken byte replaced; at most three times as long. */
static char *
mend(const char *p, size_t len, size_t *ret_len)
{
	const size_t mark = strlen(REPLACEMENT);
	char *mended = xmalloc(len * mark);
	size_t used = 0, good;

	for (;;) {
		good = utf8_prefix(p, len);
		memcpy(mended + used, p, good);
		used += good;
		if (good == len)
			break;
		memcpy(mended + used, REPLACEMENT, mark);
		used += mark;
		p += good + 1;
		len -= good + 1;
	}
	*ret_len = used;
	return mended;
}

/* Ends of lines to Unicode, no control characters to JSON. */
static const struct separator {
	const char *bytes, *escape;
} separators[] = {
	{ "\xC2\x85", "\\u0085" }, { "\xE2\x80\xA8", "\\u2028" }, { "\xE2\x80\xA9", "\\u2029" },
};

/* The first of them and where it stands; NULL: nowhere. */
static const struct separator *
find_separator(const char *p, size_t len, size_t *ret_at)
{
	const struct separator *first = NULL;

	/* Nearly all text has no byte that one begins with. */
	if (memchr(p, 0xC2, len) == NULL && memchr(p, 0xE2, len) == NULL)
		return NULL;
	for (size_t i = 0; i < countof(separators); i++) {
		const char *found = memmem(p, len, separators[i].bytes, strlen(separators[i].bytes));

		if (found == NULL)
			continue;
		first = &separators[i];
		len = (size_t)(found - p);	/* others count only before it */
		*ret_at = len;
	}
	return first;
}

static void
add(char *dst, size_t *used, const char *p, size_t len)
{
	memcpy(dst + *used, p, len);
	*used += len;
}

/* The generator would leave them as they are: so a string with them is written apart, and taken over
 * with each of them escaped. */
static void
write_separated(struct json_out *o, const char *p, size_t len)
{
	const struct separator *found;
	scoped_free char *text = NULL;
	struct json_out apart;
	size_t used = 0, at;

	json_out_init(&apart);
	must(yajl_gen_string(apart.gen, (const unsigned char *)p, len));
	p = json_out_text(&apart, &len);
	text = xmalloc(3 * len);	/* two bytes become six */
	while ((found = find_separator(p, len, &at)) != NULL) {
		add(text, &used, p, at);
		add(text, &used, found->escape, strlen(found->escape));
		at += strlen(found->bytes);
		p += at;
		len -= at;
	}
	add(text, &used, p, len);
	json_out_raw(o, text, used);
	json_out_done(&apart);
}

static void
write_string(struct json_out *o, const char *p, size_t len, bool is_key)
{
	scoped_free char *mended = NULL;
	size_t at;

	if (utf8_prefix(p, len) < len)
		p = mended = mend(p, len, &len);
	if (!is_key && find_separator(p, len, &at) != NULL)
		write_separated(o, p, len);
	else
		must(yajl_gen_string(o->gen, (const unsigned char *)p, len));
}

void
json_out_string_n(struct json_out *o, const char *p, size_t len)
{
	write_string(o, p, len, false);
}

void
json_out_string(struct json_out *o, const char *text)
{
	if (text == NULL)
		json_out_null(o);
	else
		json_out_string_n(o, text, strlen(text));
}

void
json_out_key(struct json_out *o, const char *key)
{
	write_string(o, key, strlen(key), true);
}

void
json_out_int(struct json_out *o, int64_t value)
{
	must(yajl_gen_integer(o->gen, value));
}

void
json_out_number(struct json_out *o, double value, int decimals)
{
	char text[384];	/* the largest double has 309 digits before the point */
	int n;

	assert(decimals >= 0 && decimals <= 20);
	if (!isfinite(value)) {
		json_out_null(o);	/* JSON has no such number */
		return;
	}
	n = snprintf(text, sizeof(text), "%.*f", decimals, value);
	must(yajl_gen_number(o->gen, text, (size_t)n));
}

void
json_out_bool(struct json_out *o, bool value)
{
	must(yajl_gen_bool(o->gen, value));
}

void
json_out_null(struct json_out *o)
{
	must(yajl_gen_null(o->gen));
}

void
json_out_raw(struct json_out *o, const char *json, size_t len)
{
	assert(len > 0);
	/* The generator copies the text of a number as it is. */
	must(yajl_gen_number(o->gen, json, len));
}

void
json_out_member(struct json_out *o, const char *key, const char *text)
{
	json_out_key(o, key);
	json_out_string(o, text);
}

void
json_out_member_int(struct json_out *o, const char *key, int64_t value)
{
	json_out_key(o, key);
	json_out_int(o, value);
}

void
json_out_member_bool(struct json_out *o, const char *key, bool value)
{
	json_out_key(o, key);
	json_out_bool(o, value);
}

void
json_out_member_time(struct json_out *o, const char *key, int64_t wall_ms)
{
	char text[TIME_TEXT_SIZE];

	json_out_member(o, key, wall_ms == 0 ? NULL : time_format(text, wall_ms));
}

const char *
json_out_text(struct json_out *o, size_t *ret_len)
{
	const unsigned char *text = NULL;
	size_t len = 0;

	must(yajl_gen_get_buf(o->gen, &text, &len));
	if (ret_len != NULL)
		*ret_len = len;
	return text != NULL ? (const char *)text : "";
}
