/*
 * fuzz-http-coding.c - any bytes as a body that may be compressed. The first byte chooses
 * where the rest is cut and what the head says; the cuts must not change what comes of it,
 * and no more may come than a body may grow.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"
#include "net/http_coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	int	 result;
	uint64_t len, sum;
};

static int
take(const void *p, size_t len, void *arg)
{
	struct seen *seen = arg;

	seen->len += len;
	for (size_t i = 0; i < len; i++)
		seen->sum = (seen->sum ^ ((const uint8_t *)p)[i]) * UINT64_C(1099511628211);
	return 0;
}

static struct seen
run(const char *named, const uint8_t *data, size_t size, size_t step)
{
	struct seen seen = { 0 };
	struct http_coding coding;
	struct why why = { "" };

	http_coding_init(&coding, take, &seen);
	seen.result = http_coding_named(&coding, named, &why);
	for (size_t at = 0, n; at < size && seen.result == 0; at += n) {
		n = size - at < step ? size - at : step;
		scoped_free uint8_t *piece = xmalloc(n);
		memcpy(piece, data + at, n);
		seen.result = http_coding_feed(&coding, piece, n, &why);
	}
	if (seen.result == 0)
		seen.result = http_coding_end(&coding, &why);
	http_coding_done(&coding);
	if ((seen.result != 0) != (why.text[0] != '\0'))
		abort();
	return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "", "gzip", "deflate", "br" };
	struct seen whole, pieces;
	const char *named;

	if (size < 1)
		return 0;
	named = names[data[0] & 3];
	whole = run(named, data + 1, size - 1, SIZE_MAX);
	pieces = run(named, data + 1, size - 1, (size_t)(data[0] >> 2) + 1);
	if (whole.result != pieces.result || (whole.result == 0 && (whole.len != pieces.len || whole.sum != pieces.sum)))
		abort();
	if (whole.len > HTTP_CODING_FREE + 65536 && whole.len / HTTP_CODING_RATIO > size)
		abort();
	return 0;
}
