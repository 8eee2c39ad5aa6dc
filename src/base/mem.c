/* mem.c - allocation that does not fail. Owns nothing; what it returns is the caller's. */
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Not by exit(): it is libraries, too, that allocate here, with locks held that their handlers
 * at exit would wait for, and threads beside the one that exits. */
static _Noreturn void
die(size_t size)
{
	log_say(&log_kind_no_memory, NULL, "out of memory: %zu bytes could not be had", size);
	_exit(1);
}

static void *
or_die(void *p, size_t size)
{
	if (p == NULL)
		die(size);
	return p;
}

void *
xmalloc(size_t size)
{
	return or_die(malloc(size ? size : 1), size);
}

void *
xcalloc(size_t count, size_t size)
{
	return or_die(calloc(count ? count : 1, size ? size : 1), size);
}

void *
xrealloc(void *p, size_t size)
{
	return or_die(realloc(p, size ? size : 1), size);
}

char *
xstrdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(xmalloc(size), s, size);
}

void
mem_wipe(void *p, size_t size)
{
	explicit_bzero(p, size);
}
