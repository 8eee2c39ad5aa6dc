/*
 * test-keeper-backup.c - copies of the job store made while the keeper works: what is in them,
 * who gets them, and what is left of one that fails.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/store_sqlite.h"
#include "test-keeper-world.h"

#define MANY 4000	/* crawls: more pages than several steps copy */

static struct world w;

static int
setup(void **state)
{
	(void)state;
	world_new(&w);
	world_start(&w);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void
ask(void)
{
	struct msg_backup m = { .request = ++w.request, .request_id = "backup-1" };

	msg_backup_put(&w.front.out, &m);
	peer_send(w.front.peer, &w.front.out);
	for (int i = 0; i < 12; i++)
		(void)event_base_loop(w.base, EVLOOP_NONBLOCK);
}

static const struct msg_backup_answer *
wait_answers(unsigned count)
{
	for (int i = 0; i < 20000 && w.front.backups < count; i++) {
		(void)event_base_loop(w.base, EVLOOP_NONBLOCK);
		(void)usleep(200);
	}
	assert_int_equal(w.front.backups, count);
	return &w.front.backup;
}

static const struct msg_backup_answer *
back_up(void)
{
	unsigned before = w.front.backups;

	ask();
	return wait_answers(before + 1);
}

static void
create(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct msg_crawl_create m = a_request(&w);

		m.wait = false;
		(void)snprintf(m.body.url, sizeof(m.body.url), "https://www.facebook.com/%0*u", 200, i);
		msg_crawl_create_put(&w.front.out, &m);
		peer_send(w.front.peer, &w.front.out);
		if (i % 64 == 63) {
			world_run(&w);
			w.front.count = 0;
		}
	}
	world_run(&w);
	w.front.count = 0;
}

static int64_t
ask_copy(const char *path, const char *question)
{
	sqlite3 *db;
	int64_t answer = -1;
	struct why why;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite_ask(db, question, &answer, &why) < 0)
		fail_msg("%s", why.text);
	(void)sqlite3_close(db);
	return answer;
}

/* The files in backup/; the copy's own names only when whole. */
static unsigned
files(bool whole)
{
	const struct dirent *entry;
	char path[128];
	unsigned count = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/backup", w.dir);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.' && (!whole || strstr(entry->d_name, "Z.db") != NULL);
	if (dir != NULL)
		(void)closedir(dir);
	return count;
}

/* ---- what is in it ---- */

static void
test_copy_is_one_private_file_of_the_store(void **state)
{
	const struct msg_backup_answer *answer;
	char begin[128], header[20];
	struct stat st;
	FILE *file;

	(void)state;
	(void)crawl_in(&w, CRAWL_POLLING);
	(void)crawl_in(&w, CRAWL_DOWNLOADING);
	answer = back_up();
	assert_int_equal(answer->error, ERROR_NONE);
	assert_string_equal(answer->text, "");
	assert_int_equal(answer->crawls, 2);
	assert_int_equal(answer->time_ms, test_wall_ms);
	(void)snprintf(begin, sizeof(begin), "%s/backup/trawld-20241123T", w.dir);
	assert_memory_equal(answer->path, begin, strlen(begin));
	assert_int_equal(stat(answer->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, answer->size_bytes);
	assert_int_equal(files(false), 1);
	assert_int_equal(ask_copy(answer->path, "PRAGMA user_version"), store_schema_version());
	assert_int_equal(ask_copy(answer->path, "SELECT count(*) FROM requests"), 2);
	assert_non_null(file = fopen(answer->path, "re"));
	assert_int_equal(fread(header, 1, sizeof(header), file), sizeof(header));
	(void)fclose(file);
	assert_int_equal(header[18], 1);	/* it needs no log */
	assert_int_equal(header[19], 1);
}

static void
test_no_crawl_waits_for_its_trigger_in_it(void **state)
{
	const struct msg_backup_answer *answer;
	struct uuid waiting = crawl_in(&w, CRAWL_ACCEPTED);

	(void)state;
	create(700);	/* more than a step doubts */
	answer = back_up();
	assert_int_equal(answer->crawls, 701);
	assert_int_equal(ask_copy(answer->path, "SELECT count(*) FROM crawls WHERE state = 0"), 0);
	assert_int_equal(ask_copy(answer->path, "SELECT count(*) FROM crawls WHERE state = 2 AND lane = 4 AND "
	    "intent_ms IS NULL AND lease IS NULL AND note LIKE 'in a copy%'"), 701);
	assert_int_equal(crawl_of(&w, &waiting).state, CRAWL_ACCEPTED);
}

static void
test_what_is_changed_meanwhile_is_in_it(void **state)
{
	struct uuid early = crawl_in(&w, CRAWL_ACCEPTED);
	struct store_copied copied;
	struct store_copy *copy;
	unsigned steps = 0;
	struct why why;
	int result;

	(void)state;
	create(MANY);
	assert_int_equal(store_copy_begin(w.keeper->store, &copy, &why), 0);
	while ((result = store_copy_step(copy, test_wall_ms, &copied, &why)) > 0) {
		if (steps++ >= 4)
			continue;
		(void)crawl_in(&w, CRAWL_ACCEPTED);
		if (steps == 2)
			send_ref(&w, MSG_CRAWL_CANCEL, &early);
	}
	assert_int_equal(result, 0);
	store_copy_free(copy);
	assert_true(steps > 8);
	assert_int_equal(copied.crawls, 1 + MANY + 4);
	assert_int_equal(ask_copy(copied.path, "SELECT count(*) FROM crawls WHERE state = 9"), 1);
	assert_int_equal(ask_copy(copied.path, "SELECT count(*) FROM crawls WHERE state = 2"), MANY + 4);
	assert_int_equal(ask_copy(copied.path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
	    0);
}

static void
test_copy_in_the_stores_place_is_searched_before_it_is_triggered(void **state)
{
	struct uuid id = crawl_in(&w, CRAWL_ACCEPTED);
	char command[2 * BACKUP_PATH_SIZE];
	struct trigger_request request;
	struct job job;

	(void)state;
	assert_true(keeper_find(w.keeper, &id, &job));
	request = *keeper_request_of(w.keeper, &job);
	(void)snprintf(command, sizeof(command), "cp %s %s && rm -f %s-wal", back_up()->path, w.path, w.path);
	world_kill(&w);
	assert_int_equal(system(command), 0);
	test_pass(6 * 3600 * 1000);	/* long after: the job was made at any time since */
	world_start(&w);
	poller_say(&w, &w.poller, 4, 1);
	assert_int_equal(last_task(&w.poller)->kind, TASK_RECONCILE);
	assert_true(meet_job(&w, &w.poller, "sd_since", test_wall_ms - 1000, &request));
	answer_task(&w, TASK_RECONCILE, OUTCOME_OK, ERROR_NONE);
	assert_string_equal(crawl_of(&w, &id).snapshot_id, "sd_since");
	assert_int_equal(crawl_of(&w, &id).triggers, 0);
}

/* What was delivered before the copy was made is not delivered again; what was after it is, by positions that the
 * store never gave. */
static void
test_copy_keeps_the_cursor_and_gives_no_position_again(void **state)
{
	struct uuid early, late;
	char command[2 * BACKUP_PATH_SIZE];
	uint64_t delivered, last, cursor;
	struct why why;

	(void)state;
	(void)crawl_in(&w, CRAWL_POLLING);
	deliver(&w);
	delivered = w.publisher.batch_seq;
	early = crawl_in(&w, CRAWL_POLLING);
	(void)snprintf(command, sizeof(command), "cp %s %s && rm -f %s-wal", back_up()->path, w.path, w.path);
	deliver(&w);
	late = crawl_in(&w, CRAWL_POLLING);
	deliver(&w);
	last = w.publisher.batch_seq;
	assert_int_equal(last, delivered + 2);
	world_kill(&w);
	assert_int_equal(system(command), 0);
	w.start.doubtful = true;
	world_start(&w);
	assert_int_equal(store_sink_cursor(w.keeper->store, SINK_FILE, &cursor, &why), 0);
	assert_int_equal(cursor, delivered);
	assert_int_equal(w.publisher.batch_count, 1);
	assert_int_equal(w.publisher.batch_seq, delivered + 1);
	assert_int_equal(crawl_of(&w, &early).state, CRAWL_POLLING);
	send_read(&w, &late, false);
	assert_int_equal(last_answer(&w)->error, ERROR_NOT_FOUND);
	deliver(&w);
	poller_say(&w, &w.poller, 4, 1);
	(void)crawl_in(&w, CRAWL_POLLING);
	assert_int_equal(w.publisher.batch_count, 1);
	assert_true(w.publisher.batch_seq > last);
	deliver(&w);
}

/* The store as it was, taken for a copy: a retry may have made a job since. */
static void
test_crawl_that_failed_is_searched_for_when_it_is_retried(void **state)
{
	struct msg_crawl_create m = a_request(&w);

	(void)state;
	poller_say(&w, &w.poller, 8, 1);
	send_create(&w, &m);
	answer_task(&w, TASK_TRIGGER, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH);
	assert_int_equal(crawl_of(&w, &m.crawl_id).state, CRAWL_FAILED);
	for (int i = 0; i < 2; i++) {
		world_kill(&w);
		w.start.doubtful = i > 0;
		world_start(&w);
		assert_int_equal(crawl_of(&w, &m.crawl_id).triggers, i);
	}
	send_ref(&w, MSG_CRAWL_RETRY, &m.crawl_id);
	assert_int_equal(last_answer(&w)->error, ERROR_NONE);
	assert_int_equal(crawl_of(&w, &m.crawl_id).state, CRAWL_RECONCILING);
}

/* ---- who gets it ---- */

static void
test_who_asks_meanwhile_gets_the_same(void **state)
{
	(void)state;
	create(MANY);
	ask();
	ask();
	assert_int_equal(wait_answers(2)->error, ERROR_NONE);
	assert_int_equal(files(false), 1);
}

static void
test_it_goes_on_when_nobody_waits(void **state)
{
	struct msg_forget forget;

	(void)state;
	create(MANY);
	ask();
	forget.request = w.request;
	msg_forget_put(&w.front.out, &forget);
	peer_send(w.front.peer, &w.front.out);
	world_run(&w);
	ask();
	far_close(&w.front);
	for (int i = 0; i < 20000 && files(true) == 0; i++) {
		(void)event_base_loop(w.base, EVLOOP_NONBLOCK);
		(void)usleep(200);
	}
	assert_int_equal(files(true), 1);
	assert_int_equal(w.front.backups, 0);
}

static void
test_the_newest_stay(void **state)
{
	char first[BACKUP_PATH_SIZE], other[256];

	(void)state;
	(void)snprintf(other, sizeof(other), "mkdir %s/backup && touch %s/backup/trawld.db.schema-1", w.dir, w.dir);
	assert_int_equal(system(other), 0);
	(void)str_copy(first, sizeof(first), back_up()->path);
	(void)back_up();		/* in the same second */
	test_pass(-3600 * 1000);	/* its name is older than theirs */
	(void)back_up();
	assert_int_equal(access(first, F_OK), 0);
	assert_int_equal(files(true), 3);
	(void)back_up();
	assert_int_equal(access(w.front.backup.path, F_OK), 0);
	assert_int_equal(access(first, F_OK), -1);
	assert_int_equal(files(true), 3);
	assert_int_equal(files(false), 4);
}

/* ---- those that fail ---- */

static void
test_keeper_that_ends_leaves_nothing_that_stays(void **state)
{
	char part[128];
	FILE *file;

	(void)state;
	create(MANY);
	ask();
	world_kill(&w);
	assert_int_equal(files(false), 0);
	(void)snprintf(part, sizeof(part), "%s/backup/trawld-copy.part", w.dir);
	assert_non_null(file = fopen(part, "we"));	/* kill -9 */
	(void)fclose(file);
	world_start(&w);
	assert_int_equal(files(false), 0);
	assert_int_equal(back_up()->error, ERROR_NONE);
}

static void
test_copy_that_fails_is_told_and_leaves_nothing(void **state)
{
	struct rlimit limit = { 256 << 10, RLIM_INFINITY }, before;
	struct uuid id;

	(void)state;
	create(MANY);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)back_up();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(w.front.backup.error, ERROR_STORAGE_ERROR);
	assert_true(w.front.backup.text[0] != '\0');
	assert_string_equal(w.front.backup.path, "");
	assert_int_equal(files(false), 0);
	id = crawl_in(&w, CRAWL_ACCEPTED);	/* the store goes on */
	assert_int_equal(crawl_of(&w, &id).state, CRAWL_ACCEPTED);
	assert_int_equal(back_up()->crawls, MANY + 1);
}

static void
test_copy_that_cannot_begin_is_refused(void **state)
{
	char path[128];
	FILE *file;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/backup", w.dir);
	assert_non_null(file = fopen(path, "we"));
	(void)fclose(file);
	assert_int_equal(back_up()->error, ERROR_STORAGE_ERROR);
	assert_non_null(strstr(w.front.backup.text, "backup"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(back_up()->error, ERROR_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_copy_is_one_private_file_of_the_store),
		TEST(test_no_crawl_waits_for_its_trigger_in_it),
		TEST(test_what_is_changed_meanwhile_is_in_it),
		TEST(test_copy_in_the_stores_place_is_searched_before_it_is_triggered),
		TEST(test_copy_keeps_the_cursor_and_gives_no_position_again),
		TEST(test_crawl_that_failed_is_searched_for_when_it_is_retried),
		TEST(test_who_asks_meanwhile_gets_the_same),
		TEST(test_it_goes_on_when_nobody_waits),
		TEST(test_the_newest_stay),
		TEST(test_keeper_that_ends_leaves_nothing_that_stays),
		TEST(test_copy_that_fails_is_told_and_leaves_nothing),
		TEST(test_copy_that_cannot_begin_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
