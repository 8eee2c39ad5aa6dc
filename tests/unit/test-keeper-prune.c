/*
 * test-keeper-prune.c - what is over goes, when its time has come and not before: crawls,
 * events, files of the spool, quarantine, objects. Steps are made by hand here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "test-keeper-world.h"

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	static const char *const parts[] = { "spool", "quarantine", "objects" };
	char path[128];

	world_new(w);
	for (unsigned i = 0; i < countof(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", w->dir, parts[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	w->conf.event_publishing_enabled = false;
	world_start(w);
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

/* Steps until nothing is left to do; how many there were. */
static unsigned
prune(struct world *w)
{
	unsigned steps = 1;

	while (keeper_prune_step(w->keeper))
		if (++steps > 10000)
			fail_msg("there is no end of it");
	world_run(w);
	return steps;
}

static struct uuid
canceled(struct world *w, const char *key)
{
	struct msg_crawl_create m = a_request(w);

	(void)str_copy(m.idempotency_key, sizeof(m.idempotency_key), key);
	poller_say(w, &w->poller, 0, 0);
	send_create(w, &m);
	send_ref(w, MSG_CRAWL_CANCEL, &m.crawl_id);
	assert_int_equal(crawl_of(w, &m.crawl_id).state, CRAWL_CANCELED);
	w->front.count = 0;
	return m.crawl_id;
}

static struct uuid
completed(struct world *w)
{
	struct uuid id = crawl_in(w, CRAWL_STORING);

	answer_task(w, TASK_STORE, OUTCOME_OK, ERROR_NONE);
	assert_int_equal(crawl_of(w, &id).state, CRAWL_COMPLETED);
	w->front.count = w->poller.count = 0;
	return id;
}

static bool
is_known(struct world *w, const struct uuid *id)
{
	struct msg_crawl_answer *a;

	w->front.count = 0;
	send_read(w, id, false);
	a = last_answer(w);
	assert_true(a->error == ERROR_NONE || a->error == ERROR_NOT_FOUND);
	assert_int_equal(a->error == ERROR_NONE, a->has_view);
	return a->error == ERROR_NONE;
}

/* ---- crawls ---- */

static void
test_crawls_go_when_they_ended_long_ago(void **state)
{
	struct world *w = *state;
	struct uuid old = canceled(w, ""), done = completed(w), live = crawl_in(w, CRAWL_POLLING), young;

	world_pass(w, 90 * DAY - 2 * HOUR);
	(void)prune(w);
	assert_true(is_known(w, &old) && is_known(w, &done));
	young = canceled(w, "");
	world_pass(w, 4 * HOUR);
	(void)prune(w);
	assert_false(is_known(w, &old));
	assert_false(is_known(w, &done));
	assert_true(is_known(w, &young));
	assert_int_equal(crawl_of(w, &live).state, CRAWL_POLLING);
	world_kill(w);
	world_start(w);
	assert_false(is_known(w, &old));
	assert_true(is_known(w, &young));
}

static void
test_crawls_are_kept_for_ever_if_wanted(void **state)
{
	struct world *w = *state;
	struct uuid old = canceled(w, "");

	w->conf.crawls_keep_ms = 0;
	world_pass(w, 10000 * DAY);
	(void)prune(w);
	assert_true(is_known(w, &old));
}

static void
test_a_step_is_small_and_many_come_to_the_end(void **state)
{
	struct world *w = *state;
	struct uuid ids[5 * KEEPER_BATCH];

	for (unsigned i = 0; i < countof(ids); i++)
		ids[i] = canceled(w, "");
	world_pass(w, 91 * DAY);
	for (unsigned step = 1; keeper_prune_step(w->keeper); step++) {
		unsigned known = 0;
		struct job job;

		for (unsigned i = 0; i < countof(ids); i++)
			known += keeper_find(w->keeper, &ids[i], &job);
		/* The clock stands still here: each work had its turn twice. */
		assert_true(known + step * 2 * KEEPER_BATCH >= countof(ids));
	}
	(void)prune(w);
	for (unsigned i = 0; i < countof(ids); i++)
		assert_false(is_known(w, &ids[i]));
}

/* Else the same request would be paid for again in a time in which that was ruled out. */
static void
test_a_key_holds_its_crawl(void **state)
{
	struct world *w = *state;
	struct msg_crawl_create again = a_request(w);
	struct uuid keyed = canceled(w, "key-1"), plain = canceled(w, ""), id;
	struct why why;

	w->conf.crawls_keep_ms = HOUR;
	world_pass(w, 2 * HOUR);
	(void)prune(w);
	assert_true(is_known(w, &keyed));
	assert_false(is_known(w, &plain));
	world_pass(w, w->conf.idempotency_keep_ms);
	(void)prune(w);		/* this pass was behind it already; */
	(void)prune(w);		/* the next begins anew */
	assert_false(is_known(w, &keyed));
	assert_int_equal(store_idempotency_find(w->keeper->store, "key-1", &id, &why), -ENOENT);
	/* It can be used again. */
	(void)strcpy(again.idempotency_key, "key-1");
	again.wait = false;
	send_create(w, &again);
	assert_int_equal(last_answer(w)->error, ERROR_NONE);
	assert_false(last_answer(w)->existed);
}

static void
test_events_that_wait_hold_their_crawls(void **state)
{
	struct world *w = *state;
	struct uuid before = canceled(w, ""), id;

	world_pass(w, 10 * SECOND);
	w->conf.event_publishing_enabled = true;
	id = completed(w);
	assert_true(w->publisher.batch_count > 0);
	world_pass(w, 91 * DAY);
	(void)prune(w);
	assert_false(is_known(w, &before));
	assert_true(is_known(w, &id));
	deliver(w);
	(void)prune(w);
	assert_false(is_known(w, &id));
}

/* ---- events ---- */

static unsigned
events_in_store(struct world *w)
{
	struct msg_event_batch batch;
	unsigned count = 0;
	uint64_t seq = 0;
	struct why why;

	do {
		assert_int_equal(store_events_after(w->keeper->store, seq, EVENT_BATCH_MAX, &batch, &why), 0);
		count += batch.count;
		if (batch.count > 0)
			seq = batch.events[batch.count - 1].event.seq;
	} while (batch.count > 0);
	return count;
}

static uint64_t
events_pending(struct world *w)
{
	uint64_t count;
	int64_t oldest;
	struct why why;

	assert_int_equal(store_events_pending(w->keeper->store, &count, &oldest, &why), 0);
	return count;
}

static void
test_events_go_when_they_were_delivered_and_are_old(void **state)
{
	struct world *w = *state;
	struct uuid id;
	unsigned batches;

	w->conf.event_publishing_enabled = true;
	id = completed(w);
	assert_int_equal(events_pending(w), 2);
	deliver(w);
	assert_int_equal(events_pending(w), 0);
	assert_int_equal(events_in_store(w), 2);
	world_pass(w, 7 * DAY - HOUR);
	(void)completed(w);
	deliver(w);
	(void)prune(w);
	assert_int_equal(events_in_store(w), 4);
	world_pass(w, 2 * HOUR);
	(void)prune(w);
	assert_int_equal(events_in_store(w), 2);
	assert_true(is_known(w, &id));
	w->conf.events_keep_ms = 0;
	world_pass(w, 400 * DAY);
	(void)prune(w);
	assert_int_equal(events_in_store(w), 2);
	batches = w->publisher.batches;
	world_kill(w);
	world_start(w);
	assert_int_equal(events_in_store(w), 2);
	assert_int_equal(w->publisher.batches, batches);	/* they are not delivered again */
	w->conf.events_keep_ms = DAY;
	(void)prune(w);
	assert_int_equal(events_in_store(w), 0);
}

/* However old: its sink could not write, or the keeper was lost before it knew. */
static void
test_an_event_that_was_not_delivered_stays(void **state)
{
	struct world *w = *state;

	w->conf.event_publishing_enabled = true;
	(void)completed(w);
	deliver(w);
	(void)completed(w);
	assert_int_equal(events_pending(w), 2);
	world_pass(w, 80 * DAY);
	(void)prune(w);
	assert_int_equal(events_in_store(w), 2);
	world_kill(w);
	world_start(w);
	(void)prune(w);
	assert_int_equal(events_in_store(w), 2);
	deliver(w);
	(void)prune(w);
	assert_int_equal(events_in_store(w), 0);
}

/* It says all that there is to say of its crawl. */
static void
test_a_delivered_event_neither_holds_its_crawl_nor_goes_with_it(void **state)
{
	struct world *w = *state;
	struct uuid id;

	w->conf.event_publishing_enabled = true;
	w->conf.crawls_keep_ms = HOUR;
	id = completed(w);
	deliver(w);
	world_pass(w, DAY);
	(void)prune(w);
	assert_false(is_known(w, &id));
	assert_int_equal(events_in_store(w), 2);
}

static void
test_many_events_take_more_than_one_step(void **state)
{
	struct world *w = *state;
	unsigned left = 5000, before, steps = 0;
	bool more = true;
	struct why why;

	for (unsigned i = 0; i < left; i++) {
		struct event e = { .time_ms = keeper_now(w->keeper) };

		assert_int_equal(store_event_add(w->keeper->store, &e, "{}", 2, "{}", 2, &why), 0);
		assert_int_equal(store_sink_move(w->keeper->store, SINK_FILE, e.seq, &why), 0);
	}
	world_pass(w, 8 * DAY);
	for (; more; steps++) {
		before = left;
		more = keeper_prune_step(w->keeper);
		left = events_in_store(w);
		assert_true(before - left <= 512);
	}
	assert_int_equal(left, 0);
	assert_true(steps >= 5000 / 512);
}

static void
test_a_clock_that_runs_ahead_costs_nothing(void **state)
{
	struct world *w = *state;
	struct uuid id = canceled(w, "");

	keeper_clock_note_provider(w->keeper, keeper_now(w->keeper));
	world_pass(w, 400 * DAY);
	keeper_clock_note_provider(w->keeper, keeper_now(w->keeper) - 399 * DAY);
	(void)prune(w);
	assert_true(is_known(w, &id));
	keeper_clock_note_provider(w->keeper, keeper_now(w->keeper));
	(void)prune(w);
	assert_false(is_known(w, &id));
}

/* Whatever is still said of it. */
static void
test_what_comes_late_for_a_crawl_that_is_gone_does_no_harm(void **state)
{
	static const enum msg_type asked[] = { MSG_CRAWL_FETCH, MSG_CRAWL_CANCEL, MSG_CRAWL_RETRY };
	struct world *w = *state;
	struct uuid id = canceled(w, "");
	struct msg_trigger_done late = { .verdict = { .lease = 7, .crawl_id = id, .http_status = 200 },
		.snapshot_id = "sd_late" };
	struct msg_trigger_ref open = { 7, id };
	struct msg_task task = { .lease = 7, .crawl.id = id };

	world_pass(w, 91 * DAY);
	(void)prune(w);
	assert_false(is_known(w, &id));
	msg_trigger_done_put(&w->poller.out, &late);
	peer_send(w->poller.peer, &w->poller.out);
	world_run(w);
	assert_int_equal(w->poller.kept, 1);
	msg_trigger_ref_put(&w->poller.out, MSG_TRIGGER_OPEN, &open);
	peer_send(w->poller.peer, &w->poller.out);
	for (task.kind = TASK_POLL; task.kind < TASK_KIND_COUNT; task.kind++)
		if (task.kind != TASK_RECONCILE)
			report(w, &w->poller, &task, verdict(&task, OUTCOME_OK, ERROR_NONE));
	assert_non_null(w->poller.peer);
	for (unsigned i = 0; i < countof(asked); i++) {
		send_ref(w, asked[i], &id);
		assert_int_equal(last_answer(w)->error, ERROR_NOT_FOUND);
	}
}

/* What is left over from the deletions goes back to the file system. */
static void
test_the_store_becomes_smaller(void **state)
{
	struct world *w = *state;
	struct crawl c = { .state = CRAWL_CANCELED, .version = 1, .created_ms = 1, .provider_records = UINT64_MAX };
	struct event e = { .time_ms = keeper_now(w->keeper) };
	const struct trigger_request request = a_request(w).body;
	int64_t before, all, unused;
	char body[1000];
	struct why why;

	memset(body, ' ', sizeof(body));

	for (unsigned i = 0; i < 30000; i++) {
		c.id = uuid_make(&w->ids, &test_clock);
		c.finished_ms = keeper_now(w->keeper);
		assert_int_equal(store_crawl_add(w->keeper->store, &c, &request, "", &why), 0);
		assert_int_equal(store_event_add(w->keeper->store, &e, "{}", 2, body, sizeof(body), &why), 0);
	}
	assert_int_equal(store_sink_move(w->keeper->store, SINK_FILE, e.seq, &why), 0);
	keeper_turn(w->keeper);
	assert_int_equal(store_pages(w->keeper->store, &before, &unused, &why), 0);
	world_pass(w, 91 * DAY);
	(void)prune(w);
	assert_int_equal(store_pages(w->keeper->store, &all, &unused, &why), 0);
	assert_true(before > 10000);
	assert_true(all < 3000);
	assert_true(unused <= 256);
}

/* ---- files ---- */

static void
put_file(struct world *w, const char *folder, const char *name)
{
	scoped_fd dir = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[1200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	*strrchr(path, '/') = '\0';
	assert_int_equal(fs_make_dirs(dir, path, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
}

static bool
has_file(struct world *w, const char *folder, const char *name)
{
	char path[1200];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", w->dir, folder, name);
	return lstat(path, &st) == 0;
}

static void
link_file(struct world *w, const char *to, const char *folder, const char *name)
{
	char path[1200];

	(void)snprintf(path, sizeof(path), "%s/%s/%s", w->dir, folder, name);
	assert_int_equal(symlink(to, path), 0);
}

static void
test_the_spool_holds_what_live_crawls_need(void **state)
{
	struct world *w = *state;
	static const struct uuid nobody = { { 1, 2, 3 } };
	struct uuid ended = canceled(w, ""), live = crawl_in(w, CRAWL_DOWNLOADING);
	uint64_t lease = last_task(&w->poller)->lease;
	struct {
		char name[SPOOL_NAME_SIZE];
		bool stays;
	} rows[] = {
		{ "", true }, { "", true }, { "", false }, { "", false }, { "", false }, { "", false }, { "", false },
		{ "notes.txt", true }, { "trawld.part", true }, { ".hidden", true },
	};

	(void)spool_name(rows[0].name, &live, 0);
	(void)spool_name(rows[1].name, &live, lease);
	(void)spool_name(rows[2].name, &live, lease - 1);	/* of a former life */
	(void)spool_name(rows[3].name, &ended, 0);
	(void)spool_name(rows[4].name, &ended, lease);		/* that lease is another's */
	(void)spool_name(rows[5].name, &nobody, 0);
	(void)snprintf(rows[6].name, SPOOL_NAME_SIZE, "%.36s.part", rows[0].name);	/* as trawld 0.2 named them */
	for (unsigned i = 0; i < countof(rows); i++)
		put_file(w, "spool", rows[i].name);
	(void)prune(w);
	for (unsigned i = 0; i < countof(rows); i++)
		if (has_file(w, "spool", rows[i].name) != rows[i].stays)
			fail_msg("%s", rows[i].name);
	/* Once a day. */
	put_file(w, "spool", rows[3].name);
	world_pass(w, DAY / 2);
	(void)prune(w);
	assert_true(has_file(w, "spool", rows[3].name));
	world_pass(w, DAY / 2);
	(void)prune(w);
	assert_false(has_file(w, "spool", rows[3].name));
	/* And after each start. */
	put_file(w, "spool", rows[3].name);
	world_kill(w);
	world_start(w);
	(void)prune(w);
	assert_false(has_file(w, "spool", rows[3].name));
	assert_false(has_file(w, "spool", rows[1].name));	/* the poller was lost */
	assert_true(has_file(w, "spool", rows[0].name));
}

static void
test_many_names_take_more_than_one_step(void **state)
{
	struct world *w = *state;
	char name[SPOOL_NAME_SIZE];
	unsigned left = 0;

	for (unsigned i = 0; i < 500; i++) {
		struct uuid id = uuid_make(&w->ids, &test_clock);

		put_file(w, "spool", spool_name(name, &id, i));
	}
	assert_true(prune(w) >= 500 / 64 / 2);
	for (unsigned i = 0; i < 500; i++)
		left += has_file(w, "spool", name);
	assert_int_equal(left, 0);
}

/* So that nothing comes of what its poller, if it is not dead, still writes. */
static void
test_the_file_of_a_lost_lease_goes_at_once(void **state)
{
	struct world *w = *state;
	struct uuid live = crawl_in(w, CRAWL_DOWNLOADING);
	char name[SPOOL_NAME_SIZE];

	put_file(w, "spool", spool_name(name, &live, last_task(&w->poller)->lease));
	far_close(&w->poller);
	world_run(w);
	assert_false(has_file(w, "spool", name));
}

static void
test_links_in_place_of_folders_are_not_followed(void **state)
{
	struct world *w = *state;
	static const char *const folders[] = { "spool", "quarantine" };
	struct uuid id = canceled(w, "");
	char name[SPOOL_NAME_SIZE], path[128];

	put_file(w, "elsewhere", spool_name(name, &id, 0));
	put_file(w, "elsewhere", "snapshot_sd_1.json");
	for (unsigned i = 0; i < countof(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", w->dir, folders[i]);
		assert_int_equal(rmdir(path), 0);
		link_file(w, "elsewhere", "", folders[i]);
	}
	world_pass(w, 10000 * DAY);
	(void)prune(w);
	assert_true(has_file(w, "elsewhere", name));
	assert_true(has_file(w, "elsewhere", "snapshot_sd_1.json"));
}

static void
age(struct world *w, const char *folder, const char *name, int64_t days)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (test_wall_ms - days * DAY) / 1000 } };
	char path[1200];

	(void)snprintf(path, sizeof(path), "%s/%s/%s", w->dir, folder, name);
	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void
test_quarantine_is_kept_for_a_time(void **state)
{
	static const struct {
		const char *name;
		int days;
		bool stays;
	} rows[] = {
		{ "snapshot_sd_1.json", 91, false }, { "snapshot_sd_2.json", 88, true }, { "my notes", 1000, true },
		{ "snapshot_sd_3.json", 0, true },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < countof(rows); i++) {
		put_file(w, "quarantine", rows[i].name);
		age(w, "quarantine", rows[i].name, rows[i].days);
	}
	put_file(w, "elsewhere", "x");
	age(w, "elsewhere", "x", 1000);
	link_file(w, "../elsewhere/x", "quarantine", "snapshot_link.json");
	age(w, "quarantine", "snapshot_link.json", 1000);
	w->conf.quarantine_keep_ms = 0;
	(void)prune(w);
	assert_true(has_file(w, "quarantine", rows[0].name));
	w->conf.quarantine_keep_ms = 90 * DAY;
	world_pass(w, DAY);
	(void)prune(w);
	for (unsigned i = 0; i < countof(rows); i++)
		if (has_file(w, "quarantine", rows[i].name) != rows[i].stays)
			fail_msg("%s", rows[i].name);
	assert_true(has_file(w, "quarantine", "snapshot_link.json"));
	assert_true(has_file(w, "elsewhere", "x"));
}

/* ---- objects ---- */

static void
test_objects_go_with_their_folders_if_wanted(void **state)
{
	struct world *w = *state;
	struct uuid old = completed(w), young, none = canceled(w, "");
	char old_path[OBJECT_PATH_SIZE], young_path[OBJECT_PATH_SIZE];

	(void)str_copy(old_path, sizeof(old_path), crawl_of(w, &old).object_path);
	put_file(w, "objects", old_path);
	world_pass(w, 20 * DAY);
	young = completed(w);
	(void)str_copy(young_path, sizeof(young_path), crawl_of(w, &young).object_path);
	put_file(w, "objects", young_path);
	world_pass(w, 20 * DAY);
	(void)prune(w);
	assert_true(has_file(w, "objects", old_path));

	w->conf.objects_keep_ms = 30 * DAY;
	(void)prune(w);
	assert_false(has_file(w, "objects", old_path));
	assert_true(has_file(w, "objects", young_path));
	*strrchr(old_path, '/') = '\0';
	assert_false(has_file(w, "objects", old_path));
	send_read(w, &old, false);
	assert_int_equal(last_answer(w)->view.crawl.state, CRAWL_COMPLETED);
	assert_string_equal(last_answer(w)->view.object_url, "");
	send_read(w, &young, false);
	assert_string_not_equal(last_answer(w)->view.object_url, "");
	assert_true(is_known(w, &none));

	world_pass(w, 20 * DAY);
	(void)prune(w);
	assert_false(has_file(w, "objects", "raw_snapshots"));
	assert_true(has_file(w, "", "objects"));
}

/* A crawl knows where its object is: it stays as long. */
static void
test_a_crawl_is_not_forgotten_before_its_object(void **state)
{
	struct world *w = *state;
	struct uuid id = completed(w);
	char path[OBJECT_PATH_SIZE];

	(void)str_copy(path, sizeof(path), crawl_of(w, &id).object_path);
	put_file(w, "objects", path);
	w->conf.crawls_keep_ms = DAY;
	w->conf.objects_keep_ms = 10 * DAY;
	world_pass(w, 9 * DAY);
	(void)prune(w);
	assert_true(is_known(w, &id));
	assert_true(has_file(w, "objects", path));
	world_pass(w, 2 * DAY);
	(void)prune(w);
	(void)prune(w);
	assert_false(has_file(w, "objects", path));
	assert_false(is_known(w, &id));
}

static void
test_objects_are_not_reached_through_links(void **state)
{
	struct world *w = *state;
	struct uuid id = completed(w);
	char path[OBJECT_PATH_SIZE], link[256], *rest;

	(void)str_copy(path, sizeof(path), crawl_of(w, &id).object_path);
	put_file(w, "elsewhere", path);
	rest = strchr(path, '/');
	*rest = '\0';
	link_file(w, "../elsewhere/raw_snapshots", "objects", path);
	*rest = '/';
	assert_true(has_file(w, "objects", path));
	w->conf.objects_keep_ms = DAY;
	world_pass(w, 2 * DAY);
	(void)prune(w);
	assert_true(has_file(w, "elsewhere", path));
	assert_string_equal(crawl_of(w, &id).object_path, path);
	/* It is tried again when a day has gone by. */
	(void)snprintf(link, sizeof(link), "%s/objects/raw_snapshots", w->dir);
	assert_int_equal(unlink(link), 0);
	put_file(w, "objects", path);
	world_pass(w, 2 * DAY);
	(void)prune(w);
	(void)prune(w);
	assert_false(has_file(w, "objects", path));
	assert_true(has_file(w, "elsewhere", path));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_crawls_go_when_they_ended_long_ago),
		TEST(test_crawls_are_kept_for_ever_if_wanted),
		TEST(test_a_step_is_small_and_many_come_to_the_end),
		TEST(test_a_key_holds_its_crawl),
		TEST(test_events_that_wait_hold_their_crawls),
		TEST(test_events_go_when_they_were_delivered_and_are_old),
		TEST(test_an_event_that_was_not_delivered_stays),
		TEST(test_a_delivered_event_neither_holds_its_crawl_nor_goes_with_it),
		TEST(test_many_events_take_more_than_one_step),
		TEST(test_a_clock_that_runs_ahead_costs_nothing),
		TEST(test_what_comes_late_for_a_crawl_that_is_gone_does_no_harm),
		TEST(test_the_store_becomes_smaller),
		TEST(test_the_spool_holds_what_live_crawls_need),
		TEST(test_many_names_take_more_than_one_step),
		TEST(test_the_file_of_a_lost_lease_goes_at_once),
		TEST(test_links_in_place_of_folders_are_not_followed),
		TEST(test_quarantine_is_kept_for_a_time),
		TEST(test_objects_go_with_their_folders_if_wanted),
		TEST(test_a_crawl_is_not_forgotten_before_its_object),
		TEST(test_objects_are_not_reached_through_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
