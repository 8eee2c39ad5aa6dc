/*
 * examiner.h - what is in a snapshot: is it JSON, how many posts, media, error rows and
 * other rows does it hold, and what are its sums? Parsing and summing are the dearest parts
 * of a download, so for anything larger than one buffer each has a thread of its own, beside
 * the loop that receives and writes. Memory: EXAMINER_BUFFERS buffers, whatever the size.
 *
 * The bytes lie in its buffers from the start, so that whoever brings them can write the
 * same memory to a file:
 *
 *   examiner_new; examiner_buffer to be filled, examiner_give when it is full, as often as
 *   needed; examiner_end with what the last one holds; read what was found; examiner_free
 *
 * The free alone gives up at once, at any time.
 */
#ifndef POLLER_EXAMINER_H
#define POLLER_EXAMINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/why.h"
#include "model/record.h"

#define EXAMINER_BUFFER	 (256u << 10)
#define EXAMINER_BUFFERS 16	/* 4 MiB: some milliseconds, as long as a thread may wait for a core */

struct examiner;

struct examiner *examiner_new(const struct record_form *);	/* which outlives it */
void examiner_free(struct examiner *);

/* EXAMINER_BUFFER bytes to be filled; the same until examiner_give. */
char *examiner_buffer(struct examiner *);
/* The buffer is full. Waits when a thread is EXAMINER_BUFFERS behind. */
void examiner_give(struct examiner *);
/* No more bytes but the first len of the buffer. 0, or -EINVAL with the reason: not JSON,
 * not complete, or neither an array nor records. */
int examiner_end(struct examiner *, size_t len, struct why *);
/* Valid after examiner_end. */
const struct record_counts *examiner_counts(const struct examiner *);
/* Once, after examiner_end; of all bytes, good or bad. */
void examiner_sums(struct examiner *, uint32_t *ret_crc32c, uint8_t ret_sha256[SHA256_SIZE]);

#endif
