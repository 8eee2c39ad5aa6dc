/*
 * store_rebuild.c - files of trawld before 0.3, whose free pages stay in them for ever: they
 * are written anew once, so that from then on pages that hold nothing can be given back
 * (store_shrink()).
 *
 * SQLite builds the new content in a file without a name, writes it into the log and from
 * there over the old: one transaction, which a kill at any moment leaves out or whole. So
 * twice the size of what is in the store has to be free. Nobody needs it today: without
 * room, or when it fails, the store works as before, and the next start tries again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "base/why.h"
#include "keeper/store_sqlite.h"
#include "model/log_kind.h"

#define MODE_INCREMENTAL 2
#define SPARE_BYTES	 (32 << 20)	/* beside what is written: more goes on on that disk */

struct file_size {
	int64_t page, all, unused;	/* bytes of one; pages */
};

static int
measure(sqlite3 *db, struct file_size *ret, struct why *why)
{
	int result = sqlite_ask(db, "PRAGMA page_size", &ret->page, why);

	if (result == 0)
		result = sqlite_ask(db, "PRAGMA page_count", &ret->all, why);
	return result < 0 ? result : sqlite_ask(db, "PRAGMA freelist_count", &ret->unused, why);
}

static int64_t
mib(int64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static void
dir_of(char *dst, size_t size, const char *path)
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(dst, size, "%.*s.", slash != NULL ? (int)(slash - path) + 1 : 0, path);
}

static int
check_room(const char *dir, const struct file_size *size, struct why *why)
{
	int64_t need = 2 * (size->all - size->unused) * size->page + SPARE_BYTES;
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return why_set(why, errno, "%s: %s", dir, strerror(errno));
	if ((int64_t)(fs.f_bavail * fs.f_frsize) < need)
		return why_set(why, ENOSPC, "it needs %" PRId64 " MiB beside it, and there are %" PRId64, mib(need),
		    mib((int64_t)(fs.f_bavail * fs.f_frsize)));
	return 0;
}

struct rebuild {
	const struct store_progress *progress;
};

/* Called by SQLite now and then; 0 lets it go on. */
static int
on_instructions(void *arg)
{
	const struct rebuild *r = arg;

	store_tell(r->progress, "Rebuilding the job store, so that it can give space back");
	return 0;
}

/* What it builds lies beside the store and not in memory or /tmp, which need not be large enough. */
static int
rebuild(sqlite3 *db, const char *dir, const struct store_progress *progress, struct why *why)
{
	struct rebuild r = { progress };
	int result;

	sqlite3_temp_directory = sqlite3_mprintf("%s", dir);
	sqlite3_progress_handler(db, STORE_TELL_INSTRUCTIONS, on_instructions, &r);
	(void)on_instructions(&r);
	result = sqlite_run(db, "PRAGMA temp_store = FILE; PRAGMA auto_vacuum = INCREMENTAL; VACUUM", "rebuilding", why);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	(void)sqlite3_exec(db, "PRAGMA temp_store = MEMORY; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = NULL;
	(void)sqlite3_db_release_memory(db);
	return result;
}

static void
leave(const char *path, const struct why *why)
{
	log_as(KIND_STORE_UNBUILT, NULL, "%s was made by an older trawld and cannot give space back; it is left so for "
	    "now: %s", path, why->text);
}

int
rebuild_once(sqlite3 *db, const char *path, const struct clock *clock, const struct store_progress *progress,
    struct why *why)
{
	int64_t mode, begun = clock_mono_ms(clock);
	struct file_size before, after;
	char dir[BACKUP_PATH_SIZE];
	struct why own;
	int result;

	if ((result = sqlite_ask(db, "PRAGMA auto_vacuum", &mode, why)) < 0 || mode == MODE_INCREMENTAL)
		return result;
	if ((result = measure(db, &before, why)) < 0)
		return result;
	dir_of(dir, sizeof(dir), path);
	if (check_room(dir, &before, &own) < 0 || rebuild(db, dir, progress, &own) < 0) {
		leave(path, &own);
		return 0;
	}
	if ((result = measure(db, &after, why)) < 0)
		return result;
	log_as(KIND_STORE_REBUILT, NULL, "job store rebuilt in %lld ms, %" PRId64 " MiB became %" PRId64 ": it gives space "
	    "back from now on", (long long)(clock_mono_ms(clock) - begun), mib(before.all * before.page),
	    mib(after.all * after.page));
	return 0;
}
