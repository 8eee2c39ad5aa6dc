/*
 * event_file.c - numbers behind a path.
 */
#include "model/event_file.h"

#include <errno.h>
#include <stdio.h>

int
event_file_path(char *dst, size_t size, const char *path, unsigned number)
{
	int n = number == 0 ? snprintf(dst, size, "%s", path) : snprintf(dst, size, "%s.%u", path, number);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
