/*
 * test-keeper-schema.c - files of an older schema: what was in them survives, a copy is
 * kept, and a process killed or a disk that fails at any step leaves the old schema or the
 * new one, never less.
 *
 * The calls that change files are defined here, before those of the C library, so that they
 * are counted for SQLite, too, and the n-th can be made the last one or a failed one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "keeper/store.h"

#define FIXTURE	   "tests/regress/store-schema-1.sql"
#define SINKS_SINCE 4		/* the first schema that has them */
#define CALLS_MAX  2000	/* more than a migration makes */

static char dir[64], path[96], backup[112];
static struct why why;

/* ---- calls that can be the last, or fail ---- */

static struct {
	enum { LET, KILL, FAIL } at_turn;
	unsigned turn, calls;
} fault;

/* True: the call is to fail, with errno set. */
static bool
strikes(int error)
{
	if (fault.at_turn == LET || ++fault.calls != fault.turn)
		return false;
	if (fault.at_turn == KILL)
		(void)raise(SIGKILL);
	errno = error;
	return true;
}

ssize_t
write(int fd, const void *p, size_t len)
{
	return fd > STDERR_FILENO && strikes(ENOSPC) ? -1 : syscall(SYS_write, fd, p, len);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return strikes(ENOSPC) ? -1 : syscall(SYS_pwrite64, fd, p, len, at);
}

int
ftruncate64(int fd, off64_t len)
{
	return strikes(EIO) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int
fsync(int fd)
{
	return strikes(EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return strikes(EIO) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
unlink(const char *name)
{
	return strikes(EIO) ? -1 : (int)syscall(SYS_unlink, name);
}

int
rename(const char *from, const char *to)
{
	return strikes(EIO) ? -1 : (int)syscall(SYS_rename, from, to);
}

int
mkdirat(int at, const char *name, mode_t mode)
{
	return strikes(ENOSPC) ? -1 : (int)syscall(SYS_mkdirat, at, name, mode);
}

static uint64_t room_bytes;	/* what is free on the disk; 0: enough */

int
statvfs(const char *name, struct statvfs *ret)
{
	(void)name;
	memset(ret, 0, sizeof(*ret));
	ret->f_frsize = 4096;
	ret->f_bavail = (room_bytes != 0 ? room_bytes : UINT64_C(1) << 40) / 4096;
	return 0;
}

/* ---- files ---- */

static void shell(const char *, ...) __attribute__((format(printf, 1, 2)));

static void
shell(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static int
setup(void **state)
{
	(void)state;
	/* In memory if there is such a place: nothing here depends on a real disk. */
	(void)snprintf(dir, sizeof(dir), "%s/test-schema-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/trawld.db", dir);
	(void)snprintf(backup, sizeof(backup), "%s/backup/trawld.db.schema-1", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	shell("rm -rf %s", dir);
	return 0;
}

static bool
exists(const char *name)
{
	return access(name, F_OK) == 0;
}

static sqlite3 *
raw_open(const char *name, int flags)
{
	sqlite3 *db;

	if (sqlite3_open_v2(name, &db, flags, NULL) != SQLITE_OK)
		fail_msg("%s: %s", name, sqlite3_errmsg(db));
	return db;
}

static void
raw_run(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %.80s", sqlite3_errmsg(db), text);
}

static void
make_old_file(void)
{
	char *text;
	size_t len;
	sqlite3 *db;

	assert_int_equal(fs_read_small(FIXTURE, 1 << 20, &text, &len), 0);
	db = raw_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	raw_run(db, text);
	(void)sqlite3_close(db);
	free(text);
}

/* ---- what a file holds ---- */

struct content {
	int64_t	 version;
	uint64_t schema, rows;	/* sums; rows without those that a copy changes */
	int64_t	 accepted, doubted;
	int64_t	 cursor;		/* of the one sink */
};

static void
add_bytes(uint64_t *sum, const void *p, size_t len)
{
	const uint8_t *at = p;

	for (size_t i = 0; i < len; i++)
		*sum = (*sum ^ at[i]) * 0x100000001b3u;
	*sum = (*sum ^ len) * 0x100000001b3u;
}

static void
add_rows(uint64_t *sum, sqlite3 *db, const char *query)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(db, query, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", query, sqlite3_errmsg(db));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const void *p = sqlite3_column_blob(st, i);

			add_bytes(sum, p, p != NULL ? (size_t)sqlite3_column_bytes(st, i) : 0);
		}
	if (rc != SQLITE_DONE)
		fail_msg("%s: %s", query, sqlite3_errmsg(db));
	(void)sqlite3_finalize(st);
}

static int64_t
ask(sqlite3 *db, const char *query)
{
	sqlite3_stmt *st;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	value = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return value;
}

/* Of a crawl, what no migration changes. */
#define KEPT_COLUMNS \
	"id, state, version, created_ms, updated_ms, triggered_ms, ready_ms, finished_ms, intent_ms, due_ms, lease," \
	" triggers, looks, polls, failures, crashes, cancel_wanted, fetch_wanted, provider_records, posts, media," \
	" errors, size_bytes, crc32c, sha256, error, stage, error_text, note, snapshot_id, object_path"

/* Reads a file as it lies there, with the log beside it, without changing either. */
static struct content
content_of(const char *name)
{
	struct content c = { 0 };
	char copy[160];
	sqlite3 *db;

	(void)snprintf(copy, sizeof(copy), "%s/look", dir);
	shell("rm -f %s*; cp %s %s; if [ -e %s-wal ]; then cp %s-wal %s-wal; fi", copy, name, copy, name, name, copy);
	db = raw_open(copy, SQLITE_OPEN_READWRITE);
	c.version = ask(db, "PRAGMA user_version");
	add_rows(&c.schema, db, "PRAGMA quick_check");
	add_rows(&c.schema, db, "SELECT name, sql FROM sqlite_schema ORDER BY name");
	add_rows(&c.rows, db, "SELECT " KEPT_COLUMNS " FROM crawls WHERE note NOT LIKE 'in a copy%' AND state > 0 ORDER BY id");
	add_rows(&c.rows, db, "SELECT id, created_ms, polls FROM crawls ORDER BY id");
	c.accepted = ask(db, "SELECT count(*) FROM crawls WHERE state = 0 AND lane = 1");
	c.doubted = ask(db, "SELECT count(*) FROM crawls WHERE note LIKE 'in a copy%' AND state = 2 AND lane IN (2, 4) AND "
	    "due_ms = intent_ms AND intent_ms > created_ms");
	add_rows(&c.rows, db, "SELECT * FROM requests ORDER BY crawl_id");
	add_rows(&c.rows, db, "SELECT * FROM outbox ORDER BY seq");
	add_rows(&c.rows, db, "SELECT * FROM sqlite_sequence");
	add_rows(&c.rows, db, "SELECT * FROM meta WHERE name = 'epoch'");
	if (c.version >= SINKS_SINCE)
		c.cursor = ask(db, "SELECT cursor FROM sinks WHERE name = '" SINK_FILE "'");
	(void)sqlite3_close(db);
	shell("rm -f %s*", copy);
	return c;
}

static void
assert_content(struct content c, const struct content *expected)
{
	assert_int_equal(c.version, expected->version);
	assert_true(c.schema == expected->schema);
	assert_true(c.rows == expected->rows);
	assert_int_equal(c.accepted, expected->accepted);
	assert_int_equal(c.doubted, expected->doubted);
	assert_int_equal(c.cursor, expected->cursor);
}

/* Whether it gives space back. */
static bool
shrinks(const char *name)
{
	sqlite3 *db = raw_open(name, SQLITE_OPEN_READWRITE);
	int64_t mode = ask(db, "PRAGMA auto_vacuum");

	(void)sqlite3_close(db);
	return mode == 2;
}

/* What the copy holds: all of it, but no crawl that waits for its trigger. */
static void
assert_copy(const struct content *old)
{
	struct content expected = *old;

	expected.doubted = old->accepted;
	expected.accepted = 0;
	assert_content(content_of(backup), &expected);
}

static struct store *
open_store(void)
{
	struct store *s;

	if (store_open(path, &clock_system, NULL, &s, &why) < 0)
		fail_msg("%s", why.text);
	return s;
}

/* The contents before and after, known from a migration that nothing disturbs. */
static void
know_both(struct content *ret_old, struct content *ret_new)
{
	make_old_file();
	*ret_old = content_of(path);
	store_close(open_store());
	*ret_new = content_of(path);
	assert_int_equal(ret_old->version, 1);
	assert_int_equal(ret_new->version, store_schema_version());
	assert_true(ret_old->rows == ret_new->rows);
	assert_true(ret_old->schema != ret_new->schema);
	assert_int_equal(ret_old->accepted, 1);
	assert_copy(ret_old);
}

/* ---- tests ---- */

static void
test_migrated_file_has_the_schema_of_a_new_one(void **state)
{
	struct content old, migrated, fresh;

	(void)state;
	know_both(&old, &migrated);
	shell("rm -rf %s/*", dir);
	store_close(open_store());
	fresh = content_of(path);
	assert_int_equal(fresh.version, migrated.version);
	assert_true(fresh.schema == migrated.schema);
	assert_true(shrinks(path));
	assert_false(exists(backup));	/* there was nothing to copy */
}

static void
test_copy_is_one_file_of_its_owner_and_made_once(void **state)
{
	struct content old, migrated;
	struct stat st, again;

	(void)state;
	know_both(&old, &migrated);
	shell("[ \"$(ls %s/backup)\" = trawld.db.schema-1 ]", dir);
	assert_int_equal(stat(backup, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	store_close(open_store());
	assert_int_equal(stat(backup, &again), 0);
	assert_int_equal(st.st_ino, again.st_ino);
}

static void
test_copy_in_the_stores_place_is_the_store_as_it_was(void **state)
{
	struct content old, migrated;

	(void)state;
	know_both(&old, &migrated);
	shell("cp %s %s", backup, path);
	migrated.doubted = migrated.accepted;
	migrated.accepted = 0;
	store_close(open_store());
	assert_content(content_of(path), &migrated);
}

static void
test_leftovers_of_an_earlier_attempt_are_replaced(void **state)
{
	struct content old, migrated;

	(void)state;
	know_both(&old, &migrated);
	shell("rm %s; echo half > %s; echo half > %s.part; echo half > %s.part-journal; echo half > %s.part-wal",
	    path, backup, backup, backup, backup);
	make_old_file();
	store_close(open_store());
	assert_content(content_of(path), &migrated);
	assert_copy(&old);
	shell("[ \"$(ls %s/backup)\" = trawld.db.schema-1 ]", dir);
}

static void
test_without_a_copy_nothing_is_changed(void **state)
{
	struct content old;
	struct store *s;

	(void)state;
	make_old_file();
	old = content_of(path);
	shell("echo > %s/backup", dir);
	assert_true(store_open(path, &clock_system, NULL, &s, &why) < 0);
	assert_non_null(strstr(why.text, path));
	assert_non_null(strstr(why.text, "no copy of it could be made"));
	assert_non_null(strstr(why.text, "nothing was changed"));
	assert_content(content_of(path), &old);
	shell("rm %s/backup", dir);
	store_close(open_store());
}

static void
test_step_that_fails_leaves_the_old_schema(void **state)
{
	struct content old;
	struct store *s;
	sqlite3 *db;

	(void)state;
	make_old_file();
	db = raw_open(path, SQLITE_OPEN_READWRITE);
	raw_run(db, "CREATE TABLE provider_pauses (x)");	/* in the way of step 2 */
	(void)sqlite3_close(db);
	old = content_of(path);
	assert_true(store_open(path, &clock_system, NULL, &s, &why) < 0);
	assert_non_null(strstr(why.text, "from schema 1 to 2"));
	assert_content(content_of(path), &old);
}

/* ---- the outbox of an older file ---- */

/* The older trawld removed what was delivered: all that is there is to be delivered still. */
static void
test_events_of_an_older_file_are_pending(void **state)
{
	static const struct {
		const char *change;
		uint64_t count, cursor, next;
	} rows[] = {
		{ "", 6, 4, 11 },
		{ "DELETE FROM outbox WHERE seq < 9", 2, 8, 11 },
		{ "DELETE FROM outbox", 0, 10, 11 },
		{ "DELETE FROM outbox; DELETE FROM sqlite_sequence", 0, 0, 1 },	/* there never was one */
	};

	(void)state;
	for (unsigned i = 0; i < countof(rows); i++) {
		struct event fresh = { .type = EVENT_CRAWL_FAILED, .time_ms = 7 };
		struct msg_event_batch batch;
		uint64_t count, cursor;
		struct store *s;
		int64_t oldest;
		sqlite3 *db;

		shell("rm -rf %s/*", dir);
		make_old_file();
		db = raw_open(path, SQLITE_OPEN_READWRITE);
		raw_run(db, rows[i].change);
		(void)sqlite3_close(db);
		s = open_store();
		assert_int_equal(store_sink_cursor(s, SINK_FILE, &cursor, &why), 0);
		assert_int_equal(cursor, rows[i].cursor);
		assert_int_equal(store_events_pending(s, &count, &oldest, &why), 0);
		assert_int_equal(count, rows[i].count);
		assert_int_equal(store_events_after(s, cursor, EVENT_BATCH_MAX, &batch, &why), 0);
		assert_int_equal(batch.count, rows[i].count);
		assert_true(count == 0 || batch.events[0].event.seq == cursor + 1);
		assert_true(count == 0 || batch.events[0].event.time_ms == oldest);
		assert_int_equal(store_event_add(s, &fresh, "{}", 2, "{}", 2, &why), 0);
		assert_int_equal(fresh.seq, rows[i].next);
		store_close(s);
	}
}

/* ---- files that give nothing back ---- */

static void
test_file_is_rebuilt_when_there_is_room(void **state)
{
	struct content old, migrated;

	(void)state;
	know_both(&old, &migrated);
	assert_true(shrinks(path));
	shell("rm -rf %s/*", dir);
	make_old_file();
	assert_false(shrinks(path));
	room_bytes = 4 << 20;
	store_close(open_store());
	assert_content(content_of(path), &migrated);
	assert_false(shrinks(path));
	store_close(open_store());
	assert_false(shrinks(path));
	room_bytes = 0;
	store_close(open_store());
	assert_true(shrinks(path));
	assert_content(content_of(path), &migrated);
	/* What it was built in lay there without a name. */
	shell("[ \"$(echo $(ls %s))\" = 'backup trawld.db' ]", dir);
}

static void
tell(void *arg, const char *text)
{
	(void)snprintf(arg, 128, "%s", text);
}

static void
test_long_migration_is_told(void **state)
{
	char last[128] = "";
	const struct store_progress progress = { tell, last };
	struct store *s;

	(void)state;
	make_old_file();
	assert_int_equal(store_open(path, &clock_system, &progress, &s, &why), 0);
	assert_non_null(strstr(last, "job store"));
	store_close(s);
}

/* Looks from another process: one that closed the file here would drop the locks itself. */
static bool
is_locked(const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(name, O_RDWR | O_CLOEXEC);

		_exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

static void
count_locked(void *arg, const char *text)
{
	unsigned *steps = arg;
	char part[128];

	(void)snprintf(part, sizeof(part), "%s.part", backup);
	if (strncmp(text, "Copying", 7) != 0 || !exists(part))
		return;
	steps[0]++;
	steps[1] += is_locked(part);
}

static void
test_copy_stays_locked_while_it_is_synced(void **state)
{
	unsigned steps[2] = { 0, 0 };
	const struct store_progress progress = { count_locked, steps };
	struct store *s;
	sqlite3 *db;

	(void)state;
	make_old_file();
	db = raw_open(path, SQLITE_OPEN_READWRITE);
	/* More than is copied between two syncs. */
	raw_run(db, "CREATE TABLE ballast (x); INSERT INTO ballast VALUES (zeroblob(80000000))");
	(void)sqlite3_close(db);
	assert_int_equal(store_open(path, &clock_system, &progress, &s, &why), 0);
	store_close(s);
	assert_true(steps[0] > 17);
	assert_int_equal(steps[1], steps[0]);
}

/* Opens in a process that may not survive it. 0: opened, and the fault did not strike; 1: refused; 2: opened
 * all the same; -1: killed. */
static int
open_in_child(int mode, unsigned turn)
{
	struct store *s;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fault.turn = turn;
		fault.at_turn = mode;
		if (store_open(path, &clock_system, NULL, &s, &why) < 0)
			_exit(1);
		_exit(fault.calls < turn ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return -1;
	}
	return WEXITSTATUS(status);
}

static void
assert_old_or_new(const struct content *old, const struct content *migrated)
{
	struct content now = content_of(path);

	/* Each step is a transaction of its own: between two of them nothing is lost either. */
	if (now.version > old->version && now.version < migrated->version) {
		assert_true(now.rows == migrated->rows);
		return;
	}
	assert_content(now, now.version == 1 ? old : migrated);
	assert_true(now.version == 1 || exists(backup));
	if (exists(backup))
		assert_copy(old);
}

static void
try_each_call(int mode)
{
	struct content old, migrated;
	unsigned struck = 0;
	int result;

	know_both(&old, &migrated);
	for (unsigned turn = 1; turn < CALLS_MAX; turn++) {
		shell("rm -rf %s/*", dir);
		make_old_file();
		result = open_in_child(mode, turn);
		assert_old_or_new(&old, &migrated);
		struck += result != 0;
		store_close(open_store());
		assert_content(content_of(path), &migrated);
		assert_true(shrinks(path));
		assert_copy(&old);
		shell("[ \"$(ls %s/backup | head -n 1)\" = trawld.db.schema-1 ]", dir);
		if (result == 0)
			break;
	}
	assert_int_equal(result, 0);
	assert_true(struck >= 60);
}

static void
test_kill_at_each_step_leaves_the_old_schema_or_the_new_one(void **state)
{
	(void)state;
	try_each_call(KILL);
}

static void
test_failure_of_each_step_leaves_the_old_schema_or_the_new_one(void **state)
{
	(void)state;
	try_each_call(FAIL);
}

/* ---- newer files ---- */

static sqlite3 *
raise_version(void)
{
	sqlite3 *db = raw_open(path, SQLITE_OPEN_READWRITE);

	raw_run(db, "PRAGMA journal_mode = WAL; PRAGMA user_version = 99; CREATE TABLE newer (x); INSERT INTO newer "
	    "VALUES (1);");
	return db;
}

static void
test_newer_file_is_left_alone_with_its_log(void **state)
{
	struct store *s;
	pid_t pid;
	int status;

	(void)state;
	store_close(open_store());
	pid = fork();
	if (pid == 0) {
		(void)raise_version();
		_exit(0);	/* what it wrote is in the log still */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	shell("test -s %s-wal && cd %s && cksum trawld.db trawld.db-wal > sums", path, dir);
	assert_int_equal(store_open(path, &clock_system, NULL, &s, &why), -ENOTSUP);
	assert_non_null(strstr(why.text, "schema 99"));
	assert_null(strstr(why.text, "copy"));
	shell("cd %s && cksum trawld.db trawld.db-wal | cmp - sums", dir);
}

static void
test_newer_file_is_refused_with_the_copy_from_before(void **state)
{
	struct content old, migrated;
	struct store *s;

	(void)state;
	know_both(&old, &migrated);
	(void)sqlite3_close(raise_version());
	assert_int_equal(store_open(path, &clock_system, NULL, &s, &why), -ENOTSUP);
	assert_non_null(strstr(why.text, "install that trawld again"));
	assert_non_null(strstr(why.text, backup));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_migrated_file_has_the_schema_of_a_new_one),
		TEST(test_copy_is_one_file_of_its_owner_and_made_once),
		TEST(test_copy_in_the_stores_place_is_the_store_as_it_was),
		TEST(test_leftovers_of_an_earlier_attempt_are_replaced),
		TEST(test_without_a_copy_nothing_is_changed),
		TEST(test_step_that_fails_leaves_the_old_schema),
		TEST(test_events_of_an_older_file_are_pending),
		TEST(test_file_is_rebuilt_when_there_is_room),
		TEST(test_long_migration_is_told),
		TEST(test_copy_stays_locked_while_it_is_synced),
		TEST(test_kill_at_each_step_leaves_the_old_schema_or_the_new_one),
		TEST(test_failure_of_each_step_leaves_the_old_schema_or_the_new_one),
		TEST(test_newer_file_is_left_alone_with_its_log),
		TEST(test_newer_file_is_refused_with_the_copy_from_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
