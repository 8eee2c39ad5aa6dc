/*
 * fs.h - files that are on disk when the call says so.
 *
 * After fs_sync_dir() the names in a directory survive a power loss; after
 * fsync of a file its bytes do (not its name). An error of a sync is never
 * retried: what the kernel dropped once, a second call would report as written.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct why;

/* Writes all of it, through EINTR and short writes; -errno. */
int fs_write_all(int fd, const void *p, size_t len);
/* Makes path below dirfd with all its parents (mode 0750), each durable; existing is fine, and
 * durable, too, when this returns: it is synced once in a process, whoever made it. */
int fs_make_dirs(int dirfd, const char *path, struct why *why);
int fs_sync_dir(int dirfd);
/* The file's directory part is opened and synced. */
int fs_sync_dir_of(int dirfd, const char *path);
/* Reads a small file whole (at most max bytes) into memory, NUL-terminated; caller frees. -EFBIG. */
int fs_read_small(const char *path, size_t max, char **ret_text, size_t *ret_len);

/* How much may still be written on the file system of an open directory, and how much of that
 * trawld leaves free for what must go on: an eighth of it, at most 64 MiB. */
struct fs_room {
	uint64_t free, size, reserve;
};
int fs_room(int dirfd, struct fs_room *ret);
/* Whether its file system takes no writes any more: a file without a name is tried. One that has given up its journal
 * says so to who writes before statvfs() tells it, if ever. */
bool fs_is_read_only(int dirfd);
/* Whether the path of an open directory names another one by now, or nothing: its file system was taken away, say. */
bool fs_has_moved(int dirfd, const char *path);

/* Fills a sockaddr_un for a path of any length: one that does not fit is reached
 * through /proc/self/fd of its directory, which *ret_dirfd then holds open
 * (-1 otherwise; the caller closes it after bind or connect). */
struct sockaddr_un;
int fs_unix_address(const char *path, struct sockaddr_un *ret, int *ret_dirfd);

#endif
