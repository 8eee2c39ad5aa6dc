/*
 * sim_body.c - checksum, gzip and damage. The one place that includes zlib.
 */
#include "sim/sim_body.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <zlib.h>

#include "base/loop.h"
#include "base/mem.h"

typedef void piece_fn(const void *p, size_t len, void *arg);

/* Calls fn on each stretch of memory, a few at a time. */
static void
body_each(struct evbuffer *body, piece_fn *fn, void *arg)
{
	struct evbuffer_iovec pieces[64];
	struct evbuffer_ptr at;
	size_t left = evbuffer_get_length(body);

	if (evbuffer_ptr_set(body, &at, 0, EVBUFFER_PTR_SET) < 0)
		return;
	while (left > 0) {
		int n = evbuffer_peek(body, -1, &at, pieces, countof(pieces));
		size_t done = 0;

		for (int i = 0; i < n && i < (int)countof(pieces); i++) {
			fn(pieces[i].iov_base, pieces[i].iov_len, arg);
			done += pieces[i].iov_len;
		}
		if (done == 0 || done >= left ||
		    evbuffer_ptr_set(body, &at, done, EVBUFFER_PTR_ADD) < 0)
			break;
		left -= done;
	}
}

static void
sum_piece(const void *p, size_t len, void *arg)
{
	sha256_update(arg, p, len);
}

void
body_sum(struct evbuffer *body, uint8_t ret[SHA256_SIZE])
{
	struct sha256 *sum = sha256_new();

	body_each(body, sum_piece, sum);
	sha256_end(sum, ret);
	sha256_free(sum);
}

struct squeeze {
	z_stream	 z;
	struct evbuffer	*out;
};

static void
squeeze_piece(const void *p, size_t len, void *arg)
{
	struct squeeze *s = arg;
	unsigned char chunk[16384];
	int r;

	s->z.next_in = (Bytef *)(uintptr_t)p;
	s->z.avail_in = (uInt)len;
	do {
		s->z.next_out = chunk;
		s->z.avail_out = sizeof chunk;
		r = deflate(&s->z, p ? Z_NO_FLUSH : Z_FINISH);
		assert(r != Z_STREAM_ERROR);
		(void)evbuffer_add(s->out, chunk, sizeof chunk - s->z.avail_out);
	} while (s->z.avail_out == 0 || (!p && r != Z_STREAM_END));
}

int
body_gzip(struct evbuffer *body)
{
	struct squeeze s = { .out = NULL };

	if (evbuffer_get_length(body) > BODY_GZIP_MAX)
		return -EFBIG;
	if (deflateInit2(&s.z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	s.out = evbuffer_new();
	body_each(body, squeeze_piece, &s);
	squeeze_piece(NULL, 0, &s);
	(void)deflateEnd(&s.z);
	(void)evbuffer_drain(body, evbuffer_get_length(body));
	(void)evbuffer_add_buffer(body, s.out);
	evbuffer_free(s.out);
	return 0;
}

void
body_break(struct evbuffer *body)
{
	static const char noise[] = "}\x01garbage{";
	size_t len = evbuffer_get_length(body), noise_len = sizeof noise - 1;
	struct evbuffer *half = evbuffer_new();

	(void)evbuffer_remove_buffer(body, half, len / 2);
	(void)evbuffer_drain(body, noise_len);
	(void)evbuffer_add(half, noise, noise_len);
	(void)evbuffer_prepend_buffer(body, half);
	evbuffer_free(half);
}
