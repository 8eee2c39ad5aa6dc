/*
 * fs.c - durable directories and small files. Owns nothing but the memory of names that
 * are durable: what it opens it closes or hands to the caller.
 */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/why.h"

#define FIRST_READ 4096u
#define KNOWN	   1024u

int
fs_write_all(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fs_sync_dir(int dirfd)
{
	return fsync(dirfd) < 0 ? -errno : 0;
}

int
fs_sync_dir_of(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	scoped_fd fd = -1;

	if (str_copy_n(dir, sizeof(dir), path, slash ? (size_t)(slash - path) : 0) < 0)
		return -ENAMETOOLONG;
	fd = openat(dirfd, dir[0] ? dir : (slash ? "/" : "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fs_sync_dir(fd);
}

/* Names of directories that this process knows to be durable, as hashes. One that is
 * pushed out of its place by another is only synced once more. */
static uint64_t known[KNOWN];

static uint64_t
mix(uint64_t hash, const void *p, size_t len)
{
	const unsigned char *byte = p;

	while (len-- > 0)
		hash = (hash ^ *byte++) * UINT64_C(0x100000001b3);	/* FNV-1a */
	return hash;
}

/* Of the name in its parent, and of what has it: made again, it is another. */
static int
name_hash(int dirfd, const char *name, int fd, uint64_t *ret)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct stat parent, own;

	if (fstat(dirfd, &parent) < 0 || fstat(fd, &own) < 0)
		return -errno;
	hash = mix(hash, &parent.st_dev, sizeof(parent.st_dev));
	hash = mix(hash, &parent.st_ino, sizeof(parent.st_ino));
	hash = mix(hash, &own.st_ino, sizeof(own.st_ino));
	*ret = mix(hash, name, strlen(name));
	return 0;
}

/* A file system that is read-only, or has nothing to sync, lost nothing either. */
static int
sync_found(int dirfd)
{
	int r = fs_sync_dir(dirfd);

	return r == -EINVAL || r == -EROFS ? 0 : r;
}

/* The name is durable before anything is put into its directory, whoever made it: another
 * process may have been killed between making and syncing it, or be about to sync it. */
static int
make_durable(int dirfd, const char *name, int fd, bool made)
{
	uint64_t hash = 0;
	int r = name_hash(dirfd, name, fd, &hash);

	if (r < 0 || (!made && known[hash % KNOWN] == hash))
		return r;
	r = made ? fs_sync_dir(dirfd) : sync_found(dirfd);
	if (r == 0)
		known[hash % KNOWN] = hash;
	return r;
}

/* The next part of a relative path that names something; 1, 0 at the end, -errno. */
static int
next_part(const char **p, char name[NAME_MAX + 1])
{
	size_t len;

	for (;;) {
		*p += strspn(*p, "/");
		len = strcspn(*p, "/");
		if (len == 0)
			return 0;
		if (str_copy_n(name, NAME_MAX + 1, *p, len) < 0)
			return -ENAMETOOLONG;
		*p += len;
		if (strcmp(name, "..") == 0)
			return -EINVAL;
		if (strcmp(name, ".") != 0)
			return 1;
	}
}

/* The whole path is checked first, so that a refused one leaves nothing behind. */
static int
check_parts(const char *path, struct why *why)
{
	char name[NAME_MAX + 1];
	const char *rest = path;
	int r;

	if (path[0] == '/')
		return why_set(why, EINVAL, "\"%s\" is absolute, a relative path is wanted", path);
	while ((r = next_part(&rest, name)) > 0)
		;
	if (r == -EINVAL)
		return why_set(why, EINVAL, "\"%s\" leaves its directory by \"..\"", path);
	if (r < 0)
		return why_set(why, -r, "a part of \"%s\" is longer than %d bytes", path, NAME_MAX);
	return 0;
}

/* Makes or finds name in dirfd and opens it. */
static int
step_into(int dirfd, const char *name, int *ret_fd)
{
	bool made = mkdirat(dirfd, name, 0750) == 0;
	scoped_fd fd = -1;
	int r;

	if (!made && errno != EEXIST)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = make_durable(dirfd, name, fd, made);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

int
fs_make_dirs(int dirfd, const char *path, struct why *why)
{
	char name[NAME_MAX + 1];
	scoped_fd at = -1;
	const char *rest = path;
	int r, next = -1;

	r = check_parts(path, why);
	if (r < 0)
		return r;
	while (next_part(&rest, name) > 0) {
		r = step_into(at < 0 ? dirfd : at, name, &next);
		if (r < 0)
			return why_set(why, -r, "cannot make the directory \"%s\" of \"%s\": %s", name, path,
			    strerror(-r));
		fd_close_scoped(&at);
		at = next;
	}
	return 0;
}

/* Reads until the end, or until one byte more than max is there. */
static int
read_up_to(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	scoped_free char *text = NULL;
	size_t size = 0, len = 0;
	ssize_t n;

	for (;;) {
		if (len == size) {
			if (len > max)
				return -EFBIG;
			size = size == 0 ? FIRST_READ : size * 2;
			if (size > max + 1)
				size = max + 1;
			text = xrealloc(text, size + 1);
		}
		n = read(fd, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > max)
		return -EFBIG;
	text[len] = '\0';
	*ret_text = take_ptr(text);
	*ret_len = len;
	return 0;
}

int
fs_read_small(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	scoped_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return read_up_to(fd, max, ret_text, ret_len);
}

int
fs_unix_address(const char *path, struct sockaddr_un *ret, int *ret_dirfd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	scoped_fd fd = -1;
	int n;

	if (path[0] == '\0')
		return -EINVAL;
	if (str_copy(address.sun_path, sizeof(address.sun_path), path) < 0) {
		if (slash == NULL || str_copy_n(dir, sizeof(dir), path, (size_t)(slash - path)) < 0)
			return -ENAMETOOLONG;
		fd = open(dir[0] ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		n = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", fd, slash + 1);
		if (n < 0 || (size_t)n >= sizeof(address.sun_path))
			return -ENAMETOOLONG;
	}
	*ret = address;
	*ret_dirfd = take_fd(&fd);
	return 0;
}

#define RESERVE_MAX (UINT64_C(64) << 20)
#define RESERVE_PART 8

int
fs_room(int dirfd, struct fs_room *ret)
{
	struct statvfs st;

	if (fstatvfs(dirfd, &st) < 0)
		return -errno;
	ret->free = (uint64_t)st.f_bavail * st.f_frsize;
	ret->size = (uint64_t)st.f_blocks * st.f_frsize;
	ret->reserve = ret->size / RESERVE_PART < RESERVE_MAX ? ret->size / RESERVE_PART : RESERVE_MAX;
	return 0;
}

bool
fs_is_read_only(int dirfd)
{
	scoped_fd fd = openat(dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	return fd < 0 && errno == EROFS;
}

bool
fs_has_moved(int dirfd, const char *path)
{
	struct stat ours, there;

	if (fstat(dirfd, &ours) < 0)
		return false;
	if (stat(path, &there) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}
