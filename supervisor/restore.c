/*
 * restore.c - a copy of the job store takes the store's place, so that whatever ends this
 * half way, a loss of power among it, leaves the one store or the other, and never one with
 * the log of the other: SQLite would apply it.
 *
 *   copied     FILE, and the log beside it, to trawld.db-restore
 *   checked    by trawld-keeper, which takes in the log; then synced
 *   decided    renamed to trawld.db-restored. So far nothing has touched the store; from here on
 *              the next start ends what is left
 *   ended      the store that was there is put aside with its log, the mark removed, so that the
 *              keeper searches before it triggers, and the copy gets its name
 */
#include "supervisor/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "ipc/inherit.h"
#include "supervisor/datadir.h"
#include "supervisor/options.h"

#define STORE	"trawld.db"
#define PART	"trawld.db-restore"
#define DECIDED "trawld.db-restored"
#define LOG	"-wal"
#define CHUNK	(1u << 20)

struct restore {
	const char	*file;		/* the copy, as its user names it */
	const char	*program_dir;
	struct conf	 conf;
	int		 from, from_log;	/* -1: it has no log */
	int		 dir, lock;
};

static int
complain(int status, const char *text)
{
	(void)fprintf(stderr, "trawld: %s\n", text);
	return status;
}

/* ---- ending what was decided ---- */

/* The same at each attempt, so that store and log stay together: of the time when the copy was written. */
static void
name_aside(char aside[RESTORE_NAME_SIZE], const struct stat *st)
{
	struct tm tm = { 0 };
	char at[32];

	(void)gmtime_r(&st->st_mtim.tv_sec, &tm);
	(void)strftime(at, sizeof(at), "%Y%m%dT%H%M%S", &tm);
	(void)snprintf(aside, RESTORE_NAME_SIZE, "backup/trawld-before-restore-%s.%03uZ.db", at,
	    (unsigned)(st->st_mtim.tv_nsec / 1000000) % 1000);
}

static int
put_aside(int dir, const char *aside, const char *suffix)
{
	char from[RESTORE_NAME_SIZE], to[RESTORE_NAME_SIZE + 8];

	(void)snprintf(from, sizeof(from), STORE "%s", suffix);
	(void)snprintf(to, sizeof(to), "%s%s", aside, suffix);
	return renameat(dir, from, dir, to) < 0 && errno != ENOENT ? -errno : 0;
}

static int
remove_names(int dir, const char *const names[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (unlinkat(dir, names[i], 0) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}

static int
remove_parts(int dir)
{
	static const char *const names[] = { PART, PART LOG, PART "-shm", PART "-journal" };

	return remove_names(dir, names, countof(names));
}

static int
make_way(int dir, const char *aside)
{
	static const char *const names[] = { STORE "-shm", "trawld.mark", "trawld.mark.new" };
	int r;

	if ((r = fs_make_dirs(dir, "backup", NULL)) < 0 || (r = put_aside(dir, aside, LOG)) < 0 ||
	    (r = put_aside(dir, aside, "")) < 0 || (r = remove_names(dir, names, countof(names))) < 0 ||
	    (r = fs_sync_dir_of(dir, aside)) < 0)
		return r;
	return fs_sync_dir(dir);
}

static int
finish(int dir, char aside[RESTORE_NAME_SIZE])
{
	struct stat st;
	int r;

	if ((r = remove_parts(dir)) < 0)
		return r;
	if (fstatat(dir, DECIDED, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	name_aside(aside, &st);
	if ((r = make_way(dir, aside)) < 0)
		return r;
	if (renameat(dir, DECIDED, dir, STORE) < 0)
		return -errno;
	if ((r = fs_sync_dir(dir)) < 0)
		return r;
	if (faccessat(dir, aside, F_OK, 0) < 0)
		aside[0] = '\0';
	return 1;
}

int
restore_finish(const char *data_dir, char aside[RESTORE_NAME_SIZE], struct why *why)
{
	scoped_fd dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : finish(dir, aside);

	return r < 0 ? why_set(why, -r, "a restore in %s was cut short and cannot be ended: %s; give it to the user that "
	    "trawld runs as", data_dir, strerror(-r)) : r;
}

/* ---- the beginning: what can be refused before anything is written ---- */

static int
open_file(struct restore *r, struct why *why)
{
	scoped_free char *log = xmalloc(strlen(r->file) + sizeof(LOG));
	struct stat st;

	(void)sprintf(log, "%s" LOG, r->file);
	r->from = open(r->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->from < 0 || fstat(r->from, &st) < 0)
		return why_set(why, errno, "%s cannot be read: %s", r->file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return why_set(why, EINVAL, "%s is not a file", r->file);
	r->from_log = open(log, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->from_log < 0 && errno != ENOENT)
		return why_set(why, errno, "%s, which belongs to it, cannot be read: %s", log, strerror(errno));
	return 0;
}

/* Files of root's the daemon could not open: what is made is its owner's, as all else there. */
static int
become_owner(const char *data_dir, struct why *why)
{
	struct stat st;

	if (geteuid() != 0 || stat(data_dir, &st) < 0 || st.st_uid == 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setgid(st.st_gid) < 0 || setuid(st.st_uid) < 0)
		return why_set(why, errno, "cannot become the owner of %s: %s", data_dir, strerror(errno));
	return 0;
}

static bool
is_the_store(const struct restore *r)
{
	struct stat file, store;

	return fstat(r->from, &file) == 0 && fstatat(r->dir, STORE, &store, 0) == 0 &&
	    file.st_dev == store.st_dev && file.st_ino == store.st_ino;
}

static int
take_data_dir(struct restore *r)
{
	const char *data_dir = r->conf.data_dir;
	char aside[RESTORE_NAME_SIZE];
	struct why why = { "" };
	int result;

	if (become_owner(data_dir, &why) < 0 || datadir_prepare(data_dir, &why) < 0)
		return complain(EXIT_STATUS_CANTCREAT, why.text);
	result = datadir_lock(data_dir, 0, &r->lock, &why);
	if (result == -EBUSY)
		return complain(EXIT_STATUS_TEMPFAIL, why.text);
	if (result < 0 || restore_finish(data_dir, aside, &why) < 0)
		return complain(EXIT_STATUS_CANTCREAT, why.text);
	r->dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0)
		return complain(EXIT_STATUS_CANTCREAT, strerror(errno));
	return is_the_store(r) ? complain(EXIT_STATUS_USAGE, "that is the job store itself; name a copy of it") :
	    EXIT_STATUS_OK;
}

/* ---- copied, checked, decided ---- */

static int
copy_bytes(int from, int to)
{
	scoped_free char *chunk = xmalloc(CHUNK);
	ssize_t n;
	int r;

	for (;;) {
		n = read(from, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if ((r = fs_write_all(to, chunk, (size_t)n)) < 0)
			return r;
	}
}

static int
copy_one(int from, int dir, const char *name)
{
	scoped_fd to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	return to < 0 ? -errno : copy_bytes(from, to);
}

static int
copy(const struct restore *r)
{
	char text[2 * RESTORE_NAME_SIZE + sizeof(r->conf.data_dir)];
	int result = copy_one(r->from, r->dir, PART);

	if (result == 0 && r->from_log >= 0)
		result = copy_one(r->from_log, r->dir, PART LOG);
	if (result == 0)
		return EXIT_STATUS_OK;
	(void)snprintf(text, sizeof(text), "the copy cannot be brought into %s: %s; nothing was changed", r->conf.data_dir,
	    strerror(-result));
	return complain(EXIT_STATUS_CANTCREAT, text);
}

static _Noreturn void
exec_check(const struct restore *r)
{
	char program[1200], part[1200];

	/* It would go on with what the next attempt takes away. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(program, sizeof(program), "%s/trawld-keeper", r->program_dir);
	(void)snprintf(part, sizeof(part), "%s/" PART, r->conf.data_dir);
	(void)execl(program, program, "--check-store", part, r->file, (char *)NULL);
	(void)fprintf(stderr, "trawld: %s cannot be run: %s\n", program, strerror(errno));
	_exit(EXIT_STATUS_FAILURE);
}

/* It has said on standard error what is wrong. */
static int
check(const struct restore *r)
{
	pid_t pid;
	int status;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		exec_check(r);
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0)
		return complain(EXIT_STATUS_FAILURE, strerror(errno));
	if (!WIFEXITED(status))
		return complain(EXIT_STATUS_FAILURE, "the check of the copy was ended; nothing was changed");
	return WEXITSTATUS(status);
}

static int
decide(const struct restore *r, char aside[RESTORE_NAME_SIZE])
{
	scoped_fd part = openat(r->dir, PART, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct why why;
	int result = 0;

	if (part < 0 || fsync(part) < 0 || renameat(r->dir, PART, r->dir, DECIDED) < 0)
		result = -errno;
	if (result == 0)
		result = fs_sync_dir(r->dir);
	if (result == 0)
		result = finish(r->dir, aside);
	if (result >= 0)
		return EXIT_STATUS_OK;
	(void)why_set(&why, -result, "the copy cannot be put in place in %s: %s; mend that, and run this once more",
	    r->conf.data_dir, strerror(-result));
	return complain(EXIT_STATUS_CANTCREAT, why.text);
}

static int
tell(const struct restore *r, const char *aside)
{
	const char *data_dir = r->conf.data_dir;

	(void)printf("restored: %s/" STORE " now is what %s holds\n", data_dir, r->file);
	if (aside[0] != '\0')
		(void)printf("kept:     the job store that was there, in %s/%s\n", data_dir, aside);
	(void)puts("next:     start trawld. It searches at the provider for every crawl that may have been triggered since the\n"
	    "          copy was made, before it triggers one. Crawls that were accepted later are unknown to it (404), and\n"
	    "          their jobs at the provider belong to nobody.");
	return fflush(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}

static int
run(struct restore *r)
{
	char aside[RESTORE_NAME_SIZE] = "";
	struct why why;
	int status;

	if (open_file(r, &why) < 0)
		return complain(EXIT_STATUS_FAILURE, why.text);
	if ((status = take_data_dir(r)) != EXIT_STATUS_OK)
		return status;
	if ((status = copy(r)) == EXIT_STATUS_OK && (status = check(r)) == EXIT_STATUS_OK)
		status = decide(r, aside);
	(void)remove_parts(r->dir);
	return status == EXIT_STATUS_OK ? tell(r, aside) : status;
}

int
restore_run(const struct options *options, const char *program_dir)
{
	struct restore r = { .file = options->restore, .program_dir = program_dir, .from = -1, .from_log = -1,
		.dir = -1, .lock = -1 };
	struct why why = { "" };
	int *const open_fds[] = { &r.from, &r.from_log, &r.dir, &r.lock };
	int status;

	/* A key is the daemon's alone: whoever restores may be unable to read it. */
	if (options_load(options, OPTIONS_SETTINGS, &r.conf, &why) < 0)
		return complain(EXIT_STATUS_CONFIG, why.text);
	status = run(&r);
	for (unsigned i = 0; i < countof(open_fds); i++)
		fd_close_scoped(open_fds[i]);
	conf_done(&r.conf);
	return status;
}
