/*
 * sha256.c - SHA-256 by OpenSSL, which uses the CPU's own instructions where it has them. The one
 * place that includes OpenSSL. A struct sha256 is OpenSSL's context under another name.
 */
#include "base/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

static EVP_MD_CTX *
context(struct sha256 *s)
{
	return (EVP_MD_CTX *)s;
}

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
sha256_prepare(void)
{
	(void)CRYPTO_set_mem_functions(own_malloc, own_realloc, own_free);
}

struct sha256 *
sha256_new(void)
{
	EVP_MD_CTX *new = EVP_MD_CTX_new();

	if (new == NULL || EVP_DigestInit_ex(new, EVP_sha256(), NULL) != 1)
		fatal(1, &log_kind_library_error, "OpenSSL gives no SHA-256");
	return (struct sha256 *)new;
}

void
sha256_free(struct sha256 *s)
{
	EVP_MD_CTX_free(context(s));
}

void
sha256_update(struct sha256 *s, const void *p, size_t len)
{
	if (EVP_DigestUpdate(context(s), p, len) != 1)
		fatal(1, &log_kind_library_error, "OpenSSL cannot go on with a SHA-256");
}

void
sha256_end(struct sha256 *s, uint8_t ret[SHA256_SIZE])
{
	if (EVP_DigestFinal_ex(context(s), ret, NULL) != 1)
		fatal(1, &log_kind_library_error, "OpenSSL cannot end a SHA-256");
}
