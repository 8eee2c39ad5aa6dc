/* checksum_text.c - sums as text, for those, too, who sum nothing: without the libraries that do. Pure. */
#include "base/checksum.h"

char *
sha256_format(char dst[SHA256_TEXT_SIZE], const uint8_t sum[SHA256_SIZE])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < SHA256_SIZE; i++) {
		dst[2 * i] = hex[sum[i] >> 4];
		dst[2 * i + 1] = hex[sum[i] & 15];
	}
	dst[2 * SHA256_SIZE] = '\0';
	return dst;
}

/* In base64 32 bits are six digits of 6 bits, the last 4 of them zero, and two of padding. */
char *
crc32c_format(char dst[CRC32C_TEXT_SIZE], uint32_t crc)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t bits = (uint64_t)crc << 4;

	for (int i = 0; i < 6; i++)
		dst[i] = digits[bits >> (30 - 6 * i) & 63];
	dst[6] = dst[7] = '=';
	dst[8] = '\0';
	return dst;
}
