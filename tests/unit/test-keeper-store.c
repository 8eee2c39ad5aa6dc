/*
 * test-keeper-store.c - the job store on real files: what was committed is there after a
 * kill, what was not is gone, and files that are not ours are refused with a sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"
#include "keeper/store.h"

static char dir[64], path[96];
static struct uuid_maker maker;
static struct why why;

static const struct trigger_request request = {
	.platform = PLATFORM_X, .dataset_id = "gd_x", .competitor = "acme", .brand = "b", .category = "",
	.url = "https://x.com/acme", .start_date = "2024-12-01", .end_date = "", .include_profile_data = true,
	.num_of_posts = 7,
};

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/trawld.db", dir);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct store *
open_store(void)
{
	struct store *s;

	if (store_open(path, &clock_system, NULL, &s, &why) < 0)
		fail_msg("%s", why.text);
	return s;
}

static void
must(int result)
{
	if (result < 0)
		fail_msg("%d: %s", result, why.text);
}

static struct crawl
a_crawl(enum crawl_state state, int64_t due_ms)
{
	struct crawl c = { .state = state, .version = 1, .created_ms = 1000, .updated_ms = 1000, .due_ms = due_ms,
		.provider_records = UINT64_MAX };

	c.id = uuid_make(&maker, &clock_system);
	return c;
}

static struct crawl
add(struct store *s, enum crawl_state state, int64_t due_ms)
{
	struct crawl c = a_crawl(state, due_ms);

	must(store_crawl_add(s, &c, &request, "", &why));
	return c;
}

/* In a child that ends without closing anything, as kill -9 would. */
static void
in_killed_child(void (*work)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		work(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- crawls ---- */

static void
fill(struct crawl *c)
{
	c->version = 5;
	c->updated_ms = 2;
	c->triggered_ms = 3;
	c->ready_ms = 4;
	c->finished_ms = 5;
	c->intent_ms = 6;
	c->failing_ms = 7;
	c->due_ms = 8;
	c->lease = 1ull << 40 | 9;
	c->triggers = 1;
	c->looks = 2;
	c->polls = 3;
	c->failures = 4;
	c->crashes = 5;
	c->cancel_wanted = c->fetch_wanted = true;
	c->provider_records = 10;
	c->posts = 11;
	c->media = 12;
	c->errors = 13;
	c->others = 14;
	c->size_bytes = 1ull << 40;
	c->crc32c = 0xffffffff;
	memset(c->sha256, 0xab, sizeof(c->sha256));
	c->error = ERROR_SNAPSHOT_EXPIRED;
	c->stage = STAGE_DOWNLOAD;
	memset(c->error_text, 'e', sizeof(c->error_text) - 1);
	memset(c->note, 'n', sizeof(c->note) - 1);
	memset(c->snapshot_id, 's', sizeof(c->snapshot_id) - 1);
	memset(c->object_path, 'p', sizeof(c->object_path) - 1);
}

static void
assert_same(const struct crawl *a, const struct crawl *b)
{
	assert_memory_equal(&a->id, &b->id, sizeof(a->id));
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->created_ms, b->created_ms);
	assert_int_equal(a->updated_ms, b->updated_ms);
	assert_int_equal(a->triggered_ms, b->triggered_ms);
	assert_int_equal(a->ready_ms, b->ready_ms);
	assert_int_equal(a->finished_ms, b->finished_ms);
	assert_int_equal(a->intent_ms, b->intent_ms);
	assert_int_equal(a->failing_ms, b->failing_ms);
	assert_int_equal(a->due_ms, b->due_ms);
	assert_int_equal(a->lease, b->lease);
	assert_int_equal(a->triggers, b->triggers);
	assert_int_equal(a->looks, b->looks);
	assert_int_equal(a->polls, b->polls);
	assert_int_equal(a->failures, b->failures);
	assert_int_equal(a->crashes, b->crashes);
	assert_int_equal(a->cancel_wanted, b->cancel_wanted);
	assert_int_equal(a->fetch_wanted, b->fetch_wanted);
	assert_string_equal(a->snapshot_id, b->snapshot_id);
	assert_string_equal(a->object_path, b->object_path);
	assert_int_equal(a->provider_records, b->provider_records);
	assert_int_equal(a->posts, b->posts);
	assert_int_equal(a->media, b->media);
	assert_int_equal(a->errors, b->errors);
	assert_int_equal(a->others, b->others);
	assert_int_equal(a->size_bytes, b->size_bytes);
	assert_int_equal(a->crc32c, b->crc32c);
	assert_memory_equal(a->sha256, b->sha256, SHA256_SIZE);
	assert_int_equal(a->error, b->error);
	assert_int_equal(a->stage, b->stage);
	assert_string_equal(a->error_text, b->error_text);
	assert_string_equal(a->note, b->note);
}

static void
test_every_member_comes_back_as_it_was_written(void **state)
{
	struct store *s = open_store();
	struct crawl c = add(s, CRAWL_ACCEPTED, 500), found;
	struct trigger_request q;

	(void)state;
	must(store_crawl_find(s, &c.id, &found, &why));
	assert_same(&c, &found);
	fill(&c);
	c.state = CRAWL_DOWNLOADING;
	must(store_crawl_update(s, &c, true, &why));
	must(store_crawl_find(s, &c.id, &found, &why));
	assert_same(&c, &found);
	must(store_request_find(s, &c.id, &q, &why));
	assert_int_equal(q.platform, request.platform);
	assert_string_equal(q.url, request.url);
	assert_string_equal(q.dataset_id, request.dataset_id);
	assert_string_equal(q.competitor, request.competitor);
	assert_string_equal(q.category, "");
	assert_string_equal(q.start_date, request.start_date);
	assert_string_equal(q.end_date, "");
	assert_true(q.include_profile_data);
	assert_int_equal(q.num_of_posts, 7);
	store_close(s);
}

static void
test_unknown_crawls_are_not_found(void **state)
{
	struct store *s = open_store();
	struct crawl c = a_crawl(CRAWL_ACCEPTED, 1), found;
	struct trigger_request q;
	struct uuid id;

	(void)state;
	assert_int_equal(store_crawl_find(s, &c.id, &found, &why), -ENOENT);
	assert_int_equal(store_request_find(s, &c.id, &q, &why), -ENOENT);
	assert_int_equal(store_crawl_update(s, &c, true, &why), -ENOENT);
	assert_int_equal(store_idempotency_find(s, "k", &id, &why), -ENOENT);
	assert_int_equal(store_snapshot_owner(s, "sd_1", &id, &why), -ENOENT);
	store_close(s);
}

static void
test_same_id_twice_is_refused_and_the_transaction_lives(void **state)
{
	struct store *s = open_store();
	struct crawl c = add(s, CRAWL_ACCEPTED, 500), other, found;

	(void)state;
	assert_int_equal(store_crawl_add(s, &c, &request, "", &why), -EEXIST);
	other = add(s, CRAWL_ACCEPTED, 500);
	must(store_commit(s, &why));
	must(store_crawl_find(s, &other.id, &found, &why));
	store_close(s);
}

static void
test_keys_and_jobs_belong_to_one_crawl(void **state)
{
	struct store *s = open_store();
	struct crawl a = a_crawl(CRAWL_ACCEPTED, 1), b = a_crawl(CRAWL_ACCEPTED, 1);
	struct uuid owner;

	(void)state;
	must(store_crawl_add(s, &a, &request, "key", &why));
	must(store_idempotency_find(s, "key", &owner, &why));
	assert_true(uuid_equal(&owner, &a.id));
	(void)str_copy(a.snapshot_id, sizeof(a.snapshot_id), "sd_1");
	must(store_crawl_update(s, &a, true, &why));
	must(store_snapshot_owner(s, "sd_1", &owner, &why));
	assert_true(uuid_equal(&owner, &a.id));
	must(store_crawl_add(s, &b, &request, "", &why));
	(void)str_copy(b.snapshot_id, sizeof(b.snapshot_id), "sd_1");
	assert_true(store_crawl_update(s, &b, true, &why) < 0);
	store_close(s);
}

static void
test_second_use_of_a_key_is_an_error(void **state)
{
	struct store *s = open_store();
	struct crawl a = a_crawl(CRAWL_ACCEPTED, 1), b = a_crawl(CRAWL_ACCEPTED, 1);

	(void)state;
	must(store_crawl_add(s, &a, &request, "key", &why));
	assert_true(store_crawl_add(s, &b, &request, "key", &why) < 0);
	store_close(s);
}

static void
test_counts_are_of_live_crawls(void **state)
{
	struct store *s = open_store();
	uint32_t counts[CRAWL_STATE_COUNT];

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)add(s, CRAWL_POLLING, 100);
	(void)add(s, CRAWL_READY, 0);
	(void)add(s, CRAWL_COMPLETED, 0);
	(void)add(s, CRAWL_FAILED, 0);
	must(store_counts(s, counts, &why));
	assert_int_equal(counts[CRAWL_POLLING], 3);
	assert_int_equal(counts[CRAWL_READY], 1);
	assert_int_equal(counts[CRAWL_COMPLETED], 0);
	assert_int_equal(counts[CRAWL_FAILED], 0);
	store_close(s);
}

static void
add_failed(struct store *s, int64_t finished_ms, enum error_code error, const char *text)
{
	struct crawl c = add(s, CRAWL_POLLING, 1);

	c.state = CRAWL_FAILED;
	c.finished_ms = finished_ms;
	c.error = error;
	(void)str_copy(c.error_text, sizeof(c.error_text), text);
	must(store_crawl_update(s, &c, false, &why));
}

static void
test_failures_of_the_last_hour_are_counted_by_minute(void **state)
{
	struct store *s = open_store();
	const int64_t now = 1732385000000, minute = 60000;
	struct store_failures f;

	(void)state;
	must(store_failures(s, now, &f, &why));
	assert_int_equal(f.last_ms, 0);
	add_failed(s, now - 60 * minute, ERROR_INTERNAL, "too old");
	add_failed(s, now + 1, ERROR_INTERNAL, "not yet");
	add_failed(s, now - minute / 2, ERROR_SNAPSHOT_EXPIRED, "the last one");
	add_failed(s, now - minute / 3 * 2, ERROR_INTERNAL, "one before");
	add_failed(s, now - 60 * minute + 1, ERROR_INTERNAL, "the oldest");
	(void)add(s, CRAWL_COMPLETED, 0);
	must(store_failures(s, now, &f, &why));
	assert_int_equal(f.minutes[0], 2);
	assert_int_equal(f.minutes[59], 1);
	for (int i = 1; i < 59; i++)
		assert_int_equal(f.minutes[i], 0);
	assert_int_equal(f.last_ms, now - minute / 2);
	assert_int_equal(f.error, ERROR_SNAPSHOT_EXPIRED);
	assert_string_equal(f.error_text, "the last one");
	store_close(s);
}

/* ---- what has ended ---- */

static struct crawl
add_ended(struct store *s, enum crawl_state state, int64_t finished_ms, const char *key)
{
	struct crawl c = a_crawl(state, 0);

	c.finished_ms = finished_ms;
	(void)snprintf(c.object_path, sizeof(c.object_path), "raw/%lld.json", (long long)finished_ms);
	must(store_crawl_add(s, &c, &request, key, &why));
	return c;
}

static void
test_what_has_ended_comes_in_order_of_its_end(void **state)
{
	struct store *s = open_store();
	struct crawl a = add_ended(s, CRAWL_FAILED, 30, ""), b = add_ended(s, CRAWL_COMPLETED, 20, ""),
	    c = add_ended(s, CRAWL_CANCELED, 20, ""), found[4];
	struct store_place place = { 0 };
	unsigned count;

	(void)state;
	(void)add(s, CRAWL_POLLING, 5);
	must(store_ended(s, 20, &place, found, 4, &count, &why));
	assert_int_equal(count, 0);
	must(store_ended(s, 21, &place, found, 4, &count, &why));
	assert_int_equal(count, 2);
	must(store_ended(s, 100, &place, found, 1, &count, &why));
	assert_int_equal(count, 1);
	assert_true(uuid_equal(&found[0].id, &b.id));
	place = (struct store_place){ found[0].finished_ms, found[0].id };
	must(store_ended(s, 100, &place, found, 4, &count, &why));
	assert_int_equal(count, 2);
	assert_true(uuid_equal(&found[0].id, &c.id));
	assert_true(uuid_equal(&found[1].id, &a.id));
	assert_string_equal(found[1].object_path, "raw/30.json");
	store_close(s);
}

static void
test_what_is_forgotten_leaves_nothing(void **state)
{
	struct store *s = open_store();
	struct crawl c = add_ended(s, CRAWL_COMPLETED, 20, "key-1"), plain = add_ended(s, CRAWL_FAILED, 30, ""), found;
	struct trigger_request q;
	struct uuid id;
	bool has;

	(void)state;
	must(store_has_key(s, &plain.id, &has, &why));
	assert_false(has);
	must(store_has_key(s, &c.id, &has, &why));
	assert_true(has);
	must(store_object_forget(s, &c.id, &why));
	must(store_crawl_find(s, &c.id, &found, &why));
	assert_string_equal(found.object_path, "");
	assert_int_equal(found.version, c.version + 1);
	must(store_crawl_forget(s, &c.id, &why));
	must(store_commit(s, &why));
	assert_int_equal(store_crawl_find(s, &c.id, &found, &why), -ENOENT);
	assert_int_equal(store_request_find(s, &c.id, &q, &why), -ENOENT);
	assert_int_equal(store_idempotency_find(s, "key-1", &id, &why), -ENOENT);
	must(store_crawl_find(s, &plain.id, &found, &why));
	(void)add_ended(s, CRAWL_COMPLETED, 40, "key-1");
	must(store_commit(s, &why));
	store_close(s);
}

static void
test_free_pages_go_back_to_the_file_system(void **state)
{
	struct store *s = open_store();
	int64_t all, unused, before;
	struct uuid ids[2000];
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < countof(ids); i++)
		ids[i] = add_ended(s, CRAWL_COMPLETED, 1000 + i, "").id;
	must(store_commit(s, &why));
	must(store_pages(s, &before, &unused, &why));
	assert_true(before > 100);
	for (unsigned i = 0; i < countof(ids); i++)
		must(store_crawl_forget(s, &ids[i], &why));
	must(store_commit(s, &why));
	must(store_pages(s, &all, &unused, &why));
	assert_int_equal(all, before);
	assert_true(unused > before / 2);
	for (unsigned i = 0; i < 1000 && unused > 0; i++) {
		must(store_shrink(s, &why));
		must(store_commit(s, &why));
		must(store_pages(s, &all, &unused, &why));
	}
	assert_int_equal(unused, 0);
	store_close(s);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < before * 4096 / 4);
}

/* ---- due, leases ---- */

static void
test_due_crawls_come_by_lane_longest_due_first(void **state)
{
	struct store *s = open_store();
	struct crawl late = add(s, CRAWL_POLLING, 300), early = add(s, CRAWL_POLLING, 100);
	struct crawl found[4];
	unsigned count;
	int64_t next;

	(void)state;
	(void)add(s, CRAWL_POLLING, 1000);
	(void)add(s, CRAWL_POLLING, 0);
	(void)add(s, CRAWL_ACCEPTED, 50);
	(void)add(s, CRAWL_COMPLETED, 10);
	must(store_due(s, LANE_CALL, 300, found, 4, &count, &why));
	assert_int_equal(count, 2);
	assert_true(uuid_equal(&found[0].id, &early.id));
	assert_true(uuid_equal(&found[1].id, &late.id));
	must(store_due(s, LANE_CALL, 300, found, 1, &count, &why));
	assert_int_equal(count, 1);
	must(store_due_next(s, LANE_CALL, 0, &next, &why));
	assert_int_equal(next, 100);
	must(store_due_next(s, LANE_CALL, 300, &next, &why));
	assert_int_equal(next, 1000);
	must(store_due_next(s, LANE_CALL, 1000, &next, &why));
	assert_true(next == INT64_MAX);
	must(store_due_next(s, LANE_TRANSFER, 0, &next, &why));
	assert_true(next == INT64_MAX);
	store_close(s);
}

static void
test_leased_crawls_are_found_in_order_of_their_tokens(void **state)
{
	struct store *s = open_store();
	struct crawl found[2];
	uint64_t last = 0;
	unsigned count, all = 0;

	(void)state;
	for (uint64_t i = 5; i > 0; i--) {
		struct crawl c = add(s, CRAWL_POLLING, 100);

		c.lease = i << 32 | i;
		must(store_crawl_update(s, &c, true, &why));
	}
	(void)add(s, CRAWL_POLLING, 100);
	do {
		must(store_leased(s, last, found, 2, &count, &why));
		for (unsigned i = 0; i < count; i++) {
			assert_true(found[i].lease > last);
			last = found[i].lease;
			all++;
		}
	} while (count > 0);
	assert_int_equal(all, 5);
	store_close(s);
}

static void
test_times_move_with_the_clock_and_waiting_crawls_wake(void **state)
{
	struct store *s = open_store();
	struct crawl due = add(s, CRAWL_POLLING, 1000), idle = add(s, CRAWL_POLLING, 0), found;

	(void)state;
	must(store_crawl_update(s, &due, true, &why));
	must(store_shift_times(s, -2000, &why));
	must(store_crawl_find(s, &due.id, &found, &why));
	assert_int_equal(found.due_ms, 1);
	must(store_crawl_find(s, &idle.id, &found, &why));
	assert_int_equal(found.due_ms, 0);
	must(store_wake_waiting(s, 77, &why));
	must(store_crawl_find(s, &idle.id, &found, &why));
	assert_int_equal(found.due_ms, 77);
	store_close(s);
}

static void
test_epochs_only_grow(void **state)
{
	uint32_t first, second;
	struct store *s = open_store();

	(void)state;
	must(store_next_epoch(s, &first, &why));
	assert_false(store_is_dirty(s));
	store_close(s);
	s = open_store();
	must(store_next_epoch(s, &second, &why));
	assert_int_equal(first, 1);
	assert_int_equal(second, 2);
	store_close(s);
}

/* ---- events ---- */

static struct event
add_event_of(struct store *s, int64_t time_ms, const char *body, size_t len)
{
	struct event e = { .type = EVENT_CRAWL_TRIGGERED, .time_ms = time_ms };

	e.id = uuid_make(&maker, &clock_system);
	e.crawl_id = e.id;
	must(store_event_add(s, &e, "{}", 2, body, len, &why));
	return e;
}

static struct event
add_event(struct store *s, const char *body, size_t len)
{
	return add_event_of(s, 42, body, len);
}

static void
add_events(struct store *s, unsigned count, int64_t first_ms)
{
	for (unsigned i = 0; i < count; i++)
		(void)add_event_of(s, first_ms + i, "{}", 2);
}

static uint64_t
cursor_of(struct store *s)
{
	uint64_t cursor;

	must(store_sink_cursor(s, SINK_FILE, &cursor, &why));
	return cursor;
}

static void
assert_pending(struct store *s, uint64_t expected, int64_t expected_oldest_ms)
{
	uint64_t count;
	int64_t oldest;

	must(store_events_pending(s, &count, &oldest, &why));
	assert_int_equal(count, expected);
	assert_int_equal(oldest, expected_oldest_ms);
}

/* All that are there, delivered or not. */
static unsigned
count_events(struct store *s, uint64_t *ret_first)
{
	struct msg_event_batch batch;
	uint64_t seq = 0;
	unsigned all = 0;

	*ret_first = 0;
	do {
		must(store_events_after(s, seq, EVENT_BATCH_MAX, &batch, &why));
		if (all == 0 && batch.count > 0)
			*ret_first = batch.events[0].event.seq;
		if (batch.count > 0)
			seq = batch.events[batch.count - 1].event.seq;
		all += batch.count;
	} while (batch.count > 0);
	return all;
}

static unsigned
prune(struct store *s, int64_t before_ms, unsigned max)
{
	unsigned count;

	must(store_events_prune(s, before_ms, max, &count, &why));
	return count;
}

static void
test_events_come_in_order_and_the_cursor_says_what_is_delivered(void **state)
{
	struct store *s = open_store();
	struct msg_event_batch batch;
	struct event third;
	uint64_t first;

	(void)state;
	assert_pending(s, 0, 0);
	assert_int_equal(cursor_of(s), 0);
	(void)add_event_of(s, 40, "{\"n\":1}", 7);
	(void)add_event_of(s, 41, "{\"n\":2}", 7);
	third = add_event_of(s, 42, "{\"n\":3}", 7);
	assert_pending(s, 3, 40);
	must(store_events_after(s, cursor_of(s), 2, &batch, &why));
	assert_int_equal(batch.count, 2);
	assert_memory_equal(batch.events[0].body, "{\"n\":1}", 7);
	assert_memory_equal(batch.events[1].body, "{\"n\":2}", 7);
	assert_int_equal(batch.events[1].body_len, 7);
	assert_memory_equal(batch.events[0].attributes, "{}", 2);
	must(store_sink_move(s, SINK_FILE, batch.events[1].event.seq, &why));
	assert_int_equal(cursor_of(s), batch.events[1].event.seq);
	assert_pending(s, 1, 42);
	must(store_events_after(s, cursor_of(s), 64, &batch, &why));
	assert_int_equal(batch.count, 1);
	assert_int_equal(batch.events[0].event.seq, third.seq);
	assert_true(uuid_equal(&batch.events[0].event.id, &third.id));
	must(store_sink_move(s, SINK_FILE, third.seq, &why));
	assert_pending(s, 0, 0);
	assert_int_equal(count_events(s, &first), 3);
	assert_int_equal(store_sink_cursor(s, "nobody", &first, &why), -EUCLEAN);
	assert_int_equal(store_sink_move(s, "nobody", 1, &why), -EUCLEAN);
	store_close(s);
}

static void
test_only_what_is_delivered_and_old_is_pruned(void **state)
{
	struct store *s = open_store();
	uint64_t first;

	(void)state;
	assert_int_equal(prune(s, INT64_MAX, 10), 0);
	add_events(s, 100, 1000);
	assert_int_equal(prune(s, INT64_MAX, 1000), 0);
	must(store_sink_move(s, SINK_FILE, 60, &why));
	assert_int_equal(prune(s, 1000, 1000), 0);
	assert_int_equal(prune(s, 1001, 1000), 1);
	assert_int_equal(prune(s, 1037, 10), 10);
	assert_int_equal(prune(s, 1037, 1000), 26);
	assert_int_equal(prune(s, 1037, 1000), 0);
	assert_int_equal(count_events(s, &first), 63);
	assert_int_equal(first, 38);
	assert_pending(s, 40, 1060);
	assert_int_equal(prune(s, INT64_MAX, 1000), 23);
	assert_int_equal(prune(s, INT64_MAX, 1000), 0);
	assert_int_equal(count_events(s, &first), 40);
	assert_pending(s, 40, 1060);
	store_close(s);
}

/* Any mixture of times: nothing goes before what stands in front of it, and in the end nothing stays. */
static void
test_times_of_a_clock_that_ran_ahead_keep_nothing_for_ever(void **state)
{
	struct store *s = open_store();
	uint64_t first;
	unsigned left = 300;

	(void)state;
	add_events(s, 100, 1000);
	add_events(s, 100, INT64_C(4000000000000));
	add_events(s, 100, 1200);
	must(store_sink_move(s, SINK_FILE, 300, &why));
	assert_int_equal(prune(s, 1050, 1000), 50);
	for (int64_t before = 1050; before <= 1300; before++) {
		left -= prune(s, before, 1000);
		assert_int_equal(count_events(s, &first) + 50, left);
		assert_true(first == 0 || before > 1200 || first <= 101);
	}
	assert_int_equal(left, 50);
	store_close(s);
}

/* ---- positions ---- */

static void
deliver_and_empty(void *arg)
{
	struct store *s = open_store();

	(void)arg;
	add_events(s, 10, 1000);
	must(store_commit(s, &why));
	must(store_sink_move(s, SINK_FILE, cursor_of(s) + 10, &why));
	if (prune(s, INT64_MAX, 1000) != 10)
		abort();
	must(store_commit(s, &why));
}

static void
test_positions_go_on_in_an_outbox_that_was_emptied(void **state)
{
	struct store *s;

	(void)state;
	for (uint64_t last = 10; last <= 30; last += 10) {
		in_killed_child(deliver_and_empty, NULL);
		s = open_store();
		assert_int_equal(cursor_of(s), last);
		assert_pending(s, 0, 0);
		assert_int_equal(add_event(s, "{}", 2).seq, last + 1);
		assert_pending(s, 1, 42);
		store_close(s);		/* what was not committed has no position */
	}
}

static void
test_leap_gives_no_position_twice_and_counts_go_on(void **state)
{
	struct store *s = open_store();
	struct msg_event_batch batch;
	uint64_t first, last;

	(void)state;
	must(store_events_leap(s, &why));	/* before the first event, too */
	first = add_event_of(s, 1, "{}", 2).seq;
	assert_true(first > UINT32_MAX);
	assert_pending(s, 1, 1);
	add_events(s, 9, 2);
	must(store_sink_move(s, SINK_FILE, first + 5, &why));
	must(store_events_leap(s, &why));
	must(store_commit(s, &why));
	store_close(s);
	s = open_store();
	last = add_event_of(s, 11, "{}", 2).seq;
	assert_true(last - first > UINT32_MAX);
	assert_true(last < INT64_C(1) << 53);
	assert_pending(s, 5, 7);
	must(store_events_after(s, cursor_of(s), 64, &batch, &why));
	assert_int_equal(batch.count, 5);
	assert_int_equal(batch.events[4].event.seq, last);
	must(store_sink_move(s, SINK_FILE, first + 9, &why));
	assert_pending(s, 1, 11);
	must(store_sink_move(s, SINK_FILE, last, &why));
	assert_pending(s, 0, 0);
	assert_int_equal(prune(s, 4, 1000), 3);
	while (prune(s, 11, 4) > 0)
		;
	assert_int_equal(count_events(s, &first), 1);
	assert_int_equal(first, last);
	assert_int_equal(prune(s, 12, 1000), 1);
	assert_int_equal(add_event(s, "{}", 2).seq, last + 1);
	assert_pending(s, 1, 42);
	store_close(s);
}

static void
test_batch_holds_as_many_events_as_fit_a_message(void **state)
{
	struct store *s = open_store();
	static char body[EVENT_BODY_MAX];
	struct msg_event_batch batch;
	uint64_t seq = 0;
	unsigned all = 0;

	(void)state;
	memset(body, ' ', sizeof(body));
	for (int i = 0; i < 100; i++)
		(void)add_event(s, body, sizeof(body));
	do {
		size_t bytes = 0;

		must(store_events_after(s, seq, EVENT_BATCH_MAX, &batch, &why));
		for (unsigned i = 0; i < batch.count; i++) {
			bytes += batch.events[i].body_len + batch.events[i].attributes_len;
			assert_true(batch.events[i].event.seq > seq);
			seq = batch.events[i].event.seq;
		}
		assert_true(bytes < WIRE_BODY_MAX - 64 * 128);
		all += batch.count;
	} while (batch.count > 0);
	assert_int_equal(all, 100);
	store_close(s);
}

/* ---- kill ---- */

struct two {
	struct crawl committed, not_committed;
};

static void
commit_one_of_two(void *arg)
{
	struct two *two = arg;
	struct store *s = open_store();

	must(store_crawl_add(s, &two->committed, &request, "first", &why));
	(void)add_event(s, "{}", 2);
	must(store_commit(s, &why));
	must(store_crawl_add(s, &two->not_committed, &request, "second", &why));
	(void)add_event(s, "{}", 2);
	assert_true(store_is_dirty(s));
}

static void
test_what_was_committed_survives_a_kill_and_only_that(void **state)
{
	struct two two = { a_crawl(CRAWL_ACCEPTED, 1), a_crawl(CRAWL_ACCEPTED, 1) };
	struct crawl found;
	struct uuid id;
	struct store *s;

	(void)state;
	in_killed_child(commit_one_of_two, &two);
	s = open_store();
	must(store_crawl_find(s, &two.committed.id, &found, &why));
	assert_int_equal(store_crawl_find(s, &two.not_committed.id, &found, &why), -ENOENT);
	must(store_idempotency_find(s, "first", &id, &why));
	assert_int_equal(store_idempotency_find(s, "second", &id, &why), -ENOENT);
	assert_pending(s, 1, 42);
	assert_int_equal(cursor_of(s), 0);
	store_close(s);
}

static void
kill_often(void *arg)
{
	struct store *s = open_store();

	(void)arg;
	for (int i = 0; i < 50; i++)
		(void)add(s, CRAWL_ACCEPTED, i + 1);
	must(store_commit(s, &why));
}

static void
test_store_grows_over_many_kills(void **state)
{
	struct store *s;
	uint32_t counts[CRAWL_STATE_COUNT];

	(void)state;
	for (int i = 0; i < 10; i++) {
		memset(&maker, 0, sizeof(maker));
		in_killed_child(kill_often, NULL);
		maker.last_ms += 10;
		usleep(2000);		/* ids of the next child shall be others */
	}
	s = open_store();
	must(store_counts(s, counts, &why));
	assert_int_equal(counts[CRAWL_ACCEPTED], 500);
	store_close(s);
}

/* ---- files ---- */

static void
test_files_are_their_owners_alone(void **state)
{
	struct store *s = open_store();
	char log_path[112];
	struct stat st;

	(void)state;
	(void)add(s, CRAWL_ACCEPTED, 1);
	must(store_commit(s, &why));
	snprintf(log_path, sizeof(log_path), "%s-wal", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	assert_int_equal(stat(log_path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	store_close(s);
}

static void
test_second_process_is_refused(void **state)
{
	struct store *s = open_store(), *second;

	(void)state;
	assert_int_equal(store_open(path, &clock_system, NULL, &second, &why), -EBUSY);
	assert_non_null(strstr(why.text, "in use by another process"));
	assert_non_null(strstr(why.text, path));
	store_close(s);
}

static void
write_at(off_t offset, const void *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, offset), (ssize_t)len);
	close(fd);
}

static uint32_t
header_at(off_t offset)
{
	uint8_t p[4];
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, p, 4, offset), 4);
	close(fd);
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#define HEADER_USER_VERSION   60	/* in SQLite's file format */
#define HEADER_APPLICATION_ID 68

static void
test_new_and_empty_files_are_migrated_from_version_0(void **state)
{
	struct store *s;

	(void)state;
	write_at(0, "", 0);
	s = open_store();
	(void)add(s, CRAWL_ACCEPTED, 1);
	must(store_commit(s, &why));
	store_close(s);
	assert_int_equal(header_at(HEADER_USER_VERSION), store_schema_version());
	assert_int_equal(header_at(HEADER_APPLICATION_ID), 0x5452574c);
	store_close(open_store());
}

static void
test_newer_file_is_refused_with_what_to_do(void **state)
{
	struct store *s = open_store();

	(void)state;
	store_close(s);
	write_at(HEADER_USER_VERSION + 3, &(uint8_t){ 99 }, 1);
	assert_int_equal(store_open(path, &clock_system, NULL, &s, &why), -ENOTSUP);
	assert_non_null(strstr(why.text, path));
	assert_non_null(strstr(why.text, "schema 99"));
	assert_non_null(strstr(why.text, "install that trawld again"));
	assert_int_equal(header_at(HEADER_USER_VERSION), 99);
}

static void
test_garbage_is_refused_and_left_alone(void **state)
{
	char garbage[8192];
	struct store *s;

	(void)state;
	memset(garbage, 'x', sizeof(garbage));
	write_at(0, garbage, sizeof(garbage));
	assert_int_equal(store_open(path, &clock_system, NULL, &s, &why), -EUCLEAN);
	assert_non_null(strstr(why.text, path));
	assert_non_null(strstr(why.text, "restore it from a backup"));
	assert_int_equal(header_at(0), 0x78787878);
}

static void
test_database_of_somebody_else_is_refused(void **state)
{
	struct store *s = open_store();

	(void)state;
	store_close(s);
	write_at(HEADER_APPLICATION_ID, "OTHR", 4);
	assert_int_equal(store_open(path, &clock_system, NULL, &s, &why), -EUCLEAN);
	assert_non_null(strstr(why.text, "not a job store"));
}

static void
test_directory_that_is_not_there_is_an_error(void **state)
{
	struct store *s;

	(void)state;
	snprintf(path, sizeof(path), "%s/none/trawld.db", dir);
	assert_int_equal(store_open(path, &clock_system, NULL, &s, &why), -EACCES);
	assert_non_null(strstr(why.text, path));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_every_member_comes_back_as_it_was_written),
		TEST(test_unknown_crawls_are_not_found),
		TEST(test_same_id_twice_is_refused_and_the_transaction_lives),
		TEST(test_keys_and_jobs_belong_to_one_crawl),
		TEST(test_second_use_of_a_key_is_an_error),
		TEST(test_counts_are_of_live_crawls),
		TEST(test_failures_of_the_last_hour_are_counted_by_minute),
		TEST(test_what_has_ended_comes_in_order_of_its_end),
		TEST(test_what_is_forgotten_leaves_nothing),
		TEST(test_free_pages_go_back_to_the_file_system),
		TEST(test_due_crawls_come_by_lane_longest_due_first),
		TEST(test_leased_crawls_are_found_in_order_of_their_tokens),
		TEST(test_times_move_with_the_clock_and_waiting_crawls_wake),
		TEST(test_epochs_only_grow),
		TEST(test_events_come_in_order_and_the_cursor_says_what_is_delivered),
		TEST(test_only_what_is_delivered_and_old_is_pruned),
		TEST(test_times_of_a_clock_that_ran_ahead_keep_nothing_for_ever),
		TEST(test_positions_go_on_in_an_outbox_that_was_emptied),
		TEST(test_leap_gives_no_position_twice_and_counts_go_on),
		TEST(test_batch_holds_as_many_events_as_fit_a_message),
		TEST(test_what_was_committed_survives_a_kill_and_only_that),
		TEST(test_store_grows_over_many_kills),
		TEST(test_files_are_their_owners_alone),
		TEST(test_second_process_is_refused),
		TEST(test_new_and_empty_files_are_migrated_from_version_0),
		TEST(test_newer_file_is_refused_with_what_to_do),
		TEST(test_garbage_is_refused_and_left_alone),
		TEST(test_database_of_somebody_else_is_refused),
		TEST(test_directory_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
