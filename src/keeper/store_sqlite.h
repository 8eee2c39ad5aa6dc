/*
 * store_sqlite.h - what the files of the SQLite store share, and the one place that
 * includes sqlite3.h. Nobody else includes it.
 *
 *   store_sqlite.c   statements, rows, the open transaction
 *   store_schema.c   the schema, and files of an older one
 *   store_backup.c   the copy made before a migration
 *   store_rebuild.c  files that cannot give space back
 *   store_copy.c     the copy made while the store is in use
 *   store_check.c    a copy that is to be the store
 */
#ifndef KEEPER_STORE_SQLITE_H
#define KEEPER_STORE_SQLITE_H

#include <sqlite3.h>

#include "keeper/store.h"

/* -errno and the reason, from the connection's last error. */
int sqlite_failed(sqlite3 *, struct why *, const char *attempt);
int sqlite_run(sqlite3 *, const char *text, const char *attempt, struct why *why);
int sqlite_ask(sqlite3 *, const char *question, int64_t *ret, struct why *why);

#define STORE_TELL_INSTRUCTIONS 1000000	/* of SQLite, between two words; a few hundredths of a second */
void store_tell(const struct store_progress *, const char *text);	/* progress may be NULL */

/* ---- store_schema.c ---- */

/* Is the file ours (or empty), and of a version that this program knows? Reads only;
 * errors as of store_open(). */
int schema_check(sqlite3 *, const char *path, int64_t *ret_version, struct why *why);
/* Brings a file of that version to this program's, keeping a copy of it as it was. */
int schema_migrate(sqlite3 *, const char *path, int64_t version, const struct clock *,
    const struct store_progress *, struct why *why);

/* ---- store_backup.c ---- */

/* Copies the store, of that version, and returns the copy's path; one that is there
 * already is replaced, but only by a whole one. */
int backup_make(sqlite3 *, const char *path, int64_t version, int64_t now_ms, const struct store_progress *,
    char ret[BACKUP_PATH_SIZE], struct why *why);
/* The newest copy that there is of this or an older version. */
bool backup_find(const char *path, int64_t version, char ret[BACKUP_PATH_SIZE]);

/* ---- store_rebuild.c ---- */

/* Makes the file one that can give space back, if it is none and there is room; else it is left as it is, and
 * that is told. Fails only with a store that cannot be read. */
int rebuild_once(sqlite3 *, const char *path, const struct clock *, const struct store_progress *, struct why *why);

/* The parts of any copy. backup/ beside the store's file, durable. */
int backup_make_dir(const char *path, struct why *);
/* Makes an empty file that is not there yet, its owner's alone. *ret is to be closed after a failure, too. */
int backup_open(const char *part, sqlite3 **ret, struct why *);
/* What an attempt, or one that was cut short, leaves behind. */
void backup_remove(const char *part);
/* In a copy of a store of that version no crawl waits for its trigger: it is searched for first. At most so
 * many are changed (-1: all); how many were. */
int backup_doubt(sqlite3 *to, int64_t version, int64_t now_ms, int most, struct why *);

/* ---- store_sqlite.c ---- */

sqlite3 *store_db(struct store *);

#endif
