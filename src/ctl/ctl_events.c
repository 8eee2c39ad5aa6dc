/*
 * ctl_events.c - shows the local event log. Reads the files themselves, the oldest first,
 * whole lines only: what stands behind the last newline is still being written. With
 * --follow it goes on when the file grows, is cut, or is replaced by a new one of its name.
 *
 * Files change their names while they are read. So the file that was read to its end stays
 * open, is looked for under every name, and the one after it is taken: no rotation in
 * between makes a line be missed or read twice.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/uuid.h"
#include "ctl/ctl_event.h"
#include "model/event_file.h"

#define LINE_LIMIT   (1u << 20)	/* a longer line is not ours: passed over */
#define LOOK_AGAIN_MS 200
#define LIMIT_MAX    100000

struct reading {
	struct ctl	*ctl;
	const char	*path;
	char		 only[UUID_TEXT_SIZE];	/* this crawl's; "": all */
	int		 fd;			/* -1: not there yet */
	struct stat	 st;			/* of fd when it was opened */
	off_t		 offset, whole;		/* read up to there; the end of the last whole line */
	char		*line;			/* the line being gathered: LINE_LIMIT bytes */
	size_t		 len;
	bool		 too_long;
	bool		 headed;		/* the table's first line is out */
	uint64_t	 odd;			/* lines that were no events */
	char		**kept;			/* --limit: the last ones, a ring */
	size_t		 limit, kept_count;	/* limit 0: print at once */
};

static void
print_row(struct reading *r, const struct ctl_event *event)
{
	struct ctl *ctl = r->ctl;

	if (!r->headed)
		printf("%s%-24s  %-24s  %-36s  %s%s\n", ctl_paint(ctl, COLOUR_DIM), "TIME", "EVENT", "CRAWL", "DETAIL",
		    ctl_paint(ctl, COLOUR_NONE));
	r->headed = true;
	printf("%-24s  %s%-24s%s  %-36s  %s\n", event->time, event->failed ? ctl_paint(ctl, COLOUR_BAD) : "",
	    event->type, event->failed ? ctl_paint(ctl, COLOUR_NONE) : "", event->crawl_id, event->detail);
}

static void
print_line(struct reading *r, const char *line)
{
	struct ctl_event event;

	if (r->ctl->json)
		puts(line);
	else if (ctl_event_read(line, strlen(line), &event) == 0)
		print_row(r, &event);
}

static void
keep_line(struct reading *r, const char *line)
{
	char **place = &r->kept[r->kept_count++ % r->limit];

	free(*place);
	*place = xstrdup(line);
}

/* The kept lines, oldest first; from then on lines are printed at once. */
static void
print_kept(struct reading *r)
{
	size_t first = r->kept_count > r->limit ? r->kept_count - r->limit : 0;

	for (size_t n = first; n < r->kept_count; n++)
		print_line(r, r->kept[n % r->limit]);
	for (size_t i = 0; i < r->limit; i++)
		free(r->kept[i]);
	free(r->kept);
	r->kept = NULL;
	r->limit = 0;
}

static void
take_line(struct reading *r)
{
	struct ctl_event event;

	r->line[r->len] = '\0';
	if (r->too_long || ctl_event_read(r->line, r->len, &event) < 0)
		r->odd++;
	else if (r->only[0] == '\0' || strcmp(r->only, event.crawl_id) == 0) {
		if (r->limit > 0)
			keep_line(r, r->line);
		else
			print_line(r, r->line);
	}
	r->len = 0;
	r->too_long = false;
}

/* To the end of the file as it is now; -errno. */
static int
read_on(struct reading *r)
{
	char chunk[16384];
	ssize_t n;

	while ((n = pread(r->fd, chunk, sizeof(chunk), r->offset)) > 0) {
		r->offset += n;
		for (ssize_t i = 0; i < n; i++) {
			if (chunk[i] == '\n') {
				take_line(r);
				r->whole = r->offset - n + i + 1;
			} else if (r->len < LINE_LIMIT)
				r->line[r->len++] = chunk[i];
			else
				r->too_long = true;
		}
	}
	return n < 0 ? -errno : 0;
}

static void
close_log(struct reading *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
}

/* Opens the file of that number (0: the one that is written) in the place of another. */
static int
open_log(struct reading *r, unsigned number)
{
	char path[PATH_MAX];
	int fd;

	if (event_file_path(path, sizeof(path), r->path, number) < 0)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close_log(r);
	r->fd = fd;
	r->offset = r->whole = 0;
	r->len = 0;
	r->too_long = false;
	if (fstat(r->fd, &r->st) < 0)
		return -errno;
	return S_ISREG(r->st.st_mode) ? 0 : -EINVAL;
}

static bool
stat_log(const struct reading *r, unsigned number, struct stat *ret)
{
	char path[PATH_MAX];

	return event_file_path(path, sizeof(path), r->path, number) == 0 && stat(path, ret) == 0;
}

/* What lies under that number is the file that is open. */
static bool
is_ours(const struct reading *r, unsigned number)
{
	struct stat st;

	return r->fd >= 0 && stat_log(r, number, &st) && st.st_ino == r->st.st_ino && st.st_dev == r->st.st_dev;
}

/* The next older file than that of a number; 0: there is none. */
static unsigned
older_than(const struct reading *r, unsigned number)
{
	struct stat st;

	while (++number <= EVENT_FILES_MAX)
		if (stat_log(r, number, &st))
			return number;
	return 0;
}

static unsigned
oldest(const struct reading *r)
{
	unsigned found = 0, older;

	while ((older = older_than(r, found)) > 0)
		found = older;
	return found;
}

static bool
is_before(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* The number of the file that is open. One that was removed, or moved to another name, was
 * before those that were written after it. */
static unsigned
own_number(const struct reading *r)
{
	struct stat own = { 0 }, st;
	unsigned last = 0;

	(void)fstat(r->fd, &own);
	/* Upwards, as they are renamed: none slips through. */
	for (unsigned n = 0; n <= EVENT_FILES_MAX; n++) {
		if (!stat_log(r, n, &st))
			continue;
		if (st.st_ino == own.st_ino && st.st_dev == own.st_dev)
			return n;
		if (is_before(own.st_mtim, st.st_mtim))
			last = n;
	}
	return last + 1;
}

static unsigned
newer_than(const struct reading *r, unsigned number)
{
	struct stat st;

	while (--number > 0 && !stat_log(r, number, &st))
		;
	return number;
}

/* Goes on with the file after the one that was read to its end. -ENOENT: it is about to be
 * made. A rotation may come in between; what is between the two then shows. */
static int
open_next(struct reading *r)
{
	struct reading next = *r;
	unsigned number, newer;
	int error;

	for (;;) {
		number = own_number(r);
		newer = newer_than(r, number);
		next.fd = -1;
		error = open_log(&next, newer);
		if (newer_than(r, number) == newer && own_number(r) == number)
			break;
		close_log(&next);
	}
	if (next.fd >= 0) {
		close_log(r);
		*r = next;
	}
	return error;
}

static int
refuse_log(struct reading *r, int error)
{
	struct ctl *ctl = r->ctl;

	if (error == -ENOENT || error == -ENOTDIR)
		ctl_say(ctl, "no event log at %s: no event was announced yet, events go to Pub/Sub, or DATA_DIR is another;"
		    " give --data-dir DIR or --file PATH", r->path);
	else if (error == -EACCES || error == -EPERM)
		ctl_say(ctl, "not allowed to read %s: it belongs to the daemon; try with sudo", r->path);
	else
		ctl_say(ctl, "cannot read %s: %s", r->path,
		    error == -EINVAL ? "it is not a regular file" : strerror(-error));
	return CTL_FAILED;
}

/* What a writer that was killed had left of a line is cut off, and the line written again; the file of one that
 * was cut altogether is read from its start. */
static void
go_back(struct reading *r)
{
	struct stat own;

	if (fstat(r->fd, &own) < 0 || own.st_size >= r->offset)
		return;
	if (own.st_size < r->whole)
		r->whole = 0;
	r->offset = r->whole;
	r->len = 0;
	r->too_long = false;
}

/* To the end of all there is now: what the writer left for another file is whole, and is
 * read once more to its end before that. */
static int
read_all(struct reading *r)
{
	int error = read_on(r);

	while (error == 0 && !is_ours(r, 0)) {
		error = read_on(r);
		if (error == 0)
			error = open_next(r);
		if (error == 0)
			error = read_on(r);
	}
	return error == -ENOENT ? 0 : error;
}

static int
read_from_oldest(struct reading *r)
{
	unsigned number;
	int error;

	do {
		number = oldest(r);
		error = open_log(r, number);
	} while ((number > 0 && error == -ENOENT) || (error == 0 && !is_ours(r, oldest(r))));
	return error == 0 ? read_all(r) : error;
}

/* Where there was no log yet, several files of it may have been written since. */
static int
look_again(struct reading *r)
{
	if (r->fd < 0)
		return read_from_oldest(r);
	go_back(r);
	return read_all(r);
}

static int
follow(struct reading *r)
{
	int error = 0;

	ctl_catch_interrupt(r->ctl);
	while (error == 0 && ctl_sleep(r->ctl, LOOK_AGAIN_MS) && !ferror(stdout)) {
		error = look_again(r);
		if (error == -ENOENT)
			error = 0;
	}
	return error == 0 ? EX_OK : refuse_log(r, error);
}

/* The last lines stand in the newest file as a rule: older ones are read only for want of lines. */
static int
read_last(struct reading *r)
{
	unsigned first = 0;
	int error;

	for (;;) {
		r->odd = 0;
		r->kept_count = 0;
		error = open_log(r, first);
		if (error == 0)
			error = read_all(r);
		else if (error != -ENOENT)
			return error;
		if (r->kept_count >= r->limit || older_than(r, first) == 0)
			return error;
		first = older_than(r, first);
	}
}

static int
read_log(struct reading *r)
{
	bool follows = r->ctl->args->value[OPT_FOLLOW] != NULL;
	int error = r->limit > 0 && r->only[0] == '\0' ? read_last(r) : read_from_oldest(r);

	if (error == -ENOENT && follows)
		ctl_say(r->ctl, "no event log at %s yet; waiting for it (Ctrl-C ends)", r->path);
	if (error < 0 && !(error == -ENOENT && follows))
		return refuse_log(r, error);
	if (r->limit > 0)
		print_kept(r);
	if (follows)
		return follow(r);
	if (r->odd > 0)
		ctl_say(r->ctl, "%s: passed over %llu line%s that hold%s no event", r->path, (unsigned long long)r->odd,
		    r->odd == 1 ? "" : "s", r->odd == 1 ? "s" : "");
	return EX_OK;
}

static int
read_arguments(struct reading *r, char *path, size_t size)
{
	const struct ctl_args *args = r->ctl->args;
	char shown[80];
	struct uuid id;
	int64_t limit = 0;

	if (args->operand != NULL && uuid_parse(args->operand, &id) < 0) {
		ctl_say(r->ctl, "\"%s\" is not a crawl's id",
		    str_printable(shown, sizeof(shown), args->operand, strlen(args->operand)));
		return EX_USAGE;
	}
	if (args->operand != NULL)
		(void)uuid_format(r->only, &id);
	if (args->value[OPT_LIMIT] != NULL && number_parse(args->value[OPT_LIMIT], 1, LIMIT_MAX, &limit) < 0) {
		ctl_say(r->ctl, "--limit: a number from 1 to %d is needed", LIMIT_MAX);
		return EX_USAGE;
	}
	r->limit = (size_t)limit;
	r->path = args->value[OPT_LOG];
	if (r->path == NULL && ctl_data_path(path, size, args, EVENT_FILE_NAME) < 0) {
		ctl_say(r->ctl, "the data directory's path is too long");
		return EX_USAGE;
	}
	if (r->path == NULL)
		r->path = path;
	return EX_OK;
}

int
ctl_events(struct ctl *ctl)
{
	struct reading r = { .ctl = ctl, .fd = -1 };
	char path[CTL_PATH_SIZE];
	int status = read_arguments(&r, path, sizeof(path));

	if (status != EX_OK)
		return status;
	r.line = xmalloc(LINE_LIMIT + 1);
	if (r.limit > 0)
		r.kept = xcalloc(r.limit, sizeof(*r.kept));
	status = read_log(&r);
	if (r.kept != NULL)
		print_kept(&r);
	free(r.line);
	close_log(&r);
	return status;
}
