/*
 * ctl_object.h - copies a stored object that is a file on this machine.
 */
#ifndef CTL_CTL_OBJECT_H
#define CTL_CTL_OBJECT_H

#include <stddef.h>
#include <sys/types.h>

struct why;

/* The path in a file:// URL, percent escapes decoded. -EINVAL: another kind of URL, or
 * escapes that are wrong; -ENAMETOOLONG. */
int ctl_object_path(char *dst, size_t size, const char *url);

/* Copies what an open file holds, from where it stands, to a file of that mode, which is whole and on disk when
 * it has its name; one that was there is replaced. -errno with why. */
int ctl_file_copy(int from, const char *to, mode_t mode, struct why *why);

/* Copies the object to a file ("-": standard output). The file has its name only when
 * it is whole; one that was there is replaced. -errno with why. */
int ctl_object_copy(const char *url, const char *to, struct why *why);

#endif
