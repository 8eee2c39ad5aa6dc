/*
 * http_coding.c - undoes gzip and deflate with zlib, which checks the checksum and the
 * length that stand at the end of a stream.
 */
#include "net/http_coding.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>

#include "base/mem.h"
#include "base/why.h"

#define PIECE	    (64u << 10)
#define WINDOW_AUTO (32 + MAX_WBITS)	/* zlib tells a gzip head from a zlib head */

struct inflater {
	z_stream zlib;
	uint64_t in, out;
	bool	 between;	/* members: a whole one has ended */
	uint8_t	 piece[PIECE];
};

void
http_coding_init(struct http_coding *c, http_coding_fn *on_bytes, void *arg)
{
	*c = (struct http_coding){ .on_bytes = on_bytes, .arg = arg };
}

int
http_coding_named(struct http_coding *c, const char *value, struct why *why)
{
	static const char *const known[] = { "", "identity", "gzip", "x-gzip", "deflate" };
	char shown[40];

	for (size_t i = 0; i < countof(known); i++) {
		if (strcasecmp(value, known[i]) != 0)
			continue;
		c->deflate = strcasecmp(value, "deflate") == 0;
		return 0;
	}
	return why_set(why, EPROTO, "the answer is coded as \"%s\", which was not asked for and is not known here",
	    str_printable(shown, sizeof(shown), value, strlen(value)));
}

static bool
is_gzip(const uint8_t first[2])
{
	return first[0] == 0x1f && first[1] == 0x8b;
}

/* The head of a zlib stream: method 8, and the two bytes a multiple of 31. */
static bool
is_zlib(const uint8_t first[2])
{
	return (first[0] & 0x0f) == 8 && (first[0] << 8 | first[1]) % 31 == 0;
}

static void *
allocate(void *opaque, unsigned items, unsigned size)
{
	(void)opaque;
	return xcalloc(items, size);
}

static void
release(void *opaque, void *p)
{
	(void)opaque;
	free(p);
}

static struct inflater *
inflater_new(void)
{
	struct inflater *i = xcalloc(1, sizeof(*i));
	int rc;

	i->zlib.zalloc = allocate;
	i->zlib.zfree = release;
	rc = inflateInit2(&i->zlib, WINDOW_AUTO);
	assert(rc == Z_OK);	/* memory is not missing, or we have ended */
	(void)rc;
	return i;
}

static int
check_ratio(const struct inflater *i, struct why *why)
{
	if (i->out <= HTTP_CODING_FREE || i->out / HTTP_CODING_RATIO <= i->in)
		return 0;
	return why_set(why, EBADMSG, "the compressed answer grows to more than %u times its size", HTTP_CODING_RATIO);
}

/* One piece of output. More: zlib has not yet used all of its input. */
static int
inflate_piece(struct http_coding *c, bool *ret_more, struct why *why)
{
	struct inflater *i = c->inflater;
	size_t before = i->zlib.avail_in, len;
	int status, rc;

	i->zlib.next_out = i->piece;
	i->zlib.avail_out = sizeof(i->piece);
	status = inflate(&i->zlib, Z_NO_FLUSH);
	if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
		return why_set(why, EBADMSG, "the compressed answer is damaged (%s)",
		    i->zlib.msg != NULL ? i->zlib.msg : "no reason given");
	len = sizeof(i->piece) - i->zlib.avail_out;
	i->in += before - i->zlib.avail_in;
	i->out += len;
	i->between = status == Z_STREAM_END;
	*ret_more = !i->between && i->zlib.avail_out == 0;
	if ((rc = check_ratio(i, why)) < 0)
		return rc;
	return len > 0 ? c->on_bytes(i->piece, len, c->arg) : 0;
}

/* Behind a member another may come, or zeros that fill up a block. */
static int
next_member(struct inflater *i, struct why *why)
{
	while (i->zlib.avail_in > 0 && *i->zlib.next_in == 0) {
		i->zlib.next_in++;
		i->zlib.avail_in--;
	}
	if (i->zlib.avail_in == 0)
		return 0;
	if (*i->zlib.next_in != 0x1f)
		return why_set(why, EBADMSG, "something else follows the end of the compressed answer");
	(void)inflateReset(&i->zlib);
	i->between = false;
	return 0;
}

static int
inflate_all(struct http_coding *c, const uint8_t *p, size_t len, struct why *why)
{
	struct inflater *i = c->inflater;
	bool more = true;
	int rc = 0;

	i->zlib.next_in = (Bytef *)(uintptr_t)p;	/* zlib does not write there */
	i->zlib.avail_in = (uInt)len;
	while (rc == 0 && (i->zlib.avail_in > 0 || more)) {
		if (i->between && ((rc = next_member(i, why)) < 0 || i->zlib.avail_in == 0))
			break;
		rc = inflate_piece(c, &more, why);
	}
	return rc;
}

/* What cannot be the first byte of anything coded need not wait for a second one. */
static bool
may_be_coded(const struct http_coding *c)
{
	return c->first[0] == 0x1f || (c->deflate && (c->first[0] & 0x0f) == 8);
}

/* By the first two bytes, or by fewer when there are no more. */
static int
decide(struct http_coding *c, struct why *why)
{
	c->decided = true;
	if (c->first_len < sizeof(c->first) || !may_be_coded(c))
		return c->first_len > 0 ? c->on_bytes(c->first, c->first_len, c->arg) : 0;
	if (!is_gzip(c->first) && !(c->deflate && is_zlib(c->first)))
		return c->on_bytes(c->first, sizeof(c->first), c->arg);
	c->inflater = inflater_new();
	return inflate_all(c, c->first, sizeof(c->first), why);
}

int
http_coding_feed(struct http_coding *c, const void *p, size_t len, struct why *why)
{
	const uint8_t *from = p;
	int rc;

	while (!c->decided && len > 0) {
		c->first[c->first_len++] = *from++;
		len--;
		if ((c->first_len == sizeof(c->first) || !may_be_coded(c)) && (rc = decide(c, why)) < 0)
			return rc;
	}
	if (len == 0)
		return 0;
	return c->inflater != NULL ? inflate_all(c, from, len, why) : c->on_bytes(from, len, c->arg);
}

int
http_coding_end(struct http_coding *c, struct why *why)
{
	int rc = c->decided ? 0 : decide(c, why);

	if (rc < 0)
		return rc;
	if (c->inflater != NULL && !c->inflater->between)
		return why_set(why, EBADMSG, "the compressed answer is cut");
	return 0;
}

void
http_coding_done(struct http_coding *c)
{
	if (c->inflater == NULL)
		return;
	(void)inflateEnd(&c->inflater->zlib);
	free(c->inflater);
	c->inflater = NULL;
}
