/*
 * sim_body.h - what can be done to a finished body.
 */
#ifndef SIM_BODY_H
#define SIM_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"

struct evbuffer;

#define BODY_GZIP_MAX (256u << 20)

/* SHA-256 of all of it; the body stays as it is. */
void body_sum(struct evbuffer *, uint8_t ret[SHA256_SIZE]);
/* Replaces the body by its gzip stream; -EFBIG above BODY_GZIP_MAX. */
int body_gzip(struct evbuffer *);
/* Overwrites a few bytes in the middle so that it is no JSON any more. */
void body_break(struct evbuffer *);

#endif
