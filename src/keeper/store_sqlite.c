/*
 * store_sqlite.c - the job store in one SQLite file.
 *
 * Owns the connection, its prepared statements and the open transaction. Knows
 * rows, not rules: what a step means, who holds a lease and when something is due
 * is the keeper's.
 *
 * One connection, WAL, synchronous=FULL, locking_mode=EXCLUSIVE: a commit is one
 * append and one sync, and nobody else can open the file. Statements are prepared
 * once. A crawl's row changes often and is short; its request lies in a table of
 * its own and never changes.
 *
 * Absent values are NULL, so that the indexes hold only rows that can be found by
 * them: due work only live crawls, snapshot ids only known ones.
 */
#include "keeper/store_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"

#define BATCH_BYTES    (400u << 10)	/* of event text in one message, below WIRE_BODY_MAX */

/* Events are added at one end of the outbox and removed from the other, so their positions have no gaps but leaps of
 * just this length, more than a store gives out in its life: the distance of two positions, modulo that, is how many
 * events lie between them. It leaves room for a million leaps below the numbers that JSON's readers take exactly. */
#define POSITIONS_LEAP (INT64_C(1) << 32)

/* In the order of put_crawl() and get_crawl(). snapshot_id and object_path are set
 * once, by a statement of their own: an update that named them would rewrite their
 * index with every poll. */
#define HOT_COLUMNS \
	"state, version, updated_ms, triggered_ms, ready_ms, finished_ms, intent_ms, failing_ms, lane, " \
	"due_ms, lease, triggers, looks, polls, failures, unsound, crashes, cancel_wanted, fetch_wanted, " \
	"provider_records, posts, media, errors, others, size_bytes, crc32c, sha256, error, stage, error_text, note"
#define HOT_COUNT 31
#define HOT_MARKS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
#define ALL_COLUMNS HOT_COLUMNS ", id, created_ms, snapshot_id, object_path"

#define REQUEST_COLUMNS \
	"platform, dataset_id, competitor, brand, category, url, start_date, end_date, " \
	"include_profile_data, num_of_posts"

enum sql {
	SQL_BEGIN, SQL_COMMIT, SQL_EPOCH_SET, SQL_EPOCH_GET,
	SQL_CRAWL_ADD, SQL_REQUEST_ADD, SQL_CRAWL_FIND, SQL_REQUEST_FIND,
	SQL_CRAWL_UPDATE, SQL_CRAWL_UPDATE_JOB, SQL_CRAWL_REOPEN, SQL_KEY_FIND, SQL_KEY_FORGET, SQL_SNAPSHOT_OWNER, SQL_COUNTS,
	SQL_FAILED_MINUTES, SQL_FAILED_LAST,
	SQL_ENDED, SQL_HAS_KEY, SQL_CRAWL_FORGET, SQL_REQUEST_FORGET, SQL_OBJECT_FORGET,
	SQL_PAGES, SQL_PAGES_FREE, SQL_SHRINK,
	SQL_DUE, SQL_DUE_NEXT, SQL_DUE_TRIGGERS, SQL_WAKE, SQL_LEASED, SQL_SHIFT, SQL_CLAMP,
	SQL_SETS, SQL_RECONCILING, SQL_RECONCILING_SINCE, SQL_DOUBT, SQL_DOUBT_FAILED, SQL_META_SET, SQL_META_GET,
	SQL_LIMITS_NOTE, SQL_LIMITS_NOTED, SQL_PAUSES_DROP, SQL_PAUSE_ADD, SQL_PAUSES_READ,
	SQL_REFUSALS_DROP, SQL_REFUSAL_ADD, SQL_REFUSALS_READ,
	SQL_EVENT_ADD, SQL_EVENTS_AFTER, SQL_EVENTS_ENDS, SQL_EVENT_TIME, SQL_EVENTS_PRUNE, SQL_EVENTS_LEAP,
	SQL_SINK_CURSOR, SQL_SINK_MOVE,
	SQL_COUNT
};

static const char *const sql_text[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_EPOCH_SET] = "UPDATE meta SET value = value + 1 WHERE name = 'epoch'",
	[SQL_EPOCH_GET] = "SELECT value FROM meta WHERE name = 'epoch'",
	[SQL_CRAWL_ADD] = "INSERT INTO crawls (" ALL_COLUMNS ", data_set) VALUES (" HOT_MARKS ",?,?,?,?,?)",
	[SQL_REQUEST_ADD] = "INSERT INTO requests (" REQUEST_COLUMNS ", crawl_id, idempotency_key)"
	    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_CRAWL_FIND] = "SELECT " ALL_COLUMNS " FROM crawls WHERE id = ?",
	[SQL_REQUEST_FIND] = "SELECT " REQUEST_COLUMNS " FROM requests WHERE crawl_id = ?",
	[SQL_CRAWL_UPDATE] = "UPDATE crawls SET (" HOT_COLUMNS ") = (" HOT_MARKS ") WHERE id = ?",
	[SQL_CRAWL_UPDATE_JOB] = "UPDATE crawls SET (" HOT_COLUMNS ", snapshot_id, object_path)"
	    " = (" HOT_MARKS ",?,?) WHERE id = ?",
	[SQL_CRAWL_REOPEN] = "UPDATE crawls SET data_set = ? WHERE id = ?",
	[SQL_KEY_FORGET] = "UPDATE requests SET idempotency_key = NULL WHERE idempotency_key = ?",
	[SQL_KEY_FIND] = "SELECT crawl_id FROM requests WHERE idempotency_key = ?",
	[SQL_SNAPSHOT_OWNER] = "SELECT id FROM crawls WHERE snapshot_id = ?",
	[SQL_COUNTS] = "SELECT state, count(*) FROM crawls INDEXED BY crawls_due"
	    " WHERE lane IS NOT NULL GROUP BY state",
	[SQL_FAILED_MINUTES] = "SELECT (?1 - finished_ms) / 60000, count(*) FROM crawls INDEXED BY crawls_failed"
	    " WHERE state = 8 AND finished_ms > ?1 - 3600000 AND finished_ms <= ?1 GROUP BY 1",
	[SQL_FAILED_LAST] = "SELECT finished_ms, error, error_text FROM crawls INDEXED BY crawls_failed"
	    " WHERE state = 8 AND finished_ms > ?1 - 3600000 AND finished_ms <= ?1 ORDER BY finished_ms DESC LIMIT 1",
	[SQL_ENDED] = "SELECT " ALL_COLUMNS " FROM crawls INDEXED BY crawls_ended"
	    " WHERE lane IS NULL AND (finished_ms, id) > (?1, ?2) AND finished_ms < ?3 ORDER BY finished_ms, id LIMIT ?4",
	[SQL_HAS_KEY] = "SELECT idempotency_key IS NOT NULL FROM requests WHERE crawl_id = ?",
	[SQL_CRAWL_FORGET] = "DELETE FROM crawls WHERE id = ?",
	[SQL_REQUEST_FORGET] = "DELETE FROM requests WHERE crawl_id = ?",
	[SQL_OBJECT_FORGET] = "UPDATE crawls SET object_path = NULL, version = version + 1 WHERE id = ?",
	[SQL_PAGES] = "PRAGMA page_count",
	[SQL_PAGES_FREE] = "PRAGMA freelist_count",
	[SQL_SHRINK] = "PRAGMA incremental_vacuum(64)",
	[SQL_DUE] = "SELECT " ALL_COLUMNS " FROM crawls INDEXED BY crawls_due"
	    " WHERE lane = ?1 AND due_ms > 0 AND due_ms <= ?2 AND lease IS NULL ORDER BY due_ms LIMIT ?3",
	[SQL_DUE_NEXT] = "SELECT due_ms FROM crawls INDEXED BY crawls_due"
	    " WHERE lane = ?1 AND due_ms > ?2 AND lease IS NULL ORDER BY due_ms LIMIT 1",
	[SQL_DUE_TRIGGERS] = "SELECT " ALL_COLUMNS " FROM crawls INDEXED BY crawls_accepted"
	    " WHERE state = 0 AND data_set = ?1 AND due_ms <= ?2 ORDER BY due_ms LIMIT ?3",
	[SQL_WAKE] = "UPDATE crawls INDEXED BY crawls_due SET due_ms = ?1"
	    " WHERE lane IN (1, 2, 3, 4, 5) AND due_ms = 0",
	[SQL_LEASED] = "SELECT " ALL_COLUMNS " FROM crawls INDEXED BY crawls_due"
	    " WHERE lane IS NOT NULL AND lease > ?1 ORDER BY lease LIMIT ?2",
	[SQL_SHIFT] = "UPDATE crawls INDEXED BY crawls_due SET"
	    " due_ms = max(due_ms + ?1, 1) WHERE lane IS NOT NULL AND due_ms > 0",
	[SQL_CLAMP] = "UPDATE crawls INDEXED BY crawls_due SET due_ms = ?1 WHERE lane IS NOT NULL AND due_ms > ?1",
	[SQL_SETS] = "SELECT data_set, state, count(*), min(due_ms) FROM crawls INDEXED BY crawls_due"
	    " WHERE lane IS NOT NULL GROUP BY data_set, state",
	[SQL_RECONCILING] = "SELECT " ALL_COLUMNS " FROM crawls INDEXED BY crawls_reconciling"
	    " WHERE state = 2 AND data_set = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
	[SQL_RECONCILING_SINCE] = "SELECT min(coalesce(intent_ms, created_ms + ?2)) FROM crawls"
	    " INDEXED BY crawls_reconciling WHERE state = 2 AND data_set = ?1",
	/* Without an intent: nothing is known of when a job can have been made. */
	[SQL_DOUBT] = "UPDATE crawls SET state = 2, lane = 4, due_ms = ?1, looks = 0, intent_ms = NULL,"
	    " failing_ms = NULL, version = version + 1, note = 'the job store may be a copy: whether it was triggered"
	    " since is unknown; searching for the job' WHERE state = 0",
	/* A retry of it since may have made a job; another one is to search, then. */
	[SQL_DOUBT_FAILED] = "UPDATE crawls INDEXED BY crawls_failed SET triggers = 1"
	    " WHERE state = 8 AND triggers = 0 AND snapshot_id IS NULL",
	[SQL_META_SET] = "UPDATE meta SET value = ?2 WHERE name = ?1",
	[SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
	[SQL_LIMITS_NOTE] = "UPDATE meta SET value = ? WHERE name = 'limits_ms'",
	[SQL_LIMITS_NOTED] = "SELECT value FROM meta WHERE name = 'limits_ms'",
	[SQL_PAUSES_DROP] = "DELETE FROM provider_pauses",
	[SQL_PAUSE_ADD] = "INSERT INTO provider_pauses (dataset_id, until_ms, times, running_limit) VALUES (?,?,?,?)",
	[SQL_PAUSES_READ] = "SELECT dataset_id, until_ms, times, running_limit FROM provider_pauses",
	[SQL_REFUSALS_DROP] = "DELETE FROM provider_refusals",
	[SQL_REFUSAL_ADD] = "INSERT INTO provider_refusals (number, time_ms) VALUES (?,?)",
	[SQL_REFUSALS_READ] = "SELECT time_ms FROM provider_refusals ORDER BY number",
	[SQL_EVENT_ADD] = "INSERT INTO outbox (id, crawl_id, type, time_ms, attributes, body)"
	    " VALUES (?,?,?,?,?,?)",
	[SQL_EVENTS_AFTER] = "SELECT seq, id, crawl_id, type, time_ms, attributes, body FROM outbox"
	    " WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[SQL_EVENTS_ENDS] = "SELECT (SELECT min(seq) FROM outbox), (SELECT max(seq) FROM outbox),"
	    " (SELECT min(cursor) FROM sinks)",
	[SQL_EVENT_TIME] = "SELECT seq, time_ms FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT 1",
	[SQL_EVENTS_PRUNE] = "DELETE FROM outbox WHERE seq <= ?1",
	[SQL_EVENTS_LEAP] = "UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name = 'outbox'",
	[SQL_SINK_CURSOR] = "SELECT cursor FROM sinks WHERE name = ?1",
	[SQL_SINK_MOVE] = "UPDATE sinks SET cursor = ?2 WHERE name = ?1",
};

struct store {
	sqlite3		*db;
	sqlite3_stmt	*statements[SQL_COUNT];
	bool		 dirty;
	char		*events;	/* text of the last store_events_after() */
	size_t		 events_size;
};

/* ---- errors ---- */

static int
store_fail(struct store *s, struct why *why, const char *attempt)
{
	return sqlite_failed(s->db, why, attempt);
}

/* ---- binding and reading, in the order of the columns ---- */

struct binder {
	sqlite3_stmt	*st;
	int		 n;
};

static struct binder
bind_to(struct store *s, enum sql which)
{
	return (struct binder){ s->statements[which], 0 };
}

static void
put_int(struct binder *b, int64_t value)
{
	(void)sqlite3_bind_int64(b->st, ++b->n, value);
}

static void
put_int_or_null(struct binder *b, int64_t value)
{
	if (value != 0)
		put_int(b, value);
	else
		(void)sqlite3_bind_null(b->st, ++b->n);
}

static void
put_blob(struct binder *b, const void *p, int len)
{
	(void)sqlite3_bind_blob(b->st, ++b->n, p, len, SQLITE_STATIC);
}

static void
put_uuid(struct binder *b, const struct uuid *id)
{
	put_blob(b, id->bytes, sizeof(id->bytes));
}

static void
put_text(struct binder *b, const char *text)
{
	(void)sqlite3_bind_text(b->st, ++b->n, text, -1, SQLITE_STATIC);
}

static void
put_text_or_null(struct binder *b, const char *text)
{
	if (text[0] != '\0')
		put_text(b, text);
	else
		(void)sqlite3_bind_null(b->st, ++b->n);
}

struct reader {
	sqlite3_stmt	*st;
	int		 n;
};

static int64_t
get_int(struct reader *r)
{
	return sqlite3_column_int64(r->st, r->n++);	/* NULL reads as 0 */
}

static void
get_bytes(struct reader *r, void *dst, int size)
{
	const void *p = sqlite3_column_blob(r->st, r->n);

	if (p != NULL && sqlite3_column_bytes(r->st, r->n) == size)
		memcpy(dst, p, (size_t)size);
	else
		memset(dst, 0, (size_t)size);
	r->n++;
}

static void
get_text(struct reader *r, char *dst, size_t size)
{
	const char *p = (const char *)sqlite3_column_text(r->st, r->n++);

	dst[0] = '\0';
	if (p != NULL)
		(void)str_copy(dst, size, p);
}

/* ---- running statements ---- */

/* Ends a statement that was stepped; its bindings may point to memory of the caller. */
static void
end(struct store *s, enum sql which)
{
	(void)sqlite3_reset(s->statements[which]);
	(void)sqlite3_clear_bindings(s->statements[which]);
}

/* Runs a statement that gives no rows. */
static int
run(struct store *s, enum sql which, const char *attempt, struct why *why)
{
	int rc = sqlite3_step(s->statements[which]);
	int result = 0;

	if (rc != SQLITE_DONE)
		result = store_fail(s, why, attempt);
	end(s, which);
	return result;
}

/* 1 for a row, 0 for none (the statement is then ended), -errno (ended, too). */
static int
row(struct store *s, enum sql which, const char *attempt, struct why *why)
{
	int rc = sqlite3_step(s->statements[which]);
	int result = 1;

	if (rc == SQLITE_ROW)
		return result;
	result = rc == SQLITE_DONE ? 0 : store_fail(s, why, attempt);
	end(s, which);
	return result;
}

/* The first change after a commit opens the transaction. */
static int
begin_change(struct store *s, struct why *why)
{
	int result;

	if (s->dirty)
		return 0;
	result = run(s, SQL_BEGIN, "opening a transaction", why);
	if (result == 0)
		s->dirty = true;
	return result;
}

static int
change(struct store *s, enum sql which, const char *attempt, struct why *why)
{
	int result = begin_change(s, why);

	return result < 0 ? result : run(s, which, attempt, why);
}

bool
store_is_dirty(const struct store *s)
{
	return s->dirty;
}

int
store_commit(struct store *s, struct why *why)
{
	int result;

	if (!s->dirty)
		return 0;
	result = run(s, SQL_COMMIT, "committing", why);
	if (result == 0)
		s->dirty = false;
	return result;
}

int
store_rollback(struct store *s, struct why *why)
{
	if (sqlite3_get_autocommit(s->db) == 0 && sqlite_run(s->db, "ROLLBACK", "taking changes back", why) < 0)
		return -EIO;
	s->dirty = false;
	return 0;
}

sqlite3 *
store_db(struct store *s)
{
	return s->db;
}

/* ---- opening ---- */

/* Checkpoints run inside a commit. At SQLite's own 1,000 pages a busy keeper would
 * write the same hot pages into the file several times a second; 4,000 pages
 * (16 MiB) do it a few times less and read back in well under a second after a kill.
 *
 * There is no quick_check here: it reads the whole file (0.1 s for 100,000 crawls
 * in cache, many seconds from a slow disk), at the very moment when clients wait
 * for the keeper to come back. Damage is found where it is read, and ends the keeper. */
static const char pragmas[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -32768;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA journal_size_limit = 67108864;"
    "PRAGMA wal_autocheckpoint = 4000;";

/* It holds only for a file with nothing in it yet; on any other it would only cost a write, which a full disk
 * refuses. */
static int
set_up_new(struct store *s, int64_t version, struct why *why)
{
	return version > 0 ? 0 : sqlite_run(s->db, "PRAGMA auto_vacuum = INCREMENTAL", "setting up", why);
}

/* Nothing of a file that is not for us is changed, not even by closing it: a log that lies
 * beside it stays, but one that only opening made goes. */
static int
check(struct store *s, const char *path, int64_t *ret_version, struct why *why)
{
	const char *log = sqlite3_filename_wal(sqlite3_db_filename(s->db, "main"));
	bool had_log = log != NULL && access(log, F_OK) == 0;
	int result;

	if ((result = sqlite_run(s->db, "PRAGMA locking_mode = EXCLUSIVE", "setting up", why)) == 0)
		result = schema_check(s->db, path, ret_version, why);
	if (result < 0 && had_log)
		(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return result;
}

static int
open_prepared(struct store *s, const char *path, const struct clock *clock, const struct store_progress *progress,
    struct why *why)
{
	int64_t version = 0;
	int result;

	if ((result = check(s, path, &version, why)) < 0 ||
	    (result = set_up_new(s, version, why)) < 0 ||
	    (result = sqlite_run(s->db, pragmas, "setting up", why)) < 0 ||
	    (result = schema_migrate(s->db, path, version, clock, progress, why)) < 0 ||
	    (result = rebuild_once(s->db, path, clock, progress, why)) < 0)
		return result;
	for (int i = 0; i < SQL_COUNT; i++) {
		if (sqlite3_prepare_v3(s->db, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
		    NULL) != SQLITE_OK)
			return store_fail(s, why, "preparing a statement");
	}
	result = fs_sync_dir_of(AT_FDCWD, path);
	return result < 0 ? why_set(why, -result, "%s: its directory cannot be synced: %s", path,
	    strerror(-result)) : 0;
}

static void
explain_open(const char *path, int result, struct why *why)
{
	if (result == -EUCLEAN)
		why_prefix(why, "%s is damaged: restore it from a backup, or move it away to start empty", path);
	else if (result == -EBUSY)
		why_prefix(why, "%s is in use by another process", path);
	else
		why_prefix(why, "%s", path);
}

/* A new file is its owner's alone; SQLite gives its log the same mode. What cannot be
 * made here SQLite cannot open either, and says why. */
static void
make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
}

int
store_open(const char *path, const struct clock *clock, const struct store_progress *progress,
    struct store **ret, struct why *why)
{
	struct store *s = xcalloc(1, sizeof(*s));
	struct why own = { "" };
	int result;

	/* One thread and no use for SQLite's own statistics, which each allocation pays for. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	make_private(path);
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK)
		result = s->db == NULL ? why_set(&own, ENOMEM, "out of memory") : store_fail(s, &own, "opening");
	else
		result = open_prepared(s, path, clock, progress, &own);
	if (result < 0) {
		if (strstr(own.text, path) == NULL)
			explain_open(path, result, &own);
		if (why != NULL)
			*why = own;
		store_close(s);
		return result;
	}
	*ret = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(s->statements[i]);
	(void)sqlite3_close(s->db);
	free(s->events);
	free(s);
}

int
store_next_epoch(struct store *s, uint32_t *ret, struct why *why)
{
	struct reader r = { s->statements[SQL_EPOCH_GET], 0 };
	int result;

	if ((result = change(s, SQL_EPOCH_SET, "raising the epoch", why)) < 0 ||
	    (result = store_commit(s, why)) < 0 ||
	    (result = row(s, SQL_EPOCH_GET, "reading the epoch", why)) < 0)
		return result;
	if (result == 0)
		return why_set(why, EUCLEAN, "job store: the epoch is missing");
	*ret = (uint32_t)get_int(&r);
	end(s, SQL_EPOCH_GET);
	return 0;
}

/* ---- crawls ---- */

static void
put_crawl(struct binder *b, const struct crawl *c)
{
	static const uint8_t no_sum[SHA256_SIZE];

	put_int(b, c->state);
	put_int(b, c->version);
	put_int(b, c->updated_ms);
	put_int_or_null(b, c->triggered_ms);
	put_int_or_null(b, c->ready_ms);
	put_int_or_null(b, c->finished_ms);
	put_int_or_null(b, c->intent_ms);
	put_int_or_null(b, c->failing_ms);
	put_int_or_null(b, crawl_is_terminal(c->state) ? LANE_NONE : crawl_lane(c->state));
	put_int(b, c->due_ms);
	put_int_or_null(b, (int64_t)c->lease);
	put_int(b, c->triggers);
	put_int(b, c->looks);
	put_int(b, c->polls);
	put_int(b, c->failures);
	put_int(b, c->unsound);
	put_int(b, c->crashes);
	put_int(b, c->cancel_wanted);
	put_int(b, c->fetch_wanted);
	put_int(b, (int64_t)c->provider_records);	/* unknown (UINT64_MAX) lies there as -1 */
	put_int_or_null(b, (int64_t)c->posts);
	put_int_or_null(b, (int64_t)c->media);
	put_int_or_null(b, (int64_t)c->errors);
	put_int_or_null(b, (int64_t)c->others);
	put_int_or_null(b, (int64_t)c->size_bytes);
	put_int_or_null(b, c->crc32c);
	if (memcmp(c->sha256, no_sum, SHA256_SIZE) != 0)
		put_blob(b, c->sha256, SHA256_SIZE);
	else
		put_int_or_null(b, 0);
	put_int_or_null(b, c->error);
	put_int_or_null(b, c->stage);
	put_text_or_null(b, c->error_text);
	put_text_or_null(b, c->note);
	assert(b->n == HOT_COUNT);
}

static void
get_crawl(sqlite3_stmt *st, struct crawl *c)
{
	struct reader r = { st, 0 };

	memset(c, 0, sizeof(*c));
	c->state = (enum crawl_state)get_int(&r);
	c->version = (uint32_t)get_int(&r);
	c->updated_ms = get_int(&r);
	c->triggered_ms = get_int(&r);
	c->ready_ms = get_int(&r);
	c->finished_ms = get_int(&r);
	c->intent_ms = get_int(&r);
	c->failing_ms = get_int(&r);
	(void)get_int(&r);		/* the lane follows from the state */
	c->due_ms = get_int(&r);
	c->lease = (uint64_t)get_int(&r);
	c->triggers = (uint32_t)get_int(&r);
	c->looks = (uint32_t)get_int(&r);
	c->polls = (uint32_t)get_int(&r);
	c->failures = (uint32_t)get_int(&r);
	c->unsound = (uint32_t)get_int(&r);
	c->crashes = (uint32_t)get_int(&r);
	c->cancel_wanted = get_int(&r) != 0;
	c->fetch_wanted = get_int(&r) != 0;
	c->provider_records = (uint64_t)get_int(&r);
	c->posts = (uint64_t)get_int(&r);
	c->media = (uint64_t)get_int(&r);
	c->errors = (uint64_t)get_int(&r);
	c->others = (uint64_t)get_int(&r);
	c->size_bytes = (uint64_t)get_int(&r);
	c->crc32c = (uint32_t)get_int(&r);
	get_bytes(&r, c->sha256, SHA256_SIZE);
	c->error = (enum error_code)get_int(&r);
	c->stage = (enum crawl_stage)get_int(&r);
	get_text(&r, c->error_text, sizeof(c->error_text));
	get_text(&r, c->note, sizeof(c->note));
	get_bytes(&r, c->id.bytes, sizeof(c->id.bytes));
	c->created_ms = get_int(&r);
	get_text(&r, c->snapshot_id, sizeof(c->snapshot_id));
	get_text(&r, c->object_path, sizeof(c->object_path));
}

static int
add_row(struct store *s, const struct crawl *c, const char *dataset_id, struct why *why)
{
	struct binder b = bind_to(s, SQL_CRAWL_ADD);
	int rc;

	put_crawl(&b, c);
	put_uuid(&b, &c->id);
	put_int(&b, c->created_ms);
	put_text_or_null(&b, c->snapshot_id);
	put_text_or_null(&b, c->object_path);
	put_text(&b, dataset_id);
	rc = sqlite3_step(b.st);
	if (rc != SQLITE_DONE && sqlite3_extended_errcode(s->db) == SQLITE_CONSTRAINT_PRIMARYKEY) {
		end(s, SQL_CRAWL_ADD);
		return why_set(why, EEXIST, "a crawl with that id exists");
	}
	rc = rc == SQLITE_DONE ? 0 : store_fail(s, why, "adding a crawl");
	end(s, SQL_CRAWL_ADD);
	return rc;
}

int
store_crawl_add(struct store *s, const struct crawl *c, const struct trigger_request *q,
    const char *idempotency_key, struct why *why)
{
	struct binder b = bind_to(s, SQL_REQUEST_ADD);
	int result;

	if ((result = begin_change(s, why)) < 0 || (result = add_row(s, c, q->dataset_id, why)) < 0)
		return result;
	put_int(&b, q->platform);
	put_text(&b, q->dataset_id);
	put_text(&b, q->competitor);
	put_text(&b, q->brand);
	put_text(&b, q->category);
	put_text(&b, q->url);
	put_text(&b, q->start_date);
	put_text(&b, q->end_date);
	put_int(&b, q->include_profile_data);
	put_int(&b, q->num_of_posts);
	put_uuid(&b, &c->id);
	put_text_or_null(&b, idempotency_key);
	return run(s, SQL_REQUEST_ADD, "adding a request", why);
}

int
store_crawl_find(struct store *s, const struct uuid *id, struct crawl *ret, struct why *why)
{
	struct binder b = bind_to(s, SQL_CRAWL_FIND);
	int result;

	put_uuid(&b, id);
	if ((result = row(s, SQL_CRAWL_FIND, "reading a crawl", why)) <= 0)
		return result < 0 ? result : -ENOENT;
	get_crawl(b.st, ret);
	end(s, SQL_CRAWL_FIND);
	return 0;
}

int
store_request_find(struct store *s, const struct uuid *id, struct trigger_request *ret, struct why *why)
{
	struct binder b = bind_to(s, SQL_REQUEST_FIND);
	struct reader r = { b.st, 0 };
	int result;

	put_uuid(&b, id);
	if ((result = row(s, SQL_REQUEST_FIND, "reading a request", why)) <= 0)
		return result < 0 ? result : -ENOENT;
	memset(ret, 0, sizeof(*ret));
	ret->platform = (enum platform_id)get_int(&r);
	get_text(&r, ret->dataset_id, sizeof(ret->dataset_id));
	get_text(&r, ret->competitor, sizeof(ret->competitor));
	get_text(&r, ret->brand, sizeof(ret->brand));
	get_text(&r, ret->category, sizeof(ret->category));
	get_text(&r, ret->url, sizeof(ret->url));
	get_text(&r, ret->start_date, sizeof(ret->start_date));
	get_text(&r, ret->end_date, sizeof(ret->end_date));
	ret->include_profile_data = get_int(&r) != 0;
	ret->num_of_posts = (uint32_t)get_int(&r);
	end(s, SQL_REQUEST_FIND);
	return 0;
}

int
store_crawl_update(struct store *s, const struct crawl *c, bool with_job, struct why *why)
{
	enum sql which = with_job ? SQL_CRAWL_UPDATE_JOB : SQL_CRAWL_UPDATE;
	struct binder b = bind_to(s, which);
	int result;

	put_crawl(&b, c);
	if (with_job) {
		put_text_or_null(&b, c->snapshot_id);
		put_text_or_null(&b, c->object_path);
	}
	put_uuid(&b, &c->id);
	result = change(s, which, "writing a crawl", why);
	return result == 0 && sqlite3_changes(s->db) != 1 ? -ENOENT : result;
}

int
store_crawl_reopen(struct store *s, const struct uuid *id, const char *dataset_id, struct why *why)
{
	struct binder b = bind_to(s, SQL_CRAWL_REOPEN);

	put_text(&b, dataset_id);
	put_uuid(&b, id);
	return change(s, SQL_CRAWL_REOPEN, "opening a crawl again", why);
}

static int
find_id(struct store *s, enum sql which, const char *text, struct uuid *ret, struct why *why)
{
	struct binder b = bind_to(s, which);
	struct reader r = { b.st, 0 };
	int result;

	put_text(&b, text);
	if ((result = row(s, which, "looking up a crawl", why)) <= 0)
		return result < 0 ? result : -ENOENT;
	get_bytes(&r, ret->bytes, sizeof(ret->bytes));
	end(s, which);
	return 0;
}

int
store_idempotency_find(struct store *s, const char *key, struct uuid *ret, struct why *why)
{
	return find_id(s, SQL_KEY_FIND, key, ret, why);
}

int
store_idempotency_forget(struct store *s, const char *key, struct why *why)
{
	struct binder b = bind_to(s, SQL_KEY_FORGET);

	put_text(&b, key);
	return change(s, SQL_KEY_FORGET, "forgetting a key", why);
}

int
store_snapshot_owner(struct store *s, const char *snapshot_id, struct uuid *ret, struct why *why)
{
	return find_id(s, SQL_SNAPSHOT_OWNER, snapshot_id, ret, why);
}

int
store_counts(struct store *s, uint32_t ret[CRAWL_STATE_COUNT], struct why *why)
{
	int result;

	memset(ret, 0, CRAWL_STATE_COUNT * sizeof(ret[0]));
	while ((result = row(s, SQL_COUNTS, "counting crawls", why)) > 0) {
		struct reader r = { s->statements[SQL_COUNTS], 0 };
		int64_t state = get_int(&r);

		if (state >= 0 && state < CRAWL_STATE_COUNT)
			ret[state] = (uint32_t)get_int(&r);
	}
	return result;
}

int
store_failures(struct store *s, int64_t before_ms, struct store_failures *ret, struct why *why)
{
	struct binder minutes = bind_to(s, SQL_FAILED_MINUTES), last = bind_to(s, SQL_FAILED_LAST);
	int result;

	memset(ret, 0, sizeof(*ret));
	put_int(&minutes, before_ms);
	while ((result = row(s, SQL_FAILED_MINUTES, "counting failures", why)) > 0) {
		struct reader r = { minutes.st, 0 };
		int64_t minute = get_int(&r);

		if (minute >= 0 && minute < STORE_MINUTES)
			ret->minutes[minute] = (uint32_t)get_int(&r);
	}
	if (result < 0)
		return result;
	put_int(&last, before_ms);
	if ((result = row(s, SQL_FAILED_LAST, "reading the last failure", why)) > 0) {
		struct reader r = { last.st, 0 };

		ret->last_ms = get_int(&r);
		ret->error = (enum error_code)get_int(&r);
		get_text(&r, ret->error_text, sizeof(ret->error_text));
		end(s, SQL_FAILED_LAST);
	}
	return result < 0 ? result : 0;
}

static int
read_crawls(struct store *s, enum sql which, struct crawl *ret, unsigned *ret_count, struct why *why)
{
	unsigned count = 0;
	int result;

	while ((result = row(s, which, "reading crawls", why)) > 0)
		get_crawl(s->statements[which], &ret[count++]);
	if (result == 0)
		*ret_count = count;
	return result;
}

/* ---- what has ended ---- */

int
store_ended(struct store *s, int64_t before_ms, const struct store_place *after, struct crawl *ret, unsigned max,
    unsigned *ret_count, struct why *why)
{
	struct binder b = bind_to(s, SQL_ENDED);

	put_int(&b, after->finished_ms);
	put_uuid(&b, &after->id);
	put_int(&b, before_ms);
	put_int(&b, max);
	return read_crawls(s, SQL_ENDED, ret, ret_count, why);
}

/* The one number that a statement gives, 0 if it gives no row. */
static int
read_number(struct store *s, enum sql which, const char *attempt, int64_t *ret, struct why *why)
{
	struct reader r = { s->statements[which], 0 };
	int result;

	*ret = 0;
	if ((result = row(s, which, attempt, why)) <= 0)
		return result;
	*ret = get_int(&r);
	end(s, which);
	return 0;
}

int
store_has_key(struct store *s, const struct uuid *id, bool *ret, struct why *why)
{
	struct binder b = bind_to(s, SQL_HAS_KEY);
	int64_t has;
	int result;

	put_uuid(&b, id);
	result = read_number(s, SQL_HAS_KEY, "looking for a key", &has, why);
	*ret = has != 0;
	return result;
}

static int
change_by_id(struct store *s, enum sql which, const struct uuid *id, const char *attempt, struct why *why)
{
	struct binder b = bind_to(s, which);

	put_uuid(&b, id);
	return change(s, which, attempt, why);
}

int
store_crawl_forget(struct store *s, const struct uuid *id, struct why *why)
{
	int result = change_by_id(s, SQL_REQUEST_FORGET, id, "forgetting a request", why);

	return result < 0 ? result : change_by_id(s, SQL_CRAWL_FORGET, id, "forgetting a crawl", why);
}

int
store_object_forget(struct store *s, const struct uuid *id, struct why *why)
{
	return change_by_id(s, SQL_OBJECT_FORGET, id, "forgetting an object", why);
}

int
store_pages(struct store *s, int64_t *ret_all, int64_t *ret_free, struct why *why)
{
	int result = read_number(s, SQL_PAGES, "counting pages", ret_all, why);

	return result < 0 ? result : read_number(s, SQL_PAGES_FREE, "counting free pages", ret_free, why);
}

/* It gives a row for each page. */
int
store_shrink(struct store *s, struct why *why)
{
	int result = begin_change(s, why);

	while (result >= 0 && (result = row(s, SQL_SHRINK, "giving space back", why)) > 0)
		;
	return result;
}

/* ---- leases ---- */

int
store_due(struct store *s, enum crawl_lane lane, int64_t now_ms, struct crawl *ret, unsigned max,
    unsigned *ret_count, struct why *why)
{
	struct binder b = bind_to(s, SQL_DUE);

	put_int(&b, lane);
	put_int(&b, now_ms);
	put_int(&b, max);
	return read_crawls(s, SQL_DUE, ret, ret_count, why);
}

int
store_due_next(struct store *s, enum crawl_lane lane, int64_t after_ms, int64_t *ret_ms, struct why *why)
{
	struct binder b = bind_to(s, SQL_DUE_NEXT);
	struct reader r = { b.st, 0 };
	int result;

	put_int(&b, lane);
	put_int(&b, after_ms);
	if ((result = row(s, SQL_DUE_NEXT, "reading the next due time", why)) < 0)
		return result;
	*ret_ms = INT64_MAX;
	if (result > 0) {
		*ret_ms = get_int(&r);
		end(s, SQL_DUE_NEXT);
	}
	return 0;
}

int
store_due_triggers(struct store *s, const char *dataset_id, int64_t now_ms, struct crawl *ret, unsigned max,
    unsigned *ret_count, struct why *why)
{
	struct binder b = bind_to(s, SQL_DUE_TRIGGERS);

	put_text(&b, dataset_id);
	put_int(&b, now_ms);
	put_int(&b, max);
	return read_crawls(s, SQL_DUE_TRIGGERS, ret, ret_count, why);
}

int
store_sets(struct store *s, void (*each)(void *arg, const char *dataset_id, enum crawl_state, uint32_t count,
    int64_t first_due_ms), void *arg, struct why *why)
{
	char dataset_id[REQUEST_DATASET_SIZE];
	int result;

	while ((result = row(s, SQL_SETS, "counting by data set", why)) > 0) {
		struct reader r = { s->statements[SQL_SETS], 0 };
		int64_t state, count;

		get_text(&r, dataset_id, sizeof(dataset_id));
		state = get_int(&r);
		count = get_int(&r);
		if (state >= 0 && state < CRAWL_STATE_COUNT)
			each(arg, dataset_id, (enum crawl_state)state, (uint32_t)count, get_int(&r));
	}
	return result;
}

int
store_reconciling(struct store *s, const char *dataset_id, const struct uuid *after, struct crawl *ret,
    unsigned max, unsigned *ret_count, struct why *why)
{
	static const struct uuid first;		/* below every id */
	struct binder b = bind_to(s, SQL_RECONCILING);

	put_text(&b, dataset_id);
	put_uuid(&b, after != NULL ? after : &first);
	put_int(&b, max);
	return read_crawls(s, SQL_RECONCILING, ret, ret_count, why);
}

int
store_reconciling_since(struct store *s, const char *dataset_id, int64_t ahead_ms, int64_t *ret_ms,
    struct why *why)
{
	struct binder b = bind_to(s, SQL_RECONCILING_SINCE);
	struct reader r = { b.st, 0 };
	int result;

	put_text(&b, dataset_id);
	put_int(&b, ahead_ms);
	if ((result = row(s, SQL_RECONCILING_SINCE, "reading when a search begins", why)) <= 0)
		return result;
	*ret_ms = sqlite3_column_type(b.st, 0) == SQLITE_NULL ? INT64_MAX : get_int(&r);
	end(s, SQL_RECONCILING_SINCE);
	return 0;
}

int
store_doubt_accepted(struct store *s, int64_t now_ms, unsigned *ret_count, struct why *why)
{
	struct binder b = bind_to(s, SQL_DOUBT);
	int result;

	put_int(&b, now_ms);
	result = change(s, SQL_DOUBT, "doubting what was accepted", why);
	*ret_count = result == 0 ? (unsigned)sqlite3_changes(s->db) : 0;
	return result < 0 ? result : change(s, SQL_DOUBT_FAILED, "doubting what failed", why);
}

int
store_leased(struct store *s, uint64_t after, struct crawl *ret, unsigned max, unsigned *ret_count,
    struct why *why)
{
	struct binder b = bind_to(s, SQL_LEASED);

	put_int(&b, (int64_t)after);
	put_int(&b, max);
	return read_crawls(s, SQL_LEASED, ret, ret_count, why);
}

int
store_wake_waiting(struct store *s, int64_t now_ms, struct why *why)
{
	struct binder b = bind_to(s, SQL_WAKE);

	put_int(&b, now_ms);
	return change(s, SQL_WAKE, "waking crawls", why);
}

int
store_shift_times(struct store *s, int64_t by_ms, struct why *why)
{
	struct binder b = bind_to(s, SQL_SHIFT);

	put_int(&b, by_ms);
	return change(s, SQL_SHIFT, "moving due times", why);
}

int
store_clamp_times(struct store *s, int64_t latest_ms, struct why *why)
{
	struct binder b = bind_to(s, SQL_CLAMP);

	put_int(&b, latest_ms);
	return change(s, SQL_CLAMP, "moving due times", why);
}

/* ---- clocks ---- */

static const struct {
	const char *name;
	size_t at;
} clock_numbers[] = {
	{ "boot", offsetof(struct clock_record, boot) },
	{ "wall_offset_ms", offsetof(struct clock_record, wall_offset_ms) },
	{ "patience_ms", offsetof(struct clock_record, patience_ms) },
	{ "provider_ahead_ms", offsetof(struct clock_record, provider_ahead_ms) },
	{ "provider_known", offsetof(struct clock_record, provider_known) },
};

int
store_clock_write(struct store *s, const struct clock_record *r, struct why *why)
{
	int result = 0;

	for (unsigned i = 0; i < countof(clock_numbers) && result == 0; i++) {
		struct binder b = bind_to(s, SQL_META_SET);

		put_text(&b, clock_numbers[i].name);
		put_int(&b, *(const int64_t *)((const char *)r + clock_numbers[i].at));
		result = change(s, SQL_META_SET, "noting the clocks", why);
	}
	return result;
}

int
store_clock_read(struct store *s, struct clock_record *ret, struct why *why)
{
	for (unsigned i = 0; i < countof(clock_numbers); i++) {
		struct binder b = bind_to(s, SQL_META_GET);
		struct reader r = { b.st, 0 };
		int result;

		put_text(&b, clock_numbers[i].name);
		if ((result = row(s, SQL_META_GET, "reading the clocks", why)) < 0)
			return result;
		if (result == 0)
			return why_set(why, EUCLEAN, "job store: \"%s\" is missing", clock_numbers[i].name);
		*(int64_t *)((char *)ret + clock_numbers[i].at) = get_int(&r);
		end(s, SQL_META_GET);
	}
	return 0;
}

/* ---- what the provider refuses ---- */

static int
write_pauses(struct store *s, const struct budget_record *r, struct why *why)
{
	int result = change(s, SQL_PAUSES_DROP, "forgetting pauses", why);

	for (unsigned i = 0; i < r->pause_count && result == 0; i++) {
		struct binder b = bind_to(s, SQL_PAUSE_ADD);

		put_text(&b, r->pauses[i].dataset_id);
		put_int(&b, r->pauses[i].until_ms);
		put_int(&b, r->pauses[i].times);
		put_int(&b, r->pauses[i].limit);
		result = change(s, SQL_PAUSE_ADD, "writing a pause", why);
	}
	return result;
}

static int
write_refusals(struct store *s, const struct budget_record *r, struct why *why)
{
	int result = change(s, SQL_REFUSALS_DROP, "forgetting refusals", why);

	for (unsigned i = 0; i < r->limited_count && result == 0; i++) {
		struct binder b = bind_to(s, SQL_REFUSAL_ADD);

		put_int(&b, i);
		put_int(&b, r->limited_ms[i]);
		result = change(s, SQL_REFUSAL_ADD, "writing a refusal", why);
	}
	return result;
}

int
store_budget_write(struct store *s, const struct budget_record *r, struct why *why)
{
	struct binder b = bind_to(s, SQL_LIMITS_NOTE);
	int result;

	if ((result = write_pauses(s, r, why)) < 0 || (result = write_refusals(s, r, why)) < 0)
		return result;
	put_int(&b, r->noted_ms);
	return change(s, SQL_LIMITS_NOTE, "noting the provider's limits", why);
}

static int
read_pauses(struct store *s, struct budget_record *ret, struct why *why)
{
	int result;

	while ((result = row(s, SQL_PAUSES_READ, "reading pauses", why)) > 0) {
		struct reader r = { s->statements[SQL_PAUSES_READ], 0 };
		struct budget_pause *pause = &ret->pauses[ret->pause_count];

		if (ret->pause_count == countof(ret->pauses))
			continue;
		ret->pause_count++;
		get_text(&r, pause->dataset_id, sizeof(pause->dataset_id));
		pause->until_ms = get_int(&r);
		pause->times = (unsigned)get_int(&r);
		pause->limit = get_int(&r);
	}
	return result;
}

static int
read_refusals(struct store *s, struct budget_record *ret, struct why *why)
{
	int result;

	while ((result = row(s, SQL_REFUSALS_READ, "reading refusals", why)) > 0) {
		struct reader r = { s->statements[SQL_REFUSALS_READ], 0 };

		if (ret->limited_count < countof(ret->limited_ms))
			ret->limited_ms[ret->limited_count++] = get_int(&r);
	}
	return result;
}

int
store_budget_read(struct store *s, struct budget_record *ret, struct why *why)
{
	struct reader r = { s->statements[SQL_LIMITS_NOTED], 0 };
	int result;

	memset(ret, 0, sizeof(*ret));
	if ((result = row(s, SQL_LIMITS_NOTED, "reading the provider's limits", why)) < 0)
		return result;
	if (result > 0) {
		ret->noted_ms = get_int(&r);
		end(s, SQL_LIMITS_NOTED);
	}
	if ((result = read_pauses(s, ret, why)) < 0)
		return result;
	return read_refusals(s, ret, why);
}

/* ---- events ---- */

int
store_event_add(struct store *s, struct event *e, const char *attributes, size_t attributes_len,
    const char *body, size_t body_len, struct why *why)
{
	struct binder b = bind_to(s, SQL_EVENT_ADD);
	int result;

	put_uuid(&b, &e->id);
	put_uuid(&b, &e->crawl_id);
	put_int(&b, e->type);
	put_int(&b, e->time_ms);
	(void)sqlite3_bind_text(b.st, ++b.n, attributes, (int)attributes_len, SQLITE_STATIC);
	(void)sqlite3_bind_text(b.st, ++b.n, body, (int)body_len, SQLITE_STATIC);
	if ((result = change(s, SQL_EVENT_ADD, "adding an event", why)) < 0)
		return result;
	e->seq = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return 0;
}

static const char *
keep_text(struct store *s, size_t *used, struct reader *r, uint32_t *ret_len)
{
	const void *p = sqlite3_column_text(r->st, r->n);
	size_t len = (size_t)sqlite3_column_bytes(r->st, r->n++);
	char *kept = s->events + *used;

	memcpy(kept, p, len);
	*used += len;
	*ret_len = (uint32_t)len;
	return kept;
}

static bool
fits(struct store *s, size_t used)
{
	sqlite3_stmt *st = s->statements[SQL_EVENTS_AFTER];
	size_t need = (size_t)sqlite3_column_bytes(st, 5) + (size_t)sqlite3_column_bytes(st, 6);

	return need <= s->events_size - used;
}

int
store_events_after(struct store *s, uint64_t seq, unsigned max, struct msg_event_batch *ret, struct why *why)
{
	struct binder b = bind_to(s, SQL_EVENTS_AFTER);
	size_t used = 0;
	int result;

	if (s->events == NULL) {
		s->events_size = BATCH_BYTES;
		s->events = xmalloc(s->events_size);
	}
	ret->count = 0;
	put_int(&b, (int64_t)seq);
	put_int(&b, max < EVENT_BATCH_MAX ? max : EVENT_BATCH_MAX);
	while ((result = row(s, SQL_EVENTS_AFTER, "reading events", why)) > 0) {
		struct reader r = { b.st, 0 };
		struct msg_event *e = &ret->events[ret->count];

		if (!fits(s, used)) {
			end(s, SQL_EVENTS_AFTER);
			return 0;
		}
		e->event.seq = (uint64_t)get_int(&r);
		get_bytes(&r, e->event.id.bytes, sizeof(e->event.id.bytes));
		get_bytes(&r, e->event.crawl_id.bytes, sizeof(e->event.crawl_id.bytes));
		e->event.type = (enum event_type)get_int(&r);
		e->event.time_ms = get_int(&r);
		e->attributes = keep_text(s, &used, &r, &e->attributes_len);
		e->body = keep_text(s, &used, &r, &e->body_len);
		ret->count++;
	}
	return result;
}

int
store_sink_cursor(struct store *s, const char *sink, uint64_t *ret, struct why *why)
{
	struct binder b = bind_to(s, SQL_SINK_CURSOR);
	struct reader r = { b.st, 0 };
	int result;

	put_text(&b, sink);
	if ((result = row(s, SQL_SINK_CURSOR, "reading a cursor", why)) < 0)
		return result;
	if (result == 0)
		return why_set(why, EUCLEAN, "job store: the sink \"%s\" is missing", sink);
	*ret = (uint64_t)get_int(&r);
	end(s, SQL_SINK_CURSOR);
	return 0;
}

int
store_sink_move(struct store *s, const char *sink, uint64_t cursor, struct why *why)
{
	struct binder b = bind_to(s, SQL_SINK_MOVE);
	int result;

	put_text(&b, sink);
	put_int(&b, (int64_t)cursor);
	if ((result = change(s, SQL_SINK_MOVE, "moving a cursor", why)) < 0)
		return result;
	return sqlite3_changes(s->db) == 1 ? 0 :
	    why_set(why, EUCLEAN, "job store: the sink \"%s\" is missing", sink);
}

/* Positions of the first and the last event, 0 if there is none, and of the last one that every sink has delivered:
 * at least that before the first. */
struct outbox_ends {
	int64_t first, last, delivered;
};

static int
read_ends(struct store *s, struct outbox_ends *ret, struct why *why)
{
	struct reader r = { s->statements[SQL_EVENTS_ENDS], 0 };
	int result;

	if ((result = row(s, SQL_EVENTS_ENDS, "reading the ends of the outbox", why)) < 0)
		return result;
	ret->first = get_int(&r);
	ret->last = get_int(&r);
	ret->delivered = get_int(&r);
	if (ret->delivered < ret->first - 1)
		ret->delivered = ret->first - 1;
	end(s, SQL_EVENTS_ENDS);
	return 0;
}

/* Position and time of the first event behind a position, both 0 if there is none. */
static int
read_event_time(struct store *s, int64_t after, int64_t *ret_seq, int64_t *ret_ms, struct why *why)
{
	struct binder b = bind_to(s, SQL_EVENT_TIME);
	struct reader r = { b.st, 0 };
	int result;

	*ret_seq = *ret_ms = 0;
	put_int(&b, after);
	if ((result = row(s, SQL_EVENT_TIME, "reading the time of an event", why)) <= 0)
		return result;
	*ret_seq = get_int(&r);
	*ret_ms = get_int(&r);
	end(s, SQL_EVENT_TIME);
	return 0;
}

int
store_events_pending(struct store *s, uint64_t *ret_count, int64_t *ret_oldest_ms, struct why *why)
{
	struct outbox_ends ends;
	int64_t seq;
	int result;

	if ((result = read_ends(s, &ends, why)) < 0)
		return result;
	*ret_count = ends.last > ends.delivered ? (uint64_t)(ends.last - ends.delivered) % POSITIONS_LEAP : 0;
	return read_event_time(s, ends.delivered, &seq, ret_oldest_ms, why);
}

/* The position up to which events are older than that, 0: none is. Found by halves. Where a clock that ran ahead gave
 * some of them their times, that is what stands before an event that is old, if not yet all of it. */
static int
find_old(struct store *s, const struct outbox_ends *ends, int64_t before_ms, int64_t *ret, struct why *why)
{
	int64_t old = ends->first - 1, young = ends->delivered + 1, at = ends->delivered;
	int64_t seq, time_ms;
	int result;

	for (*ret = 0; ends->first > 0 && old + 1 < young; at = old + (young - old) / 2) {
		if ((result = read_event_time(s, at - 1, &seq, &time_ms, why)) < 0)
			return result;
		if (seq > 0 && seq < young && time_ms < before_ms)
			*ret = old = seq;
		else
			young = at;
	}
	return 0;
}

int
store_events_prune(struct store *s, int64_t before_ms, unsigned max, unsigned *ret_count, struct why *why)
{
	struct binder b = bind_to(s, SQL_EVENTS_PRUNE);
	struct outbox_ends ends;
	int64_t old;
	int result;

	*ret_count = 0;
	if ((result = read_ends(s, &ends, why)) < 0 || (result = find_old(s, &ends, before_ms, &old, why)) < 0)
		return result;
	if (old == 0)
		return 0;
	put_int(&b, old < ends.first + max ? old : ends.first + max - 1);
	if ((result = change(s, SQL_EVENTS_PRUNE, "removing events", why)) == 0)
		*ret_count = (unsigned)sqlite3_changes(s->db);
	return result;
}

int
store_events_leap(struct store *s, struct why *why)
{
	struct binder b = bind_to(s, SQL_EVENTS_LEAP);

	put_int(&b, POSITIONS_LEAP);
	return change(s, SQL_EVENTS_LEAP, "leaping over positions", why);
}
