/*
 * test-keeper-disk.c - a disk that fills up, a store that cannot be written, and what goes
 * on all the same. Writes fail for real: by the limit of a file's size.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "test-keeper-world.h"

static struct fs_room room;

static int
fake_room(int dirfd, struct fs_room *ret)
{
	(void)dirfd;
	*ret = room;
	return 0;
}

#define MIB (UINT64_C(1) << 20)

static void
set_free(struct world *w, uint64_t mib)
{
	room.free = mib * MIB;
	keeper_disk_look(w->keeper);
	world_run(w);
}

static int
setup(void **state)
{
	struct world *w = xmalloc(sizeof(*w));

	(void)signal(SIGXFSZ, SIG_IGN);
	world_new(w);
	world_start(w);
	room = (struct fs_room){ 1000 * MIB, 8000 * MIB, 64 * MIB };
	w->keeper->room = fake_room;
	poller_say(w, &w->poller, 8, 1);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	world_end(*state);
	free(*state);
	return 0;
}

/* ---- little room ---- */

static void
test_without_room_nothing_is_begun_and_the_rest_goes_on(void **state)
{
	struct world *w = *state;
	struct uuid polling = crawl_in(w, CRAWL_POLLING), ready = crawl_in(w, CRAWL_READY);
	struct msg_task poll = w->poller.tasks[2];	/* after two triggers */
	struct msg_crawl_create m = a_request(w);

	assert_int_equal(memcmp(&poll.crawl.id, &polling, sizeof(polling)), 0);
	poller_say(w, &w->poller, 8, 0);
	set_free(w, 63);
	w->poller.count = 0;
	poller_say(w, &w->poller, 8, 1);
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_DISK_FULL);
	assert_int_equal(w->poller.count, 0);		/* no download */
	send_read(w, &ready, false);
	assert_non_null(strstr(last_answer(w)->view.waiting_for, "too little room"));
	report(w, &w->poller, &poll, verdict(&poll, OUTCOME_WAIT, ERROR_NONE));
	world_pass(w, 65000);
	assert_int_equal(last_task(&w->poller)->kind, TASK_POLL);
	assert_int_equal(crawl_of(w, &polling).state, CRAWL_POLLING);
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "the disk is full"));
	set_free(w, 70);				/* not yet: it must be a little more */
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_DISK_FULL);
	w->poller.count = 0;
	set_free(w, 100);
	assert_int_equal(last_task(&w->poller)->kind, TASK_DOWNLOAD);
	send_create(w, &m);
	assert_int_equal(last_task(&w->poller)->kind, TASK_TRIGGER);
}

static void
test_accepted_crawls_wait_for_room_without_being_triggered(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_ACCEPTED);

	set_free(w, 10);
	w->poller.count = 0;
	poller_say(w, &w->poller, 8, 1);
	world_pass(w, 3600 * 1000);
	assert_int_equal(w->poller.count, 0);
	set_free(w, 1000);
	assert_int_equal(last_task(&w->poller)->kind, TASK_TRIGGER);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_TRIGGERING);
}

static void
test_download_that_does_not_fit_holds_all_downloads_for_a_while(void **state)
{
	struct world *w = *state;
	struct uuid big = crawl_in(w, CRAWL_DOWNLOADING), other;
	unsigned tries = 0;

	answer_task(w, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_DISK_FULL);
	poller_say(w, &w->poller, 8, 0);
	other = crawl_in(w, CRAWL_READY);		/* that takes a minute */
	poller_say(w, &w->poller, 8, 1);
	answer_task(w, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_DISK_FULL);
	w->poller.count = 0;
	poller_say(w, &w->poller, 8, 1);
	assert_int_equal(w->poller.count, 0);
	for (int second = 0; second < 600; second++) {
		world_pass(w, 1000);
		if (w->poller.count == 0)
			continue;
		tries++;
		answer_task(w, TASK_DOWNLOAD, OUTCOME_RETRY, ERROR_DISK_FULL);
		w->poller.count = 0;
	}
	assert_in_range(tries, 8, 20);
	assert_int_equal(crawl_of(w, &big).state, CRAWL_DOWNLOADING);
	assert_true(crawl_of(w, &other).state == CRAWL_DOWNLOADING || crawl_of(w, &other).state == CRAWL_READY);
}

static void
test_the_store_keeps_a_reserve_and_gives_it_up(void **state)
{
	struct world *w = *state;
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/trawld.reserve", w->dir);
	set_free(w, 1000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 8 * MIB);
	set_free(w, 20);
	assert_int_equal(stat(path, &st), 0);
	set_free(w, 10);
	assert_int_equal(stat(path, &st), -1);
	set_free(w, 1000);
	set_free(w, 1000);
	assert_int_equal(stat(path, &st), 0);
}

/* ---- read-only ---- */

static bool is_read_only, sync_is_broken;

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	errno = EROFS;
	return is_read_only ? -1 : syscall(SYS_pwrite64, fd, p, len, at);
}

int
fdatasync(int fd)
{
	errno = EIO;
	return sync_is_broken ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
openat(int at, const char *name, int flags, ...)
{
	errno = EROFS;
	return is_read_only || (sync_is_broken && (flags & O_TMPFILE) == O_TMPFILE) ? -1 :
	    (int)syscall(SYS_openat, at, name, flags, 0600);
}

static void
expect_read_only(struct world *w, const struct uuid *there)
{
	struct msg_crawl_create m = a_request(w);
	const struct msg_crawl_answer *answer;

	assert_true(w->keeper->suspended);
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_DISK_READ_ONLY);
	send_ref(w, MSG_CRAWL_CANCEL, there);
	assert_int_equal(last_answer(w)->error, ERROR_DISK_READ_ONLY);
	send_read(w, there, false);
	answer = last_answer(w);
	assert_int_equal(answer->error, ERROR_NONE);
	assert_int_equal(answer->view.crawl.state, CRAWL_POLLING);
	keeper_status_tell(w->keeper);
	assert_non_null(strstr(w->status, "; the disk is read-only"));
	keeper_try_resume(w->keeper);
	assert_true(w->keeper->suspended);
}

static void
test_read_only_disk_is_named_and_goes_on_when_it_is_mounted_for_writing(void **state)
{
	struct world *w = *state;
	struct uuid polling = crawl_in(w, CRAWL_POLLING);
	struct msg_crawl_create m = a_request(w);

	is_read_only = true;
	send_create(w, &m);
	expect_read_only(w, &polling);
	is_read_only = false;
	keeper_try_resume(w->keeper);
	world_run(w);
	assert_false(w->keeper->suspended);
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(crawl_of(w, &m.crawl_id).state, CRAWL_TRIGGERING);
}

/* The commit that is under way in that moment hears of a broken disk. */
static void
test_commit_that_fails_in_its_sync_is_written_over_later(void **state)
{
	struct world *w = *state;
	struct uuid polling = crawl_in(w, CRAWL_POLLING);
	struct msg_crawl_create lost = a_request(w), m;

	sync_is_broken = true;
	send_create(w, &lost);
	expect_read_only(w, &polling);
	sync_is_broken = false;
	keeper_try_resume(w->keeper);
	world_run(w);
	send_read(w, &lost.crawl_id, false);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
	m = a_request(w);
	send_create(w, &m);
	world_kill(w);
	world_start(w);					/* from what is on disk */
	send_read(w, &lost.crawl_id, false);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
	send_read(w, &m.crawl_id, false);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
}

/* ---- no room at all ---- */

/* Nothing can be appended to any file any more. */
static void
no_writes_beyond(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
no_writes(bool none)
{
	no_writes_beyond(none ? 1 : RLIM_INFINITY);
}

static void
test_store_that_cannot_be_written_is_read_and_goes_on_by_itself(void **state)
{
	struct world *w = *state;
	struct uuid done = crawl_in(w, CRAWL_STORING), polling;
	struct msg_crawl_create m;

	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);
	polling = crawl_in(w, CRAWL_POLLING);
	m = a_request(w);
	w->front.count = w->poller.count = 0;
	no_writes(true);
	send_create(w, &m);
	assert_int_equal(w->front.count, 0);		/* nothing of that turn has happened, and nothing was said */
	assert_int_equal(w->front.again, 1);		/* but that who waits for an answer is to ask again */
	assert_int_equal(w->poller.count, 0);
	assert_true(w->keeper->suspended);
	send_read(w, &m.crawl_id, false);
	assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
	send_read(w, &done, false);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_COMPLETED);
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_DISK_FULL);
	send_ref(w, MSG_CRAWL_CANCEL, &polling);
	assert_int_equal(last_answer(w)->error, ERROR_DISK_FULL);
	keeper_try_resume(w->keeper);
	assert_true(w->keeper->suspended);
	no_writes(false);
	keeper_try_resume(w->keeper);
	world_run(w);
	assert_false(w->keeper->suspended);
	send_create(w, &m);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_int_equal(crawl_of(w, &m.crawl_id).state, CRAWL_TRIGGERING);
	world_pass(w, 33000);
	assert_int_equal(last_task(&w->poller)->kind, TASK_POLL);
	assert_int_equal(w->keeper->live, 2);
	assert_int_equal(w->keeper->counts[CRAWL_POLLING], 1);
}

static void
test_trigger_answered_while_nothing_can_be_written_is_not_lost(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_TRIGGERING);
	struct msg_task task = *last_task(&w->poller);
	unsigned kept = w->poller.kept;

	no_writes(true);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_true(w->keeper->suspended);
	assert_int_equal(w->poller.kept, kept);		/* not acknowledged: the poller has it still */
	assert_int_equal(crawl_of(w, &id).state, CRAWL_TRIGGERING);
	no_writes(false);
	keeper_try_resume(w->keeper);
	world_run(w);
	assert_int_equal(w->poller.again, 1);		/* it is asked to tell again, and does */
	assert_int_equal(crawl_of(w, &id).state, CRAWL_RECONCILING);
	report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_int_equal(crawl_of(w, &id).state, CRAWL_POLLING);
	assert_int_equal(w->poller.kept, kept + 1);
	assert_int_equal(w->keeper->live, 1);
}

static void
test_events_under_way_are_acknowledged_when_it_can_be_written_again(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create m;
	struct msg_event_ack ack;

	(void)crawl_in(w, CRAWL_POLLING);
	assert_int_equal(w->publisher.batches, 1);
	ack.seq = w->publisher.batch_seq;
	m = a_request(w);
	no_writes(true);
	send_create(w, &m);
	assert_true(w->keeper->suspended);
	msg_event_ack_put(&w->publisher.out, &ack);
	peer_send(w->publisher.peer, &w->publisher.out);
	world_run(w);
	no_writes(false);
	keeper_try_resume(w->keeper);
	world_run(w);
	assert_int_equal(w->publisher.batches, 1);	/* nothing is given again beside it */
	assert_int_equal(w->publisher.again, 1);
	assert_non_null(w->publisher.peer);
	(void)crawl_in(w, CRAWL_POLLING);
	assert_int_equal(w->publisher.batches, 2);
	assert_int_equal(w->publisher.batch_count, 1);	/* what was acknowledged is forgotten */
}

static void
test_keeper_that_starts_without_room_reads_until_there_is(void **state)
{
	struct world *w = *state;
	struct uuid id = crawl_in(w, CRAWL_POLLING);

	world_kill(w);
	no_writes(true);
	world_start(w);
	assert_true(w->keeper->suspended);
	send_read(w, &id, false);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_POLLING);
	no_writes(false);
	keeper_try_resume(w->keeper);
	world_run(w);
	poller_say(w, &w->poller, 8, 1);
	world_pass(w, 33000);
	assert_int_equal(last_task(&w->poller)->kind, TASK_POLL);
}

/* Wherever the room ends: each crawl that waited for its trigger is searched for, and no position of an event is
 * given again. */
static void
test_a_doubt_that_finds_no_room_is_not_forgotten(void **state)
{
	struct world *w = *state;
	struct uuid ids[40];
	struct event event = { .time_ms = 1 };
	unsigned suspended = 0, begun = 0;
	char command[256];
	uint64_t before;
	struct why why;

	(void)crawl_in(w, CRAWL_POLLING);
	before = w->publisher.batch_seq;
	for (unsigned i = 0; i < countof(ids); i++)
		ids[i] = crawl_in(w, CRAWL_ACCEPTED);
	world_kill(w);
	(void)snprintf(command, sizeof(command), "cp %s %s.kept", w->path, w->path);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "cp %s.kept %s", w->path, w->path);
	for (unsigned frames = 0; frames < 40; frames++) {
		assert_int_equal(system(command), 0);
		w->start.doubtful = true;
		no_writes_beyond(32 + frames * (4096 + 24));	/* of the log */
		world_start(w);
		suspended += w->keeper->suspended;
		begun += w->keeper->suspended && w->keeper->begun;
		assert_int_equal(w->keeper->start.doubtful, w->keeper->suspended);
		no_writes(false);
		if (w->keeper->suspended)
			keeper_try_resume(w->keeper);
		world_run(w);
		assert_false(w->keeper->start.doubtful);
		for (unsigned i = 0; i < countof(ids); i++)
			assert_int_equal(crawl_of(w, &ids[i]).state, CRAWL_RECONCILING);
		assert_int_equal(store_event_add(w->keeper->store, &event, "{}", 2, "{}", 2, &why), 0);
		assert_true(event.seq > before + UINT32_MAX);
		world_kill(w);
	}
	world_start(w);
	assert_true(suspended > begun && begun > 0 && suspended < 40);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_without_room_nothing_is_begun_and_the_rest_goes_on),
		TEST(test_accepted_crawls_wait_for_room_without_being_triggered),
		TEST(test_download_that_does_not_fit_holds_all_downloads_for_a_while),
		TEST(test_the_store_keeps_a_reserve_and_gives_it_up),
		TEST(test_read_only_disk_is_named_and_goes_on_when_it_is_mounted_for_writing),
		TEST(test_commit_that_fails_in_its_sync_is_written_over_later),
		TEST(test_store_that_cannot_be_written_is_read_and_goes_on_by_itself),
		TEST(test_trigger_answered_while_nothing_can_be_written_is_not_lost),
		TEST(test_events_under_way_are_acknowledged_when_it_can_be_written_again),
		TEST(test_keeper_that_starts_without_room_reads_until_there_is),
		TEST(test_a_doubt_that_finds_no_room_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
