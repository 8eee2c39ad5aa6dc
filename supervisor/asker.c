/*
 * asker.c - the asking side of "trawld --reload".
 */
#include "supervisor/asker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/why.h"
#include "ipc/inherit.h"
#include "supervisor/options.h"

#define SOCKET_NAME "reload.sock"
#define WAIT_MS	    60000	/* a reload takes a second or two; children that hang a few more */

char *
asker_path(char *dst, size_t size, const char *data_dir)
{
	(void)snprintf(dst, size, "%s/%s", data_dir, SOCKET_NAME);
	return dst;
}

static int
complain(int exit_status, const char *text)
{
	(void)fprintf(stderr, "trawld: %s\n", text);
	return exit_status;
}

static int
ask(const char *data_dir, int *ret_fd)
{
	scoped_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	scoped_fd dir = -1;
	struct sockaddr_un address;
	char path[1100];
	int r;

	if (fd < 0)
		return -errno;
	asker_path(path, sizeof(path), data_dir);
	r = fs_unix_address(path, &address, &dir);
	if (r == 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

static int
wait_for_answer(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct asker_answer answer;
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) == 0)
		return complain(EXIT_STATUS_TEMPFAIL,
		    "the reload is still under way after 60 s; trawld's log tells how it ends");
	n = recv(fd, &answer, sizeof(answer), 0);
	if (n != (ssize_t)sizeof(answer) || answer.version != ASKER_VERSION)
		return complain(EXIT_STATUS_UNAVAILABLE, n > 0 ?
		    "the running trawld is of another version: restart it" :
		    "trawld ended before the reload did; see its log");
	answer.text[sizeof(answer.text) - 1] = '\0';
	if (answer.exit_status != EXIT_STATUS_OK)
		return complain(answer.exit_status, answer.text);
	(void)puts(answer.text);
	return fflush(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}

/* The main process is told of a configuration that it will refuse, so that its log and its
 * status line say so, too: systemd names it to the commands of ExecReload=. */
static void
tell_main(void)
{
	const char *pid = getenv("MAINPID");
	int64_t number;

	if (pid && number_parse(pid, 2, INT32_MAX, &number) == 0)
		(void)kill((pid_t)number, SIGHUP);
}

int
asker_run(const struct options *options)
{
	struct why why = { "" };
	struct conf conf;
	int fd = -1, r;

	/* A key is the daemon's alone: whoever asks may be unable to read it. */
	if (options_load(options, OPTIONS_SETTINGS, &conf, &why) < 0) {
		tell_main();
		return complain(EXIT_STATUS_CONFIG, why.text);
	}
	r = ask(conf.data_dir, &fd);
	if (r == -ENOENT || r == -ECONNREFUSED)
		(void)why_set(&why, -r, "no trawld runs on the data directory %s (a reload cannot change DATA_DIR)",
		    conf.data_dir);
	else if (r < 0)
		(void)why_set(&why, -r, "the trawld of %s cannot be asked: %s", conf.data_dir, strerror(-r));
	if (r < 0) {
		r = complain(EXIT_STATUS_UNAVAILABLE, why.text);
	} else {
		r = wait_for_answer(fd);
		(void)close(fd);
	}
	conf_done(&conf);
	return r;
}
