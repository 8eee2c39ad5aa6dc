/*
 * mem.h - memory, and with own.h and str.h what all files have to do with it.
 *
 * x* allocations end the process when memory is exhausted: they are for small
 * sizes that we choose ourselves. A size that comes from outside is capped
 * before it gets here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/own.h"
#include "base/str.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);	/* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);

/* Makes size bytes unreadable in a way the compiler keeps. */
void mem_wipe(void *p, size_t size);

#endif
