/*
 * own.h - memory and descriptors with an owner.
 *
 * scoped_fd closes, scoped_free frees at the end of the scope; take_* hands the
 * value on and leaves the variable empty. Arrays and members have a size and a place.
 * mem.h has this, too.
 */
#ifndef BASE_OWN_H
#define BASE_OWN_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

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
