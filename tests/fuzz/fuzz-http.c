/*
 * fuzz-http.c - any bytes through the strict request reader: the verdict must not
 * depend on how the bytes are cut, and what it says about itself must hold.
 */
#include <assert.h>
#include <stdint.h>
#include <stddef.h>

#include "front/http_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct http_limits limits = { .target = 64, .head = 512, .fields = 8, .body = 256 };

static void
feed(struct http_check *check, const uint8_t *p, size_t len, size_t piece)
{
	while (len > 0) {
		size_t part = len < piece ? len : piece, used;
		enum http_verdict verdict = http_check_feed(check, p, part, &used);

		assert(used <= part);
		assert(verdict != HTTP_MORE || used == part);
		assert(verdict == HTTP_REFUSED || used > 0);
		assert(check->head <= limits.head + 1 && check->body <= limits.body);
		p += used;
		len -= used;
		if (verdict == HTTP_REFUSED) {
			assert(check->reason != NULL && check->status >= 400 && check->status < 600);
			return;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size > 0 ? data[0] % 16 + 1 : 1;
	struct http_check whole, cut;

	http_check_init(&whole, &limits);
	http_check_init(&cut, &limits);
	feed(&whole, data, size, size);
	feed(&cut, data, size, piece);
	assert(whole.messages == cut.messages && whole.status == cut.status);
	assert(whole.reason == cut.reason && whole.phase == cut.phase);
	assert(whole.reason != NULL || whole.bytes == cut.bytes);
	return 0;
}
