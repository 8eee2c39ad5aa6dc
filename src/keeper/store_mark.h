/*
 * store_mark.h - a file beside the job store that tells whether the store is as this trawld
 * left it here, or may be a copy: restored from a backup, or brought from elsewhere. A copy
 * knows nothing of the triggers that were sent since it was made.
 *
 *   store_mark_trusts()    before the store is opened
 *   store_mark_running()   when what a doubtful store needs is on disk
 *   store_mark_stopped()   after it was closed at an orderly stop
 *
 * "stopped" names the file by device, inode, size and the time of its last change, which no
 * copy of files shares (an image of the whole file system, made after a stop, does: nothing in it
 * can tell); "running" names the set of processes, so that a keeper that dies alone is not
 * taken for a restored backup. After anything else, a crash of the machine among them, the
 * store is doubted: that costs a search at the provider, and a wrong trust costs a job.
 *
 * The mark is DIR/trawld.mark for DIR/trawld.db, one line. Errors: -errno.
 */
#ifndef KEEPER_STORE_MARK_H
#define KEEPER_STORE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#define STORE_SET_SIZE 80

/* Names the set of processes that the caller's parent leads; boot: of store_mark_boot(). */
char *store_mark_set(char dst[STORE_SET_SIZE], uint64_t boot);
/* Names this start of the machine; never 0. */
uint64_t store_mark_boot(void);

/* True, too, where there is no store yet. */
bool store_mark_trusts(const char *store_path, const char *set);
int store_mark_running(const char *store_path, const char *set);
int store_mark_stopped(const char *store_path);
void store_mark_remove(const char *store_path);

#endif
