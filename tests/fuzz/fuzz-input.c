/*
 * A job's input in any form: what is read has one digest, whatever stands around it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "provider/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The same text between these reads the same. */
static void
check_within(const uint8_t *p, size_t len, const char *before, const char *after, int rc,
    const uint8_t digest[SHA256_SIZE])
{
	size_t head = strlen(before), tail = strlen(after);
	uint8_t again[SHA256_SIZE];
	char *text = malloc(head + len + tail);

	if (text == NULL)
		return;
	memcpy(text, before, head);
	memcpy(text + head, p, len);
	memcpy(text + head + len, after, tail);
	if (input_digest(text, head + len + tail, again) != rc)
		abort();
	if (rc == 0 && memcmp(again, digest, SHA256_SIZE) != 0)
		abort();
	free(text);
}

static int
is_object(const uint8_t *p, size_t len)
{
	scoped_json *doc = NULL;

	return len > 0 && *p == '{' && json_read((const char *)p, len, &doc, NULL) == 0 &&
	    json_object_get(doc, "input") == NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	uint8_t digest[SHA256_SIZE];
	int rc;

	if (len > 64u << 10)
		return 0;
	rc = input_digest((const char *)p, len, digest);
	if (rc != 0 && rc != -EBADMSG && rc != -ERANGE)
		abort();
	if (len == 0 || p[0] != 0xef)	/* a byte order mark stands first or is none */
		check_within(p, len, " \n", "", rc, digest);
	if (rc == 0)
		check_within(p, len, "", "\n ", rc, digest);
	if (rc == 0 && is_object(p, len)) {
		check_within(p, len, "[", "]", rc, digest);
		check_within(p, len, "{\"input\":", "}", rc, digest);
	}
	return 0;
}
