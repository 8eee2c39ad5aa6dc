/*
 * checksum.h - CRC32C (RFC 3720 appendix B.4, what Cloud Storage checks) and
 * SHA-256 of a stream of bytes.
 *
 * CRC32C of "123456789" is e3069283. crc32c_format gives the form that Cloud
 * Storage prints: big-endian, base64.
 */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"

#define SHA256_TEXT_SIZE 65
#define CRC32C_TEXT_SIZE 9	/* 8 base64 characters */

struct checksum;

struct checksum *checksum_new(void);
void checksum_free(struct checksum *);
void checksum_update(struct checksum *, const void *p, size_t len);
/* Ends both sums; only free afterwards. */
void checksum_end(struct checksum *, uint32_t *ret_crc32c, uint8_t ret_sha256[SHA256_SIZE]);

/* The CRC32C alone: of what was summed so far (0: nothing), and then these bytes. */
uint32_t checksum_crc32c(uint32_t so_far, const void *p, size_t len);

char *sha256_format(char dst[SHA256_TEXT_SIZE], const uint8_t sum[SHA256_SIZE]);
char *crc32c_format(char dst[CRC32C_TEXT_SIZE], uint32_t crc);

#endif
