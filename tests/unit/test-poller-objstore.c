/*
 * Objects as files: nothing is overwritten, nothing is seen half, putting twice is
 * putting once, whatever was killed in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/why.h"
#include "poller/objstore.h"

#define OBJECT "raw_snapshots/2026/11/23/snapshot_sd_1.json"

struct fixture {
	char	dir[64];
	int	spool;
	struct event_base *base;
	struct objstore *store;
	struct objstore_request request;
};

struct outcome {
	bool	done;
	int	err;
	struct why why;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char path[128];
	struct why why;

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test-objstore-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(path, sizeof(path), "%s/spool", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	f->spool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->base = loop_new();
	assert_int_equal(objstore_local_new(f->base, f->dir, &f->store, &why), 0);
	f->request = (struct objstore_request){ .path = OBJECT, .spool = f->spool, .name = "x.snapshot" };
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	objstore_free(f->store);
	event_base_free(f->base);
	(void)close(f->spool);
	assert_int_equal(nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

/* Writes the spool file and what the keeper would know of it. */
static void
spool(struct fixture *f, const char *text)
{
	int fd = openat(f->spool, f->request.name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct checksum *sum = checksum_new();

	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
	f->request.size = strlen(text);
	checksum_update(sum, text, strlen(text));
	checksum_end(sum, &f->request.crc32c, f->request.sha256);
	checksum_free(sum);
}

static void
write_object(struct fixture *f, const char *path, const char *text)
{
	char full[256];
	scoped_fd dir = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	(void)snprintf(full, sizeof(full), "objects/%s", path);
	*strrchr(full, '/') = '\0';
	assert_int_equal(fs_make_dirs(dir, full, NULL), 0);
	full[strlen(full)] = '/';
	fd = openat(dir, full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
}

static void
assert_object(struct fixture *f, const char *text)
{
	char path[256];
	scoped_free char *got = NULL;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/objects/%s", f->dir, f->request.path);
	assert_int_equal(fs_read_small(path, 1 << 20, &got, &len), 0);
	assert_string_equal(got, text);
}

static bool
spool_exists(const struct fixture *f)
{
	return faccessat(f->spool, f->request.name, F_OK, 0) == 0;
}

static void
on_done(int err, const struct why *why, void *arg)
{
	struct outcome *o = arg;

	assert_false(o->done);
	o->done = true;
	o->err = err;
	o->why = *why;
}

static struct outcome
put(struct fixture *f)
{
	struct outcome o = { .done = false };

	(void)objstore_put(f->store, &f->request, on_done, &o);
	assert_false(o.done);
	while (!o.done)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	assert_int_equal(o.err == 0, o.why.text[0] == '\0' || o.err == 0);
	return o;
}

static void
test_a_spool_file_becomes_an_object(void **state)
{
	struct fixture *f = *state;
	char path[256];
	struct stat st;

	spool(f, "[{\"a\":1}]");
	assert_int_equal(put(f).err, 0);
	assert_object(f, "[{\"a\":1}]");
	assert_false(spool_exists(f));
	(void)snprintf(path, sizeof(path), "%s/objects/%s", f->dir, OBJECT);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
}

static void
test_an_equal_object_is_a_success(void **state)
{
	struct fixture *f = *state;

	write_object(f, OBJECT, "[{\"a\":1}]");
	spool(f, "[{\"a\":1}]");
	assert_int_equal(put(f).err, 0);
	assert_object(f, "[{\"a\":1}]");
	assert_false(spool_exists(f));
}

static void
test_a_different_object_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	write_object(f, OBJECT, "[{\"a\":2}]");
	spool(f, "[{\"a\":1}]");
	o = put(f);
	assert_int_equal(o.err, -EEXIST);
	assert_non_null(strstr(o.why.text, OBJECT));
	assert_object(f, "[{\"a\":2}]");
	assert_true(spool_exists(f));
	write_object(f, OBJECT, "longer than the other");
	assert_int_equal(put(f).err, -EEXIST);
	assert_object(f, "longer than the other");
}

/* Killed between the move and the report. */
static void
test_an_object_without_a_spool_file_is_a_success_when_equal(void **state)
{
	struct fixture *f = *state;

	spool(f, "[{\"a\":1}]");
	assert_int_equal(put(f).err, 0);
	assert_int_equal(put(f).err, 0);
	assert_object(f, "[{\"a\":1}]");
	write_object(f, OBJECT, "[{\"a\":2}]");
	assert_int_equal(put(f).err, -EEXIST);
}

/* Killed between link and unlink, where the file system has no exclusive rename. */
static void
test_a_file_that_is_linked_at_both_places_is_a_success(void **state)
{
	struct fixture *f = *state;
	char path[256];

	spool(f, "[]");
	write_object(f, OBJECT, "x");
	(void)snprintf(path, sizeof(path), "%s/objects/%s", f->dir, OBJECT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(linkat(f->spool, f->request.name, AT_FDCWD, path, 0), 0);
	assert_int_equal(put(f).err, 0);
	assert_object(f, "[]");
	assert_false(spool_exists(f));
}

static void
test_a_missing_spool_file_is_told(void **state)
{
	struct fixture *f = *state;
	struct outcome o = put(f);

	assert_int_equal(o.err, -ENOENT);
	assert_non_null(strstr(o.why.text, "x.snapshot"));
}

static void
test_a_spool_file_of_another_size_is_removed(void **state)
{
	struct fixture *f = *state;

	spool(f, "[{\"a\":1}]");
	f->request.size++;
	assert_int_equal(put(f).err, -ENOENT);
	assert_false(spool_exists(f));
}

/* What the disk gives back is what counts: one byte, anywhere. */
static void
test_a_spool_file_with_other_bytes_is_removed(void **state)
{
	static const off_t places[] = { 0, 1, (4 << 20) - 1, 4 << 20, (9 << 20) - 1 };
	struct fixture *f = *state;
	scoped_free char *text = xcalloc((9 << 20) + 1, 1);
	struct outcome o;

	memset(text, 'x', 9 << 20);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd;

		spool(f, text);
		fd = openat(f->spool, f->request.name, O_WRONLY | O_CLOEXEC);
		assert_int_equal(pwrite(fd, "y", 1, places[i]), 1);
		(void)close(fd);
		o = put(f);
		assert_int_equal(o.err, -ENOENT);
		assert_non_null(strstr(o.why.text, "x.snapshot"));
		assert_false(spool_exists(f));
	}
	spool(f, text);
	assert_int_equal(put(f).err, 0);
}

static void
test_a_path_cannot_lead_outside(void **state)
{
	static const char *const paths[] = { "", "/etc/x", "../x", "a/../../x", "a/..", "a/", ".." };
	struct fixture *f = *state;

	spool(f, "[]");
	for (size_t i = 0; i < countof(paths); i++) {
		f->request.path = paths[i];
		assert_int_equal(put(f).err, -EINVAL);
	}
	assert_true(spool_exists(f));
	f->request.path = "a..b/..c/x";
	assert_int_equal(put(f).err, 0);
}

static void
test_a_file_where_a_directory_belongs_is_an_error(void **state)
{
	struct fixture *f = *state;
	int err;

	write_object(f, "raw_snapshots/2026/11", "in the way");
	spool(f, "[]");
	err = put(f).err;
	assert_true(err < 0 && err != -ENOENT && err != -EEXIST);
	assert_true(spool_exists(f));
}

/* Two put the same, one of them is another process that was slow. */
static void
test_two_puts_of_one_object_both_succeed(void **state)
{
	struct fixture *f = *state;
	struct outcome a = { .done = false }, b = { .done = false };

	spool(f, "[{\"a\":1}]");
	(void)objstore_put(f->store, &f->request, on_done, &a);
	(void)objstore_put(f->store, &f->request, on_done, &b);
	while (!a.done || !b.done)
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	assert_int_equal(a.err, 0);
	assert_int_equal(b.err, 0);
	assert_object(f, "[{\"a\":1}]");
}

static void
test_a_canceled_put_can_be_put_again(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { .done = false };

	spool(f, "[]");
	objstore_cancel(f->store, objstore_put(f->store, &f->request, on_done, &o));
	(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
	assert_false(o.done);
	assert_int_equal(put(f).err, 0);
	assert_object(f, "[]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_spool_file_becomes_an_object),
		TEST(test_an_equal_object_is_a_success),
		TEST(test_a_different_object_is_left_alone),
		TEST(test_an_object_without_a_spool_file_is_a_success_when_equal),
		TEST(test_a_file_that_is_linked_at_both_places_is_a_success),
		TEST(test_a_missing_spool_file_is_told),
		TEST(test_a_spool_file_of_another_size_is_removed),
		TEST(test_a_spool_file_with_other_bytes_is_removed),
		TEST(test_a_path_cannot_lead_outside),
		TEST(test_a_file_where_a_directory_belongs_is_an_error),
		TEST(test_two_puts_of_one_object_both_succeed),
		TEST(test_a_canceled_put_can_be_put_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
