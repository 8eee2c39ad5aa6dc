/*
 * objstore_local.c - objects as files below DATA_DIR/objects. A spool file of the
 * same file system is moved under its path in one step that refuses to replace
 * anything. Before that it is read as the disk gives it back: its sums were made of
 * what came from the network, and nothing has looked at the file since. What is
 * there already is read and compared. Both a few MiB a turn of the loop.
 */
#include "poller/objstore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/why.h"

#define OBJECT_MODE    0640
#define READ_STEP      (4u << 20)
#define READ_BUFFER    (128u << 10)
#define MOVE_TRIES     3	/* its directory may be removed as an empty one in between */

struct local_store {
	struct objstore	   store;
	struct event_base *base;
	int		   dir;
};

struct objstore_put {
	struct local_store	*store;
	struct objstore_request	 request;
	objstore_done_fn	*on_done;
	void			*arg;
	struct event		*turn;
	int			 file;		/* of the spool, being read; -1: not */
	uint64_t		 read;
	uint32_t		 crc32c;	/* of what was read */
	int			 object;	/* being compared; -1: not yet */
	struct checksum		*sum;
	struct why		 why;
};

/* ---- the path ---- */

static int
check_path(const char *path, struct why *why)
{
	if (path[0] == '\0' || path[0] == '/' || path[strlen(path) - 1] == '/')
		return why_set(why, EINVAL, "\"%s\" is no object path", path);
	for (const char *p = path; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '\0' || p[2] == '/'))
			return why_set(why, EINVAL, "the object path \"%s\" leads outside", path);
	}
	return 0;
}

static int
make_parents(const struct local_store *store, const char *path, struct why *why)
{
	scoped_free char *parents = xstrdup(path);
	char *slash = strrchr(parents, '/');

	if (slash == NULL)
		return 0;
	*slash = '\0';
	return fs_make_dirs(store->dir, parents, why);
}

/* ---- moving ---- */

/* It is not what was downloaded. */
static int
lose_file(const struct objstore_request *r, struct why *why, const char *reason)
{
	(void)unlinkat(r->spool, r->name, 0);
	return why_set(why, ENOENT, "spool/%s is not what was downloaded and was removed: %s", r->name, reason);
}

/* On disk, readable by the group; what is read of it from now on comes from there. */
static int
open_file(struct objstore_put *put)
{
	const struct objstore_request *r = &put->request;
	scoped_fd fd = openat(r->spool, r->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char reason[96];
	struct stat st;

	if (fd < 0)
		return why_set(&put->why, errno, "cannot open spool/%s: %s", r->name, strerror(errno));
	if (fstat(fd, &st) < 0 || fchmod(fd, OBJECT_MODE) < 0 || fsync(fd) < 0)
		return why_set(&put->why, errno, "cannot sync spool/%s: %s", r->name, strerror(errno));
	if ((uint64_t)st.st_size != r->size) {
		(void)snprintf(reason, sizeof(reason), "it holds %jd bytes instead of %" PRIu64, (intmax_t)st.st_size,
		    r->size);
		return lose_file(r, &put->why, reason);
	}
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	put->file = take_fd(&fd);
	return 1;
}

/* Never replaces: -EEXIST. Some file systems have no such rename, but links. */
static int
move_file(const struct local_store *store, const struct objstore_request *r)
{
	if (renameat2(r->spool, r->name, store->dir, r->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(r->spool, r->name, store->dir, r->path, 0) < 0)
		return -errno;
	return 0;
}

static int
settle_object(const struct local_store *store, const struct objstore_request *r, struct why *why)
{
	int rc = fs_sync_dir_of(store->dir, r->path);

	if (rc < 0)
		return why_set(why, -rc, "cannot sync the directory of objects/%s: %s", r->path,
		    strerror(-rc));
	/* Gone already, unless it was linked or the object had been there before. */
	(void)unlinkat(r->spool, r->name, 0);
	return 0;
}

/* The keeper removes directories that have become empty, of other objects, at any time. */
static int
make_and_move(const struct local_store *store, const struct objstore_request *r, struct why *why)
{
	int rc = -ENOENT;

	for (unsigned i = 0; i < MOVE_TRIES && rc == -ENOENT; i++) {
		rc = make_parents(store, r->path, why);
		if (rc < 0)
			return rc == -ENOENT ? -EIO : rc;	/* ENOENT is about the spool file only */
		rc = move_file(store, r);
		if (rc == -ENOENT && faccessat(r->spool, r->name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			break;
	}
	if (rc == -EXDEV)
		return why_set(why, EXDEV,
		    "cannot move spool/%s to objects/%s: both directories must be on one file "
		    "system", r->name, r->path);
	return rc < 0 ? why_set(why, -rc, "cannot move spool/%s to objects/%s: %s", r->name, r->path,
	    strerror(-rc)) : 0;
}

static int
move_object(const struct local_store *store, const struct objstore_request *r, struct why *why)
{
	int rc = make_and_move(store, r, why);

	return rc < 0 ? rc : settle_object(store, r, why);
}

/* ---- comparing ---- */

static int
differs(const struct objstore_request *r, struct why *why)
{
	return why_set(why, EEXIST,
	    "objects/%s exists already with other content; it was left alone", r->path);
}

/* Opens the object that is there. 0, -ENOENT, -EEXIST when its size tells enough. */
static int
compare_begin(struct objstore_put *put)
{
	const struct objstore_request *r = &put->request;
	scoped_fd fd = openat(put->store->dir, r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return why_set(&put->why, errno, "cannot read objects/%s: %s", r->path,
		    strerror(errno));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != r->size)
		return differs(r, &put->why);
	put->object = take_fd(&fd);
	put->sum = checksum_new();
	return 0;
}

static int
compare_finish(struct objstore_put *put)
{
	const struct objstore_request *r = &put->request;
	uint8_t sha256[SHA256_SIZE];
	uint32_t crc32c;

	checksum_end(put->sum, &crc32c, sha256);
	if (crc32c != r->crc32c || memcmp(sha256, r->sha256, SHA256_SIZE) != 0)
		return differs(r, &put->why);
	/* Another life may have been killed before it synced. */
	if (fsync(put->object) < 0)
		return why_set(&put->why, errno, "cannot sync objects/%s: %s", r->path,
		    strerror(errno));
	return settle_object(put->store, r, &put->why);
}

/* ---- reading ---- */

/* A few MiB of either file; 1, 0 at its end, -errno. */
static int
read_step(int fd, void (*take)(struct objstore_put *, const void *p, size_t len), struct objstore_put *put)
{
	scoped_free char *buffer = xmalloc(READ_BUFFER);

	for (size_t taken = 0; taken < READ_STEP;) {
		ssize_t n = read(fd, buffer, READ_BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		take(put, buffer, (size_t)n);
		taken += (size_t)n;
	}
	return 1;
}

static void
take_for_check(struct objstore_put *put, const void *p, size_t len)
{
	put->crc32c = checksum_crc32c(put->crc32c, p, len);
	put->read += len;
}

static void
take_for_compare(struct objstore_put *put, const void *p, size_t len)
{
	checksum_update(put->sum, p, len);
}

/* 1: more to read; else what came of the move. */
static int
check_step(struct objstore_put *put)
{
	const struct objstore_request *r = &put->request;
	uint64_t from = put->read;
	int rc = read_step(put->file, take_for_check, put);

	(void)posix_fadvise(put->file, (off_t)from, (off_t)(put->read - from), POSIX_FADV_DONTNEED);
	if (rc > 0)
		return rc;
	(void)close(put->file);
	put->file = -1;
	if (rc < 0)
		return lose_file(r, &put->why, strerror(-rc));
	if (put->read != r->size || put->crc32c != r->crc32c)
		return lose_file(r, &put->why, "the disk gives other bytes back");
	return move_object(put->store, r, &put->why);
}

/* 1: more to read. */
static int
compare_step(struct objstore_put *put)
{
	int rc = read_step(put->object, take_for_compare, put);

	if (rc < 0)
		return why_set(&put->why, -rc, "cannot read objects/%s: %s", put->request.path, strerror(-rc));
	return rc > 0 ? rc : compare_finish(put);
}

/* ---- one put ---- */

/* Without the file the object may stand there already: moved, but not reported. */
static int
compare_instead(struct objstore_put *put, int rc)
{
	int there;

	if (rc != -EEXIST && rc != -ENOENT)
		return rc;
	there = compare_begin(put);
	if (there == 0)
		return 1;
	return there == -ENOENT ? rc : there;
}

/* 1: more to do, 0: done, -errno. */
static int
put_step(struct objstore_put *put)
{
	int rc;

	if (put->object >= 0)
		return compare_step(put);
	if (put->file >= 0)
		return compare_instead(put, check_step(put));
	rc = check_path(put->request.path, &put->why);
	return rc < 0 ? rc : compare_instead(put, open_file(put));
}

static void
put_free(struct objstore_put *put)
{
	event_free(put->turn);
	checksum_free(put->sum);
	if (put->file >= 0)
		(void)close(put->file);
	if (put->object >= 0)
		(void)close(put->object);
	free(put);
}

static void
put_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct objstore_put *put = arg;
	int rc = put_step(put);

	(void)fd, (void)what;
	if (rc > 0) {
		loop_timer_in(put->turn, 0);
		return;
	}
	put->on_done(rc, &put->why, put->arg);
	put_free(put);
}

static struct objstore_put *
local_put(struct objstore *store, const struct objstore_request *request, objstore_done_fn *on_done,
    void *arg)
{
	struct objstore_put *put = xcalloc(1, sizeof(*put));

	put->store = containerof(store, struct local_store, store);
	put->request = *request;
	put->on_done = on_done;
	put->arg = arg;
	put->file = put->object = -1;
	put->turn = evtimer_new(put->store->base, put_on_turn, put);
	loop_timer_in(put->turn, 0);
	return put;
}

static void
local_free(struct objstore *store)
{
	struct local_store *local = containerof(store, struct local_store, store);

	(void)close(local->dir);
	free(local);
}

static const struct objstore_ops local_ops = { local_put, put_free, local_free };

int
objstore_local_new(struct event_base *base, const char *directory, struct objstore **ret,
    struct why *why)
{
	scoped_fd data = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct local_store *local;
	int rc, dir;

	if (data < 0)
		return why_set(why, errno, "cannot open the directory %s: %s", directory,
		    strerror(errno));
	rc = fs_make_dirs(data, "objects", why);
	if (rc < 0)
		return rc;
	dir = openat(data, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return why_set(why, errno, "cannot open the directory %s/objects: %s", directory,
		    strerror(errno));
	local = xcalloc(1, sizeof(*local));
	local->store.ops = &local_ops;
	local->base = base;
	local->dir = dir;
	*ret = &local->store;
	return 0;
}
