/* Directories and small files in a directory of the test's own. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"

struct place {
	char path[64];
	int fd;
};

static int
place_make(void **state)
{
	static struct place place;

	(void)str_copy(place.path, sizeof(place.path), "/tmp/trawld-fs-XXXXXX");
	if (mkdtemp(place.path) == NULL)
		return -1;
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &place;
	return place.fd < 0 ? -1 : 0;
}

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int
place_remove(void **state)
{
	struct place *place = *state;

	close(place->fd);
	return nftw(place->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static bool
is_dir(int fd, const char *path)
{
	struct stat st;

	return fstatat(fd, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static void
directories_are_made_with_their_parents(void **state)
{
	struct place *place = *state;
	struct why why;
	struct stat st;

	assert_int_equal(fs_make_dirs(place->fd, "a/b//c/./d/", &why), 0);
	assert_true(is_dir(place->fd, "a/b/c/d"));
	assert_int_equal(fs_make_dirs(place->fd, "a/b/c/d", &why), 0);
	assert_int_equal(fs_make_dirs(place->fd, "a/b/e", &why), 0);
	assert_true(is_dir(place->fd, "a/b/e"));
	assert_int_equal(fstatat(place->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07027, 0);
	assert_int_equal(fs_make_dirs(place->fd, "", &why), 0);
	assert_int_equal(fs_make_dirs(place->fd, "..dots/x..", &why), 0);
}

static void
paths_that_lead_out_are_refused_before_anything_is_made(void **state)
{
	static const char *const bad[] = { "/tmp/x", "..", "n/../../x", "n/..", "../n", "n/x/..//y" };
	struct place *place = *state;
	struct why why;
	size_t i;

	for (i = 0; i < countof(bad); i++) {
		why.text[0] = '\0';
		assert_int_equal(fs_make_dirs(place->fd, bad[i], &why), -EINVAL);
		assert_non_null(strstr(why.text, bad[i]));
	}
	assert_false(is_dir(place->fd, "n"));
	assert_int_equal(fs_make_dirs(place->fd, "..", NULL), -EINVAL);
}

/* ---- what is synced ---- */

static ino_t synced[16];
static unsigned synced_count;
static int sync_error;		/* what a sync fails with; 0: it does not */

/* Takes the place of libc's. */
int
fsync(int fd)
{
	struct stat st;

	if (sync_error != 0) {
		errno = sync_error;
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return -1;
	if (synced_count < countof(synced))
		synced[synced_count++] = st.st_ino;
	return 0;
}

static ino_t
ino_of(int fd, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(fd, path, &st, 0), 0);
	return st.st_ino;
}

/* As when another process made them, and was killed before it could sync. */
static void
directories_of_others_are_synced_once(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdirat(place->fd, "other", 0750), 0);
	assert_int_equal(mkdirat(place->fd, "other/day", 0750), 0);
	synced_count = 0;
	assert_int_equal(fs_make_dirs(place->fd, "other/day/brand", NULL), 0);
	assert_int_equal(synced_count, 3);
	assert_int_equal(synced[0], ino_of(place->fd, "."));
	assert_int_equal(synced[1], ino_of(place->fd, "other"));
	assert_int_equal(synced[2], ino_of(place->fd, "other/day"));
	assert_int_equal(fs_make_dirs(place->fd, "other/day/brand", NULL), 0);
	assert_int_equal(synced_count, 3);
	/* One that was taken away and made by another is another. */
	assert_int_equal(renameat(place->fd, "other/day", place->fd, "other/old"), 0);
	assert_int_equal(mkdirat(place->fd, "other/day", 0750), 0);
	assert_int_equal(fs_make_dirs(place->fd, "other/day", NULL), 0);
	assert_int_equal(synced_count, 4);
	assert_int_equal(synced[3], ino_of(place->fd, "other"));
}

static void
a_sync_that_fails_is_told_and_not_remembered(void **state)
{
	struct place *place = *state;
	struct why why;

	assert_int_equal(mkdirat(place->fd, "sick", 0750), 0);
	sync_error = EIO;
	assert_int_equal(fs_make_dirs(place->fd, "sick", &why), -EIO);
	assert_int_equal(fs_make_dirs(place->fd, "new", &why), -EIO);
	sync_error = 0;
	synced_count = 0;
	assert_int_equal(fs_make_dirs(place->fd, "sick", &why), 0);
	assert_int_equal(fs_make_dirs(place->fd, "new", &why), 0);
	assert_int_equal(synced_count, 2);
}

/* A path may begin on a file system that cannot be written. */
static void
a_directory_that_cannot_be_synced_may_be_passed(void **state)
{
	static const int errors[] = { EINVAL, EROFS };
	struct place *place = *state;
	char name[8];

	for (unsigned i = 0; i < countof(errors); i++) {
		(void)snprintf(name, sizeof(name), "ro-%u", i);
		assert_int_equal(mkdirat(place->fd, name, 0750), 0);
		sync_error = errors[i];
		assert_int_equal(fs_make_dirs(place->fd, name, NULL), 0);
		assert_int_equal(fs_make_dirs(place->fd, "made", NULL), -errors[i]);
		sync_error = 0;
		assert_int_equal(unlinkat(place->fd, "made", AT_REMOVEDIR), 0);
	}
}

static void
file_in_the_way_is_named(void **state)
{
	struct place *place = *state;
	char longer[300];
	struct why why;

	close(openat(place->fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(fs_make_dirs(place->fd, "file/x", &why), -ENOTDIR);
	assert_non_null(strstr(why.text, "file"));
	memset(longer, 'n', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(fs_make_dirs(place->fd, longer, &why), -ENAMETOOLONG);
}

static void
directory_of_a_path_is_synced(void **state)
{
	struct place *place = *state;

	assert_int_equal(fs_make_dirs(place->fd, "s/t", NULL), 0);
	assert_int_equal(fs_sync_dir(place->fd), 0);
	assert_int_equal(fs_sync_dir_of(place->fd, "s/t/file"), 0);
	assert_int_equal(fs_sync_dir_of(place->fd, "file"), 0);
	assert_int_equal(fs_sync_dir_of(place->fd, "/file"), 0);
	assert_int_equal(fs_sync_dir_of(place->fd, "missing/file"), -ENOENT);
	assert_int_equal(fs_sync_dir(-1), -EBADF);
}

/* Writes size bytes to a new file and says its path. */
static const char *
write_file(struct place *place, size_t size)
{
	static char path[128];
	scoped_free char *bytes = xmalloc(size);
	int fd;

	memset(bytes, 'q', size);
	(void)snprintf(path, sizeof(path), "%s/small", place->path);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, bytes, size), 0);
	close(fd);
	return path;
}

static void
small_file_is_read_whole_up_to_its_bound(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 70000 };
	struct place *place = *state;
	const char *path;
	char *text;
	size_t i, len;

	for (i = 0; i < countof(sizes); i++) {
		path = write_file(place, sizes[i]);
		assert_int_equal(fs_read_small(path, sizes[i], &text, &len), 0);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(text[len], '\0');
		assert_int_equal(strlen(text), len);
		free(text);
		assert_int_equal(fs_read_small(path, sizes[i] + 9000, &text, &len), 0);
		assert_int_equal(len, sizes[i]);
		free(text);
		if (sizes[i] > 0)
			assert_int_equal(fs_read_small(path, sizes[i] - 1, &text, &len), -EFBIG);
	}
	assert_int_equal(fs_read_small("/proc/self/status", 1 << 20, &text, &len), 0);
	assert_true(len > 0);
	free(text);
	assert_int_equal(fs_read_small("/nonexistent", 10, &text, &len), -ENOENT);
	assert_int_equal(fs_read_small(place->path, 10, &text, &len), -EISDIR);
}

static void
write_reports_what_the_kernel_says(void **state)
{
	scoped_fd full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(fs_write_all(full, "x", 1), -ENOSPC);
	assert_int_equal(fs_write_all(full, "", 0), 0);
	assert_int_equal(fs_write_all(-1, "x", 1), -EBADF);
}

/* Binds a socket at path and connects to it. */
static void
assert_reachable(const char *path)
{
	struct sockaddr_un address;
	int dirfd, server, client;

	assert_int_equal(fs_unix_address(path, &address, &dirfd), 0);
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server, 1), 0);
	if (dirfd >= 0)
		close(dirfd);
	assert_int_equal(access(path, F_OK), 0);

	assert_int_equal(fs_unix_address(path, &address, &dirfd), 0);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	if (dirfd >= 0)
		close(dirfd);
	close(client);
	close(server);
}

static void
socket_is_reached_at_any_length_of_path(void **state)
{
	struct place *place = *state;
	char dir[160], path[512];
	struct sockaddr_un address;
	int dirfd = 7;

	(void)snprintf(path, sizeof(path), "%s/short.sock", place->path);
	assert_reachable(path);

	memset(dir, 'd', sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(fs_make_dirs(place->fd, dir, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/long.sock", place->path, dir);
	assert_reachable(path);

	(void)snprintf(path, sizeof(path), "%s/%s", place->path, dir);
	assert_int_equal(fs_unix_address(path, &address, &dirfd), -ENAMETOOLONG);
	assert_int_equal(fs_unix_address(dir, &address, &dirfd), -ENAMETOOLONG);
	assert_int_equal(fs_unix_address("", &address, &dirfd), -EINVAL);
	(void)snprintf(path, sizeof(path), "%s/missing/%.100s/s", place->path, dir);
	assert_int_equal(fs_unix_address(path, &address, &dirfd), -ENOENT);
	assert_int_equal(dirfd, 7);
}

static void
a_directory_that_was_moved_or_removed_is_known(void **state)
{
	struct place *place = *state;
	char path[160], aside[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/there", place->path);
	(void)snprintf(aside, sizeof(aside), "%s/aside", place->path);
	assert_int_equal(mkdir(path, 0750), 0);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_false(fs_has_moved(fd, path));
	assert_int_equal(rename(path, aside), 0);
	assert_true(fs_has_moved(fd, path));		/* nothing is there */
	assert_int_equal(mkdir(path, 0750), 0);
	assert_true(fs_has_moved(fd, path));		/* another one is */
	assert_false(fs_has_moved(fd, aside));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(aside, path), 0);
	assert_false(fs_has_moved(fd, path));
	close(fd);
	assert_int_equal(rmdir(path), 0);
	assert_false(fs_is_read_only(place->fd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_made_with_their_parents),
		cmocka_unit_test(paths_that_lead_out_are_refused_before_anything_is_made),
		cmocka_unit_test(directories_of_others_are_synced_once),
		cmocka_unit_test(a_sync_that_fails_is_told_and_not_remembered),
		cmocka_unit_test(a_directory_that_cannot_be_synced_may_be_passed),
		cmocka_unit_test(file_in_the_way_is_named),
		cmocka_unit_test(directory_of_a_path_is_synced),
		cmocka_unit_test(small_file_is_read_whole_up_to_its_bound),
		cmocka_unit_test(write_reports_what_the_kernel_says),
		cmocka_unit_test(socket_is_reached_at_any_length_of_path),
		cmocka_unit_test(a_directory_that_was_moved_or_removed_is_known),
	};

	return cmocka_run_group_tests(tests, place_make, place_remove);
}
