/*
 * store_check.c - is a file a job store that this program can take up, and whole? Asked of a
 * copy before it is put in the store's place (trawld --restore). A log beside it is taken in, so
 * that it is one file afterwards.
 */
#include <errno.h>
#include <string.h>

#include "base/why.h"
#include "keeper/store_sqlite.h"

static int
check_whole(sqlite3 *db, struct why *why)
{
	sqlite3_stmt *st = NULL;
	const char *found = NULL;
	int result = 0;

	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		result = sqlite_failed(db, why, "checking");
	else if ((found = (const char *)sqlite3_column_text(st, 0)) == NULL || strcmp(found, "ok") != 0)
		result = why_set(why, EUCLEAN, "it is damaged: %s", found != NULL ? found : "?");
	(void)sqlite3_finalize(st);
	return result;
}

static int
check_open(sqlite3 *db, const char *path, struct store_checked *ret, struct why *why)
{
	int result = sqlite_run(db, "PRAGMA locking_mode = EXCLUSIVE", "setting up", why);

	if (result == 0)
		result = schema_check(db, path, &ret->version, why);
	if (result == -ENOTSUP)
		return why_set(why, ENOTSUP, "it was written by a newer trawld (schema %lld, this program knows schema %d): "
		    "install that trawld first", (long long)ret->version, store_schema_version());
	if (result == -EUCLEAN || (result == 0 && ret->version == 0))
		return why_set(why, EUCLEAN, "it is not a job store of trawld, or is damaged");
	if (result < 0 || (result = check_whole(db, why)) < 0 ||
	    (result = sqlite_run(db, "PRAGMA journal_mode = DELETE", "taking in its log", why)) < 0 ||
	    (result = sqlite_ask(db, "SELECT count(*) FROM crawls", &ret->crawls, why)) < 0 ||
	    (result = sqlite_ask(db, "SELECT count(*) FROM crawls WHERE lane IS NOT NULL", &ret->live, why)) < 0)
		return result;
	return sqlite_ask(db, "SELECT coalesce(max(updated_ms), 0) FROM crawls", &ret->newest_ms, why);
}

int
store_check(const char *path, struct store_checked *ret, struct why *why)
{
	sqlite3 *db = NULL;
	int result;

	*ret = (struct store_checked){ 0 };
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL) !=
	    SQLITE_OK)
		result = db == NULL ? why_set(why, ENOMEM, "out of memory") : sqlite_failed(db, why, "opening");
	else
		result = check_open(db, path, ret, why);
	if (sqlite3_close(db) != SQLITE_OK && result == 0)
		result = why_set(why, EIO, "it cannot be closed");
	return result;
}
