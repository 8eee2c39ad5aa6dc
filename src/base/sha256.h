/*
 * sha256.h - SHA-256 of a stream of bytes, by OpenSSL. Its text is in checksum.h.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256;

/* What OpenSSL cannot allocate ends the process, as everywhere: OpenSSL 3.0 itself crashes where
 * it looks for an algorithm. To be called before anything of OpenSSL is, in curl too, or never. */
void sha256_prepare(void);
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *);
void sha256_update(struct sha256 *, const void *p, size_t len);
/* Ends the sum; only free afterwards. */
void sha256_end(struct sha256 *, uint8_t ret[SHA256_SIZE]);

#endif
