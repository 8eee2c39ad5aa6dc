/*
 * log_stderr.c - what stderr is, and how to write there without waiting for its reader.
 * Owns the rest of a line that was taken in part; takes no memory.
 *
 * O_NONBLOCK belongs to the open file description, and that of stderr is shared with
 * whoever started us, a shell maybe: set there, it would change that one's terminal. So a
 * pipe or a terminal is opened anew, for a description of this set's own, and put in the
 * place of stderr, where children inherit it. One that only others may open (a pipe of
 * another user) is looked at before each write.
 */
#include "base/log_stderr.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/own.h"

#define PIPE_ROOM     (1 << 20)	/* bytes, if we may: a reader that is slow for a moment costs no line */
#define TERMINAL_TRIES 100

_Static_assert(LOG_LINE_SIZE <= PIPE_BUF, "a pipe takes any line at once");

/* As write(2). */
typedef ssize_t write_fn(const void *p, size_t len);

static write_fn write_file, write_socket, write_terminal, write_looking;

static struct {
	bool	  never_waits;
	write_fn *write;
	size_t	  at_once;		/* bytes */
	bool	  stuck;		/* the last write was refused */
	char	  rest[LOG_LINE_SIZE];	/* of a line that was taken in part */
	size_t	  rest_len;
} out = { .write = write_file, .at_once = PIPE_BUF };

/* ---- one write ---- */

/* A file, and whatever waits for nobody by itself. */
static ssize_t
write_file(const void *p, size_t len)
{
	return write(STDERR_FILENO, p, len);
}

static ssize_t
write_socket(const void *p, size_t len)
{
	return send(STDERR_FILENO, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A terminal also refuses while another process writes to it, and nothing tells that from
 * one that is full: the moment that takes is waited for, once for each time it is full. */
static ssize_t
write_terminal(const void *p, size_t len)
{
	int tries = out.stuck ? 1 : TERMINAL_TRIES;
	ssize_t n;

	while ((n = write(STDERR_FILENO, p, len)) < 0 && errno == EAGAIN && --tries > 0)
		(void)sched_yield();
	return n;
}

static bool
takes_more(void)
{
	struct pollfd stderr_poll = { STDERR_FILENO, POLLOUT, 0 };

	return poll(&stderr_poll, 1, 0) > 0;
}

/* With a description that waits. What cannot be told in the call (terminals, old kernels) is
 * looked at before, and another process may be quicker. */
static ssize_t
write_looking(const void *p, size_t len)
{
	struct iovec part = { (void *)p, len };
	ssize_t n = pwritev2(STDERR_FILENO, &part, 1, -1, RWF_NOWAIT);

	if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
		return n;
	if (takes_more())
		return write(STDERR_FILENO, p, len);
	errno = EAGAIN;
	return -1;
}

/* ---- what stderr is ---- */

/* $JOURNAL_STREAM is inherited even by a process whose stderr was sent elsewhere,
 * so it counts only when it names what stderr is. */
static bool
is_journal(const struct stat *st)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;

	return text != NULL && sscanf(text, "%llu:%llu", &dev, &ino) == 2 &&
	    st->st_dev == (dev_t)dev && st->st_ino == (ino_t)ino;
}

/* What was opened is a name of stderr: by its file, or as the terminal that controls this process. */
static bool
is_stderr(int fd)
{
	struct stat ours, found;
	unsigned our_terminal, terminal;

	if (fstat(STDERR_FILENO, &ours) < 0 || fstat(fd, &found) < 0)
		return false;
	if (ours.st_dev == found.st_dev && ours.st_ino == found.st_ino)
		return true;
	return ioctl(STDERR_FILENO, TIOCGDEV, &our_terminal) == 0 && ioctl(fd, TIOCGDEV, &terminal) == 0 &&
	    our_terminal == terminal;
}

/* True when stderr has a description of its own that never waits. */
static bool
open_anew(void)
{
	static const char *const names[] = { "/proc/self/fd/2", "/dev/tty" };

	for (size_t i = 0; i < countof(names); i++) {
		scoped_fd fd = open(names[i], O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (fd >= 0 && is_stderr(fd) && dup2(fd, STDERR_FILENO) >= 0)
			return true;
	}
	return false;
}

static void
make_room(void)
{
	int room = fcntl(STDERR_FILENO, F_GETPIPE_SZ);

	if (room > 0 && room < PIPE_ROOM)
		(void)fcntl(STDERR_FILENO, F_SETPIPE_SZ, PIPE_ROOM);
}

static write_fn *
write_of_reader(bool is_terminal)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	if (flags < 0 || (flags & O_NONBLOCK) != 0 || open_anew())
		return is_terminal ? write_terminal : write_file;
	return write_looking;
}

static void
choose(const struct stat *st)
{
	bool is_terminal = S_ISCHR(st->st_mode) && isatty(STDERR_FILENO);

	out.write = write_file;
	out.at_once = S_ISREG(st->st_mode) ? SIZE_MAX : PIPE_BUF;
	if (S_ISSOCK(st->st_mode))
		out.write = write_socket;
	else if (out.never_waits && (is_terminal || S_ISFIFO(st->st_mode)))
		out.write = write_of_reader(is_terminal);
	if (out.never_waits && S_ISFIFO(st->st_mode))
		make_room();
}

bool
log_stderr_open(void)
{
	int saved = errno;
	struct stat st = { 0 };
	bool known = fstat(STDERR_FILENO, &st) == 0;

	out.rest_len = 0;
	choose(&st);
	errno = saved;
	return known && is_journal(&st);
}

void
log_stderr_never_wait(void)
{
	out.never_waits = true;
	(void)log_stderr_open();
}

/* ---- lines ---- */

static unsigned
lines_in(const char *p, size_t len)
{
	unsigned count = 0;

	for (size_t i = 0; i < len; i++)
		count += p[i] == '\n';
	return count;
}

static ssize_t
write_once(const char *p, size_t len)
{
	ssize_t n;

	do
		n = out.write(p, len);
	while (n < 0 && errno == EINTR);
	out.stuck = n < 0;
	return n;
}

/* As many whole lines as may go at once; none is longer than that. */
static size_t
piece_of(const char *lines, size_t len)
{
	const char *end;

	if (len <= out.at_once)
		return len;
	end = memrchr(lines, '\n', out.at_once);
	return end != NULL ? (size_t)(end + 1 - lines) : out.at_once;
}

static bool
finish_line(void)
{
	ssize_t n;

	while (out.rest_len > 0) {
		n = write_once(out.rest, out.rest_len);
		if (n <= 0)
			return false;
		out.rest_len -= (size_t)n;
		memmove(out.rest, out.rest + n, out.rest_len);
	}
	return true;
}

/* What is left of the line at whose inside p points; its length. */
static size_t
keep_rest(const char *p)
{
	out.rest_len = strcspn(p, "\n") + 1;
	memcpy(out.rest, p, out.rest_len);
	return out.rest_len;
}

unsigned
log_stderr_put(const char *lines, size_t len)
{
	ssize_t n;

	while (finish_line() && len > 0) {
		n = write_once(lines, piece_of(lines, len));
		if (n <= 0)
			break;
		if (lines[n - 1] != '\n')
			n += (ssize_t)keep_rest(lines + n);
		lines += n;
		len -= (size_t)n;
	}
	return lines_in(lines, len);
}
