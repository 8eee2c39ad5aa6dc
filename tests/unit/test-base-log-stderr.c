/* What becomes of lines when whoever reads stderr does not, or reads in small pieces. */
#include "base/log_stderr.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/log_line.h"
#include "base/mem.h"

#define LINES 20000
#define STUCK_S 20	/* then a write waits, and the test ends by SIGALRM */

static const struct log_kind step = {
	"step", LOG_LEVEL_INFO, "ffeeddccbbaa99887766554433221100", "Subject", "Meaning.", "", false,
};

static int real_stderr;
static char text[8 << 20];	/* all that was read */

static int
set_up(void **state)
{
	(void)state;
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
	unsetenv("JOURNAL_STREAM");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(STUCK_S);
	return real_stderr < 0 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)alarm(0);
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	log_open("test", LOG_LEVEL_INFO);
	return 0;
}

/* Takes fd as stderr of a program that serves. */
static void
serve_with(int fd)
{
	(void)dup2(fd, STDERR_FILENO);
	log_open("test", LOG_LEVEL_INFO);
	log_never_wait();
}

static void
say_lines(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		log_say(&step, NULL, "line %u %.*s", i, (int)(i % 200), "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
		    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
}

/* What is there now, behind what was read before; the whole length. */
static size_t
read_now(int fd, size_t len)
{
	struct pollfd readable = { fd, POLLIN, 0 };
	ssize_t n;

	while (poll(&readable, 1, 50) > 0 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return len;
}

/* Each line that was read is whole; how many there are, and how many they say are lost. */
static unsigned
count_lines(unsigned *ret_lost)
{
	unsigned count = 0, lost;
	char *end, *word;

	*ret_lost = 0;
	for (char *p = text; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		assert_non_null(end);
		*end = '\0';
		if (end > p && end[-1] == '\r')		/* a terminal's */
			end[-1] = '\0';
		word = strstr(p, " test ");
		assert_non_null(word);
		assert_int_equal(p[10], 'T');
		if (strstr(p, " info ") == NULL) {
			assert_int_equal(sscanf(word, " test %u lines before this one are lost", &lost), 1);
			*ret_lost += lost;
			continue;
		}
		assert_int_equal(strncmp(word, " test line ", 11), 0);
		assert_ptr_equal(strstr(word + 1, " test "), NULL);
		count++;
	}
	return count;
}

/* As much as it takes, and more; then it is read and told what it missed. */
static void
assert_told(int reader, unsigned said)
{
	unsigned count, lost, later = 7;
	size_t len = read_now(reader, 0);

	say_lines(later);
	read_now(reader, len);
	count = count_lines(&lost);
	assert_true(count > 0 && lost > 0);
	assert_int_equal(count + lost, said + later);
}

static void
a_pipe_that_nobody_reads_costs_lines_only(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	serve_with(ends[1]);
	say_lines(LINES);
	/* Whoever shares the pipe with us still waits when it writes. */
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	assert_told(ends[0], LINES);
	close(ends[0]);
	close(ends[1]);
}

static void
the_loss_is_told_without_another_line(void **state)
{
	unsigned count, lost;
	int ends[2];
	size_t len;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	serve_with(ends[1]);
	say_lines(LINES);
	log_flush();
	len = read_now(ends[0], 0);
	errno = EXDEV;
	log_flush();
	assert_int_equal(errno, EXDEV);
	len = read_now(ends[0], len);
	log_flush();
	assert_int_equal(read_now(ends[0], len), len);
	count = count_lines(&lost);
	assert_true(lost > 0);
	assert_int_equal(count + lost, LINES);
	close(ends[0]);
	close(ends[1]);
}

/* In a child, which has no right to open what it has as stderr. */
static int
without_rights(int reader, int writer, void (*say)(int reader))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)alarm(STUCK_S);
		if (fchmod(writer, 0) < 0 || (geteuid() == 0 && seteuid(65534) < 0))
			_exit(99);
		serve_with(writer);
		if ((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) != 0)
			_exit(98);
		say(reader);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
say_into_a_full_pipe(int reader)
{
	unsigned lost;
	size_t len;

	say_lines(LINES);
	len = read_now(reader, 0);
	say_lines(1);
	(void)read_now(reader, len);
	if (count_lines(&lost) + lost != LINES + 1 || lost == 0)
		_exit(97);
}

static void
a_pipe_of_another_user_is_not_waited_for_either(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(without_rights(ends[0], ends[1], say_into_a_full_pipe), 0);
	close(ends[0]);
	close(ends[1]);
}

static void
open_terminal(int *ret_master, int *ret_slave)
{
	*ret_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*ret_master >= 0);
	assert_int_equal(grantpt(*ret_master), 0);
	assert_int_equal(unlockpt(*ret_master), 0);
	*ret_slave = open(ptsname(*ret_master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*ret_slave >= 0);
}

static void
a_terminal_that_nobody_reads_costs_lines_only(void **state)
{
	int master, slave;

	(void)state;
	open_terminal(&master, &slave);
	serve_with(slave);
	say_lines(LINES);
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	assert_told(master, LINES);
	close(master);
	close(slave);
}

static void
a_terminal_that_is_stopped_costs_lines_only(void **state)
{
	unsigned count, lost;
	int master, slave;

	(void)state;
	open_terminal(&master, &slave);
	serve_with(slave);
	assert_int_equal(tcflow(slave, TCOOFF), 0);
	say_lines(1000);
	assert_int_equal(tcflow(slave, TCOON), 0);
	log_flush();
	(void)read_now(master, 0);
	count = count_lines(&lost);
	assert_int_equal(count + lost, 1000);
	close(master);
	close(slave);
}

static void
say_into_a_stopped_terminal(int master)
{
	(void)master;
	(void)tcflow(STDERR_FILENO, TCOOFF);
	say_lines(1000);
}

static void
a_terminal_of_another_user_that_is_stopped_is_not_waited_for(void **state)
{
	int master, slave;

	(void)state;
	open_terminal(&master, &slave);
	assert_int_equal(without_rights(master, slave, say_into_a_stopped_terminal), 0);
	close(master);
	close(slave);
}

/* A terminal refuses one of two that write at the same moment. */
static void
processes_that_share_a_terminal_lose_nothing(void **state)
{
	unsigned count, lost;
	int master, slave, status;
	size_t len = 0;
	pid_t pid[2];

	(void)state;
	open_terminal(&master, &slave);
	serve_with(slave);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			say_lines(60);
			log_flush();
			_exit(0);
		}
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
	(void)read_now(master, len);
	count = count_lines(&lost);
	assert_int_equal(count, 120);
	assert_int_equal(lost, 0);
	close(master);
	close(slave);
}

/* Each write is one packet here. */
static void
pieces_are_whole_lines_that_a_pipe_takes_at_once(void **state)
{
	static char lines[40000];
	size_t len = 0, taken = 0;
	int pair[2];
	ssize_t n;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	serve_with(pair[1]);
	for (unsigned i = 1; len + LOG_LINE_SIZE < sizeof(lines); i++) {
		size_t line = i * 997 % LOG_LINE_SIZE + 1;

		memset(lines + len, 'a' + (int)(i % 26), line);
		lines[len + line - 1] = '\n';
		len += line;
	}
	assert_int_equal(log_stderr_put(lines, len), 0);
	while ((n = recv(pair[0], text, sizeof(text), MSG_DONTWAIT)) > 0) {
		assert_true(n <= PIPE_BUF);
		assert_int_equal(text[n - 1], '\n');
		assert_memory_equal(text, lines + taken, n);
		taken += (size_t)n;
	}
	assert_int_equal(taken, len);
	close(pair[0]);
	close(pair[1]);
}

/* A limit on file sizes stands for a full disk. */
static void
a_line_that_a_full_disk_took_in_part_is_finished(void **state)
{
	char name[] = "/tmp/test-log-XXXXXX";
	struct rlimit before, small;
	unsigned count, lost;
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	serve_with(fd);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	for (rlim_t room = 1000; room < 1200; room += 9) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		small.rlim_cur = room;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		say_lines(100);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		say_lines(1);
		text[pread(fd, text, sizeof(text) - 1, 0)] = '\0';
		count = count_lines(&lost);
		assert_true(lost > 0);
		assert_int_equal(count + lost, 101);
	}
	close(fd);
	(void)unlink(name);
}

static void
a_reader_that_is_gone_stops_nobody(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	serve_with(ends[1]);
	close(ends[0]);
	close(ends[1]);
	say_lines(100);
	log_flush();
}

/* Two processes hold a turn's lines; no line of one stands inside a line of the other. */
static void
held_lines_of_processes_never_mix_in_a_pipe(void **state)
{
	unsigned lost;
	int ends[2];
	size_t len = 0;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	serve_with(ends[1]);
	for (int i = 0; i < 2; i++) {
		if (fork() == 0) {
			log_hold();
			for (int turn = 0; turn < 10; turn++) {
				say_lines(300);
				log_flush();
			}
			_exit(0);
		}
	}
	close(ends[1]);
	(void)dup2(real_stderr, STDERR_FILENO);
	while ((n = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	assert_int_equal(count_lines(&lost), 2 * 10 * 300);
	assert_int_equal(lost, 0);
	while (waitpid(-1, NULL, 0) > 0)
		;
	close(ends[0]);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_pipe_that_nobody_reads_costs_lines_only),
		TEST(the_loss_is_told_without_another_line),
		TEST(a_pipe_of_another_user_is_not_waited_for_either),
		TEST(a_terminal_that_nobody_reads_costs_lines_only),
		TEST(a_terminal_that_is_stopped_costs_lines_only),
		TEST(a_terminal_of_another_user_that_is_stopped_is_not_waited_for),
		TEST(processes_that_share_a_terminal_lose_nothing),
		TEST(pieces_are_whole_lines_that_a_pipe_takes_at_once),
		TEST(a_line_that_a_full_disk_took_in_part_is_finished),
		TEST(held_lines_of_processes_never_mix_in_a_pipe),
		/* Leaves lines that are lost. */
		TEST(a_reader_that_is_gone_stops_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
