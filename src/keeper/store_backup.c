/*
 * store_backup.c - the copy of the job store that is made before its schema changes,
 * backup/NAME.schema-N beside the file.
 *
 * Copied through the one connection that has the store, page by page, into a file that
 * gets its name only when it is whole, checked and on disk. A plain database in one file:
 * whoever puts it in the store's place needs nothing else.
 *
 * It differs from the store in one thing. Whoever goes back to it, with the older program,
 * does not know what was triggered since; so in the copy no crawl waits for its trigger:
 * the provider is searched for a job of it first, and only then asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "keeper/store_sqlite.h"

#define BACKUP_DIR   "backup"
#define BACKUP_PAGES 1024	/* copied at a time; 4 MiB */
#define SYNC_STEPS   16		/* so often what was copied is synced: the end need not wait for all of it at once */

struct backup {
	char part[BACKUP_PATH_SIZE], whole[BACKUP_PATH_SIZE];	/* its two names */
	sqlite3 *from, *to;
	const struct store_progress *progress;
};

#define LANE_SINCE 3	/* the schema from which those that are searched for have a lane of their own */

/* Directory and name of the store's file. */
static const char *
split(const char *path, int *ret_dir_len)
{
	const char *slash = strrchr(path, '/');

	*ret_dir_len = slash != NULL ? (int)(slash - path) + 1 : 0;
	return slash != NULL ? slash + 1 : path;
}

static void
name_copy(char dst[BACKUP_PATH_SIZE], const char *path, int64_t version, const char *suffix)
{
	int dir_len;
	const char *name = split(path, &dir_len);

	(void)snprintf(dst, BACKUP_PATH_SIZE, "%.*s" BACKUP_DIR "/%s.schema-%lld%s", dir_len, path, name,
	    (long long)version, suffix);
}

bool
backup_find(const char *path, int64_t version, char ret[BACKUP_PATH_SIZE])
{
	for (; version > 0; version--) {
		name_copy(ret, path, version, "");
		if (access(ret, F_OK) == 0)
			return true;
	}
	return false;
}

int
backup_make_dir(const char *path, struct why *why)
{
	char dir[BACKUP_PATH_SIZE];
	scoped_fd fd = -1;
	int dir_len;

	(void)split(path, &dir_len);
	(void)snprintf(dir, sizeof(dir), "%.*s.", dir_len, path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return why_set(why, errno, "%s: %s", dir, strerror(errno));
	return fs_make_dirs(fd, BACKUP_DIR, why);
}

void
backup_remove(const char *part)
{
	static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
	char name[BACKUP_PATH_SIZE + 16];

	for (unsigned i = 0; i < countof(suffixes); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", part, suffixes[i]);
		(void)unlink(name);
	}
}

int
backup_open(const char *part, sqlite3 **ret, struct why *why)
{
	int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return why_set(why, errno, "%s: %s", part, strerror(errno));
	(void)close(fd);
	if (sqlite3_open_v2(part, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK)
		return *ret == NULL ? why_set(why, ENOMEM, "out of memory") :
		    sqlite_failed(*ret, why, "opening the copy");
	return sqlite_run(*ret, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;", "opening the copy",
	    why);
}

static int
sync_file(const char *path, struct why *why)
{
	scoped_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return why_set(why, errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* Through SQLite's own descriptor while it has the file open: closing another one of the
 * same file would drop the locks that SQLite holds on it. */
static int
sync_open_part(struct backup *b, struct why *why)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(b->to, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    file == NULL || file->pMethods == NULL ||
	    file->pMethods->xSync(file, SQLITE_SYNC_FULL) != SQLITE_OK)
		return why_set(why, EIO, "%s: syncing it failed", b->part);
	return 0;
}

static void
tell_part(const struct backup *b, sqlite3_backup *copying)
{
	int all = sqlite3_backup_pagecount(copying), left = sqlite3_backup_remaining(copying);
	char text[96];

	(void)snprintf(text, sizeof(text), "Copying the job store before its migration (%d %%)",
	    all > 0 ? (int)(100.0 * (all - left) / all) : 0);
	store_tell(b->progress, text);
}

static int
copy_pages(struct backup *b, struct why *why)
{
	sqlite3_backup *copying = sqlite3_backup_init(b->to, "main", b->from, "main");
	int rc, result = 0;

	if (copying == NULL)
		return sqlite_failed(b->to, why, "copying");
	for (unsigned n = 1; (rc = sqlite3_backup_step(copying, BACKUP_PAGES)) == SQLITE_OK && result == 0; n++) {
		tell_part(b, copying);
		if (n % SYNC_STEPS == 0)
			result = sync_open_part(b, why);
	}
	(void)sqlite3_backup_finish(copying);	/* fails as the last step did */
	return result < 0 || rc == SQLITE_DONE ? result : sqlite_failed(b->to, why, "copying");
}

/* What is set so that whoever reads the copy searches. A search looks for a job up to some minutes after an
 * intent, and this one may be made days later: without one it looks for any since the crawl's creation. Schemas
 * before LANE_SINCE belong to programs that need one. */
static const char *
since_when(char *dst, size_t size, int64_t version, int64_t now_ms)
{
	if (version < LANE_SINCE)
		(void)snprintf(dst, size, "lane = %d, intent_ms = %lld", LANE_CALL, (long long)now_ms);
	else
		(void)snprintf(dst, size, "lane = %d, intent_ms = NULL, failing_ms = NULL", LANE_SEARCH);
	return dst;
}

int
backup_doubt(sqlite3 *to, int64_t version, int64_t now_ms, int most, struct why *why)
{
	char since[96], text[480];
	int result;

	(void)snprintf(text, sizeof(text), "UPDATE crawls SET state = %d, %s, due_ms = %lld,"
	    " looks = 0, version = version + 1, note = 'in a copy of the job store: whether it was triggered since is"
	    " unknown; searching for the job' WHERE id IN (SELECT id FROM crawls WHERE state = %d LIMIT %d)",
	    CRAWL_RECONCILING, since_when(since, sizeof(since), version, now_ms), (long long)now_ms, CRAWL_ACCEPTED, most);
	result = sqlite_run(to, text, "changing the copy", why);
	return result < 0 ? result : sqlite3_changes(to);
}

/* Called by SQLite now and then; 0 lets it go on. */
static int
on_check(void *arg)
{
	const struct backup *b = arg;

	store_tell(b->progress, "Checking the copy of the job store");
	return 0;
}

/* Out of WAL mode, so that the copy is one file; then read as whoever restores it would. */
static int
check_copy(struct backup *b, struct why *why)
{
	sqlite3_stmt *st = NULL;
	const char *found;
	int result;

	if ((result = sqlite_run(b->to, "PRAGMA journal_mode = DELETE", "closing the copy", why)) < 0)
		return result;
	sqlite3_progress_handler(b->to, STORE_TELL_INSTRUCTIONS, on_check, b);
	if (sqlite3_prepare_v2(b->to, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		result = sqlite_failed(b->to, why, "checking the copy");
	else {
		found = (const char *)sqlite3_column_text(st, 0);
		if (found == NULL || strcmp(found, "ok") != 0)
			result = why_set(why, EUCLEAN, "the job store is damaged: %s", found != NULL ? found : "?");
	}
	(void)sqlite3_finalize(st);
	return result;
}

static int
give_name(const struct backup *b, struct why *why)
{
	int result;

	if ((result = sync_file(b->part, why)) < 0)
		return result;
	if (rename(b->part, b->whole) < 0)
		return why_set(why, errno, "%s: %s", b->whole, strerror(errno));
	if ((result = fs_sync_dir_of(AT_FDCWD, b->whole)) < 0)
		return why_set(why, -result, "the directory of %s cannot be synced: %s", b->whole,
		    strerror(-result));
	return 0;
}

int
backup_make(sqlite3 *db, const char *path, int64_t version, int64_t now_ms, const struct store_progress *progress,
    char ret[BACKUP_PATH_SIZE], struct why *why)
{
	struct backup b = { .from = db, .progress = progress };
	int result;

	name_copy(b.part, path, version, ".part");
	name_copy(b.whole, path, version, "");
	if ((result = backup_make_dir(path, why)) < 0)
		return result;
	backup_remove(b.part);
	if ((result = backup_open(b.part, &b.to, why)) == 0 && (result = copy_pages(&b, why)) == 0 &&
	    (result = backup_doubt(b.to, version, now_ms, -1, why)) >= 0)
		result = check_copy(&b, why);
	(void)sqlite3_close(b.to);
	if (result == 0)
		result = give_name(&b, why);
	backup_remove(b.part);
	(void)str_copy(ret, BACKUP_PATH_SIZE, b.whole);
	return result;
}
