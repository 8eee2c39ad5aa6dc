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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/event_file.h"
#include "publisher/event_sink.h"

#define EVENTS 400

/* ---- calls that can be the last ---- */

static unsigned calls, last_call;	/* 0: none is */

static void
count_call(void)
{
	if (last_call != 0 && ++calls == last_call)
		(void)raise(SIGKILL);
}

ssize_t
write(int fd, const void *p, size_t len)
{
	count_call();
	/* As when it is killed in the midst of it. */
	if (last_call != 0 && calls + 1 == last_call)
		len = len / 2 + 1;
	return syscall(SYS_write, fd, p, len);
}

int
rename(const char *from, const char *to)
{
	count_call();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
fsync(int fd)
{
	count_call();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	count_call();
	return (int)syscall(SYS_fdatasync, fd);
}

struct fixture {
	char	dir[64], path[128], moved[128];
	struct sink_file_limits limits;
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
	f->limits = (struct sink_file_limits){ 0, 8 };
	f->sink = sink_file_new(f->dir, "social-analytics", &f->limits);
	make_events(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	char old[160];

	event_sink_free(f->sink);
	for (unsigned n = 0; n <= EVENT_FILES_MAX; n++) {
		assert_int_equal(event_file_path(old, sizeof(old), f->path, n), 0);
		(void)unlink(old);
	}
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
	f->sink = sink_file_new(f->dir, "social-analytics", &f->limits);
}

/* The lines of text are events first, first + 1, ...; returns the one after them. */
static unsigned
assert_lines(const char *text, unsigned first)
{
	const char *end;

	for (const char *p = text; *p != '\0'; p = end + 1, first++) {
		scoped_json *doc = NULL;

		end = strchr(p, '\n');
		assert_non_null(end);
		assert_int_equal(json_read(p, (size_t)(end - p), &doc, NULL), 0);
		assert_int_equal(json_int(json_object_get(doc, "message"), "n", 0, EVENTS, -1), first);
		assert_non_null(json_text(json_object_get(doc, "attributes"), "ce-id"));
		assert_string_equal(json_text(doc, "topic"), first % 2 == 0 ?
		    "social-analytics-crawl-triggered" : "social-analytics-data-ingestion-completed");
	}
	return first;
}

/* The file holds exactly events first..first+count-1, in order. */
static void
assert_file(const char *path, unsigned first, unsigned count)
{
	scoped_free char *text = NULL;
	size_t len;

	assert_int_equal(fs_read_small(path, 1 << 20, &text, &len), 0);
	assert_int_equal(assert_lines(text, first), first + count);
}

/* All files, the oldest first, hold exactly these. How many files there are. */
static unsigned
assert_files(const struct fixture *f, unsigned first, unsigned count)
{
	unsigned next = first, files = 0;

	for (unsigned n = EVENT_FILES_MAX + 1; n-- > 0;) {
		scoped_free char *text = NULL;
		char path[160];
		size_t len;

		assert_int_equal(event_file_path(path, sizeof(path), f->path, n), 0);
		if (fs_read_small(path, 1 << 20, &text, &len) < 0)
			continue;
		next = assert_lines(text, next);
		files++;
	}
	assert_int_equal(next, first + count);
	return files;
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

/* What were written there would be acknowledged, and never found again. */
static void
test_another_directory_at_the_path_is_not_written_to(void **state)
{
	struct fixture *f = *state;
	char aside[96];

	(void)snprintf(aside, sizeof(aside), "%s-aside", f->dir);
	assert_int_equal(rename(f->dir, aside), 0);
	assert_false(put(f, 0, 1));
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_false(put(f, 0, 1));
	assert_non_null(strstr(f->why.text, "another directory"));
	assert_int_equal(rmdir(f->dir), 0);		/* it is empty */
	assert_int_equal(rename(aside, f->dir), 0);
	assert_true(put(f, 0, 1));
	assert_file(f->path, 0, 1);
}

/* ---- rotation ---- */

/* Each batch of so many events makes the file full. */
static void
limit_to(struct fixture *f, unsigned events, unsigned count)
{
	struct stat st;

	assert_true(put(f, 0, events));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(unlink(f->path), 0);
	f->limits = (struct sink_file_limits){ st.st_size + 20, count };
	restart(f);
}

static bool
has_file(const struct fixture *f, unsigned number)
{
	char path[160];
	struct stat st;

	assert_int_equal(event_file_path(path, sizeof(path), f->path, number), 0);
	return stat(path, &st) == 0;
}

static void
test_a_full_file_becomes_an_old_one(void **state)
{
	struct fixture *f = *state;

	limit_to(f, 10, 3);
	for (unsigned n = 0; n < 3; n++)
		assert_true(put(f, n * 10, 10));
	assert_file(f->path, 20, 10);
	assert_file(f->moved, 10, 10);
	assert_int_equal(assert_files(f, 0, 30), 3);
	/* Smaller batches share a file. */
	assert_true(put(f, 30, 1));
	assert_true(put(f, 31, 1));
	assert_file(f->path, 30, 2);
	assert_int_equal(assert_files(f, 0, 32), 4);
	/* The oldest one is gone, no other. */
	assert_true(put(f, 32, 20));
	assert_int_equal(assert_files(f, 10, 42), 4);
	assert_true(has_file(f, 3));
	assert_false(has_file(f, 4));
}

static void
test_a_batch_is_not_divided_however_long(void **state)
{
	struct fixture *f = *state;

	limit_to(f, 2, 8);
	assert_true(put(f, 0, 64));
	assert_file(f->path, 0, 64);
	assert_true(put(f, 64, 64));
	assert_file(f->path, 64, 64);
	assert_int_equal(assert_files(f, 0, 128), 2);
}

static void
test_nothing_is_written_again_after_a_rotation(void **state)
{
	struct fixture *f = *state;
	char aside[160];

	limit_to(f, 16, 8);
	for (unsigned first = 0; first < 96; first += 16) {
		assert_true(put(f, first, 16));
		restart(f);
		assert_true(put(f, first, 16));
		restart(f);
		/* All that was not acknowledged, and one file each. */
		assert_true(put(f, 0, first / 2 + 16 > 64 ? 64 : first / 2 + 16));
	}
	assert_files(f, 0, 96);
	/* With nothing but old files. */
	(void)snprintf(aside, sizeof(aside), "%s/aside", f->dir);
	assert_int_equal(rename(f->path, aside), 0);
	restart(f);
	assert_true(put(f, 70, 10));
	assert_file(f->path, 0, 0);
	assert_int_equal(rename(aside, f->path), 0);
}

static void
test_a_free_number_is_used_and_no_file_lost(void **state)
{
	struct fixture *f = *state;
	char from[160], to[160];

	limit_to(f, 10, 4);
	for (unsigned n = 0; n < 4; n++)
		assert_true(put(f, n * 10, 10));
	/* A rotation that was cut short after its first step. */
	assert_int_equal(event_file_path(from, sizeof(from), f->path, 3), 0);
	assert_int_equal(event_file_path(to, sizeof(to), f->path, 4), 0);
	assert_int_equal(rename(from, to), 0);
	restart(f);
	assert_true(put(f, 40, 10));
	assert_int_equal(assert_files(f, 0, 50), 5);
	assert_true(put(f, 50, 10));
	assert_int_equal(assert_files(f, 10, 50), 5);
}

/* Puts in a process that ends at its n-th call, if it makes so many. */
static bool
put_in_child(struct fixture *f, unsigned first, unsigned count, unsigned call)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		restart(f);
		last_call = call;
		_exit(put(f, first, count) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return false;
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void
remove_files(struct fixture *f)
{
	char path[160];

	for (unsigned n = 0; n <= EVENT_FILES_MAX; n++) {
		assert_int_equal(event_file_path(path, sizeof(path), f->path, n), 0);
		(void)unlink(path);
	}
	restart(f);
}

/* Killed twice, with more events each time they are given again: each such time rotates. */
static void
test_a_kill_at_each_step_of_a_rotation_loses_and_doubles_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned killed = 0, first_call = 0, second_call;
	bool first_through, second_through;

	limit_to(f, 8, 9);
	do {
		first_call++;
		second_call = 0;
		do {
			second_call++;
			remove_files(f);
			assert_true(put(f, 0, 8));
			assert_true(put(f, 8, 8));
			first_through = put_in_child(f, 16, 8, first_call);
			second_through = put_in_child(f, 16, 16, second_call);
			restart(f);
			assert_true(put(f, 16, 24));
			assert_true(assert_files(f, 0, 40) >= 3);
			killed += !first_through + !second_through;
		} while (!second_through);
	} while (!first_through);
	assert_true(killed > 50);
}

/* With the number of old files reached it is only the oldest that goes. */
static void
test_a_kill_while_the_oldest_is_given_up_keeps_the_others(void **state)
{
	struct fixture *f = *state;
	bool through = false;

	limit_to(f, 8, 3);
	for (unsigned call = 1; call < 100 && !through; call++) {
		remove_files(f);
		for (unsigned n = 0; n < 4; n++)
			assert_true(put(f, n * 8, 8));
		through = put_in_child(f, 32, 8, call);
		restart(f);
		assert_true(put(f, 32, 8));
		assert_true(assert_files(f, 8, 32) >= 4);
	}
	assert_true(through);
}

static void
test_a_directory_in_the_way_of_an_old_file_is_told(void **state)
{
	struct fixture *f = *state;

	limit_to(f, 10, 1);
	assert_int_equal(mkdir(f->moved, 0700), 0);
	assert_true(put(f, 0, 10));
	assert_false(put(f, 10, 10));
	assert_non_null(strstr(f->why.text, "cannot rename"));
	assert_file(f->path, 0, 10);
	assert_int_equal(rmdir(f->moved), 0);
	assert_true(put(f, 10, 10));
	assert_files(f, 0, 20);
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
		TEST(test_another_directory_at_the_path_is_not_written_to),
		TEST(test_a_full_file_becomes_an_old_one),
		TEST(test_a_batch_is_not_divided_however_long),
		TEST(test_nothing_is_written_again_after_a_rotation),
		TEST(test_a_free_number_is_used_and_no_file_lost),
		TEST(test_a_kill_at_each_step_of_a_rotation_loses_and_doubles_nothing),
		TEST(test_a_kill_while_the_oldest_is_given_up_keeps_the_others),
		TEST(test_a_directory_in_the_way_of_an_old_file_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
