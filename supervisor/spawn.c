/*
 * spawn.c - fork, descriptors, exec. Between fork and exec only calls that a
 * signal handler may make.
 */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "ipc/inherit.h"

#define SPAWN_FDS (INHERIT_LISTEN_FD + SPAWN_LISTENERS)

/* Sanitizers are told by their own variables, so that a sanitized set reports alike. */
static const char *const passed[] = {
	"PATH", "TZ", "LANG", "LC_ALL", "JOURNAL_STREAM",
	"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
};

char **
spawn_environment(char *const *environment)
{
	char **made = xcalloc(countof(passed) + 1, sizeof(*made));
	unsigned count = 0;

	for (unsigned i = 0; i < countof(passed); i++) {
		size_t len = strlen(passed[i]);

		for (char *const *e = environment; *e; e++) {
			if (strncmp(*e, passed[i], len) == 0 && (*e)[len] == '=') {
				made[count++] = xstrdup(*e);
				break;
			}
		}
	}
	return made;
}

void
spawn_environment_free(char **environment)
{
	for (char **e = environment; e && *e; e++)
		free(*e);
	free(environment);
}

int
spawn_sealed(const char *name, const void *text, size_t len, int *ret_fd, struct why *why)
{
	scoped_fd fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return why_set(why, errno, "no memory file for the configuration: %s", strerror(errno));
	r = fs_write_all(fd, text, len);
	if (r < 0)
		return why_set(why, -r, "the configuration cannot be handed on: %s", strerror(-r));
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return why_set(why, errno, "the configuration cannot be sealed: %s", strerror(errno));
	*ret_fd = take_fd(&fd);
	return 0;
}

static void
signals_reset(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &plain, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* First out of the way of all targets, then into place: no order of moves can hurt. */
static int
descriptors_lay_out(const struct spawn *s)
{
	int from[SPAWN_FDS] = { s->null, s->null, STDERR_FILENO, s->control, s->conf, s->lock };
	int count = INHERIT_LISTEN_FD + (int)s->listener_count;

	for (unsigned i = 0; i < s->listener_count; i++)
		from[INHERIT_LISTEN_FD + i] = s->listeners[i];
	for (int i = 0; i < count; i++) {
		from[i] = fcntl(from[i], F_DUPFD, SPAWN_FDS);
		if (from[i] < 0)
			return -errno;
	}
	for (int i = 0; i < count; i++)
		if (dup2(from[i], i) < 0)
			return -errno;
	if (close_range((unsigned)count, ~0u, 0) < 0 && errno == ENOSYS)
		for (int i = 0; i < count; i++)
			(void)close(from[i]);	/* an old kernel: the rest is close-on-exec anyway */
	return 0;
}

static _Noreturn void
child_exec(const struct spawn *s)
{
	char flag[] = "--child", *argv[3] = { (char *)s->program, flag, NULL };
	const char *name = strrchr(s->program, '/');

	/* A session of its own: what a terminal sends is for the supervisor alone. */
	(void)setsid();
	signals_reset();
	if (descriptors_lay_out(s) == 0)
		(void)execve(s->program, argv, s->environment);
	(void)dprintf(STDERR_FILENO, "%s cannot be started: %s\n", name ? name + 1 : s->program,
	    strerror(errno));
	_exit(EXIT_STATUS_FAILURE);
}

int
spawn(const struct spawn *s, pid_t *ret_pid, struct why *why)
{
	sigset_t all, before;
	pid_t pid;
	int error;

	/* The loop's handlers must not run in the child: they share its wake-up pipe. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	error = errno;
	if (pid == 0)
		child_exec(s);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return why_set(why, error, "no new process: %s", strerror(error));
	*ret_pid = pid;
	return 0;
}
