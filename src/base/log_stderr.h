/*
 * log_stderr.h - whole lines to stderr. For log.c and its tests.
 *
 * A pipe gets at most PIPE_BUF bytes at once and only whole lines, so that lines of
 * processes that share it never mix. A line that was taken in part is finished before the
 * next one begins.
 */
#ifndef BASE_LOG_STDERR_H
#define BASE_LOG_STDERR_H

#include <stdbool.h>
#include <stddef.h>

/* Finds out what stderr is; true when it is the journal's. */
bool log_stderr_open(void);
/* From now on no write to stderr waits for a reader, whoever makes it in this process. */
void log_stderr_never_wait(void);
/* Whole lines; how many of them nothing took. Also with none: what is left of a line. */
unsigned log_stderr_put(const char *lines, size_t len);

#endif
