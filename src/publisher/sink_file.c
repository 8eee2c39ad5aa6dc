/*
 * sink_file.c - events as lines of a file. A batch is one write and one fdatasync.
 * Owns the file: cuts off a line that a killed process left torn, and knows the
 * ids of its last lines, so that what is given again is not written again. The
 * keeper gives out the oldest events until they are acknowledged, one batch at a
 * time: an event that was written but not acknowledged is among the last lines.
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

#define TAIL_MAX (2u << 20)
#define RECENT	 (4 * EVENT_BATCH_MAX)

/* However long its lines, the last batch lies within the tail. */
static_assert(TAIL_MAX > EVENT_BATCH_MAX * (EVENT_BODY_MAX + EVENT_ATTRIBUTES_MAX + 1024u),
    "the tail is too short");

struct sink_file {
	struct event_sink sink;
	char		 path[1100];
	char		 prefix[128];
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

/* A line of another hand has no id to remember. */
static void
remember_line(struct sink_file *f, const char *line, size_t len)
{
	scoped_json *doc = NULL;
	const char *text;
	struct uuid id;

	if (json_read(line, len, &doc, NULL) < 0)
		return;
	text = json_text(json_object_get(doc, "attributes"), "ce-id");
	if (text != NULL && uuid_parse(text, &id) == 0)
		remember(f, &id);
}

/* Where the last RECENT lines begin in text[len], which ends with a line end. */
static const char *
last_lines(const char *text, size_t len)
{
	unsigned lines = 0;
	const char *p = text + len;

	while (p > text && lines <= RECENT)
		lines += *--p == '\n';
	return lines > RECENT ? p + 1 : text;
}

static void
remember_lines(struct sink_file *f, const char *text, size_t len)
{
	const char *end = text + len, *p = last_lines(text, len), *newline;

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		remember_line(f, p, (size_t)(newline - p));
		p = newline + 1;
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

/* Cuts a torn last line off and learns the ids before it. */
static int
take_stock(struct sink_file *f, int fd, off_t size, struct why *why)
{
	size_t len = size > (off_t)TAIL_MAX ? TAIL_MAX : (size_t)size, whole;
	scoped_free char *tail = xmalloc(len + 1);
	const char *newline;
	int rc = read_at(fd, tail, len, size - (off_t)len);

	if (rc < 0)
		return failed(f, -rc, "read", why);
	newline = memrchr(tail, '\n', len);
	if (newline == NULL && len == TAIL_MAX)
		return why_set(why, EINVAL,
		    "%s has no line end in its last %u bytes, so it is not ours: move it away",
		    f->path, TAIL_MAX);
	whole = newline != NULL ? (size_t)(newline + 1 - tail) : 0;
	if (whole < len && ftruncate(fd, size - (off_t)(len - whole)) < 0)
		return failed(f, errno, "cut the torn last line off", why);
	f->recent_count = f->recent_next = 0;
	remember_lines(f, tail, whole);
	return 0;
}

static int
file_open(struct sink_file *f, struct why *why)
{
	scoped_fd fd = open(f->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int rc;

	if (fd < 0 && errno == ENOENT) {
		fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0640);
		if (fd < 0)
			return failed(f, errno, "create", why);
		rc = fs_sync_dir_of(AT_FDCWD, f->path);
		if (rc < 0)
			return failed(f, -rc, "sync the directory of", why);
		/* The ids of a file that was moved away stay known. */
		f->fd = take_fd(&fd);
		return 0;
	}
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

	if (f->fd >= 0 && (stat(f->path, &named) < 0 || fstat(f->fd, &ours) < 0 ||
	    named.st_ino != ours.st_ino || named.st_dev != ours.st_dev))
		file_close(f);
	return f->fd >= 0 ? 0 : file_open(f, why);
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
	json_out_done(&f->line);
	free(f->batch);
	free(f);
}

struct event_sink *
sink_file_new(const char *directory, const char *topic_prefix)
{
	static const struct event_sink_ops ops = {
		sink_file_put, sink_file_cancel, sink_file_free,
	};
	struct sink_file *f = xcalloc(1, sizeof(*f));
	int n = snprintf(f->path, sizeof(f->path), "%s/events.ndjson", directory);

	/* Both are bounded by their options. */
	assert(n > 0 && (size_t)n < sizeof(f->path));
	(void)n;
	(void)str_copy(f->prefix, sizeof(f->prefix), topic_prefix);
	f->sink.ops = &ops;
	f->fd = -1;
	json_out_init(&f->line);
	return &f->sink;
}
