/*
 * store_schema.c - the schema of the job store, and what becomes of a file that has an
 * older or a newer one. Knows nothing of rows.
 */
#include "keeper/store_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"
#include "model/log_kind.h"

#define APPLICATION_ID 0x5452574c	/* "TRWL" */

/* schema[n] brings a file from version n to n + 1. Rows are only ever added. */
static const char *const schema[] = {
	"CREATE TABLE crawls ("
	" id BLOB PRIMARY KEY,"
	" state INTEGER NOT NULL,"
	" version INTEGER NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" updated_ms INTEGER NOT NULL,"
	" triggered_ms INTEGER,"
	" ready_ms INTEGER,"
	" finished_ms INTEGER,"
	" intent_ms INTEGER,"
	" deadline_ms INTEGER,"
	" lane INTEGER,"		/* NULL: ended */
	" due_ms INTEGER NOT NULL,"	/* 0: waits for no time */
	" lease INTEGER,"
	" triggers INTEGER NOT NULL,"
	" looks INTEGER NOT NULL,"
	" polls INTEGER NOT NULL,"
	" failures INTEGER NOT NULL,"
	" crashes INTEGER NOT NULL,"
	" cancel_wanted INTEGER NOT NULL,"
	" fetch_wanted INTEGER NOT NULL,"
	" provider_records INTEGER,"
	" posts INTEGER,"
	" media INTEGER,"
	" errors INTEGER,"
	" size_bytes INTEGER,"
	" crc32c INTEGER,"
	" sha256 BLOB,"
	" error INTEGER,"
	" stage INTEGER,"
	" error_text TEXT,"
	" note TEXT,"
	" snapshot_id TEXT,"
	" object_path TEXT"
	") STRICT, WITHOUT ROWID;"
	/* A lease always moves the due time, so it costs nothing to keep it here, and the
	 * leases of a dead keeper are found without a row being read. */
	"CREATE INDEX crawls_due ON crawls (lane, due_ms, state, lease) WHERE lane IS NOT NULL;"
	"CREATE UNIQUE INDEX crawls_snapshot ON crawls (snapshot_id) WHERE snapshot_id IS NOT NULL;"
	"CREATE TABLE requests ("
	" crawl_id BLOB PRIMARY KEY,"
	" idempotency_key TEXT,"
	" platform INTEGER NOT NULL,"
	" dataset_id TEXT NOT NULL,"
	" competitor TEXT NOT NULL,"
	" brand TEXT NOT NULL,"
	" category TEXT NOT NULL,"
	" url TEXT NOT NULL,"
	" start_date TEXT NOT NULL,"
	" end_date TEXT NOT NULL,"
	" include_profile_data INTEGER NOT NULL,"
	" num_of_posts INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX requests_key ON requests (idempotency_key) WHERE idempotency_key IS NOT NULL;"
	"CREATE TABLE outbox ("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT,"	/* a number is never used again */
	" id BLOB NOT NULL,"
	" crawl_id BLOB NOT NULL,"
	" type INTEGER NOT NULL,"
	" time_ms INTEGER NOT NULL,"
	" attributes TEXT NOT NULL,"
	" body TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('epoch', 0);",

	/* What the provider refuses is to outlive a keeper, and so are the failures of the last
	 * hour: found by an index of their own, which costs only crawls that fail. */
	"CREATE TABLE provider_pauses ("
	" dataset_id TEXT PRIMARY KEY,"	/* '': all calls; else triggers of this data set */
	" until_ms INTEGER NOT NULL,"
	" times INTEGER NOT NULL"	/* in a row */
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE provider_refusals (number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL) STRICT;"
	"INSERT INTO meta VALUES ('limits_ms', 0);"	/* when those two were written */
	"CREATE INDEX crawls_failed ON crawls (finished_ms) WHERE state = 8;",

	/* Patience is a time on a clock of its own. What waits for a trigger, and what is searched
	 * for, is found by data set: their indexes hold only such crawls. */
	"ALTER TABLE crawls RENAME COLUMN deadline_ms TO failing_ms;"
	"ALTER TABLE crawls ADD COLUMN unsound INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE crawls ADD COLUMN others INTEGER;"	/* rows that are neither posts nor errors */
	"ALTER TABLE crawls ADD COLUMN data_set TEXT NOT NULL DEFAULT '';"	/* of live crawls */
	"UPDATE crawls SET failing_ms = NULL,"
	" data_set = (SELECT dataset_id FROM requests WHERE crawl_id = id),"
	" lane = CASE state WHEN 1 THEN 2 WHEN 2 THEN 4 WHEN 6 THEN 5 ELSE lane END WHERE lane IS NOT NULL;"
	"CREATE INDEX crawls_accepted ON crawls (data_set, due_ms) WHERE state = 0;"
	"CREATE INDEX crawls_reconciling ON crawls (data_set, id, due_ms) WHERE state = 2;"
	/* A hold of a data set had no limit in it. */
	"ALTER TABLE provider_pauses ADD COLUMN running_limit INTEGER NOT NULL DEFAULT 0;"
	"DELETE FROM provider_pauses WHERE dataset_id <> '';"
	"INSERT INTO meta VALUES ('boot', 0), ('wall_offset_ms', 0), ('patience_ms', 0), ('provider_ahead_ms', 0),"
	" ('provider_known', 0);",

	/* What has ended is found by when it did, the longest ago first. */
	"CREATE INDEX crawls_ended ON crawls (finished_ms, id) WHERE lane IS NULL;"
	/* Events stay when they have been delivered: a sink is a reader of the outbox, its cursor the position of the
	 * last event that it has delivered. What an older trawld has left there is to be delivered still. The last
	 * position given has a row even before the first event, so that it can be raised (store_events_leap()). */
	"CREATE TABLE sinks (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"INSERT INTO sqlite_sequence SELECT 'outbox', 0"
	" WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox');"
	"INSERT INTO sinks SELECT '" SINK_FILE "', coalesce((SELECT min(seq) - 1 FROM outbox), seq)"
	" FROM sqlite_sequence WHERE name = 'outbox';",

#ifdef STORE_EXTRA_MIGRATION
	/* A build of "the next version", for the test of upgrades. */
	STORE_EXTRA_MIGRATION,
#endif
};

static_assert(CRAWL_FAILED == 8, "the index of failed crawls names the state by its number");
static_assert(CRAWL_ACCEPTED == 0 && CRAWL_RECONCILING == 2, "so do the indexes by data set");

#define SCHEMA_VERSION ((int)countof(schema))

int
store_schema_version(void)
{
	return SCHEMA_VERSION;
}

/* ---- errors, small questions ---- */

/* Of a write that the disk refused, before anything was made durable. A sync that a read-only file system refuses
 * is as good: whether or not the commit is found there later, nobody was told of it, and who goes on writes over it. */
static int
errno_of_write(int rc, int system_errno)
{
	switch (system_errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return rc == SQLITE_IOERR_WRITE ? ENOSPC : EIO;
	case EROFS:
		return EROFS;
	default:
		return EIO;
	}
}

/* sqlite3_system_errno() is not set by a commit that fails; the file that could not be written knows why. */
static int
write_errno(sqlite3 *db, int which_file)
{
	sqlite3_file *file = NULL;
	int error = 0;

	if (sqlite3_file_control(db, "main", which_file, &file) != SQLITE_OK || file == NULL || file->pMethods == NULL)
		return 0;
	(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error;
}

/* What the system said of the log, or else of the file itself; 0: nothing. */
static int
system_errno_of(sqlite3 *db, int rc)
{
	int error;

	if (rc != SQLITE_IOERR_WRITE && rc != SQLITE_IOERR_FSYNC)
		return 0;
	error = write_errno(db, SQLITE_FCNTL_JOURNAL_POINTER);
	return error != 0 ? error : write_errno(db, SQLITE_FCNTL_FILE_POINTER);
}

static int
errno_of(int rc, int system_errno)
{
	if (rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_FSYNC)
		return errno_of_write(rc, system_errno);
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EUCLEAN;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return EACCES;
	default:
		return EIO;
	}
}

int
sqlite_failed(sqlite3 *db, struct why *why, const char *attempt)
{
	int rc = sqlite3_extended_errcode(db), error = system_errno_of(db, rc);

	return why_set(why, errno_of(rc, error), "job store: %s: %s (code %d)", attempt,
	    error != 0 ? strerror(error) : sqlite3_errmsg(db), rc);
}

int
sqlite_ask(sqlite3 *db, const char *question, int64_t *ret, struct why *why)
{
	sqlite3_stmt *st = NULL;
	int result = 0;

	if (sqlite3_prepare_v2(db, question, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		result = sqlite_failed(db, why, question);
	else
		*ret = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return result;
}

int
sqlite_run(sqlite3 *db, const char *text, const char *attempt, struct why *why)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_failed(db, why, attempt);
	return 0;
}

void
store_tell(const struct store_progress *progress, const char *text)
{
	if (progress != NULL)
		progress->tell(progress->arg, text);
}

/* ---- files of other versions ---- */

/* The way back, which is only open to who still has a copy from before. */
static int
refuse_newer(const char *path, int64_t version, struct why *why)
{
	char copy[BACKUP_PATH_SIZE];

	if (!backup_find(path, SCHEMA_VERSION, copy))
		return why_set(why, ENOTSUP, "%s was written by a newer trawld (schema %lld, this program knows "
		    "schema %d): install that trawld again", path, (long long)version, SCHEMA_VERSION);
	return why_set(why, ENOTSUP, "%s was written by a newer trawld (schema %lld, this program knows schema "
	    "%d): install that trawld again; or, to lose what happened since the upgrade, move that file and "
	    "its -wal file away and copy %s to its place", path, (long long)version, SCHEMA_VERSION, copy);
}

int
schema_check(sqlite3 *db, const char *path, int64_t *ret_version, struct why *why)
{
	int64_t application, pages;
	int result;

	if ((result = sqlite_ask(db, "PRAGMA application_id", &application, why)) < 0 ||
	    (result = sqlite_ask(db, "PRAGMA user_version", ret_version, why)) < 0 ||
	    (result = sqlite_ask(db, "SELECT count(*) FROM sqlite_schema", &pages, why)) < 0)
		return result;
	if (application != APPLICATION_ID && (application != 0 || *ret_version != 0 || pages != 0))
		return why_set(why, EUCLEAN, "%s is a SQLite database, but not a job store of trawld: "
		    "move it away, or set DATA_DIR to another directory", path);
	return *ret_version > SCHEMA_VERSION ? refuse_newer(path, *ret_version, why) : 0;
}

struct migration {
	const struct store_progress *progress;
	int64_t from;
};

/* Called by SQLite every so many instructions of its own; 0 lets it go on. */
static int
on_instructions(void *arg)
{
	const struct migration *m = arg;
	char text[80];

	(void)snprintf(text, sizeof(text), "Migrating the job store from schema %lld to %d", (long long)m->from,
	    SCHEMA_VERSION);
	store_tell(m->progress, text);
	return 0;
}

static int
migrate_step(sqlite3 *db, int version, int64_t now_ms, struct why *why)
{
	char stamp[256];
	int result;

	(void)snprintf(stamp, sizeof(stamp), "INSERT INTO meta VALUES ('schema_%d_ms', %lld);"
	    "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", version + 1, (long long)now_ms,
	    APPLICATION_ID, version + 1);
	if ((result = sqlite_run(db, "BEGIN EXCLUSIVE", "beginning a migration", why)) < 0 ||
	    (result = sqlite_run(db, schema[version], "migrating", why)) < 0)
		return result;
	return sqlite_run(db, stamp, "ending a migration", why);
}

static int
migrate_steps(sqlite3 *db, int version, const struct clock *clock, struct migration *m, struct why *why)
{
	int result = 0;

	sqlite3_progress_handler(db, STORE_TELL_INSTRUCTIONS, on_instructions, m);
	for (; version < SCHEMA_VERSION && result == 0; version++) {
		result = migrate_step(db, version, clock_wall_ms(clock), why);
		if (result < 0)
			why_prefix(why, "from schema %d to %d", version, version + 1);
	}
	sqlite3_progress_handler(db, 0, NULL, NULL);
	return result;
}

int
schema_migrate(sqlite3 *db, const char *path, int64_t version, const struct clock *clock,
    const struct store_progress *progress, struct why *why)
{
	int64_t begun = clock_mono_ms(clock), copied;
	struct migration m = { progress, version };
	char copy[BACKUP_PATH_SIZE];
	int result;

	if (version == 0 || version == SCHEMA_VERSION)
		return migrate_steps(db, (int)version, clock, &m, why);
	on_instructions(&m);
	if ((result = backup_make(db, path, version, clock_wall_ms(clock), progress, copy, why)) < 0) {
		why_prefix(why, "%s has to be migrated from schema %lld to %d, but no copy of it could be made "
		    "before; nothing was changed", path, (long long)version, SCHEMA_VERSION);
		return result;
	}
	copied = clock_mono_ms(clock);
	if ((result = migrate_steps(db, (int)version, clock, &m, why)) < 0)
		return result;
	log_as(KIND_STORE_MIGRATED, NULL, "job store migrated from schema %lld to %d in %lld ms; as it was before "
	    "it is kept in %s, copied in %lld ms", (long long)version, SCHEMA_VERSION,
	    (long long)(clock_mono_ms(clock) - copied), copy, (long long)(copied - begun));
	return 0;
}
