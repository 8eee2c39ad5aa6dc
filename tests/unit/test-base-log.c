/* What arrives at stderr: one write for each line, bounded, with the right head. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/uuid.h"

static const struct log_kind mishap = {
	"mishap", LOG_LEVEL_ERROR, "0123456789abcdef0123456789abcdef", "Subject", "Meaning.", "Action.", false,
};
static const struct log_kind remark = {
	"remark", LOG_LEVEL_WARNING, "00112233445566778899aabbccddeeff", "Subject", "Meaning.", "Action.", false,
};
static const struct log_kind step = {
	"step", LOG_LEVEL_INFO, "ffeeddccbbaa99887766554433221100", "Subject", "Meaning.", "", false,
};

/* stderr is one end of a packet socket here: each write is one packet. */
static int real_stderr, tap;

static int
tap_open(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	real_stderr = dup(STDERR_FILENO);
	dup2(pair[1], STDERR_FILENO);
	close(pair[1]);
	tap = pair[0];
	unsetenv("JOURNAL_STREAM");
	return 0;
}

static int
tap_close(void **state)
{
	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(tap);
	log_open("test", LOG_LEVEL_INFO);
	return 0;
}

/* The next line written, or "" when there is none. */
static const char *
next_line(void)
{
	static char line[4096];
	ssize_t n = recv(tap, line, sizeof(line) - 1, MSG_DONTWAIT);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

static void
line_has_time_level_who_fields_and_text(void **state)
{
	struct uuid id;
	const char *line;

	(void)state;
	assert_int_equal(uuid_parse("01a209fb-d417-7135-a6fc-aa958665ffe5", &id), 0);
	log_open("poller[2]", LOG_LEVEL_INFO);
	log_say(&step, LOG_FIELDS(.crawl = &id, .snapshot_id = "sd_1", .stage = "trigger", .request_id = "r-1"),
	    "triggered in %d ms", 612);
	line = next_line();
	assert_int_equal(line[10], 'T');
	assert_string_equal(line + 24, " info poller[2] crawl=01a209fb-d417-7135-a6fc-aa958665ffe5 "
	    "snapshot=sd_1 request=r-1 triggered in 612 ms\n");
	log_say(&mishap, NULL, "no");
	assert_string_equal(next_line() + 24, " error poller[2] no\n");
	log_say(&remark, LOG_FIELDS(.snapshot_id = "", .request_id = NULL), "hm");
	assert_string_equal(next_line() + 24, " warning poller[2] hm\n");
	log_plain(LOG_LEVEL_INFO, "%s", "so");
	assert_string_equal(next_line() + 24, " info poller[2] so\n");
}

static void
level_decides_what_is_written(void **state)
{
	(void)state;
	log_open("test", LOG_LEVEL_WARNING);
	log_say(&step, NULL, "not wanted");
	log_debug(NULL, "not wanted");
	assert_string_equal(next_line(), "");
	assert_false(log_wants(LOG_LEVEL_INFO));
	log_set_level(LOG_LEVEL_DEBUG);
	assert_true(log_wants(LOG_LEVEL_DEBUG));
	log_debug(NULL, "wanted");
	assert_non_null(strstr(next_line(), " debug test wanted\n"));
}

static void
long_line_is_cut_between_characters(void **state)
{
	char text[3000];
	const char *line;
	size_t shift;

	(void)state;
	log_open("test", LOG_LEVEL_INFO);
	for (shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xF0\x9F\x98\x80", 5);
		log_say(&step, NULL, "%s", text);
		line = next_line();
		assert_true(strlen(line) <= 1024 && strlen(line) > 1015);
		assert_string_equal(line + strlen(line) - 8, "\xF0\x9F\x98\x80...\n");
		assert_string_equal(next_line(), "");
	}
}

static void
line_breaks_cannot_forge_a_line(void **state)
{
	(void)state;
	log_open("test", LOG_LEVEL_INFO);
	log_say(&step, LOG_FIELDS(.snapshot_id = "s\nd", .request_id = "\x1b[2J"), "a\nb\x1b[1mc\xff\r\n");
	assert_string_equal(next_line() + 24, " info test snapshot=s\\x0ad request=\\x1b[2J "
	    "a\\x0ab\\x1b[1mc\\xff\\x0d\\x0a\n");
}

static void
journal_gets_priorities_and_no_time(void **state)
{
	char where[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(where, sizeof(where), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", where, 1);
	log_open("keeper", LOG_LEVEL_DEBUG);
	log_say(&mishap, NULL, "e");
	assert_string_equal(next_line(), "<3>keeper e\n");
	log_say(&remark, NULL, "w");
	assert_string_equal(next_line(), "<4>keeper w\n");
	log_say(&step, NULL, "i");
	assert_string_equal(next_line(), "<6>keeper i\n");
	log_debug(NULL, "d");
	assert_string_equal(next_line(), "<7>keeper d\n");

	setenv("JOURNAL_STREAM", "1:2", 1);	/* stderr went elsewhere since */
	log_open("keeper", LOG_LEVEL_INFO);
	log_say(&step, NULL, "i");
	assert_string_equal(next_line() + 24, " info keeper i\n");
	unsetenv("JOURNAL_STREAM");
}

static void
errno_survives(void **state)
{
	(void)state;
	log_open("test", LOG_LEVEL_INFO);
	errno = EXDEV;
	log_say(&step, NULL, "text");
	assert_int_equal(errno, EXDEV);
	(void)next_line();
}

static void
fatal_logs_whatever_the_level_and_leaves(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	log_open("test", LOG_LEVEL_ERROR);
	pid = fork();
	if (pid == 0)
		fatal(78, &mishap, "cannot work: %s", "reason");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 78);
	assert_string_equal(next_line() + 24, " error test cannot work: reason\n");
}

static void
count_call(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(int *)arg;
}

static void
loop_runs_timers_and_logs_the_librarys_warnings(void **state)
{
	struct event_base *base = loop_new();
	int calls = 0;
	struct event *timer = evtimer_new(base, count_call, &calls);

	(void)state;
	log_open("test", LOG_LEVEL_INFO);
	loop_timer_in(timer, -5);
	loop_timer_in(timer, 1);
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(calls, 1);
	event_free(timer);
	/* A descriptor that cannot be polled makes libevent complain. */
	timer = event_new(base, 9999, EV_READ, count_call, &calls);
	assert_int_equal(event_add(timer, NULL), -1);
	assert_non_null(strstr(next_line(), " warning test libevent: "));
	event_free(timer);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(line_has_time_level_who_fields_and_text, tap_open, tap_close),
		cmocka_unit_test_setup_teardown(level_decides_what_is_written, tap_open, tap_close),
		cmocka_unit_test_setup_teardown(long_line_is_cut_between_characters, tap_open, tap_close),
		cmocka_unit_test_setup_teardown(line_breaks_cannot_forge_a_line, tap_open, tap_close),
		cmocka_unit_test_setup_teardown(journal_gets_priorities_and_no_time, tap_open, tap_close),
		cmocka_unit_test_setup_teardown(errno_survives, tap_open, tap_close),
		cmocka_unit_test_setup_teardown(fatal_logs_whatever_the_level_and_leaves, tap_open, tap_close),
		cmocka_unit_test_setup_teardown(loop_runs_timers_and_logs_the_librarys_warnings, tap_open,
		    tap_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
