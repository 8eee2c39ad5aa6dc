/* The log for programs: JSON lines, the journal's fields, and what happens when nobody takes them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "base/log_journal.h"
#include "base/log_line.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "base/why.h"

#define CRAWL "01a209fb-d417-7135-a6fc-aa958665ffe5"

static const struct log_kind mishap = {
	"mishap", LOG_LEVEL_ERROR, "0123456789abcdef0123456789abcdef", "Subject", "Meaning.", "Action.", false,
};
static const struct log_kind step = {
	"step", LOG_LEVEL_INFO, "ffeeddccbbaa99887766554433221100", "Subject", "Meaning.", "", false,
};

/* stderr is one end of a packet socket, the journal a datagram socket in a folder of ours. */
static int real_stderr, tap, journal;
static char folder[] = "/tmp/test-log-XXXXXX", journal_path[64];

static void
stderr_is_the_journals(bool yes)
{
	char where[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(where, sizeof(where), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	if (yes)
		setenv("JOURNAL_STREAM", where, 1);
	else
		unsetenv("JOURNAL_STREAM");
}

static int
set_up(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int pair[2];

	(void)state;
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	if (mkdtemp(folder) == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	real_stderr = dup(STDERR_FILENO);
	dup2(pair[1], STDERR_FILENO);
	close(pair[1]);
	tap = pair[0];
	(void)snprintf(journal_path, sizeof(journal_path), "%s/journal", folder);
	memcpy(address.sun_path, journal_path, sizeof(journal_path));
	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(journal, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	log_journal_at(journal_path);
	stderr_is_the_journals(false);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	stderr_is_the_journals(false);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(tap);
	close(journal);
	(void)unlink(journal_path);
	(void)rmdir(folder);
	log_journal_at(NULL);
	log_open("test", LOG_LEVEL_INFO);
	return 0;
}

static const char *
next_from(int fd)
{
	static char packet[2 * LOG_LINE_SIZE];
	ssize_t n = recv(fd, packet, sizeof(packet) - 1, MSG_DONTWAIT);

	packet[n > 0 ? n : 0] = '\0';
	return packet;
}

static struct uuid
crawl(void)
{
	struct uuid id;

	assert_int_equal(uuid_parse(CRAWL, &id), 0);
	return id;
}

/* What a foreign text may try: to end the line, the field, the string; to steer a terminal. */
static const char *const nasty[] = {
	"two\nlines", "\n<0>forged", "\r\n2026-11-23T18:20:11.123Z error keeper forged", "\x1b[2J\x1b]0;t\x07",
	"quote\"back\\slash\\\"", "\",\"level\":\"debug\",\"x\":\"", "\nPRIORITY=0\nMESSAGE=forged\n", "a=b\nc",
	"broken \xff\xfe \xc3( \xed\xa0\x80 \xf8\x88\x80\x80\x80", "cut \xf0\x9f\x98", "c1 \xc2\x9b[31m",
	"separators \xe2\x80\xa8 \xe2\x80\xa9", "null \\u0000", "\x7f\x01\x1f", "", "\\", "\"",
};

/* ---- JSON ---- */

/* The one line on stderr as an object; checks what all lines have. */
static json_t *
next_object(const char *level)
{
	const char *line = next_from(tap);
	size_t len = strlen(line);
	struct why why = { "" };
	json_t *object;
	int64_t ms;

	assert_true(len > 0 && len <= LOG_LINE_SIZE);
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	assert_int_equal(utf8_prefix(line, len), len);
	for (size_t i = 0; i < len - 1; i++)
		assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
	if (json_read(line, len, &object, &why) < 0)
		fail_msg("%s in %s", why.text, line);
	assert_string_equal(json_text(object, "level"), level);
	assert_int_equal(time_parse(json_text(object, "time"), &ms), 0);
	assert_string_equal(next_from(tap), "");
	return object;
}

static void
json_line_has_a_member_for_all_that_is_known(void **state)
{
	struct uuid id = crawl();
	scoped_json *o = NULL;

	(void)state;
	log_open("poller[2]", LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_JSON);
	log_say(&step, LOG_FIELDS(.crawl = &id, .snapshot_id = "sd_1", .stage = "polling", .request_id = "r-1"),
	    "ready after %d ms", 7);
	o = next_object("info");
	assert_int_equal(json_object_size(o), 10);
	assert_string_equal(json_text(o, "role"), "poller");
	assert_int_equal(json_int(o, "instance", 0, 99, -1), 2);
	assert_string_equal(json_text(o, "kind"), "step");
	assert_string_equal(json_text(o, "crawl_id"), CRAWL);
	assert_string_equal(json_text(o, "snapshot_id"), "sd_1");
	assert_string_equal(json_text(o, "stage"), "polling");
	assert_string_equal(json_text(o, "request_id"), "r-1");
	assert_string_equal(json_text(o, "message"), "ready after 7 ms");
}

static void
json_line_leaves_out_what_does_not_apply(void **state)
{
	static const struct uuid nil;
	scoped_json *o = NULL, *debug = NULL;

	(void)state;
	log_open("keeper", LOG_LEVEL_DEBUG);
	log_set_format(LOG_FORMAT_JSON);
	log_say(&mishap, LOG_FIELDS(.crawl = &nil, .snapshot_id = ""), "no");
	o = next_object("error");
	assert_int_equal(json_object_size(o), 5);
	assert_string_equal(json_text(o, "role"), "keeper");
	assert_string_equal(json_text(o, "message"), "no");
	log_debug(NULL, "poll");
	debug = next_object("debug");
	assert_int_equal(json_object_size(debug), 4);
}

static void
foreign_text_cannot_leave_its_string(void **state)
{
	struct uuid id = crawl();

	(void)state;
	log_open("front[0]", LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_JSON);
	for (size_t i = 0; i < countof(nasty); i++) {
		char expected[512];
		json_t *o;

		log_say(&step, LOG_FIELDS(.crawl = &id, .snapshot_id = nasty[i], .request_id = nasty[i]),
		    "says %s", nasty[i]);
		o = next_object("info");
		(void)str_printable(expected, sizeof(expected), nasty[i], strlen(nasty[i]));
		assert_string_equal(json_text(o, "message") + 5, expected);
		assert_int_equal(json_object_size(o), nasty[i][0] != '\0' ? 9 : 7);
		if (nasty[i][0] != '\0')
			assert_string_equal(json_text(o, "request_id"), expected);
		json_decref(o);
	}
}

static void
json_line_of_a_long_text_is_cut_and_still_whole(void **state)
{
	static const char *const fill[] = { "\"", "\\", "x", "\x01", "\xff", "\xf0\x9f\x98\x80" };
	struct uuid id = crawl();
	char text[10001];

	(void)state;
	log_open("front[0]", LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_JSON);
	for (size_t i = 0; i < countof(fill); i++) {
		size_t len = strlen(fill[i]);
		const char *message;
		json_t *o;

		text[0] = '\0';
		for (size_t at = 0; at + len < sizeof(text); at += len)
			memcpy(text + at, fill[i], len + 1);
		log_say(&step, LOG_FIELDS(.crawl = &id, .snapshot_id = text, .stage = text, .request_id = text),
		    "%s", text);
		o = next_object("info");
		message = json_text(o, "message");
		assert_true(strlen(message) > LOG_TEXT_SIZE - 16 && strlen(message) < LOG_TEXT_SIZE);
		assert_string_equal(message + strlen(message) - 3, "...");
		assert_true(strlen(json_text(o, "request_id")) < LOG_FOREIGN_SIZE);
		json_decref(o);
	}
}

static void
json_on_the_journals_stderr_tells_it_the_level(void **state)
{
	(void)state;
	stderr_is_the_journals(true);
	log_open("keeper", LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_JSON);
	log_say(&mishap, NULL, "no");
	assert_int_equal(strncmp(next_from(tap), "<3>{\"time\":\"", 12), 0);
	assert_string_equal(next_from(journal), "");
}

static void
held_json_lines_leave_in_one_write(void **state)
{
	const char *lines;

	(void)state;
	log_open("keeper", LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_JSON);
	log_hold();
	log_say(&step, NULL, "one");
	log_say(&step, NULL, "two");
	assert_string_equal(next_from(tap), "");
	log_flush();
	lines = next_from(tap);
	assert_non_null(strstr(lines, "\"one\"}\n{\"time\":\""));
	assert_non_null(strstr(lines, "\"two\"}\n"));
	assert_string_equal(next_from(tap), "");
}

/* ---- the journal ---- */

/* How often a field stands in a datagram; its value, in a buffer of this function. */
static unsigned
field_of(const char *datagram, const char *name, const char **ret_value)
{
	static char value[LOG_LINE_SIZE];
	size_t len = strlen(name);
	unsigned count = 0;

	for (const char *p = datagram; *p != '\0'; p = strchr(p, '\n') + 1) {
		assert_non_null(strchr(p, '\n'));
		if (strncmp(p, name, len) != 0 || p[len] != '=')
			continue;
		count++;
		(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(p + len + 1, "\n"), p + len + 1);
	}
	*ret_value = count > 0 ? value : "";
	return count;
}

static void
assert_field(const char *datagram, const char *name, const char *expected)
{
	const char *value;

	assert_int_equal(field_of(datagram, name, &value), expected != NULL ? 1 : 0);
	if (expected != NULL)
		assert_string_equal(value, expected);
}

static void
journal_gets_a_field_for_all_that_is_known(void **state)
{
	struct uuid id = crawl();
	struct log_fields fields = { &id, "sd_1", "polling", "r-1" };
	const char *d, *line;
	char number[16];

	(void)state;
	stderr_is_the_journals(true);
	log_open("poller[12]", LOG_LEVEL_INFO);
	(void)snprintf(number, sizeof(number), "%d", __LINE__ + 1);
	log_say(&mishap, &fields, "%s", "no");
	d = next_from(journal);
	assert_field(d, "MESSAGE", "poller[12] crawl=" CRAWL " snapshot=sd_1 request=r-1 no");
	assert_field(d, "MESSAGE_ID", "0123456789abcdef0123456789abcdef");
	assert_field(d, "PRIORITY", "3");
	assert_field(d, "SYSLOG_IDENTIFIER", "trawld");
	assert_field(d, "TRAWLD_ROLE", "poller");
	assert_field(d, "TRAWLD_INSTANCE", "12");
	assert_field(d, "TRAWLD_KIND", "mishap");
	assert_field(d, "TRAWLD_CRAWL_ID", CRAWL);
	assert_field(d, "TRAWLD_SNAPSHOT_ID", "sd_1");
	assert_field(d, "TRAWLD_STAGE", "polling");
	assert_field(d, "TRAWLD_REQUEST_ID", "r-1");
	assert_field(d, "CODE_LINE", number);
	assert_field(d, "CODE_FUNC", __func__);
	assert_int_equal(field_of(d, "CODE_FILE", &line), 1);
	assert_non_null(strstr(line, "test-base-log-format.c"));
	assert_string_equal(next_from(tap), "");
}

static void
journal_gets_no_field_that_does_not_apply(void **state)
{
	static const char *const absent[] = {
		"TRAWLD_INSTANCE", "TRAWLD_CRAWL_ID", "TRAWLD_SNAPSHOT_ID", "TRAWLD_STAGE", "TRAWLD_REQUEST_ID",
	};
	const char *d;

	(void)state;
	stderr_is_the_journals(true);
	log_open("keeper", LOG_LEVEL_DEBUG);
	log_say(&step, NULL, "so");
	d = next_from(journal);
	assert_field(d, "MESSAGE", "keeper so");
	assert_field(d, "PRIORITY", "6");
	for (size_t i = 0; i < countof(absent); i++)
		assert_field(d, absent[i], NULL);
	log_debug(NULL, "poll");
	d = next_from(journal);
	assert_field(d, "PRIORITY", "7");
	assert_field(d, "MESSAGE_ID", NULL);
	assert_field(d, "TRAWLD_KIND", NULL);
}

static void
foreign_text_forges_no_field(void **state)
{
	struct uuid id = crawl();
	char big[10001];

	(void)state;
	stderr_is_the_journals(true);
	log_open("front[0]", LOG_LEVEL_INFO);
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (size_t i = 0; i <= countof(nasty); i++) {
		const char *text = i < countof(nasty) ? nasty[i] : big, *d;
		unsigned lines = 0;

		log_say(&step, LOG_FIELDS(.crawl = &id, .snapshot_id = text, .stage = "trigger",
		    .request_id = text), "%s", text);
		d = next_from(journal);
		assert_true(strlen(d) > 0 && strlen(d) <= LOG_LINE_SIZE);
		assert_int_equal(utf8_prefix(d, strlen(d)), strlen(d));
		for (const char *p = d; *p != '\0'; p++)
			lines += *p == '\n';
		assert_int_equal(lines, text[0] != '\0' ? 14 : 12);
		assert_field(d, "PRIORITY", "6");
		assert_field(d, "TRAWLD_CRAWL_ID", CRAWL);
	}
}

static void
held_lines_reach_the_journal_at_once(void **state)
{
	(void)state;
	stderr_is_the_journals(true);
	log_open("keeper", LOG_LEVEL_INFO);
	log_hold();
	log_say(&step, NULL, "one");
	assert_field(next_from(journal), "MESSAGE", "keeper one");
	log_flush();
	assert_string_equal(next_from(tap), "");
}

static void
format_journal_needs_no_journal_stderr(void **state)
{
	(void)state;
	log_open("keeper", LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_JOURNAL);
	log_say(&step, NULL, "one");
	assert_field(next_from(journal), "MESSAGE", "keeper one");
	assert_string_equal(next_from(tap), "");
}

/* ---- when nobody takes it ---- */

static void
without_a_journal_the_line_goes_to_stderr(void **state)
{
	(void)state;
	stderr_is_the_journals(true);
	log_open("keeper", LOG_LEVEL_INFO);
	assert_int_equal(unlink(journal_path), 0);
	errno = EXDEV;
	log_say(&mishap, NULL, "no");
	assert_int_equal(errno, EXDEV);
	assert_string_equal(next_from(tap), "<3>keeper no\n");
	stderr_is_the_journals(false);
	log_open("keeper", LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_JOURNAL);
	log_say(&mishap, NULL, "no");
	assert_string_equal(next_from(tap) + 24, " error keeper no\n");
}

static void
a_journal_that_does_not_read_stops_nobody(void **state)
{
	unsigned direct = 0, fallen_back = 0;

	(void)state;
	stderr_is_the_journals(true);
	log_open("keeper", LOG_LEVEL_INFO);
	(void)alarm(20);
	for (int i = 0; i < 2000; i++)
		log_say(&step, NULL, "line %d", i);
	(void)alarm(0);
	while (next_from(journal)[0] != '\0')
		direct++;
	while (next_from(tap)[0] != '\0')
		fallen_back++;
	assert_true(direct > 0 && fallen_back > 0);
	assert_true(direct + fallen_back < 2000);

	/* Both have room again: what is missing is told, once. */
	log_say(&step, NULL, "after");
	{
		char expected[64];
		const char *d = next_from(journal);

		(void)snprintf(expected, sizeof(expected), "keeper %u lines before this one are lost",
		    2000 - direct - fallen_back);
		assert_field(d, "MESSAGE", expected);
		assert_field(d, "TRAWLD_KIND", "log-lines-lost");
		assert_field(d, "PRIORITY", "4");
	}
	assert_field(next_from(journal), "MESSAGE", "keeper after");
	log_say(&step, NULL, "later");
	assert_field(next_from(journal), "MESSAGE", "keeper later");
	assert_string_equal(next_from(journal), "");
}

static void
a_journal_that_is_gone_kills_nobody(void **state)
{
	(void)state;
	stderr_is_the_journals(true);
	log_open("keeper", LOG_LEVEL_INFO);
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(unlink(journal_path), 0);
	close(tap);
	tap = -1;
	log_say(&mishap, NULL, "no");
	log_say(&mishap, NULL, "no");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(json_line_has_a_member_for_all_that_is_known),
		TEST(json_line_leaves_out_what_does_not_apply),
		TEST(foreign_text_cannot_leave_its_string),
		TEST(json_line_of_a_long_text_is_cut_and_still_whole),
		TEST(json_on_the_journals_stderr_tells_it_the_level),
		TEST(journal_gets_a_field_for_all_that_is_known),
		TEST(journal_gets_no_field_that_does_not_apply),
		TEST(foreign_text_forges_no_field),
		TEST(format_journal_needs_no_journal_stderr),
		TEST(without_a_journal_the_line_goes_to_stderr),
		TEST(a_journal_that_does_not_read_stops_nobody),
		/* Holding has no end in a process, and the last test leaves lines that are lost. */
		TEST(held_json_lines_leave_in_one_write),
		TEST(held_lines_reach_the_journal_at_once),
		TEST(a_journal_that_is_gone_kills_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
