/*
 * mem.h - memory and descriptors with an owner.
 *
 * x* allocations end the process when memory is exhausted: they are for small
 * sizes that we choose ourselves. A size that comes from outside is capped
 * before it gets here.
 *
 * scoped_fd closes, scoped_free frees at the end of the scope; take_* hands the
 * value on and leaves the variable empty.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);	/* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);

/* Copies src into dst[size], always NUL-terminated. -ENAMETOOLONG when it does
 * not fit (dst is then empty: a cut name is a wrong name). */
int str_copy(char *dst, size_t size, const char *src);
/* The same from src[len], which need not end in NUL; -EINVAL when it holds one. */
int str_copy_n(char *dst, size_t size, const char *src, size_t len);

/* Foreign text made fit for a log line or an error: control bytes and broken
 * UTF-8 become \xNN, too long is cut with "...". Returns dst. */
char *str_printable(char *dst, size_t size, const char *src, size_t len);

/* Makes size bytes unreadable in a way the compiler keeps. */
void mem_wipe(void *p, size_t size);

static inline void
mem_free_scoped(void *p)
{
	free(*(void **)p);
}

static inline void
fd_close_scoped(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline int
take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void *
take_ptr_of(void *p)
{
	void *taken = *(void **)p;

	*(void **)p = NULL;
	return taken;
}

#define scoped_free __attribute__((cleanup(mem_free_scoped)))
#define scoped_fd   __attribute__((cleanup(fd_close_scoped))) int
#define take_ptr(p) ((__typeof__(p))take_ptr_of(&(p)))

#define countof(array) (sizeof(array) / sizeof((array)[0]))
#define containerof(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#endif
