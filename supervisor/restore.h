/*
 * restore.h - trawld --restore FILE: a copy of the job store takes the store's place.
 */
#ifndef SUPERVISOR_RESTORE_H
#define SUPERVISOR_RESTORE_H

#include <stddef.h>

struct options;
struct why;

#define RESTORE_NAME_SIZE 96

/* The whole command: an exit status. */
int restore_run(const struct options *, const char *program_dir);

/* Ends a restore that was cut short after FILE had been copied and found right, and removes what one that was cut
 * short before has left; the caller holds the lock. 1: one was ended, and the store that was there before it, if any,
 * is DATA_DIR/aside ("" for none); 0: there was none; -errno. */
int restore_finish(const char *data_dir, char aside[RESTORE_NAME_SIZE], struct why *why);

#endif
