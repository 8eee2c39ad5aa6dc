/*
 * store_mark.c - writes and reads the mark; a name for the set, a number for the boot.
 */
#include "keeper/store_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

#define MARK_SIZE 256

static int
read_text(const char *path, char *dst, size_t size)
{
	scoped_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, dst, size - 1) : -1;

	dst[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -ENOENT;
}

static void
mark_path(char *dst, size_t size, const char *store_path, const char *suffix)
{
	size_t len = strlen(store_path);

	/* "trawld.db" becomes "trawld.mark". */
	if (len > 3 && strcmp(store_path + len - 3, ".db") == 0)
		len -= 3;
	(void)snprintf(dst, size, "%.*s.mark%s", (int)len, store_path, suffix);
}

/* The line that says that the store was left like this. -ENOENT, -ENOTDIR: there is none. */
static int
stopped_line(char dst[MARK_SIZE], const char *store_path)
{
	struct stat st;

	if (stat(store_path, &st) < 0)
		return -errno;
	(void)snprintf(dst, MARK_SIZE, "stopped %llu %llu %lld %lld.%09ld\n", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

static void
running_line(char dst[MARK_SIZE], const char *set)
{
	(void)snprintf(dst, MARK_SIZE, "running %s\n", set);
}

bool
store_mark_trusts(const char *store_path, const char *set)
{
	char path[PATH_MAX], mark[MARK_SIZE], stopped[MARK_SIZE], running[MARK_SIZE];
	int r = stopped_line(stopped, store_path);

	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR;
	mark_path(path, sizeof(path), store_path, "");
	if (read_text(path, mark, sizeof(mark)) < 0)
		return false;
	running_line(running, set);
	return strcmp(mark, stopped) == 0 || strcmp(mark, running) == 0;
}

static int
write_synced(const char *path, const char *text)
{
	scoped_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, text, strlen(text));
	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int
write_mark(const char *store_path, const char *text)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	int r;

	mark_path(path, sizeof(path), store_path, "");
	mark_path(fresh, sizeof(fresh), store_path, ".new");
	if ((r = write_synced(fresh, text)) < 0)
		return r;
	if (rename(fresh, path) < 0)
		return -errno;
	return fs_sync_dir_of(AT_FDCWD, path);
}

int
store_mark_running(const char *store_path, const char *set)
{
	char text[MARK_SIZE];

	running_line(text, set);
	return write_mark(store_path, text);
}

int
store_mark_stopped(const char *store_path)
{
	char text[MARK_SIZE];
	int r = stopped_line(text, store_path);

	return r < 0 ? r : write_mark(store_path, text);
}

void
store_mark_remove(const char *store_path)
{
	char path[PATH_MAX];

	mark_path(path, sizeof(path), store_path, "");
	(void)unlink(path);
}

/* ---- names ---- */

uint64_t
store_mark_boot(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);	/* FNV-1a */
	char text[64];

	(void)read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text));
	for (const char *p = text; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return hash >> 1 | 1;		/* fits a signed number */
}

/* When a process began, in ticks since the boot: with its pid no other has had it. */
static unsigned long long
start_of(long pid)
{
	char path[64], text[1024];
	unsigned long long start = 0;
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (read_text(path, text, sizeof(text)) < 0 || (p = strrchr(text, ')')) == NULL)
		return 0;
	for (int field = 2; field < 22 && p != NULL; field++)
		p = strchr(p + 1, ' ');
	if (p != NULL)
		(void)sscanf(p, " %llu", &start);
	return start;
}

char *
store_mark_set(char dst[STORE_SET_SIZE], uint64_t boot)
{
	long leader = (long)getppid();

	(void)snprintf(dst, STORE_SET_SIZE, "%ld.%llu.%016llx", leader, start_of(leader), (unsigned long long)boot);
	return dst;
}
