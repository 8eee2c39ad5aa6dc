/*
 * sink_file.c - events as lines of a file. A batch is one write and one fdatasync.
 * Owns the file and the full ones before it: cuts off a line that a killed process left
 * torn, and knows the ids of the last lines, so that what is given again is not written
 * again. The keeper gives out the oldest events until they are acknowledged, one batch at
 * a time: an event that was written but not acknowledged is among the last lines.
 *
 * A rotation renames towards a free number, oldest first, each step on disk before the
 * next. One that is cut short leaves a number free, at which the next one begins; nothing
 * is renamed over but the oldest file, and that only when no number is free.
 */
#include "publisher/event_sink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/event_file.h"

#define TAIL_MAX  (2u << 20)
#define RECENT	  (4 * EVENT_BATCH_MAX)
#define PATH_SIZE 1108

/* However long its lines, the last batch lies within the tail. */
static_assert(TAIL_MAX > EVENT_BATCH_MAX * (EVENT_BODY_MAX + EVENT_ATTRIBUTES_MAX + 1024u),
    "the tail is too short");

struct sink_file {
	struct event_sink sink;
	const char	*directory;	/* of the caller */
	int		 dir;		/* the same, open; -1: it cannot be */
	char		 path[PATH_SIZE - 8];	/* numbers go behind it */
	char		 prefix[128];
	struct sink_file_limits limits;
	int		 fd;		/* -1: not open */
	struct json_out	 line;
	char		*batch;		/* lines being gathered */
	size_t		 batch_len, batch_room;
	struct uuid	 recent[RECENT];	/* ids of the last lines, a ring */
	unsigned	 recent_count, recent_next;
};

/* ---- the last lines ---- */

static bool
is_recent(const struct sink_file *f, const struct uuid *id)
{
	for (unsigned i = 0; i < f->recent_count; i++)
		if (uuid_equal(&f->recent[i], id))
			return true;
	return false;
}

static void
remember(struct sink_file *f, const struct uuid *id)
{
	f->recent[f->recent_next] = *id;
	f->recent_next = (f->recent_next + 1) % RECENT;
	if (f->recent_count < RECENT)
		f->recent_count++;
}

/* What is learned of the last lines, the newest first. */
struct stock {
	struct sink_file *f;
	unsigned	  lines;	/* that were looked at, RECENT at most */
};

/* A line of another hand has no id to remember. */
static void
learn_line(struct stock *s, const char *line, size_t len)
{
	scoped_json *doc = NULL;
	const char *text;
	struct uuid id;

	s->lines++;
	if (json_read(line, len, &doc, NULL) < 0)
		return;
	text = json_text(json_object_get(doc, "attributes"), "ce-id");
	if (text != NULL && uuid_parse(text, &id) == 0)
		remember(s->f, &id);
}

/* Of text[len], which ends with a line's end; its first line may be cut at its head. */
static void
learn_lines(struct stock *s, const char *text, size_t len)
{
	const char *newline;
	size_t start;

	for (; len > 0 && s->lines < RECENT; len = start) {
		newline = memrchr(text, '\n', len - 1);
		start = newline != NULL ? (size_t)(newline + 1 - text) : 0;
		learn_line(s, text + start, len - 1 - start);
	}
}

/* In the order in which they are forgotten. */
static void
learned(struct sink_file *f)
{
	for (unsigned i = 0; i < f->recent_count / 2; i++) {
		struct uuid newer = f->recent[i];

		f->recent[i] = f->recent[f->recent_count - 1 - i];
		f->recent[f->recent_count - 1 - i] = newer;
	}
}

/* ---- the file ---- */

static int
failed(const struct sink_file *f, int err, const char *attempt, struct why *why)
{
	return why_set(why, err, "cannot %s %s: %s", attempt, f->path, strerror(err));
}

static int
read_at(int fd, char *dst, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, dst, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		dst += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* The end of a file of that size; -errno, or the length, which the caller frees. */
static ssize_t
read_tail(int fd, off_t size, char **ret)
{
	size_t len = size > (off_t)TAIL_MAX ? TAIL_MAX : (size_t)size;
	scoped_free char *tail = xmalloc(len + 1);
	int rc = read_at(fd, tail, len, size - (off_t)len);

	if (rc < 0)
		return rc;
	*ret = take_ptr(tail);
	return (ssize_t)len;
}

/* Up to the end of the last whole line. */
static size_t
whole_lines(const char *text, size_t len)
{
	const char *newline = memrchr(text, '\n', len);

	return newline != NULL ? (size_t)(newline + 1 - text) : 0;
}

/* Of a full file; one that is not there, or cannot be read, has nothing to tell. */
static void
learn_old(struct stock *s, unsigned number)
{
	scoped_free char *tail = NULL;
	char path[PATH_SIZE];
	scoped_fd fd = -1;
	struct stat st;
	ssize_t len;

	(void)event_file_path(path, sizeof(path), s->f->path, number);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	len = read_tail(fd, st.st_size, &tail);
	if (len > 0)
		learn_lines(s, tail, whole_lines(tail, (size_t)len));
}

/* After those of the file that is written. */
static void
learn_rest(struct stock *s)
{
	for (unsigned n = 1; n <= s->f->limits.count && s->lines < RECENT; n++)
		learn_old(s, n);
	learned(s->f);
}

/* Cuts a torn last line off and learns the ids before it. */
static int
take_stock(struct sink_file *f, int fd, off_t size, struct why *why)
{
	struct stock stock = { f, 0 };
	scoped_free char *tail = NULL;
	ssize_t len = read_tail(fd, size, &tail);
	size_t whole;

	if (len < 0)
		return failed(f, (int)-len, "read", why);
	whole = whole_lines(tail, (size_t)len);
	if (whole == 0 && len == TAIL_MAX)
		return why_set(why, EINVAL,
		    "%s has no line end in its last %u bytes, so it is not ours: move it away",
		    f->path, TAIL_MAX);
	if (whole < (size_t)len && ftruncate(fd, size - (off_t)((size_t)len - whole)) < 0)
		return failed(f, errno, "cut the torn last line off", why);
	f->recent_count = f->recent_next = 0;
	learn_lines(&stock, tail, whole);
	learn_rest(&stock);
	return 0;
}

/* The ids of a file that was moved away stay known. */
static int
file_create(struct sink_file *f, struct why *why)
{
	scoped_fd fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	struct stock stock = { f, 0 };
	int rc;

	if (fd < 0)
		return failed(f, errno, "create", why);
	rc = fs_sync_dir_of(AT_FDCWD, f->path);
	if (rc < 0)
		return failed(f, -rc, "sync the directory of", why);
	if (f->recent_count == 0)
		learn_rest(&stock);
	f->fd = take_fd(&fd);
	return 0;
}

static int
file_open(struct sink_file *f, struct why *why)
{
	scoped_fd fd = open(f->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return file_create(f, why);
	if (fd < 0)
		return failed(f, errno, "open", why);
	if (fstat(fd, &st) < 0)
		return failed(f, errno, "read", why);
	rc = take_stock(f, fd, st.st_size, why);
	if (rc < 0)
		return rc;
	f->fd = take_fd(&fd);
	return 0;
}

static void
file_close(struct sink_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}

/* Open, and still the file of that name: it may have been rotated away. */
static int
file_ready(struct sink_file *f, struct why *why)
{
	struct stat named, ours;

	/* What were written into another one would be told as delivered. */
	if (f->dir >= 0 && fs_has_moved(f->dir, f->directory))
		return why_set(why, ESTALE, "%s is another directory than it was, or none", f->directory);
	if (f->fd >= 0 && (stat(f->path, &named) < 0 || fstat(f->fd, &ours) < 0 ||
	    named.st_ino != ours.st_ino || named.st_dev != ours.st_dev))
		file_close(f);
	return f->fd >= 0 ? 0 : file_open(f, why);
}

/* The lowest number that is free, or the last one. */
static unsigned
number_for_next(const struct sink_file *f)
{
	char path[PATH_SIZE];
	struct stat st;
	unsigned n;

	for (n = 1; n < f->limits.count; n++) {
		(void)event_file_path(path, sizeof(path), f->path, n);
		if (lstat(path, &st) < 0 && errno == ENOENT)
			break;
	}
	return n;
}

static int
make_older(const struct sink_file *f, unsigned number, struct why *why)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	int rc;

	(void)event_file_path(from, sizeof(from), f->path, number);
	(void)event_file_path(to, sizeof(to), f->path, number + 1);
	if (rename(from, to) < 0)
		return why_set(why, errno, "cannot rename %s to %s: %s", from, to, strerror(errno));
	rc = fs_sync_dir_of(AT_FDCWD, f->path);
	return rc < 0 ? failed(f, -rc, "sync the directory of", why) : 0;
}

/* The file is synced before: a killed process may have left lines that are not, and nobody
 * comes back to a full file. */
static int
rotate(struct sink_file *f, struct why *why)
{
	int rc = 0;

	if (fdatasync(f->fd) < 0)
		return failed(f, errno, "sync", why);
	for (unsigned n = number_for_next(f); n > 0 && rc == 0; n--)
		rc = make_older(f, n - 1, why);
	if (rc < 0)
		return rc;
	file_close(f);
	return file_open(f, why);
}

static int
make_room(struct sink_file *f, struct why *why)
{
	struct stat st;

	if (f->limits.size == 0 || f->batch_len == 0)
		return 0;
	if (fstat(f->fd, &st) < 0)
		return failed(f, errno, "read", why);
	if (st.st_size == 0 || st.st_size + (int64_t)f->batch_len <= f->limits.size)
		return 0;
	return rotate(f, why);
}

/* All of the batch is on disk, or none of it is in the file. After a failed sync the
 * lines are taken out as well: a second sync would claim what is lost. */
static int
file_append(struct sink_file *f, struct why *why)
{
	struct stat before;
	int rc;

	if (fstat(f->fd, &before) < 0)
		return failed(f, errno, "read", why);
	rc = fs_write_all(f->fd, f->batch, f->batch_len);
	if (rc < 0)
		(void)failed(f, -rc, "write", why);
	else if (fdatasync(f->fd) < 0)
		rc = failed(f, errno, "sync", why);
	if (rc == 0)
		return 0;
	/* If even that fails, the next open cuts a torn line and knows whole ones by their ids. */
	if (ftruncate(f->fd, before.st_size) < 0)
		why_prefix(why, "%s has lines too many", f->path);
	file_close(f);
	return rc;
}

/* ---- batches ---- */

static void
batch_add(struct sink_file *f, const char *p, size_t len)
{
	if (f->batch_len + len > f->batch_room) {
		f->batch_room = 2 * (f->batch_len + len);
		f->batch = xrealloc(f->batch, f->batch_room);
	}
	memcpy(f->batch + f->batch_len, p, len);
	f->batch_len += len;
}

static void
batch_add_event(struct sink_file *f, const struct msg_event *event)
{
	struct json_out *o = &f->line;
	char topic[192];
	const char *text;
	size_t len;

	(void)snprintf(topic, sizeof(topic), "%s-%s", f->prefix,
	    event_type_name(event->event.type));
	json_out_clear(o);
	json_out_open(o);
	json_out_member(o, "topic", topic);
	json_out_key(o, "attributes");
	json_out_raw(o, event->attributes, event->attributes_len);
	json_out_key(o, "message");
	json_out_raw(o, event->body, event->body_len);
	json_out_close(o);
	text = json_out_text(o, &len);
	batch_add(f, text, len);
	batch_add(f, "\n", 1);
}

static int
put(struct sink_file *f, const struct msg_event_batch *batch, struct why *why)
{
	int rc = file_ready(f, why);

	if (rc < 0)
		return rc;
	f->batch_len = 0;
	for (unsigned i = 0; i < batch->count; i++)
		if (!is_recent(f, &batch->events[i].event.id))
			batch_add_event(f, &batch->events[i]);
	rc = make_room(f, why);
	if (rc < 0)
		return rc;
	/* Also with nothing to add: what a killed process wrote may not be synced. */
	rc = file_append(f, why);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < batch->count; i++)
		if (!is_recent(f, &batch->events[i].event.id))
			remember(f, &batch->events[i].event.id);
	return 0;
}

static void
sink_file_put(struct event_sink *sink, const struct msg_event_batch *batch,
    event_sink_done_fn *on_done, void *arg)
{
	struct why why = { "" };
	int rc = put(containerof(sink, struct sink_file, sink), batch, &why);

	on_done(rc, &why, arg);
}

static void
sink_file_cancel(struct event_sink *sink)
{
	(void)sink;	/* a put never outlives its call */
}

static void
sink_file_free(struct event_sink *sink)
{
	struct sink_file *f = containerof(sink, struct sink_file, sink);

	file_close(f);
	if (f->dir >= 0)
		(void)close(f->dir);
	json_out_done(&f->line);
	free(f->batch);
	free(f);
}

struct event_sink *
sink_file_new(const char *directory, const char *topic_prefix, const struct sink_file_limits *limits)
{
	static const struct event_sink_ops ops = {
		sink_file_put, sink_file_cancel, sink_file_free,
	};
	struct sink_file *f = xcalloc(1, sizeof(*f));
	int n = snprintf(f->path, sizeof(f->path), "%s/" EVENT_FILE_NAME, directory);

	/* Both are bounded by their options. */
	assert(n > 0 && (size_t)n < sizeof(f->path));
	(void)n;
	assert(limits->count >= 1 && limits->count <= EVENT_FILES_MAX);
	(void)str_copy(f->prefix, sizeof(f->prefix), topic_prefix);
	f->limits = *limits;
	f->sink.ops = &ops;
	f->fd = -1;
	f->directory = directory;
	f->dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	json_out_init(&f->line);
	return &f->sink;
}
