/*
 * objstore_local.c - objects as files below DATA_DIR/objects. A spool file of the
 * same file system is moved under its path in one step that refuses to replace
 * anything; what is there already is read and compared, a few MiB a turn of the
 * loop.
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
#define COMPARE_STEP   (4u << 20)
#define COMPARE_BUFFER (128u << 10)

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

/* The file as it was summed, on disk, readable by the group. */
static int
check_file(const struct objstore_request *r, struct why *why)
{
	scoped_fd fd = openat(r->spool, r->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return why_set(why, errno, "cannot open spool/%s: %s", r->name, strerror(errno));
	if (fstat(fd, &st) < 0 || fchmod(fd, OBJECT_MODE) < 0 || fsync(fd) < 0)
		return why_set(why, errno, "cannot sync spool/%s: %s", r->name, strerror(errno));
	if ((uint64_t)st.st_size == r->size)
		return 0;
	(void)unlinkat(r->spool, r->name, 0);
	return why_set(why, ENOENT,
	    "spool/%s held %jd bytes instead of %" PRIu64 " and was removed", r->name,
	    (intmax_t)st.st_size, r->size);
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

static int
move_object(const struct local_store *store, const struct objstore_request *r, struct why *why)
{
	int rc = check_file(r, why);

	if (rc < 0)
		return rc;
	rc = make_parents(store, r->path, why);
	if (rc < 0)
		return rc == -ENOENT ? -EIO : rc;	/* ENOENT is about the spool file only */
	rc = move_file(store, r);
	if (rc == -EXDEV)
		return why_set(why, EXDEV,
		    "cannot move spool/%s to objects/%s: both directories must be on one file "
		    "system", r->name, r->path);
	if (rc < 0)
		return why_set(why, -rc, "cannot move spool/%s to objects/%s: %s", r->name, r->path,
		    strerror(-rc));
	return settle_object(store, r, why);
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

/* 1: more to read. */
static int
compare_step(struct objstore_put *put)
{
	scoped_free char *buffer = xmalloc(COMPARE_BUFFER);

	for (size_t taken = 0; taken < COMPARE_STEP;) {
		ssize_t n = read(put->object, buffer, COMPARE_BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_set(&put->why, errno, "cannot read objects/%s: %s",
			    put->request.path, strerror(errno));
		if (n == 0)
			return compare_finish(put);
		checksum_update(put->sum, buffer, (size_t)n);
		taken += (size_t)n;
	}
	return 1;
}

/* ---- one put ---- */

static int
put_begin(struct objstore_put *put)
{
	const struct objstore_request *r = &put->request;
	int rc = check_path(r->path, &put->why), there;

	if (rc == 0)
		rc = move_object(put->store, r, &put->why);
	/* Without the file the object may stand there already: moved, but not reported. */
	if (rc != -EEXIST && rc != -ENOENT)
		return rc;
	there = compare_begin(put);
	if (there == 0)
		return 1;
	return there == -ENOENT ? rc : there;
}

static void
put_free(struct objstore_put *put)
{
	event_free(put->turn);
	checksum_free(put->sum);
	if (put->object >= 0)
		(void)close(put->object);
	free(put);
}

static void
put_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct objstore_put *put = arg;
	int rc = put->object < 0 ? put_begin(put) : compare_step(put);

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
	put->object = -1;
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
