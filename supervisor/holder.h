/*
 * holder.h - who holds the lock of a data directory, said for a person who has to end it.
 */
#ifndef SUPERVISOR_HOLDER_H
#define SUPERVISOR_HOLDER_H

#include <stddef.h>

/* Writes "trawld with pid 812; end that one", or who is left of a set whose trawld has ended.
 * lock: the file that is locked, open; it holds the pid of the trawld that locked it. */
void holder_describe(int lock, char *dst, size_t size);

#endif
