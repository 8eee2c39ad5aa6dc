/* str.c - text into a buffer of the caller's, and what is foreign in it made fit to be shown. Takes no memory. */
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

int
str_copy(char *dst, size_t size, const char *src)
{
	return str_copy_n(dst, size, src, strlen(src));
}

int
str_copy_n(char *dst, size_t size, const char *src, size_t len)
{
	assert(size > 0);
	dst[0] = '\0';
	if (len >= size)
		return -ENAMETOOLONG;
	if (len > 0 && memchr(src, '\0', len) != NULL)
		return -EINVAL;
	if (len > 0)
		memcpy(dst, src, len);
	dst[len] = '\0';
	return 0;
}

/* C0, DEL, and C1 (two bytes in UTF-8) steer terminals and split lines. */
static bool
is_printable(const uint8_t *s, int sequence)
{
	if (sequence == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	return !(sequence == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

/* The next piece of the result: one character, or one byte as \xNN. Returns how
 * many bytes of s it stands for. */
static size_t
printable_piece(char piece[4], size_t *ret_len, const uint8_t *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	int sequence = utf8_sequence(s, len);

	if (sequence > 0 && is_printable(s, sequence)) {
		memcpy(piece, s, (size_t)sequence);
		*ret_len = (size_t)sequence;
		return (size_t)sequence;
	}
	piece[0] = '\\';
	piece[1] = 'x';
	piece[2] = hex[s[0] >> 4];
	piece[3] = hex[s[0] & 15];
	*ret_len = 4;
	return 1;
}

char *
str_printable(char *dst, size_t size, const char *src, size_t len)
{
	const uint8_t *s = (const uint8_t *)src;
	size_t at = 0, out = 0, n, taken;
	size_t dots, dots_at = 0;	/* the last place where the mark of a cut has room */
	char piece[4];

	assert(size > 0);
	dots = size > 3 ? 3 : size - 1;
	while (at < len) {
		taken = printable_piece(piece, &n, s + at, len - at);
		if (out + n >= size) {
			memcpy(dst + dots_at, "...", dots);
			out = dots_at + dots;
			break;
		}
		memcpy(dst + out, piece, n);
		out += n;
		at += taken;
		if (out + dots < size)
			dots_at = out;
	}
	dst[out] = '\0';
	return dst;
}
