/*
 * checksum.c - CRC32C by ISA-L, beside SHA-256: both use the CPU's own instructions
 * where it has them and plain code where not. Owns struct checksum.
 */
#include "base/checksum.h"

#include <isa-l.h>
#include <stdlib.h>

#include "base/mem.h"

struct checksum {
	struct sha256	*sha256;
	uint32_t	 crc;
};

struct checksum *
checksum_new(void)
{
	struct checksum *c = xcalloc(1, sizeof(*c));

	c->sha256 = sha256_new();
	return c;
}

void
checksum_free(struct checksum *c)
{
	if (c == NULL)
		return;
	sha256_free(c->sha256);
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
	sha256_update(c->sha256, p, len);
	c->crc = checksum_crc32c(c->crc, p, len);
}

void
checksum_end(struct checksum *c, uint32_t *ret_crc32c, uint8_t ret_sha256[SHA256_SIZE])
{
	sha256_end(c->sha256, ret_sha256);
	*ret_crc32c = c->crc;
}
