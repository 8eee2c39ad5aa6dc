/*
 * str.h - text in buffers of a fixed size. mem.h has this, too; the log, which may take
 * no memory, has this alone.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stddef.h>

/* Copies src into dst[size], always NUL-terminated. -ENAMETOOLONG when it does
 * not fit (dst is then empty: a cut name is a wrong name). */
int str_copy(char *dst, size_t size, const char *src);
/* The same from src[len], which need not end in NUL; -EINVAL when it holds one. */
int str_copy_n(char *dst, size_t size, const char *src, size_t len);

/* Foreign text made fit for a log line or an error: control bytes and broken
 * UTF-8 become \xNN, too long is cut with "...". Returns dst. */
char *str_printable(char *dst, size_t size, const char *src, size_t len);

#endif
