/*
 * datadir.c - checks at start, before any child runs; blocking is fine here.
 */
#include "supervisor/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "supervisor/holder.h"

#define LOCK_NAP_MS 50

static int
not_usable(const char *path, int error, const char *what, struct why *why)
{
	const char *advice = "give it to the user that trawld runs as, or set DATA_DIR to another place";

	if (error == ENOSPC || error == EDQUOT)
		advice = "make room there, or set DATA_DIR to another place";
	else if (error == EROFS)
		advice = "mount it writable, or set DATA_DIR to another place";
	return why_set(why, error, "the data directory %s %s (user %u): %s; %s", path, what,
	    (unsigned)geteuid(), strerror(error), advice);
}

/* Parents that exist need not be readable, so the whole path is tried first. */
static int
open_or_make(const char *path, int *ret_fd)
{
	scoped_fd root = -1;
	int r;

	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd >= 0) {
		(void)fs_sync_dir_of(AT_FDCWD, path);	/* whoever made it may have been killed before */
		return 0;
	}
	if (errno != ENOENT)
		return -errno;
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	r = fs_make_dirs(root, path + strspn(path, "/"), NULL);
	if (r < 0)
		return r;
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static bool
is_full(int r)
{
	return r == -ENOSPC || r == -EDQUOT;
}

/* Permission bits do not tell about quotas, read-only mounts or full disks; writing does. */
static int
write_probe(int dir)
{
	static const char text[] = "trawld was here\n";
	char name[32];
	int r = 0, fd;

	(void)snprintf(name, sizeof(name), ".probe-%ld", (long)getpid());
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, text, sizeof(text) - 1);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	(void)close(fd);
	(void)unlinkat(dir, name, 0);
	return r;
}

bool
datadir_has_store(const char *path)
{
	char name[1100];

	(void)snprintf(name, sizeof(name), "%s/trawld.db", path);
	return access(name, F_OK) == 0;
}

int
datadir_prepare(const char *path, struct why *why)
{
	static const char *const parts[] = { "objects", "spool", "quarantine" };
	scoped_fd dir = -1;
	int r;

	r = open_or_make(path, &dir);
	if (r < 0)
		return not_usable(path, -r, "cannot be made or opened", why);
	r = write_probe(dir);
	/* Without any room a job store can still be read, and goes on when there is some. */
	if (is_full(r) && datadir_has_store(path))
		r = 0;
	for (unsigned i = 0; i < countof(parts) && r == 0; i++)
		r = fs_make_dirs(dir, parts[i], NULL);
	if (r < 0)
		return not_usable(path, -r, "cannot be written", why);
	return 0;
}

/* Over the former one's number, which needs no room; the name of the holder is of use, but not more. */
static int
write_holder(int fd)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (pwrite(fd, text, (size_t)len, 0) != len)
		return is_full(-errno) ? 0 : -errno;
	return ftruncate(fd, len) < 0 ? -errno : 0;
}

int
datadir_lock(const char *path, int64_t wait_ms, int *ret_fd, struct why *why)
{
	const struct timespec nap = { 0, LOCK_NAP_MS * 1000000L };
	int64_t end = clock_mono_ms(&clock_system) + wait_ms;
	char name[1100], holder[320];
	scoped_fd fd = -1;

	(void)snprintf(name, sizeof(name), "%s/lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return not_usable(path, errno, "cannot be locked", why);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return not_usable(path, errno, "cannot be locked", why);
		if (clock_mono_ms(&clock_system) >= end) {
			holder_describe(fd, holder, sizeof(holder));
			return why_set(why, EBUSY, "the data directory %s is in use by %s, or set DATA_DIR to another "
			    "place", path, holder);
		}
		(void)nanosleep(&nap, NULL);
	}
	if (write_holder(fd) < 0)
		return not_usable(path, errno, "cannot be written", why);
	*ret_fd = take_fd(&fd);
	return 0;
}
