/*
 * ctl_object.c - copies a stored object that is a file on this machine: through a
 * name of its own beside the goal, so that the goal is never half a copy.
 */
#include "ctl/ctl_object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"

#define COPY_CHUNK (64u << 10)

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

int
ctl_object_path(char *dst, size_t size, const char *url)
{
	size_t n = 0;
	int high, low;

	if (strncmp(url, "file:///", 8) != 0)
		return -EINVAL;
	for (const char *p = url + 7; *p != '\0'; p++) {
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		dst[n] = *p;
		if (*p == '%') {
			high = hex_value(p[1]);
			low = high >= 0 ? hex_value(p[2]) : -1;
			if (low < 0 || (high == 0 && low == 0))
				return -EINVAL;
			dst[n] = (char)(high << 4 | low);
			p += 2;
		}
		n++;
	}
	dst[n] = '\0';
	return 0;
}

static int
copy_bytes(int from, int to)
{
	scoped_free char *chunk = xmalloc(COPY_CHUNK);
	ssize_t n;
	int error;

	for (;;) {
		n = read(from, chunk, COPY_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		error = fs_write_all(to, chunk, (size_t)n);
		if (error < 0)
			return error;
	}
}

int
ctl_file_copy(int from, const char *to, mode_t mode, struct why *why)
{
	scoped_free char *part = xmalloc(strlen(to) + sizeof(".XXXXXX"));
	scoped_fd fd = -1;
	int error;

	(void)sprintf(part, "%s.XXXXXX", to);
	fd = mkostemp(part, O_CLOEXEC);
	if (fd < 0)
		return why_set(why, errno, "cannot write beside %s: %s", to, strerror(errno));
	error = copy_bytes(from, fd);
	if (error == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(part, to) < 0))
		error = -errno;
	if (error < 0) {
		(void)unlink(part);
		return why_set(why, -error, "cannot copy to %s: %s", to, strerror(-error));
	}
	error = fs_sync_dir_of(AT_FDCWD, to);
	return error < 0 ? why_set(why, -error, "the directory of %s cannot be synced: %s", to, strerror(-error)) : 0;
}

/* As the shell would make it. */
static int
copy_to_file(int from, const char *to, struct why *why)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return ctl_file_copy(from, to, 0666 & ~mask, why);
}

int
ctl_object_copy(const char *url, const char *to, struct why *why)
{
	char path[4096];
	scoped_fd from = -1;
	int error = ctl_object_path(path, sizeof(path), url);

	if (error < 0 && strncmp(url, "gs://", 5) == 0)
		return why_set(why, EINVAL, "the object is in Cloud Storage; fetch it with: gcloud storage cp %s %s", url,
		    strcmp(to, "-") == 0 ? "FILE" : to);
	if (error < 0)
		return why_set(why, -error, "cannot copy %s: it is not a file on this machine", url);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return why_set(why, errno, "cannot read %s: %s%s", path, strerror(errno), errno == EACCES ?
		    "; it belongs to the daemon: try with sudo" : "; is it on another machine?");
	if (strcmp(to, "-") != 0)
		return copy_to_file(from, to, why);
	error = copy_bytes(from, STDOUT_FILENO);
	return error < 0 ? why_set(why, -error, "cannot write to standard output: %s", strerror(-error)) : 0;
}
