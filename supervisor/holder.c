/*
 * holder.c - looks through /proc for the processes that have the lock open. The pid in
 * the file is that of a trawld that may have ended: then a child that hangs holds the
 * lock, and whoever is sent to the trawld finds nobody.
 *
 * Not everybody may look into a poller, which hides its descriptors. It is told by its
 * name then, and by its parent, which is no trawld any more.
 */
#include "supervisor/holder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "supervisor/service.h"

#define NAMED_MAX 3
#define COMM_LEN  15	/* of a name; the kernel keeps no more */

struct holders {
	unsigned count;
	char	 text[160];	/* the first of them */
};

/* The part of /proc/PID/stat in brackets, and the parent. */
static bool
read_process(long pid, char comm[COMM_LEN + 1], long *ret_parent)
{
	char path[48], text[512], *from, *to;
	scoped_fd fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	from = strchr(text, '(');
	to = strrchr(text, ')');
	if (!from || !to || strlen(to) < sizeof(") S"))
		return false;
	*to = '\0';
	(void)snprintf(comm, COMM_LEN + 1, "%s", from + 1);
	*ret_parent = strtol(to + sizeof(") S") - 1, NULL, 10);
	return true;
}

static bool
is_trawld(long pid)
{
	char comm[COMM_LEN + 1];
	long parent;

	return read_process(pid, comm, &parent) && strcmp(comm, "trawld") == 0;
}

/* 1: it has the file open; 0: it has not; -EACCES: who knows. */
static int
has_open(long pid, const struct stat *file)
{
	const struct dirent *entry;
	struct stat st;
	char path[48];
	int r = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno == EACCES || errno == EPERM ? -EACCES : 0;
	while (r == 0 && (entry = readdir(dir)) != NULL)
		r = entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
		    st.st_dev == file->st_dev && st.st_ino == file->st_ino;
	(void)closedir(dir);
	return r;
}

static const char *
whole_name(const char *comm)
{
	for (unsigned i = 0; i < SERVICE_COUNT; i++)
		if (strncmp(services[i].program, comm, COMM_LEN) == 0)
			return services[i].program;
	return NULL;
}

static void
holders_add(struct holders *h, const char *name, long pid)
{
	size_t used = strlen(h->text);

	if (h->count++ < NAMED_MAX)
		(void)snprintf(h->text + used, sizeof(h->text) - used, "%s%s with pid %ld", used > 0 ? ", " : "",
		    name, pid);
}

static void
look_at(long pid, const struct stat *file, struct holders *sure, struct holders *likely)
{
	char comm[COMM_LEN + 1];
	const char *name;
	long parent;
	int r = has_open(pid, file);

	if (r == 0 || !read_process(pid, comm, &parent))
		return;
	name = whole_name(comm);
	if (r > 0)
		holders_add(sure, name ? name : comm, pid);
	else if (name && !is_trawld(parent))
		holders_add(likely, name, pid);
}

static void
look_at_all(const struct stat *file, struct holders *sure, struct holders *likely)
{
	const struct dirent *entry;
	DIR *proc = opendir("/proc");
	long pid;

	while (proc && (entry = readdir(proc)) != NULL) {
		pid = strtol(entry->d_name, NULL, 10);
		if (pid > 0 && pid != (long)getpid())
			look_at(pid, file, sure, likely);
	}
	if (proc)
		(void)closedir(proc);
}

static long
recorded_pid(int lock)
{
	char text[32] = "";

	if (pread(lock, text, sizeof(text) - 1, 0) <= 0)
		text[0] = '\0';
	return strtol(text, NULL, 10);
}

void
holder_describe(int lock, char *dst, size_t size)
{
	struct holders sure = { 0 }, likely = { 0 };
	const struct holders *found = &sure;
	long recorded = recorded_pid(lock);
	struct stat file;

	if (recorded > 0 && recorded != (long)getpid() && is_trawld(recorded)) {
		(void)snprintf(dst, size, "trawld with pid %ld; end that one", recorded);
		return;
	}
	if (fstat(lock, &file) == 0)
		look_at_all(&file, &sure, &likely);
	if (sure.count == 0)
		found = &likely;
	if (found->count == 0)
		(void)snprintf(dst, size, "a process of another container or user, which cannot be seen from here; end it");
	else
		(void)snprintf(dst, size, "%s%s, which %s left of a trawld that has ended; end %s (kill -9)", found->text,
		    found->count > NAMED_MAX ? " and others" : "", found->count == 1 ? "is" : "are",
		    found->count == 1 ? "that one" : "those");
}
