/*
 * download.h - a snapshot on its way from the provider into the spool: bytes go to
 * a file while they are counted, checked and summed. Knows nothing of HTTP; memory
 * is bounded whatever the size.
 *
 * Order for a transfer:  download_open, download_feed as often as bytes come, then
 *   download_end     the body arrived whole by its framing
 *   download_empty   the provider said that there is nothing to send
 *   download_free    after one of these
 *   download_drop    at any time: nothing more is done, .part is removed
 * Order for a whole file that an earlier life left (download_open said WHOLE):
 *   download_verify until it returns true.
 *
 * end, empty and verify fill the result: outcome, error, text and, with OUTCOME_OK,
 * size, sums and counts, when {crawl_id}.snapshot is whole and durable.
 *
 * What is not valid JSON is still stored to its end and then moved to quarantine/
 * as snapshot_{snapshot_id}.json: it was paid for. A later good download of the
 * same snapshot removes it.
 */
#ifndef POLLER_DOWNLOAD_H
#define POLLER_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/msg.h"

struct download;
struct provider;
struct why;

struct download_dirs {		/* open directories; they outlive every download */
	int	spool;
	int	quarantine;
};

enum download_start { DOWNLOAD_NEW, DOWNLOAD_WHOLE };

/* Makes the lease's .part, which nobody else writes to, or opens the crawl's .snapshot. Whoever takes
 * the lease away removes the name: then nothing comes of the file. -errno with the reason. */
int download_open(const struct download_dirs *, const struct provider *, const struct crawl *, uint64_t lease,
    enum platform_id, struct download **ret, enum download_start *ret_start, struct why *);
void download_free(struct download *);
void download_drop(struct download *);	/* NULL is none */

/* Before the first byte: is there room for so many (-1: not told), and what is kept free beside them? They are kept
 * for it. -ENOSPC: no; then only download_drop is left to do. */
int download_ask_room(struct download *, int64_t bytes, struct why *);
/* 0, or -errno of the disk: then only download_drop is left to do. */
int download_feed(struct download *, const void *p, size_t len, struct why *);
uint64_t download_bytes(const struct download *);

void download_end(struct download *, struct msg_download_done *);
/* Stores "[]": the provider named no rows but sent no body, and readers of objects
 * get an array as from any other crawl. */
void download_empty(struct download *, struct msg_download_done *);
/* Reads the next few MiB; true: the result is filled. OUTCOME_WAIT then means that
 * the file was not what it should be and is gone: download anew. */
bool download_verify(struct download *, struct msg_download_done *);

/* The verdict for a failure of our disk: tried again, without a new download if
 * that can be helped. */
void download_disk_verdict(struct msg_verdict *, int err, const struct why *);

#endif
