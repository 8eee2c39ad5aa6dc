/*
 * fail_nth.h - one call of a kind fails, the n-th, for every n: what a small disk, a bad disk
 * and a lack of memory do to a program in each place where they can.
 *
 * The calls are defined here, before those of the C library and of SQLite, so that they fail
 * for libraries, too. A case is run in a child process of its own, in a directory of its own,
 * with the fault; then it is looked at in a second child, without. What is asked of the first:
 *
 *   it ends by itself, in time, with a status that its parent knows (ipc/inherit.h);
 *   when that is not 0 it has said why, after the first call that failed;
 *   with 0 the case has convinced itself that all went well, faults or not, and has freed
 *   all it had: a sanitizer finds what the program leaves.
 *
 * What the second finds is the case's to say. What the first told others before its end stands
 * in memory that both share.
 *
 * The environment: without NTH a sample of all n is run, with NTH=all every n, with NTH=CASE or
 * NTH="CASE CALL" those of them. NTH="CASE CALL N" or "CASE CALL N on" (from the n-th on all
 * fail) runs that one and shows what was said; NTH_HERE=1 with it, not in a child, for a debugger.
 *
 * For the test-*-nth programs only: each has its own copy.
 */
#ifndef TESTS_FAIL_NTH_H
#define TESTS_FAIL_NTH_H

#undef _FORTIFY_SOURCE		/* its own definitions of these calls stand in the way of ours */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ipc/inherit.h"

#define NTH_PATIENCE_S	20	/* then it hangs */
#define NTH_SAMPLE	8	/* at most so many of each kind of call */
#define NTH_BAD		5	/* so many are told of each kind of call */
#define NTH_SAID	4096
#define NTH_NOT_RIGHT	255	/* status of a child: an assertion did not hold */

/* A sanitizer has an allocator of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NTH_ALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NTH_ALLOC 0
#endif
#endif
#if !defined(NTH_ALLOC) && defined(__GLIBC__)
#define NTH_ALLOC 1
#endif

enum nth_call { NTH_MEMORY, NTH_OPEN, NTH_READ, NTH_WRITE, NTH_SHORT, NTH_SYNC, NTH_NAME, NTH_STATEMENT,
	NTH_CALL_COUNT };

static const struct {
	const char *name;
	int error;
} nth_calls[NTH_CALL_COUNT] = {
	[NTH_MEMORY] = { "memory", ENOMEM }, [NTH_OPEN] = { "open", EIO }, [NTH_READ] = { "read", EIO },
	[NTH_WRITE] = { "write", ENOSPC },
	[NTH_SHORT] = { "short", 0 },	/* no failure: only a part is written */
	[NTH_SYNC] = { "sync", EIO }, [NTH_NAME] = { "name", ENOSPC }, [NTH_STATEMENT] = { "statement", EIO },
};

/* Shared by the children and their parent. */
struct nth_shared {
	bool		 on;		/* not only the n-th, but all from there */
	enum nth_call	 call;
	unsigned	 nth;
	atomic_uint	 calls;
	atomic_long	 heard;		/* so much of the log was there before the first failed; 0: none did */
	char		 told[4096];	/* the case's */
};
static struct nth_shared *nth;
static bool nth_armed;		/* in this process */

/* True: the call is to fail, with errno set. */
static bool
nth_strikes(enum nth_call call)
{
	unsigned number;

	if (!nth_armed || nth->call != call)
		return false;
	number = atomic_fetch_add(&nth->calls, 1) + 1;
	if (nth->on ? number < nth->nth : number != nth->nth)
		return false;
	if (number == nth->nth)
		nth->heard = syscall(SYS_lseek, STDERR_FILENO, 0, SEEK_CUR);
	errno = nth_calls[call].error;
	return true;
}

/* From here on calls are counted. */
static inline void
nth_arm(void)
{
	nth_armed = true;
}

static inline void
nth_disarm(void)
{
	nth_armed = false;
}

/* ---- the calls ---- */

#if NTH_ALLOC
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

void *
malloc(size_t size)
{
	return nth_strikes(NTH_MEMORY) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return nth_strikes(NTH_MEMORY) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *p, size_t size)
{
	return nth_strikes(NTH_MEMORY) ? NULL : __libc_realloc(p, size);
}
#endif

/* Not sockets: what happens to those the tests of peers and calls show. */
static bool
nth_is_file(int fd)
{
	struct stat st;

	return fd > STDERR_FILENO && nth_armed && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static size_t
nth_length(size_t len)
{
	return len > 1 && nth_strikes(NTH_SHORT) ? len / 2 : len;
}

/* The mode is there only with a flag that makes a file. */
#define NTH_MODE(flags, mode) \
	do { \
		va_list args; \
		va_start(args, flags); \
		if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) \
			(mode) = va_arg(args, mode_t); \
		va_end(args); \
	} while (0)

int
openat(int at, const char *name, int flags, ...)
{
	mode_t mode = 0;

	NTH_MODE(flags, mode);
	return nth_strikes(NTH_OPEN) ? -1 : (int)syscall(SYS_openat, at, name, flags, mode);
}

int
open(const char *name, int flags, ...)
{
	mode_t mode = 0;

	NTH_MODE(flags, mode);
	return openat(AT_FDCWD, name, flags, mode);
}

ssize_t
read(int fd, void *p, size_t len)
{
	return nth_is_file(fd) && nth_strikes(NTH_READ) ? -1 : syscall(SYS_read, fd, p, len);
}

ssize_t
pread64(int fd, void *p, size_t len, off64_t at)
{
	return nth_is_file(fd) && nth_strikes(NTH_READ) ? -1 : syscall(SYS_pread64, fd, p, len, at);
}

ssize_t
write(int fd, const void *p, size_t len)
{
	if (nth_is_file(fd)) {
		if (nth_strikes(NTH_WRITE))
			return -1;
		len = nth_length(len);
	}
	return syscall(SYS_write, fd, p, len);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	if (nth_strikes(NTH_WRITE))
		return -1;
	return syscall(SYS_pwrite64, fd, p, nth_length(len), at);
}

int
ftruncate64(int fd, off64_t len)
{
	return nth_strikes(NTH_WRITE) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int
fallocate64(int fd, int mode, off64_t at, off64_t len)
{
	return nth_strikes(NTH_WRITE) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, len);
}

int
posix_fallocate64(int fd, off64_t at, off64_t len)
{
	return fallocate64(fd, 0, at, len) < 0 ? errno : 0;
}

int
fsync(int fd)
{
	return nth_strikes(NTH_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return nth_strikes(NTH_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
rename(const char *from, const char *to)
{
	return nth_strikes(NTH_NAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	return nth_strikes(NTH_NAME) ? -1 : (int)syscall(SYS_renameat, from_at, from, to_at, to);
}

int
renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
	return nth_strikes(NTH_NAME) ? -1 : (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int
linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	return nth_strikes(NTH_NAME) ? -1 : (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
}

int
unlink(const char *name)
{
	return nth_strikes(NTH_NAME) ? -1 : (int)syscall(SYS_unlink, name);
}

int
unlinkat(int at, const char *name, int flags)
{
	return nth_strikes(NTH_NAME) ? -1 : (int)syscall(SYS_unlinkat, at, name, flags);
}

int
mkdirat(int at, const char *name, mode_t mode)
{
	return nth_strikes(NTH_NAME) ? -1 : (int)syscall(SYS_mkdirat, at, name, mode);
}

/* Called at the end of the process, in whatever way it ends by itself. */
static void (*nth_at_end)(void);

void
_exit(int status)
{
	if (nth_at_end != NULL)
		nth_at_end();
	for (;;)
		(void)syscall(SYS_exit_group, status);
}

/* Their other names. */
int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));
ssize_t pread(int, void *, size_t, off_t) __attribute__((alias("pread64")));
ssize_t pwrite(int, const void *, size_t, off_t) __attribute__((alias("pwrite64")));
int ftruncate(int, off_t) __attribute__((alias("ftruncate64")));
int fallocate(int, int, off_t, off_t) __attribute__((alias("fallocate64")));
int posix_fallocate(int, off_t, off_t) __attribute__((alias("posix_fallocate64")));

/* A call of ours as a whole; what SQLite does for itself in it goes on. */
static _Thread_local unsigned nth_in_exec;

int
sqlite3_exec(sqlite3 *db, const char *text, int (*each)(void *, int, char **, char **), void *arg, char **ret_error)
{
	static int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_exec");
	if (nth_in_exec == 0 && nth_strikes(NTH_STATEMENT))
		return SQLITE_IOERR;
	nth_in_exec++;
	rc = real(db, text, each, arg, ret_error);
	nth_in_exec--;
	return rc;
}

int
sqlite3_step(sqlite3_stmt *statement)
{
	static int (*real)(sqlite3_stmt *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
	return nth_in_exec == 0 && nth_strikes(NTH_STATEMENT) ? SQLITE_IOERR : real(statement);
}

int
sqlite3_prepare_v3(sqlite3 *db, const char *text, int len, unsigned flags, sqlite3_stmt **ret, const char **ret_tail)
{
	static int (*real)(sqlite3 *, const char *, int, unsigned, sqlite3_stmt **, const char **);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_prepare_v3");
	if (nth_in_exec > 0 || !nth_strikes(NTH_STATEMENT))
		return real(db, text, len, flags, ret, ret_tail);
	*ret = NULL;
	return SQLITE_IOERR;
}

int
sqlite3_prepare_v2(sqlite3 *db, const char *text, int len, sqlite3_stmt **ret, const char **ret_tail)
{
	return sqlite3_prepare_v3(db, text, len, 0, ret, ret_tail);
}

/* ---- one run ---- */

struct nth_case {
	const char *name;
	/* Each in a child, which an assertion that does not hold ends. */
	void	  (*prepare)(const char *dir);	/* or NULL */
	void	  (*run)(const char *dir);	/* calls nth_arm */
	void	  (*check)(const char *dir);
	unsigned    without;			/* bits: calls that it does not make */
};

static char nth_dir[64], nth_data[80], nth_log[80];
static bool nth_shown;		/* the log is the terminal */

static int
nth_remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void
nth_clean(const char *dir)
{
	(void)nftw(dir, nth_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

enum nth_part { NTH_PREPARE, NTH_RUN, NTH_CHECK };

static const struct nth_case *nth_case;
static enum nth_part nth_part;

static void
nth_one_part(void **state)
{
	(void)state;
	if (nth_part == NTH_RUN)
		nth_case->run(nth_data);
	else if (nth_part == NTH_CHECK)
		nth_case->check(nth_data);
	else
		nth_case->prepare(nth_data);
}

static void
nth_on_exit(void)
{
	if (nth_at_end != NULL)
		nth_at_end();
}

/* As a test of cmocka's, which tells the assertion that does not hold. Not _exit(): a sanitizer looks
 * for leaks. */
static _Noreturn void
nth_in_child(const struct nth_case *c, enum nth_part part)
{
	const struct CMUnitTest test[] = { { c->name, nth_one_part, NULL, NULL, NULL } };

	(void)alarm(NTH_PATIENCE_S);
	nth_case = c;
	nth_part = part;
	(void)atexit(nth_on_exit);
	exit(cmocka_run_group_tests(test, NULL, NULL) == 0 ? 0 : NTH_NOT_RIGHT);
}

/* A child whose words go to the log; its wait status. */
static int
nth_child(const struct nth_case *c, enum nth_part part)
{
	int status = 0;
	pid_t pid;

	(void)fflush(NULL);
	pid = part == NTH_RUN && getenv("NTH_HERE") != NULL ? 0 : fork();
	if (pid == 0) {
		int log = nth_shown ? -1 : (int)syscall(SYS_openat, AT_FDCWD, nth_log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (log >= 0) {
			(void)dup2(log, STDOUT_FILENO);
			(void)dup2(log, STDERR_FILENO);
			(void)close(log);
		}
		nth_in_child(c, part);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

/* The end of the log, no more of it than what stands from there on. */
static const char *
nth_said(off_t from)
{
	static char text[NTH_SAID];
	scoped_fd fd = open(nth_log, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, end - from < NTH_SAID ? from : end - NTH_SAID + 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* A line that is not cmocka's. */
static bool
nth_has_word(const char *said)
{
	for (const char *p = said; p != NULL && *p != '\0'; p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 : NULL)
		if (*p != '[' && *p != '\n')
			return true;
	return false;
}

/* So that nobody counts what cmocka says there. */
static void
nth_print_indented(const char *text)
{
	while (*text != '\0') {
		int len = (int)strcspn(text, "\n");

		printf("    %.*s\n", len, text);
		text += len + (text[len] == '\n');
	}
}

/* NULL: as it should be. */
static const char *
nth_fault_of(int status, bool after)
{
	static const int known[] = { EXIT_STATUS_OK, EXIT_STATUS_FAILURE, EXIT_STATUS_CANTCREAT, EXIT_STATUS_CONFIG };
	static char text[64];

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return "hangs";
	if (WIFSIGNALED(status)) {
		(void)snprintf(text, sizeof(text), "was ended by signal %d", WTERMSIG(status));
		return text;
	}
	if (after)
		return WEXITSTATUS(status) == 0 ? NULL : "what it left is not right";
	for (size_t i = 0; i < countof(known); i++) {
		if (WEXITSTATUS(status) != known[i])
			continue;
		return known[i] == 0 || nth_shown || nth_has_word(nth_said(nth->heard)) ? NULL : "ended without a word";
	}
	(void)snprintf(text, sizeof(text), "ended with status %d", WEXITSTATUS(status));
	return text;
}

/* 1: fine, 0: fine and not reached, -1: not fine, told. */
static int
nth_run(const struct nth_case *c, enum nth_call call, unsigned number, bool on)
{
	const char *fault;

	nth_clean(nth_data);
	(void)mkdir(nth_data, 0700);
	(void)remove(nth_log);
	memset(nth, 0, sizeof(*nth));
	nth->call = call;
	nth->nth = number;
	nth->on = on;
	fault = c->prepare == NULL ? NULL : nth_fault_of(nth_child(c, NTH_PREPARE), true);
	if (fault == NULL)
		fault = nth_fault_of(nth_child(c, NTH_RUN), false);
	if (fault == NULL)
		fault = nth_fault_of(nth_child(c, NTH_CHECK), true);
	if (fault == NULL)
		return nth->calls >= number;
	printf("[  FAILED  ] NTH=\"%s %s %u%s\": %s\n", c->name, nth_calls[call].name, number, on ? " on" : "", fault);
	if (!nth_shown)
		nth_print_indented(nth_said(0));
	return -1;
}

/* ---- all of them ---- */

/* The n-th fails, then all from there on, unless that is the same: after the n-th there was none.
 * As nth_run(). */
static int
nth_both(const struct nth_case *c, enum nth_call call, unsigned number, unsigned *ret_on)
{
	int r = nth_run(c, call, number, false);

	if (r <= 0 || nth->calls == number)
		return r;
	(*ret_on)++;
	return nth_run(c, call, number, true);
}

/* Every n, or a sample spread over them; false: one was not fine. */
static bool
nth_each(const struct nth_case *c, enum nth_call call, bool all)
{
	int64_t begun = clock_mono_ms(&clock_system);
	unsigned runs = 0, on = 0, step = 1, bad = 0, count;

	if (nth_run(c, call, UINT32_MAX, false) < 0)
		return false;		/* not even without */
	count = nth->calls;
	if (count == 0) {
		printf("[  FAILED  ] %s: no call of the kind %s is made\n", c->name, nth_calls[call].name);
		return false;
	}
	if (!all)
		step = (count + NTH_SAMPLE - 1) / NTH_SAMPLE;
	for (unsigned n = all ? 1 : 1 + count % step; (all || n <= count) && bad < NTH_BAD; n += step) {
		int r = nth_both(c, call, n, &on);

		if (r == 0)
			break;
		bad += r < 0;
		runs++;
	}
	if (bad > 0)
		return false;
	printf("[       OK ] %s: %s, %u of %u calls, %u with all after it (%lld ms)\n", c->name, nth_calls[call].name,
	    runs, count, on, (long long)(clock_mono_ms(&clock_system) - begun));
	return true;
}

struct nth_wanted {
	int		 words;		/* so many of them are told, in this order */
	char		 name[32], call[32];
	unsigned	 number;
	char		 on[8];
};

static bool
nth_is_wanted(const struct nth_wanted *wanted, const struct nth_case *c, unsigned call)
{
	return (NTH_ALLOC || call != NTH_MEMORY) && (c->without & 1u << call) == 0 &&
	    (wanted->words < 1 || strcmp(wanted->name, "all") == 0 || strcmp(wanted->name, c->name) == 0) &&
	    (wanted->words < 2 || strcmp(wanted->call, nth_calls[call].name) == 0);
}

/* The words that tests/unit/run.sh counts are cmocka's. */
static int
nth_run_wanted(const struct nth_wanted *wanted, const struct nth_case *cases, size_t count)
{
	unsigned good = 0, bad = 0;

	for (size_t i = 0; i < count; i++)
		for (unsigned k = 0; k < NTH_CALL_COUNT; k++) {
			bool fine;

			if (!nth_is_wanted(wanted, &cases[i], k))
				continue;
			if (wanted->words > 2)
				fine = nth_run(&cases[i], (enum nth_call)k, wanted->number, wanted->words > 3) >= 0;
			else
				fine = nth_each(&cases[i], (enum nth_call)k, wanted->words > 0);
			good += fine;
			bad += !fine;
		}
	printf("[==========] %u test(s) run.\n[  PASSED  ] %u test(s).\n", good + bad, good);
	if (bad > 0)
		printf("[  FAILED  ] %u test(s).\n", bad);
	return good + bad == 0 ? EXIT_STATUS_USAGE : bad > 0;
}

static int
nth_main(const struct nth_case *cases, size_t count)
{
	struct nth_wanted wanted = { 0 };
	const char *what = getenv("NTH");
	int status;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)unsetenv("JOURNAL_STREAM");	/* what is said is read here */
	if (what != NULL)
		wanted.words = sscanf(what, "%31s %31s %u %7s", wanted.name, wanted.call, &wanted.number, wanted.on);
	nth_shown = wanted.words > 2;
	nth = mmap(NULL, sizeof(*nth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* In memory if there is such a place: nothing here depends on a real disk. */
	(void)snprintf(nth_dir, sizeof(nth_dir), "%s/test-nth-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (nth == MAP_FAILED || mkdtemp(nth_dir) == NULL)
		return EXIT_STATUS_FAILURE;
	(void)snprintf(nth_data, sizeof(nth_data), "%s/data", nth_dir);
	(void)snprintf(nth_log, sizeof(nth_log), "%s/log", nth_dir);
	status = nth_run_wanted(&wanted, cases, count);
	nth_clean(nth_dir);
	return status;
}

#endif
