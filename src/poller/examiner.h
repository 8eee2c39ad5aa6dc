/*
 * examiner.h - is it JSON, and how many posts, media and error rows are in it?
 * Parsing is the dearest part of a download, so for anything larger than one
 * buffer it runs on a thread of its own, beside the loop that receives, writes and
 * sums. Memory: EXAMINER_BUFFERS buffers, whatever the size.
 *
 * Order: examiner_new, examiner_feed as often as bytes come, examiner_end, read the
 * fields, examiner_free. The free alone gives up at once, at any time.
 */
#ifndef POLLER_EXAMINER_H
#define POLLER_EXAMINER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"
#include "model/record.h"

#define EXAMINER_BUFFER	 (256u << 10)
#define EXAMINER_BUFFERS 4

struct examiner;

struct examiner *examiner_new(enum platform_id);
void examiner_free(struct examiner *);

/* Takes a copy; waits when the thread is EXAMINER_BUFFERS behind. */
void examiner_feed(struct examiner *, const void *p, size_t len);
/* No more bytes. 0, or -EINVAL with the reason: not JSON, not complete, or neither
 * an array nor records. */
int examiner_end(struct examiner *, struct why *);
/* Valid after examiner_end. */
const struct record_counter *examiner_counts(const struct examiner *);

#endif
