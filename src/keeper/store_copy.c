/*
 * store_copy.c - the copy of the job store that is made while it is in use, one small step
 * after the other, each between two of the store's own transactions:
 *
 *   pages     SQLite copies them, and brings those up to date that the store changes meanwhile
 *   doubts    no crawl waits for its trigger any more (store_backup.c)
 *   count     of the crawls, which reads all of them back
 *   name      synced, closed, renamed
 *
 * The file has no journal while it grows: one that is cut short is only removed. It is synced
 * as it grows, so that no sync has much to do, and through SQLite: to open and close it once
 * more would drop SQLite's locks of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "keeper/store_sqlite.h"

#define STEP_PAGES   128	/* half a MiB */
#define SYNC_STEPS   2
#define STEP_DOUBTS  256
#define STEP_CRAWLS  2000
#define ROOM_LEFT    ((uint64_t)64 << 20)	/* that a copy leaves to others */
#define NAME_TIME    "YYYYMMDDThhmmssZ"

struct store_copy {
	char		 store[BACKUP_PATH_SIZE];	/* the store's path, */
	char		 part[BACKUP_PATH_SIZE];	/* and the copy's while it grows */
	sqlite3		*from, *to;
	sqlite3_backup	*pages;		/* NULL: all are copied */
	sqlite3_stmt	*crawls;	/* being counted */
	unsigned	 phase, steps;
	struct store_copied copied;
};

/* "DIR/backup/trawld" of DIR/trawld.db: what the names of its copies begin with. */
static void
copy_stem(char dst[BACKUP_PATH_SIZE], const char *store)
{
	const char *slash = strrchr(store, '/'), *name = slash != NULL ? slash + 1 : store;
	size_t len = strlen(name);

	if (len > 3 && strcmp(name + len - 3, ".db") == 0)
		len -= 3;
	(void)snprintf(dst, BACKUP_PATH_SIZE, "%.*sbackup/%.*s", (int)(name - store), store, (int)len, name);
}

static void
copy_names(struct store_copy *c, struct store *store)
{
	char stem[BACKUP_PATH_SIZE];

	(void)str_copy(c->store, sizeof(c->store), sqlite3_db_filename(store_db(store), "main"));
	copy_stem(stem, c->store);
	if (snprintf(c->part, sizeof(c->part), "%s-copy.part", stem) >= (int)sizeof(c->part))
		c->part[0] = '\0';
}

void
store_copy_clean(struct store *store)
{
	struct store_copy *c = xcalloc(1, sizeof(*c));

	copy_names(c, store);
	backup_remove(c->part);
	free(c);
}

/* ---- the beginning ---- */

static int
check_room(struct store_copy *c, struct why *why)
{
	int64_t pages, page_size;
	uint64_t size, free_bytes;
	struct statvfs fs;
	int result;

	if ((result = sqlite_ask(c->from, "PRAGMA page_count", &pages, why)) < 0 ||
	    (result = sqlite_ask(c->from, "PRAGMA page_size", &page_size, why)) < 0)
		return result;
	if (statvfs(c->store, &fs) < 0)
		return why_set(why, errno, "%s: %s", c->store, strerror(errno));
	size = (uint64_t)(pages * page_size);
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes >= size + ROOM_LEFT)
		return 0;
	return why_set(why, ENOSPC, "there is no room: it takes %llu MiB, and %llu MiB are to be left, but %llu MiB are free "
	    "where %s is", (unsigned long long)(size >> 20) + 1, (unsigned long long)(ROOM_LEFT >> 20),
	    (unsigned long long)(free_bytes >> 20), c->store);
}

static int
begin(struct store_copy *c, struct why *why)
{
	int result;

	if (c->part[0] == '\0')
		return why_set(why, ENAMETOOLONG, "the path of the job store is too long");
	if ((result = check_room(c, why)) < 0 || (result = backup_make_dir(c->store, why)) < 0)
		return result;
	backup_remove(c->part);
	if ((result = backup_open(c->part, &c->to, why)) < 0 || (result = sqlite_run(c->to,
	    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;", "opening the copy", why)) < 0)
		return result;
	c->pages = sqlite3_backup_init(c->to, "main", c->from, "main");
	return c->pages != NULL ? 0 : sqlite_failed(c->to, why, "copying");
}

int
store_copy_begin(struct store *store, struct store_copy **ret, struct why *why)
{
	struct store_copy *c = xcalloc(1, sizeof(*c));
	int result;

	c->from = store_db(store);
	copy_names(c, store);
	if ((result = begin(c, why)) < 0) {
		store_copy_free(c);
		return result;
	}
	*ret = c;
	return 0;
}

void
store_copy_free(struct store_copy *c)
{
	if (c == NULL)
		return;
	(void)sqlite3_backup_finish(c->pages);
	(void)sqlite3_finalize(c->crawls);
	(void)sqlite3_close(c->to);
	backup_remove(c->part);
	free(c);
}

/* ---- its phases: 1 to be called again, 0 when done ---- */

static int
sync_part(struct store_copy *c, struct why *why)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(c->to, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return why_set(why, EIO, "%s cannot be synced", c->part);
	return 0;
}

static int
copy_some(struct store_copy *c, int64_t now_ms, struct why *why)
{
	int rc = sqlite3_backup_step(c->pages, STEP_PAGES);

	if (rc == SQLITE_OK)
		return ++c->steps % SYNC_STEPS != 0 ? 1 : sync_part(c, why) < 0 ? -EIO : 1;
	(void)sqlite3_backup_finish(c->pages);	/* fails as the step did */
	c->pages = NULL;
	if (rc != SQLITE_DONE)
		return sqlite_failed(c->to, why, "copying");
	c->copied.time_ms = now_ms;
	/* The copy says of itself that it has a log, as the store has; it is read, so that SQLite believes it, and
	 * told otherwise. */
	return sqlite_run(c->to, "SELECT count(*) FROM sqlite_schema; PRAGMA journal_mode = OFF", "copying", why);
}

static int
doubt_some(struct store_copy *c, int64_t now_ms, struct why *why)
{
	int count = backup_doubt(c->to, store_schema_version(), now_ms, STEP_DOUBTS, why);

	return count < 0 ? count : count == STEP_DOUBTS;
}

static int
count_some(struct store_copy *c, int64_t now_ms, struct why *why)
{
	int rc = SQLITE_ROW;

	(void)now_ms;
	if (c->crawls == NULL &&
	    sqlite3_prepare_v2(c->to, "SELECT note FROM crawls", -1, &c->crawls, NULL) != SQLITE_OK)
		return sqlite_failed(c->to, why, "reading the copy");
	for (unsigned n = 0; n < STEP_CRAWLS && (rc = sqlite3_step(c->crawls)) == SQLITE_ROW; n++)
		c->copied.crawls++;
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : sqlite_failed(c->to, why, "reading the copy");
}

/* One that nobody has. */
static int
choose_name(struct store_copy *c, struct why *why)
{
	char stem[BACKUP_PATH_SIZE], at[sizeof(NAME_TIME)];
	time_t when = (time_t)(c->copied.time_ms / 1000);
	struct tm tm;

	copy_stem(stem, c->store);
	for (unsigned tries = 0; tries < 60; tries++, when++) {
		if (gmtime_r(&when, &tm) == NULL || strftime(at, sizeof(at), "%Y%m%dT%H%M%SZ", &tm) == 0)
			break;
		if (snprintf(c->copied.path, sizeof(c->copied.path), "%s-%s.db", stem, at) < (int)sizeof(c->copied.path) &&
		    access(c->copied.path, F_OK) < 0)
			return 0;
	}
	return why_set(why, EEXIST, "there is no name for the copy beside %s", c->part);
}

static int
give_name(struct store_copy *c, int64_t now_ms, struct why *why)
{
	struct stat st;
	int result;

	(void)now_ms;
	(void)sqlite3_finalize(c->crawls);
	c->crawls = NULL;
	if ((result = sync_part(c, why)) < 0 || (result = choose_name(c, why)) < 0)
		return result;
	if (sqlite3_close(c->to) != SQLITE_OK)
		return sqlite_failed(c->to, why, "closing the copy");
	c->to = NULL;
	if (stat(c->part, &st) < 0 || rename(c->part, c->copied.path) < 0)
		return why_set(why, errno, "%s: %s", c->copied.path, strerror(errno));
	c->copied.size_bytes = (uint64_t)st.st_size;
	result = fs_sync_dir_of(AT_FDCWD, c->copied.path);
	return result < 0 ? why_set(why, -result, "the directory of %s cannot be synced: %s", c->copied.path,
	    strerror(-result)) : 0;
}

/* ---- those that are there already ---- */

/* PREFIX-YYYYMMDDThhmmssZ.db */
static bool
is_copy(const char *name, const char *prefix, size_t prefix_len)
{
	static const char digits[] = "0123456789";
	const char *at = name + prefix_len + 1;

	return strncmp(name, prefix, prefix_len) == 0 && name[prefix_len] == '-' &&
	    strspn(at, digits) == 8 && at[8] == 'T' && strspn(at + 9, digits) == 6 && strcmp(at + 15, "Z.db") == 0;
}

static bool
is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* How many there are beside the new one, and which of them was written first. */
static unsigned
count_others(DIR *dir, const char *prefix, size_t prefix_len, const char *fresh, char *oldest, size_t size)
{
	const struct dirent *entry;
	struct timespec first = { 0 };
	unsigned count = 0;
	struct stat st;

	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (!is_copy(entry->d_name, prefix, prefix_len) || strcmp(entry->d_name, fresh) == 0 ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (count++ == 0 || is_older(&st.st_mtim, &first)) {
			first = st.st_mtim;
			(void)str_copy(oldest, size, entry->d_name);
		}
	}
	return count;
}

/* The new one stays, even if the clock was set back. */
static void
remove_older(const struct store_copy *c)
{
	const char *fresh = strrchr(c->copied.path, '/') + 1;
	size_t prefix_len = strlen(fresh) - sizeof("-" NAME_TIME ".db") + 1;
	char folder[BACKUP_PATH_SIZE], oldest[NAME_MAX + 1];
	DIR *dir;

	(void)str_copy_n(folder, sizeof(folder), c->copied.path, (size_t)(fresh - c->copied.path));
	dir = opendir(folder);
	while (dir != NULL &&
	    count_others(dir, fresh, prefix_len, fresh, oldest, sizeof(oldest)) >= STORE_COPIES_MAX) {
		if (unlinkat(dirfd(dir), oldest, 0) < 0)
			break;
	}
	if (dir != NULL)
		(void)closedir(dir);
}

int
store_copy_step(struct store_copy *c, int64_t now_ms, struct store_copied *ret, struct why *why)
{
	static int (*const phases[])(struct store_copy *, int64_t, struct why *) = {
		copy_some, doubt_some, count_some, give_name,
	};
	int result = phases[c->phase](c, now_ms, why);

	if (result != 0)
		return result;
	if (++c->phase < countof(phases))
		return 1;
	remove_older(c);
	*ret = c->copied;
	return 0;
}
