/*
 * datadir.h - the data directory: there, writable, and ours alone.
 */
#ifndef SUPERVISOR_DATADIR_H
#define SUPERVISOR_DATADIR_H

#include <stdbool.h>
#include <stdint.h>

struct why;

/* Makes it with its parents and objects/ spool/ quarantine/, and proves by a synced
 * file that it can be written; one with a job store may be full. why says what to do. */
int datadir_prepare(const char *path, struct why *why);

/* Takes DATA_DIR/lock, waiting wait_ms for a set that is just ending. The lock is
 * held as long as any process has the descriptor. -EBUSY names who holds it. */
int datadir_lock(const char *path, int64_t wait_ms, int *ret_fd, struct why *why);

/* A job store lies there: it is no fresh directory, nor the empty place of a file system that is not mounted. */
bool datadir_has_store(const char *path);

#endif
