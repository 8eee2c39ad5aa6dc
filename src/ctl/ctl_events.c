/*
 * ctl_events.c - shows the local event log. Reads the file itself, whole lines only:
 * what stands behind the last newline is still being written. With --follow it
 * goes on when the file grows, is cut, or is replaced by a new one of its name.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/uuid.h"
#include "ctl/ctl_event.h"

#define LINE_LIMIT   (1u << 20)	/* a longer line is not ours: passed over */
#define LOOK_AGAIN_MS 200
#define LIMIT_MAX    100000

struct reading {
	struct ctl	*ctl;
	const char	*path;
	char		 only[UUID_TEXT_SIZE];	/* this crawl's; "": all */
	int		 fd;			/* -1: not there yet */
	struct stat	 st;			/* of fd when it was opened */
	off_t		 offset;
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
			if (chunk[i] == '\n')
				take_line(r);
			else if (r->len < LINE_LIMIT)
				r->line[r->len++] = chunk[i];
			else
				r->too_long = true;
		}
	}
	return n < 0 ? -errno : 0;
}

static int
open_log(struct reading *r)
{
	r->fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	if (fstat(r->fd, &r->st) < 0)
		return -errno;
	r->offset = 0;
	r->len = 0;
	r->too_long = false;
	return S_ISREG(r->st.st_mode) ? 0 : -EINVAL;
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

/* Another file has the name now, or this one was cut: read from the start. */
static bool
was_replaced(const struct reading *r)
{
	struct stat named, own;

	if (stat(r->path, &named) < 0)
		return false;
	if (named.st_ino != r->st.st_ino || named.st_dev != r->st.st_dev)
		return true;
	return fstat(r->fd, &own) == 0 && own.st_size < r->offset;
}

static int
follow(struct reading *r)
{
	int error = 0;

	ctl_catch_interrupt(r->ctl);
	while (error == 0 && ctl_sleep(r->ctl, LOOK_AGAIN_MS) && !ferror(stdout)) {
		if (r->fd >= 0 && was_replaced(r)) {
			(void)close(r->fd);
			r->fd = -1;
		}
		if (r->fd < 0) {
			error = open_log(r);
			if (error == -ENOENT) {
				error = 0;
				continue;
			}
		}
		if (error == 0)
			error = read_on(r);
	}
	return error == 0 ? EX_OK : refuse_log(r, error);
}

static int
read_log(struct reading *r)
{
	bool follows = r->ctl->args->value[OPT_FOLLOW] != NULL;
	int error = open_log(r);

	if (error == -ENOENT && follows)
		ctl_say(r->ctl, "no event log at %s yet; waiting for it (Ctrl-C ends)", r->path);
	else if (error == 0)
		error = read_on(r);
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
	if (r->path == NULL && ctl_data_path(path, size, args, "events.ndjson") < 0) {
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
	if (r.fd >= 0)
		(void)close(r.fd);
	return status;
}
