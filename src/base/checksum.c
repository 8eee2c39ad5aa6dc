/*
 * checksum.c - CRC32C by ISA-L, SHA-256 by OpenSSL: both use the CPU's own
 * instructions where it has them and plain code where not. Owns struct checksum.
 */
#include "base/checksum.h"

#include <isa-l.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

struct checksum {
	EVP_MD_CTX	*sha256;
	uint32_t	 crc;
};

static void *
own_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return xmalloc(size);
}

static void *
own_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return xrealloc(p, size);
}

static void
own_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

void
checksum_prepare(void)
{
	(void)CRYPTO_set_mem_functions(own_malloc, own_realloc, own_free);
}

struct checksum *
checksum_new(void)
{
	struct checksum *c = xcalloc(1, sizeof(*c));

	c->sha256 = EVP_MD_CTX_new();
	if (c->sha256 == NULL || EVP_DigestInit_ex(c->sha256, EVP_sha256(), NULL) != 1)
		fatal(1, &log_kind_library_error, "OpenSSL gives no SHA-256");
	return c;
}

void
checksum_free(struct checksum *c)
{
	if (c == NULL)
		return;
	EVP_MD_CTX_free(c->sha256);
	free(c);
}

uint32_t
checksum_crc32c(uint32_t so_far, const void *p, size_t len)
{
	const unsigned char *at = p;
	uint32_t crc = ~so_far;

	while (len > 0) {	/* ISA-L counts in int */
		size_t part = len < (1u << 30) ? len : 1u << 30;

		crc = crc32_iscsi((unsigned char *)(uintptr_t)at, (int)part, crc);
		at += part;
		len -= part;
	}
	return ~crc;
}

void
checksum_update(struct checksum *c, const void *p, size_t len)
{
	if (len == 0)
		return;
	if (EVP_DigestUpdate(c->sha256, p, len) != 1)
		fatal(1, &log_kind_library_error, "OpenSSL cannot go on with a SHA-256");
	c->crc = checksum_crc32c(c->crc, p, len);
}

void
checksum_end(struct checksum *c, uint32_t *ret_crc32c, uint8_t ret_sha256[SHA256_SIZE])
{
	if (EVP_DigestFinal_ex(c->sha256, ret_sha256, NULL) != 1)
		fatal(1, &log_kind_library_error, "OpenSSL cannot end a SHA-256");
	*ret_crc32c = c->crc;
}

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

char *
crc32c_format(char dst[CRC32C_TEXT_SIZE], uint32_t crc)
{
	unsigned char bytes[4] = { crc >> 24 & 255, crc >> 16 & 255, crc >> 8 & 255, crc & 255 };

	(void)EVP_EncodeBlock((unsigned char *)dst, bytes, 4);
	return dst;
}
