/*
 * keeper_prune.c - what is over goes: crawls that ended long ago, with their requests and
 * keys, events that were delivered, and the room they had in the store; files of the spool
 * that no crawl under way will use; what lies in quarantine, and objects, for longer than
 * they are to be kept.
 *
 * All of it in steps of a few milliseconds that take a tenth of the time, whatever else
 * happens: what is left over from a step is the next one's. If that is not enough for what
 * comes to an end, it is more, up to a third: nothing may grow for ever. A step ends with a
 * turn, so that what it deleted is committed before anything else is looked at, once for all.
 *
 *   works[]               what there is to do, one after the other; each does a little a call
 *   a round               spool, quarantine and objects: at the start, and once a day
 *   crawls, events, room  all the time
 *
 * Files are reached from DATA_DIR step by step; no symbolic link is followed, and only names
 * that trawld gives are touched.
 */
#include "keeper/keeper.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/why.h"

#define DAY_MS		INT64_C(86400000)
#define ROUND_MAX_MS	INT64_C(3600000)
#define FIRST_MS	1000	/* after the start, which has other things to do */
#define REST_MIN_MS	20
#define REST_MAX_MS	5000
#define IDLE_MS		10000	/* between two looks when there is nothing to do, or a tenth of what is kept */
#define IDLE_MIN_MS	100
#define STEP_MS		5	/* nothing more is begun in a step after so long */
#define STEP_OBJECTS	16	/* but so many are removed at least, if they are small ... */
#define STEP_BYTES	(64u << 20)	/* ... all together */
#define STEP_NAMES	64	/* of a directory, in one step */
#define STEP_EVENTS	256	/* more than the crawls that go in one step have made */
#define EVENT_SLACK_MS	1000	/* between the times of a crawl's end and of its event */
#define FREE_PAGES_MIN	256	/* so much free is no waste: 1 MiB, ... */
#define FREE_PART	8	/* ... and a part of the file */
#define WORKS		7

/* What was done since it was last told. */
struct prune_counts {
	uint64_t crawls, events, spool, quarantine, objects;
};

/* A directory that is read, name by name, once in each round. */
struct prune_walk {
	DIR  *dir;
	bool  done;
};

struct prune {
	struct event		*timer;
	unsigned		 work;		/* the next of works[] */
	unsigned		 quiet;		/* works in a row that had nothing to do */
	int64_t			 step_mono_ms;	/* when this step began */
	int64_t			 behind_mono_ms;	/* since when there is always more to do; 0: there is not */
	bool			 in_round;
	int64_t			 round_mono_ms;	/* when the next one begins */
	bool			 crawls_left, events_left;	/* more of them are to go now */
	struct store_place	 crawl;		/* looked at up to there ... */
	int64_t			 crawl_mono_ms;	/* ... and from then on from the beginning again */
	struct store_place	 object;
	int64_t			 objects_before_ms;	/* crawls that ended before have no object any more */
	struct prune_walk	 spool, quarantine;
	struct prune_counts	 counts;
	unsigned		 foreign;	/* names in the spool that are not ours, in this round */
	bool			 foreign_told;
	char			 foreign_name[64];	/* the first of them */
	unsigned		 failures;
	char			 failure[ERROR_TEXT_SIZE];	/* the first of them */
};

/* True: there is more to do, now. */
typedef bool work_fn(struct keeper *);

static int64_t
sooner(int64_t a_ms, int64_t b_ms)
{
	return b_ms > 0 && b_ms < a_ms ? b_ms : a_ms;
}

static bool
is_long_enough(const struct keeper *k)
{
	return keeper_mono(k) - k->prune->step_mono_ms >= STEP_MS;
}

static struct store_place
place_of(const struct crawl *c)
{
	return (struct store_place){ c->finished_ms, c->id };
}

/* ---- crawls ---- */

/* Ended before that, it may go: not while something of it may wait in the outbox, nor before its object. An event that
 * was delivered needs it no more: all that is told of the crawl is in the event. */
static int64_t
crawls_before(struct keeper *k)
{
	int64_t keep = k->conf->crawls_keep_ms, before, oldest;
	uint64_t count;
	struct why why;

	if (k->conf->objects_keep_ms > keep)
		keep = k->conf->objects_keep_ms;
	before = keeper_now_behind(k) - keep;
	if (k->conf->objects_keep_ms > 0 && k->prune->objects_before_ms < before)
		before = k->prune->objects_before_ms;
	keeper_must(k, store_events_pending(k->store, &count, &oldest, &why), &why);
	return count > 0 && oldest - EVENT_SLACK_MS < before ? oldest - EVENT_SLACK_MS : before;
}

/* A key is a promise of its own. */
static bool
is_held_by_key(struct keeper *k, const struct crawl *c)
{
	struct why why;
	bool has;

	if (keeper_now_behind(k) - c->finished_ms >= k->conf->idempotency_keep_ms)
		return false;
	keeper_must(k, store_has_key(k->store, &c->id, &has, &why), &why);
	return has;
}

static void
forget_crawl(struct keeper *k, const struct crawl *c)
{
	struct why why;

	keeper_must(k, store_crawl_forget(k->store, &c->id, &why), &why);
	k->prune->counts.crawls++;
	k->changes++;
}

/* Those that are held by their key are passed over, until the next time from the beginning. */
static bool
crawls(struct keeper *k)
{
	struct prune *p = k->prune;
	unsigned count;
	struct why why;

	if (k->conf->crawls_keep_ms == 0)
		return false;
	keeper_must(k, store_ended(k->store, crawls_before(k), &p->crawl, k->batch, KEEPER_BATCH, &count, &why), &why);
	for (unsigned i = 0; i < count; i++)
		if (!is_held_by_key(k, &k->batch[i]))
			forget_crawl(k, &k->batch[i]);
	if (count > 0)
		p->crawl = place_of(&k->batch[count - 1]);
	if (count < KEEPER_BATCH && keeper_mono(k) >= p->crawl_mono_ms) {
		p->crawl_mono_ms = keeper_mono(k) + sooner(DAY_MS, k->conf->idempotency_keep_ms / 8) + IDLE_MS;
		p->crawl = (struct store_place){ 0 };
	}
	p->crawls_left = count == KEEPER_BATCH;
	return p->crawls_left;
}

/* ---- events ---- */

static bool
events(struct keeper *k)
{
	struct prune *p = k->prune;
	unsigned count;
	struct why why;

	if (k->conf->events_keep_ms == 0)
		return false;
	keeper_must(k, store_events_prune(k->store, keeper_now_behind(k) - k->conf->events_keep_ms, STEP_EVENTS, &count, &why),
	    &why);
	p->counts.events += count;
	k->changes += count > 0;
	p->events_left = count == STEP_EVENTS;
	return p->events_left;
}

/* ---- the store's room ---- */

/* Only when no more crawls and events go: what they leave would be moved in vain. A file that was not rebuilt stays as
 * large as it is. */
static bool
room(struct keeper *k)
{
	int64_t all, unused, left;
	struct why why;

	if (k->prune->crawls_left || k->prune->events_left)
		return false;
	keeper_must(k, store_pages(k->store, &all, &unused, &why), &why);
	if (unused <= FREE_PAGES_MIN || unused <= all / FREE_PART)
		return false;
	keeper_must(k, store_shrink(k->store, &why), &why);
	keeper_must(k, store_pages(k->store, &all, &left, &why), &why);
	k->changes += left < unused;
	return left < unused;
}

/* ---- files ---- */

static void __attribute__((format(printf, 2, 3)))
note_failure(struct keeper *k, const char *format, ...)
{
	struct prune *p = k->prune;
	va_list args;

	if (p->failures++ > 0)
		return;
	va_start(args, format);
	(void)vsnprintf(p->failure, sizeof(p->failure), format, args);
	va_end(args);
}

/* A directory below DATA_DIR, of trawld's own; -errno. */
static int
open_dir(const struct keeper *k, const char *name)
{
	scoped_fd data = open(k->conf->data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (data < 0)
		return -errno;
	fd = openat(data, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* False when it cannot be read. */
static bool
begin_walk(struct keeper *k, struct prune_walk *w, const char *name)
{
	int fd = open_dir(k, name);

	if (fd >= 0 && (w->dir = fdopendir(fd)) != NULL)
		return true;
	if (fd >= 0)
		(void)close(fd);
	if (fd != -ENOENT)
		note_failure(k, "%s/ cannot be read: %s", name, strerror(fd < 0 ? -fd : ENOMEM));
	return false;
}

static void
end_walk(struct prune_walk *w)
{
	if (w->dir != NULL)
		(void)closedir(w->dir);
	w->dir = NULL;
	w->done = true;
}

/* Calls each for the next few names; true: more of them later. */
static bool
walk(struct keeper *k, struct prune_walk *w, const char *name,
    void (*each)(struct keeper *, int dir, const char *entry))
{
	struct dirent *entry = NULL;

	if (!k->prune->in_round || w->done)
		return false;
	if (w->dir != NULL || begin_walk(k, w, name)) {
		for (unsigned i = 0; i < STEP_NAMES && (entry = readdir(w->dir)) != NULL; i++) {
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				each(k, dirfd(w->dir), entry->d_name);
			if (is_long_enough(k))
				break;
		}
	}
	if (entry == NULL)
		end_walk(w);
	return entry != NULL;
}

/* True when the name is gone. */
static bool
remove_file(struct keeper *k, int dir, const char *folder, const char *name)
{
	char shown[LOG_FOREIGN_SIZE];
	int err = unlinkat(dir, name, 0) < 0 ? errno : 0;

	if (err == 0 || err == ENOENT)
		return true;
	note_failure(k, "%s/%s: %s", folder, str_printable(shown, sizeof(shown), name, strlen(name)), strerror(err));
	return false;
}

/* ---- spool ---- */

static void
note_foreign(struct prune *p, const char *name)
{
	if (p->foreign++ == 0)
		(void)str_printable(p->foreign_name, sizeof(p->foreign_name), name, strlen(name));
}

static bool
is_wanted(struct keeper *k, enum spool_kind kind, const struct uuid *crawl_id, uint64_t token)
{
	const struct lease *lease;
	struct job job;

	if (kind == SPOOL_WHOLE)
		return keeper_find(k, crawl_id, &job) && !crawl_is_terminal(job.crawl.state);
	lease = token != 0 ? keeper_lease_find(k, token) : NULL;
	return lease != NULL && uuid_equal(&lease->crawl_id, crawl_id);
}

static void
spool_entry(struct keeper *k, int dir, const char *name)
{
	struct uuid crawl_id;
	uint64_t token;
	enum spool_kind kind = spool_name_read(name, &crawl_id, &token);

	if (kind == SPOOL_FOREIGN)
		note_foreign(k->prune, name);
	else if (!is_wanted(k, kind, &crawl_id, token) && remove_file(k, dir, "spool", name))
		k->prune->counts.spool++;
}

static bool
spool(struct keeper *k)
{
	return walk(k, &k->prune->spool, "spool", spool_entry);
}

void
keeper_prune_part(struct keeper *k, const struct uuid *crawl_id, uint64_t lease)
{
	scoped_fd dir = open_dir(k, "spool");
	char name[SPOOL_NAME_SIZE];

	if (dir >= 0)
		(void)unlinkat(dir, spool_name(name, crawl_id, lease), 0);
}

/* ---- quarantine ---- */

static void
quarantine_entry(struct keeper *k, int dir, const char *name)
{
	int64_t before = keeper_now_behind(k) - k->conf->quarantine_keep_ms;
	struct stat st;

	if (strncmp(name, "snapshot_", 9) != 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || (int64_t)st.st_mtim.tv_sec * 1000 >= before)
		return;
	if (remove_file(k, dir, "quarantine", name))
		k->prune->counts.quarantine++;
}

static bool
quarantine(struct keeper *k)
{
	return k->conf->quarantine_keep_ms > 0 && walk(k, &k->prune->quarantine, "quarantine", quarantine_entry);
}

/* ---- objects ---- */

#define DEPTH_MAX 64

/* The directories on the way to an object, open; [0] is objects/ itself. */
struct way {
	int	     count;
	int	     dirs[DEPTH_MAX];
	const char  *names[DEPTH_MAX];	/* of each in the one before it */
};

static int
open_part(int dir, const char *name)
{
	int fd;

	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Cuts the path into its parts; the last one is the object's name. 0 or -errno; what is open by then is to be
 * closed either way. */
static int
open_way(const struct keeper *k, char *path, struct way *ret, const char **ret_name)
{
	const char *part = "objects";
	int fd = open_dir(k, part);

	for (ret->count = 0; fd >= 0; fd = open_part(fd, part)) {
		ret->dirs[ret->count] = fd;
		ret->names[ret->count++] = part;
		part = strsep(&path, "/");
		*ret_name = part;
		if (path == NULL)
			return 0;
		if (ret->count == DEPTH_MAX)
			return -ELOOP;
	}
	return fd;
}

/* Closes it; directories that are empty go with what was in them. */
static void
close_way(struct way *way, bool clear)
{
	while (way->count-- > 0) {
		(void)close(way->dirs[way->count]);
		clear = clear && way->count > 0 &&
		    unlinkat(way->dirs[way->count - 1], way->names[way->count], AT_REMOVEDIR) == 0;
	}
}

/* True when there is no such file any more. */
static bool
remove_object(struct keeper *k, const char *object_path)
{
	char path[OBJECT_PATH_SIZE];
	const char *name = NULL;
	struct way way;
	bool gone;
	int rc;

	(void)str_copy(path, sizeof(path), object_path);
	rc = open_way(k, path, &way, &name);
	gone = rc == 0 ? remove_file(k, way.dirs[way.count - 1], "objects", name) : rc == -ENOENT;
	if (rc < 0 && !gone)
		note_failure(k, "objects/%s: %s", object_path, strerror(-rc));
	close_way(&way, gone && rc == 0);
	return gone;
}

static void
object_of(struct keeper *k, const struct crawl *c)
{
	struct why why;

	if (c->state != CRAWL_COMPLETED || c->object_path[0] == '\0' || !remove_object(k, c->object_path))
		return;
	keeper_must(k, store_object_forget(k->store, &c->id, &why), &why);
	k->prune->counts.objects++;
	k->changes++;
}

/* One that cannot be removed is passed over; after a round with such a one all are looked at again. */
static bool
objects(struct keeper *k)
{
	int64_t before = keeper_now_behind(k) - k->conf->objects_keep_ms;
	struct prune *p = k->prune;
	unsigned count, i;
	uint64_t bytes = 0;
	struct why why;

	if (k->conf->objects_keep_ms == 0)
		return false;
	keeper_must(k, store_ended(k->store, before, &p->object, k->batch, KEEPER_BATCH, &count, &why), &why);
	for (i = 0; i < count && bytes < STEP_BYTES && (i < STEP_OBJECTS || !is_long_enough(k)); i++) {
		object_of(k, &k->batch[i]);
		bytes += k->batch[i].size_bytes;
		p->object = place_of(&k->batch[i]);
	}
	p->objects_before_ms = i < count || count == KEEPER_BATCH ? p->object.finished_ms : before;
	return i < count || count == KEEPER_BATCH;
}

/* ---- rounds ---- */

static void
tell_round(struct prune *p)
{
	const struct prune_counts *n = &p->counts;

	if (n->crawls + n->events + n->spool + n->quarantine + n->objects > 0)
		log_as(KIND_OVER_REMOVED, NULL, "removed %" PRIu64 " crawls, %" PRIu64 " events of the job store, %" PRIu64
		    " objects, %" PRIu64 " files of quarantine/, %" PRIu64 " of spool/", n->crawls, n->events, n->objects,
		    n->quarantine, n->spool);
	memset(&p->counts, 0, sizeof(p->counts));
	if (p->failures > 0) {
		log_as(KIND_OVER_UNREMOVED, NULL, "cannot be removed: %s (%u in all)", p->failure, p->failures);
		p->object = (struct store_place){ 0 };
	}
	p->failures = 0;
	if (p->foreign > 0 && !p->foreign_told)
		log_as(KIND_SPOOL_FOREIGN, NULL, "spool/%s is not of trawld's making, it is left alone (%u such names)",
		    p->foreign_name, p->foreign);
	p->foreign_told = p->foreign_told || p->foreign > 0;
	p->foreign = 0;
}

static void
begin_round(struct prune *p)
{
	p->in_round = true;
	p->spool.done = p->quarantine.done = false;
}

/* When all is done; or nearly so, where crawls come to their end faster than they go. */
static bool
is_round_over(const struct keeper *k)
{
	const struct prune *p = k->prune;

	if (!p->in_round)
		return false;
	return p->quiet + 1 >= WORKS || (p->spool.done && keeper_mono(k) - p->round_mono_ms >= ROUND_MAX_MS);
}

/* Then what was done is told, and a day goes by. */
static bool
rounds(struct keeper *k)
{
	struct prune *p = k->prune;

	if (is_round_over(k)) {
		tell_round(p);
		p->in_round = false;
		p->round_mono_ms = keeper_mono(k) + sooner(DAY_MS, k->conf->quarantine_keep_ms);
	} else if (!p->in_round && keeper_mono(k) >= p->round_mono_ms) {
		begin_round(p);
		return true;
	}
	return false;
}

/* ---- steps ---- */

static work_fn *const works[] = { crawls, events, room, spool, quarantine, objects, rounds };

static_assert(countof(works) == WORKS, "a round ends when all of them have nothing to do");

/* Those that have nothing to do cost next to nothing. There is nothing more when all of them said so twice: what
 * one has just ended may have been waited for by another. */
bool
keeper_prune_step(struct keeper *k)
{
	struct prune *p = k->prune;

	p->step_mono_ms = keeper_mono(k);
	if (p->quiet >= 2 * WORKS)
		p->quiet = 0;
	for (unsigned i = 0; i < 2 * WORKS && !is_long_enough(k) && !k->draining && !k->suspended; i++) {
		p->quiet = works[p->work](k) ? 0 : p->quiet + 1;
		p->work = (p->work + 1) % WORKS;
	}
	if (k->changes > 0)
		keeper_turn(k);
	return p->quiet < 2 * WORKS && !k->draining;
}

/* How many times as long as a step took is the rest after it. */
static int64_t
rest_times(const struct keeper *k)
{
	static const struct {
		int64_t behind_ms;
		int64_t times;
	} rows[] = { { 60000, 2 }, { 15000, 4 }, { 0, 9 } };
	int64_t behind = k->prune->behind_mono_ms > 0 ? keeper_mono(k) - k->prune->behind_mono_ms : 0;
	unsigned i = 0;

	while (behind < rows[i].behind_ms)
		i++;
	return rows[i].times;
}

static int64_t
rest_ms(const struct keeper *k, bool more, int64_t took_ms)
{
	int64_t rest = rest_times(k) * took_ms;
	int64_t idle = sooner(sooner(IDLE_MS, k->conf->crawls_keep_ms / 10), k->conf->events_keep_ms / 10);

	if (!more)
		return idle < IDLE_MIN_MS ? IDLE_MIN_MS : idle;
	return rest < REST_MIN_MS ? REST_MIN_MS : rest > REST_MAX_MS ? REST_MAX_MS : rest;
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	struct prune *p = k->prune;
	bool more;

	(void)fd;
	(void)what;
	keeper_clock_follow(k);
	more = keeper_prune_step(k);
	if (!more)
		p->behind_mono_ms = 0;
	else if (p->behind_mono_ms == 0)
		p->behind_mono_ms = keeper_mono(k);
	loop_timer_in(p->timer, rest_ms(k, more, keeper_mono(k) - p->step_mono_ms));
}

void
keeper_prune_start(struct keeper *k)
{
	struct prune *p = xcalloc(1, sizeof(*p));

	p->timer = event_new(k->base, -1, 0, on_time, k);
	if (p->timer == NULL || event_priority_set(p->timer, 2) < 0)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no timer: out of memory");
	p->round_mono_ms = keeper_mono(k);
	k->prune = p;
	loop_timer_in(p->timer, FIRST_MS);
}

void
keeper_prune_free(struct keeper *k)
{
	struct prune *p = k->prune;

	if (p == NULL)
		return;
	event_free(p->timer);
	end_walk(&p->spool);
	end_walk(&p->quarantine);
	free(p);
	k->prune = NULL;
}
