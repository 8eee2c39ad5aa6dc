/*
 * The events file: whole lines only, each event once, whatever was killed before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/why.h"
#include "publisher/event_sink.h"

#define EVENTS 400

struct fixture {
	char	dir[64], path[128], moved[128];
	struct event_sink *sink;
	struct msg_event events[EVENTS];	/* 0, 1, 2, ... in order */
	char	attributes[EVENTS][128];
	char	bodies[EVENTS][128];
	unsigned failures;		/* puts */
	struct why why;
};

static void
make_events(struct fixture *f)
{
	static struct uuid_maker maker;

	for (unsigned i = 0; i < EVENTS; i++) {
		struct msg_event *e = &f->events[i];
		char id[UUID_TEXT_SIZE];

		e->event.seq = i + 1;
		e->event.id = uuid_make(&maker, &clock_system);
		e->event.type = i % 2 == 0 ? EVENT_CRAWL_TRIGGERED : EVENT_INGESTION_COMPLETED;
		e->attributes = f->attributes[i];
		e->attributes_len = (uint32_t)snprintf(f->attributes[i], sizeof(f->attributes[i]), "{\"ce-id\":\"%s\"}",
		    uuid_format(id, &e->event.id));
		e->body = f->bodies[i];
		e->body_len = (uint32_t)snprintf(f->bodies[i], sizeof(f->bodies[i]), "{\"n\":%u}", i);
	}
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/test-sink-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/events.ndjson", f->dir);
	(void)snprintf(f->moved, sizeof(f->moved), "%s/events.ndjson.1", f->dir);
	f->sink = sink_file_new(f->dir, "social-analytics");
	make_events(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	event_sink_free(f->sink);
	(void)unlink(f->path);
	(void)unlink(f->moved);
	(void)rmdir(f->path);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void
on_done(int err, const struct why *why, void *arg)
{
	struct fixture *f = arg;

	f->failures += err < 0;
	f->why = *why;
}

/* True when the sink has them for good. */
static bool
put(struct fixture *f, unsigned first, unsigned count)
{
	static struct msg_event_batch batch;
	unsigned failures = f->failures;

	batch.count = count;
	memcpy(batch.events, &f->events[first], count * sizeof(batch.events[0]));
	event_sink_put(f->sink, &batch, on_done, f);
	return f->failures == failures;
}

/* As if the process had been killed and started again. */
static void
restart(struct fixture *f)
{
	event_sink_free(f->sink);
	f->sink = sink_file_new(f->dir, "social-analytics");
}

/* The file holds exactly events first..first+count-1, in order. */
static void
assert_file(const char *path, unsigned first, unsigned count)
{
	scoped_free char *text = NULL;
	const char *p, *end;
	size_t len;

	assert_int_equal(fs_read_small(path, 1 << 20, &text, &len), 0);
	p = text;
	for (unsigned i = 0; i < count; i++) {
		scoped_json *doc = NULL;

		end = strchr(p, '\n');
		assert_non_null(end);
		assert_int_equal(json_read(p, (size_t)(end - p), &doc, NULL), 0);
		assert_int_equal(json_int(json_object_get(doc, "message"), "n", 0, EVENTS, -1), first + i);
		assert_non_null(json_text(json_object_get(doc, "attributes"), "ce-id"));
		assert_string_equal(json_text(doc, "topic"), (first + i) % 2 == 0 ?
		    "social-analytics-crawl-triggered" : "social-analytics-data-ingestion-completed");
		p = end + 1;
	}
	assert_string_equal(p, "");
}

static void
append(struct fixture *f, const char *text, size_t len)
{
	int fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(fs_write_all(fd, text, len), 0);
	(void)close(fd);
}

static void
test_a_batch_becomes_lines(void **state)
{
	struct fixture *f = *state;

	assert_true(put(f, 0, 3));
	assert_true(put(f, 3, 1));
	assert_file(f->path, 0, 4);
}

static void
test_a_batch_given_again_is_not_written_again(void **state)
{
	struct fixture *f = *state;

	assert_true(put(f, 0, 64));
	assert_true(put(f, 0, 64));
	assert_file(f->path, 0, 64);
	/* After a restart, and with newer events behind the old ones. */
	restart(f);
	assert_true(put(f, 0, 64));
	assert_true(put(f, 32, 64));
	assert_file(f->path, 0, 96);
	/* However often it is killed. */
	for (unsigned first = 96; first < EVENTS - 64; first += 16) {
		restart(f);
		assert_true(put(f, first, 16));
		restart(f);
		assert_true(put(f, first, 32));
	}
	assert_file(f->path, 0, EVENTS - 64 + 16);
}

/* Killed in the middle of the write, at every byte of it. */
static void
test_a_torn_batch_is_completed(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_true(put(f, 0, 8));
	assert_int_equal(stat(f->path, &st), 0);
	for (off_t len = 0; len <= st.st_size; len++) {
		assert_int_equal(truncate(f->path, len), 0);
		restart(f);
		assert_true(put(f, 0, 8));
		assert_file(f->path, 0, 8);
	}
}

static void
test_a_torn_line_is_cut_before_other_events_follow(void **state)
{
	struct fixture *f = *state;

	assert_true(put(f, 0, 2));
	append(f, "{\"topic\":\"x", 11);
	restart(f);
	assert_true(put(f, 2, 2));
	assert_file(f->path, 0, 4);
}

static void
test_a_file_that_is_not_ours_is_left_alone(void **state)
{
	struct fixture *f = *state;
	static char foreign[3 << 20];
	struct stat st;

	memset(foreign, 'x', sizeof(foreign));
	append(f, foreign, sizeof(foreign));
	assert_false(put(f, 0, 1));
	assert_non_null(strstr(f->why.text, "move it away"));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, sizeof(foreign));
	assert_int_equal(unlink(f->path), 0);
	assert_true(put(f, 0, 1));
	assert_file(f->path, 0, 1);
}

static void
test_foreign_lines_stay(void **state)
{
	struct fixture *f = *state;
	scoped_free char *text = NULL;
	size_t len;

	append(f, "hello\n{\"a\":1}\n", 14);
	assert_true(put(f, 0, 1));
	assert_int_equal(fs_read_small(f->path, 10000, &text, &len), 0);
	assert_ptr_equal(strstr(text, "hello\n{\"a\":1}\n{\"topic\":"), text);
}

static void
test_a_file_moved_away_is_begun_anew(void **state)
{
	struct fixture *f = *state;

	assert_true(put(f, 0, 4));
	assert_int_equal(rename(f->path, f->moved), 0);
	/* Also then nothing is written twice. */
	assert_true(put(f, 2, 4));
	assert_file(f->moved, 0, 4);
	assert_file(f->path, 4, 2);
	assert_int_equal(unlink(f->path), 0);
	append(f, "", 0);
	assert_true(put(f, 6, 2));
	assert_file(f->path, 6, 2);
}

/* A limit on file sizes stands for a full disk. */
static void
test_a_failed_write_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, small;
	struct stat st;

	assert_true(put(f, 0, 3));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	(void)signal(SIGXFSZ, SIG_IGN);
	for (rlim_t room = 0; room < 300; room += 13) {
		small.rlim_cur = (rlim_t)st.st_size + room;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		assert_false(put(f, 3, 5));
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_non_null(strstr(f->why.text, f->path));
		assert_file(f->path, 0, 3);
	}
	assert_true(put(f, 3, 5));
	assert_file(f->path, 0, 8);
}

static void
test_a_directory_in_the_way_is_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_false(put(f, 0, 1));
	assert_non_null(strstr(f->why.text, "events.ndjson"));
	assert_int_equal(rmdir(f->path), 0);
	assert_true(put(f, 0, 1));
	assert_file(f->path, 0, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_batch_becomes_lines),
		TEST(test_a_batch_given_again_is_not_written_again),
		TEST(test_a_torn_batch_is_completed),
		TEST(test_a_torn_line_is_cut_before_other_events_follow),
		TEST(test_a_file_that_is_not_ours_is_left_alone),
		TEST(test_foreign_lines_stay),
		TEST(test_a_file_moved_away_is_begun_anew),
		TEST(test_a_failed_write_leaves_no_trace),
		TEST(test_a_directory_in_the_way_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
