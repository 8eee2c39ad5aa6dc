/*
 * utf8.c - checks UTF-8. Nearly all text that passes here is ASCII, so whole
 * words of it are skipped at once. Owns nothing.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* By the lead byte: length, and the range of the second byte (later ones are
 * always 80..BF). That range is what excludes overlong forms and surrogates. */
struct lead {
	uint8_t first, last;
	uint8_t length;
	uint8_t low, high;
};

static const struct lead leads[] = {
	{ 0xC2, 0xDF, 2, 0x80, 0xBF },
	{ 0xE0, 0xE0, 3, 0xA0, 0xBF },
	{ 0xE1, 0xEC, 3, 0x80, 0xBF },
	{ 0xED, 0xED, 3, 0x80, 0x9F },
	{ 0xEE, 0xEF, 3, 0x80, 0xBF },
	{ 0xF0, 0xF0, 4, 0x90, 0xBF },
	{ 0xF1, 0xF3, 4, 0x80, 0xBF },
	{ 0xF4, 0xF4, 4, 0x80, 0x8F },
};

static const struct lead *
lead_of(uint8_t byte)
{
	size_t i;

	for (i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (byte <= leads[i].last)
			return byte >= leads[i].first ? &leads[i] : NULL;
	return NULL;
}

int
utf8_sequence(const void *p, size_t len)
{
	const uint8_t *s = p;
	const struct lead *lead;
	size_t i;

	if (s[0] < 0x80)
		return 1;
	lead = lead_of(s[0]);
	if (lead == NULL)
		return 0;
	if (len < 2)
		return UTF8_CUT;
	if (s[1] < lead->low || s[1] > lead->high)
		return 0;
	for (i = 2; i < lead->length; i++) {
		if (i >= len)
			return UTF8_CUT;
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	}
	return lead->length;
}

static size_t
ascii_prefix(const uint8_t *s, size_t len)
{
	uint64_t a, b;
	size_t n = 0;

	while (len - n >= 16) {
		memcpy(&a, s + n, 8);
		memcpy(&b, s + n + 8, 8);
		if (((a | b) & HIGH_BITS) != 0)
			break;
		n += 16;
	}
	while (n < len && s[n] < 0x80)
		n++;
	return n;
}

size_t
utf8_prefix(const void *p, size_t len)
{
	const uint8_t *s = p;
	size_t n = 0;
	int step;

	for (;;) {
		n += ascii_prefix(s + n, len - n);
		/* Text in other scripts comes in runs: stay here for a run. */
		while (n < len && s[n] >= 0x80) {
			step = utf8_sequence(s + n, len - n);
			if (step <= 0)
				return n;
			n += (size_t)step;
		}
		if (n == len)
			return n;
	}
}
