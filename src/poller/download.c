/*
 * download.c - the pipeline of one snapshot: file and examiner. Owns
 * the spool file until the keeper has been told of it; where the bytes come from
 * and what is done next is poller_crawl.c's.
 *
 * Write-back is started early and waited for at a distance, so that the final
 * fsync finds little to do and a slow disk slows the download instead of filling
 * memory with dirty pages.
 */
#include "poller/download.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "poller/examiner.h"
#include "provider/answer.h"
#include "provider/provider.h"

#define WRITEBACK_STEP	(8u << 20)
#define WRITEBACK_LAG	(8 * WRITEBACK_STEP)
#define VERIFY_STEP	(4u << 20)
#define ROOM_STEP	(16u << 20)	/* room is looked for in such portions where no length was told */

struct download {
	const struct download_dirs *dirs;
	const struct provider *provider;	/* tells a message from data */
	struct crawl	 crawl;
	char		 part[SPOOL_NAME_SIZE], whole[SPOOL_NAME_SIZE];
	char		 quarantine[SNAPSHOT_ID_SIZE + 16];
	int		 fd;
	bool		 verifying;	/* bytes come from the file itself */
	struct examiner	*examiner;
	size_t		 filled;	/* of the examiner's buffer: not in the file yet */
	uint64_t	 size;		/* in the file, or read of it */
	uint64_t	 started;	/* write-back was started up to there */
	uint64_t	 room_end;	/* so far there was room when it was asked */
	bool		 holding;	/* not yet clear whether this is data */
	char		*held;
	size_t		 held_len;
};

/* A poller that was taken for dead may still be at work: its file has no name any more. */
static bool
part_is_ours(const struct download *d)
{
	struct stat ours, named;

	return fstat(d->fd, &ours) == 0 &&
	    fstatat(d->dirs->spool, d->part, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

static void
part_remove(const struct download *d)
{
	if (part_is_ours(d))
		(void)unlinkat(d->dirs->spool, d->part, 0);
}

int
download_ask_room(struct download *d, int64_t bytes, struct why *why)
{
	uint64_t want = bytes > 0 ? (uint64_t)bytes : ROOM_STEP;
	struct fs_room room;

	if (fs_room(d->dirs->spool, &room) < 0)
		return 0;
	if (room.free < room.reserve || room.free - room.reserve < want)
		return why_set(why, ENOSPC, "no room for %s %llu MiB in the spool: %llu MiB are free, %llu are kept free",
		    bytes > 0 ? "the snapshot's" : "the next", (unsigned long long)(want >> 20),
		    (unsigned long long)(room.free >> 20), (unsigned long long)(room.reserve >> 20));
	/* So that of two downloads that fit alone the second hears it now. Not every file system can. */
	if (bytes > 0 && fallocate(d->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) < 0 && errno == ENOSPC)
		return why_set(why, ENOSPC, "no room for the snapshot's %llu MiB in the spool",
		    (unsigned long long)(want >> 20));
	d->room_end = d->size + want;
	return 0;
}

static int
open_file(struct download *d, enum download_start *ret_start, struct why *why)
{
	d->fd = openat(d->dirs->spool, d->whole, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (d->fd >= 0) {
		*ret_start = DOWNLOAD_WHOLE;
		return 0;
	}
	if (errno != ENOENT)
		return why_set(why, errno, "cannot open spool/%s: %s", d->whole, strerror(errno));
	*ret_start = DOWNLOAD_NEW;
	(void)unlinkat(d->dirs->spool, d->part, 0);
	d->fd = openat(d->dirs->spool, d->part,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (d->fd < 0)
		return why_set(why, errno, "cannot create spool/%s: %s", d->part, strerror(errno));
	return 0;
}

int
download_open(const struct download_dirs *dirs, const struct provider *provider, const struct crawl *crawl,
    uint64_t lease, enum platform_id platform, struct download **ret, enum download_start *ret_start,
    struct why *why)
{
	struct download *d = xcalloc(1, sizeof(*d));
	int rc;

	d->dirs = dirs;
	d->provider = provider;
	d->crawl = *crawl;
	spool_name(d->part, &crawl->id, lease);
	spool_name(d->whole, &crawl->id, 0);
	(void)snprintf(d->quarantine, sizeof(d->quarantine), "snapshot_%s.json",
	    crawl->snapshot_id);
	rc = open_file(d, ret_start, why);
	if (rc < 0) {
		free(d);
		return rc;
	}
	d->verifying = *ret_start == DOWNLOAD_WHOLE;
	d->holding = !d->verifying;
	d->held = d->holding ? xmalloc(PROVIDER_ANSWER_MAX) : NULL;
	d->examiner = examiner_new(provider->record_form(platform));
	*ret = d;
	return 0;
}

void
download_free(struct download *d)
{
	if (d == NULL)
		return;
	(void)close(d->fd);
	examiner_free(d->examiner);
	free(d->held);
	free(d);
}

void
download_drop(struct download *d)
{
	if (d == NULL)
		return;
	if (!d->verifying)
		part_remove(d);
	download_free(d);
}

uint64_t
download_bytes(const struct download *d)
{
	return d->size + d->filled + d->held_len;
}

/* ---- bytes ---- */

/* An error that write-back met is reported once: here or at the fsync. */
static int
writeback(struct download *d, off_t from, off_t len, unsigned flags)
{
	if (sync_file_range(d->fd, from, len, flags) == 0 || errno == EINVAL || errno == ENOSYS ||
	    errno == ESPIPE || errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

/* Waits until a step is written, then lets its pages go: the next ones reuse them, and
 * a large snapshot does not push everything else out of the machine's cache. */
static int
settle(struct download *d, off_t from)
{
	int rc = writeback(d, from, WRITEBACK_STEP,
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);

	if (rc == 0)
		(void)posix_fadvise(d->fd, from, WRITEBACK_STEP, POSIX_FADV_DONTNEED);
	return rc;
}

static int
push_to_disk(struct download *d)
{
	int rc = 0;

	while (rc == 0 && d->size - d->started >= WRITEBACK_STEP) {
		off_t from = (off_t)d->started;

		rc = writeback(d, from, WRITEBACK_STEP, SYNC_FILE_RANGE_WRITE);
		if (rc == 0 && from >= (off_t)WRITEBACK_LAG)
			rc = settle(d, from - (off_t)WRITEBACK_LAG);
		d->started += WRITEBACK_STEP;
	}
	return rc;
}

/* What the buffer holds goes to the file. libcurl brings 16 KiB at a time; a write for each
 * cost a tenth of the download. */
static int
write_buffer(struct download *d, struct why *why)
{
	int rc = d->size + d->filled > d->room_end ? download_ask_room(d, -1, why) : 0;

	if (rc < 0)
		return rc;
	rc = fs_write_all(d->fd, examiner_buffer(d->examiner), d->filled);
	if (rc == 0) {
		d->size += d->filled;
		rc = push_to_disk(d);
	}
	if (rc < 0)
		return why_set(why, -rc, "cannot write spool/%s: %s", d->part, strerror(-rc));
	return 0;
}

static int
take_data(struct download *d, const void *p, size_t len, struct why *why)
{
	const char *from = p;
	int rc;

	while (len > 0) {
		size_t n = EXAMINER_BUFFER - d->filled < len ? EXAMINER_BUFFER - d->filled : len;

		memcpy(examiner_buffer(d->examiner) + d->filled, from, n);
		d->filled += n;
		from += n;
		len -= n;
		if (d->filled < EXAMINER_BUFFER)
			break;
		if ((rc = write_buffer(d, why)) < 0)
			return rc;
		examiner_give(d->examiner);
		d->filled = 0;
	}
	return 0;
}

static int
release_held(struct download *d, struct why *why)
{
	size_t len = d->held_len;

	d->holding = false;
	d->held_len = 0;
	return len > 0 ? take_data(d, d->held, len, why) : 0;
}

/* All that came is in the file; the rest of the buffer stays for the examiner. */
static int
write_rest(struct download *d, size_t *ret_rest, struct why *why)
{
	int rc = d->holding ? release_held(d, why) : 0;

	if (rc == 0)
		rc = write_buffer(d, why);
	*ret_rest = d->filled;
	d->filled = 0;
	return rc;
}

/* An array is data; a message instead of data is short and no array. */
static bool
begins_array(const struct download *d)
{
	size_t len = d->held_len;
	const char *p = answer_skip(d->held, &len);

	return len > 0 && *p == '[';
}

static bool
is_message(const struct download *d, struct msg_verdict *verdict, bool *ret_empty)
{
	struct verdict said = { .http_status = verdict->http_status, .date_ms = verdict->date_ms };

	if (!d->provider->read_message(d->held, d->held_len, d->crawl.provider_records, &said, ret_empty))
		return false;
	msg_verdict_set(verdict, &said);
	return true;
}

/* Nothing but what may stand between values. */
static bool
is_blank(const struct download *d)
{
	size_t len = d->held_len;

	(void)answer_skip(d->held, &len);
	return len == 0;
}

int
download_feed(struct download *d, const void *p, size_t len, struct why *why)
{
	int rc;

	if (!d->holding)
		return take_data(d, p, len, why);
	if (d->held_len + len <= PROVIDER_ANSWER_MAX) {
		memcpy(d->held + d->held_len, p, len);
		d->held_len += len;
		return begins_array(d) ? release_held(d, why) : 0;
	}
	rc = release_held(d, why);
	return rc < 0 ? rc : take_data(d, p, len, why);
}

/* ---- the end ---- */

void
download_disk_verdict(struct msg_verdict *verdict, int err, const struct why *why)
{
	verdict->outcome = OUTCOME_RETRY;
	verdict->error = err == -EACCES || err == -EPERM || err == -EROFS ?
	    ERROR_STORAGE_PERMISSION : ERROR_STORAGE_ERROR;
	verdict->retry_after_ms = 0;
	str_printable(verdict->text, sizeof(verdict->text), why->text, strlen(why->text));
}

static void __attribute__((format(printf, 3, 4)))
invalid(struct msg_verdict *verdict, enum outcome outcome, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	verdict->outcome = outcome;
	verdict->error = ERROR_INVALID_DATA;
	verdict->retry_after_ms = 0;
	str_printable(verdict->text, sizeof(verdict->text), text, strlen(text));
}

/* Progress counted records, and not one row came: not to be believed yet. */
static bool
rows_are_missing(const struct download *d)
{
	return d->crawl.provider_records > 0 && d->crawl.provider_records != UINT64_MAX &&
	    record_counts_rows(examiner_counts(d->examiner)) == 0;
}

static void
quarantine(struct download *d, struct msg_verdict *verdict, const struct why *bad)
{
	bool kept = part_is_ours(d) &&
	    renameat(d->dirs->spool, d->part, d->dirs->quarantine, d->quarantine) == 0;

	if (!kept)
		part_remove(d);
	invalid(verdict, OUTCOME_RETRY,
	    "the snapshot's %" PRIu64 " bytes are not valid JSON: %s; %s%s", d->size,
	    bad->text, kept ? "kept as quarantine/" : "and could not be kept in quarantine/",
	    d->quarantine);
}

/* What is whole is never replaced: it may be on its way to the object store. Some file systems have
 * no such rename, but links. */
static int
give_whole_name(struct download *d, struct why *why)
{
	int spool = d->dirs->spool;

	if (!part_is_ours(d))
		return why_set(why, ESTALE, "spool/%s was taken away: its lease is over", d->part);
	if (renameat2(spool, d->part, spool, d->whole, RENAME_NOREPLACE) == 0)
		return 0;
	if ((errno == EINVAL || errno == ENOSYS) && linkat(spool, d->part, spool, d->whole, 0) == 0) {
		(void)unlinkat(spool, d->part, 0);
		return 0;
	}
	return why_set(why, errno, "cannot rename spool/%s: %s", d->part, strerror(errno));
}

/* {crawl_id}.{lease}.part becomes {crawl_id}.snapshot, durably. */
static int
settle_file(struct download *d, struct why *why)
{
	int rc;

	if (!d->verifying) {
		/* What room was kept for and not used goes back. */
		if (ftruncate(d->fd, (off_t)d->size) < 0 || fsync(d->fd) < 0)
			return why_set(why, errno, "cannot sync spool/%s: %s", d->part,
			    strerror(errno));
		rc = give_whole_name(d, why);
		if (rc < 0)
			return rc;
	}
	rc = fs_sync_dir(d->dirs->spool);
	if (rc < 0)
		return why_set(why, -rc, "cannot sync the directory spool: %s", strerror(-rc));
	(void)unlinkat(d->dirs->quarantine, d->quarantine, 0);
	return 0;
}

static void
finish(struct download *d, struct msg_download_done *done)
{
	const struct record_counts *counts = examiner_counts(d->examiner);
	struct msg_verdict *verdict = &done->verdict;
	struct why why;
	int rc = settle_file(d, &why);

	if (rc < 0) {
		if (!d->verifying)
			part_remove(d);
		download_disk_verdict(verdict, rc, &why);
		return;
	}
	verdict->outcome = OUTCOME_OK;
	verdict->error = ERROR_NONE;
	verdict->retry_after_ms = 0;
	verdict->text[0] = '\0';
	done->size_bytes = d->size;
	done->posts = counts->posts;
	done->media = counts->media;
	done->errors = counts->errors;
	done->others = counts->others;
	examiner_sums(d->examiner, &done->crc32c, done->sha256);
}

void
download_end(struct download *d, struct msg_download_done *done)
{
	struct msg_verdict *verdict = &done->verdict;
	struct why why;
	size_t rest;
	bool empty;
	int rc;

	if (d->holding && (is_message(d, verdict, &empty) || (empty = is_blank(d)))) {
		d->held_len = 0;
		if (empty)
			download_empty(d, done);
		else
			part_remove(d);
		return;
	}
	if ((rc = write_rest(d, &rest, &why)) < 0) {
		part_remove(d);
		download_disk_verdict(verdict, rc, &why);
		return;
	}
	if (examiner_end(d->examiner, rest, &why) < 0) {
		quarantine(d, verdict, &why);
	} else if (rows_are_missing(d)) {
		part_remove(d);
		invalid(verdict, OUTCOME_RETRY,
		    "the snapshot holds no rows, but progress counted %" PRIu64 " records",
		    d->crawl.provider_records);
	} else {
		finish(d, done);
	}
}

void
download_empty(struct download *d, struct msg_download_done *done)
{
	struct why why;
	int rc = download_feed(d, "[]", 2, &why);

	if (rc < 0) {
		part_remove(d);
		download_disk_verdict(&done->verdict, rc, &why);
		return;
	}
	download_end(d, done);
}

/* ---- a file that was whole already ---- */

/* Not what it should be: away with it. */
static bool
verify_failed(struct download *d, struct msg_verdict *verdict, const char *reason)
{
	(void)unlinkat(d->dirs->spool, d->whole, 0);
	invalid(verdict, OUTCOME_WAIT, "spool/%s of an earlier download was removed: %s", d->whole,
	    reason);
	return true;
}

bool
download_verify(struct download *d, struct msg_download_done *done)
{
	struct why why;

	for (size_t taken = 0; taken < VERIFY_STEP;) {
		ssize_t n = read(d->fd, examiner_buffer(d->examiner) + d->filled, EXAMINER_BUFFER - d->filled);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return verify_failed(d, &done->verdict, strerror(errno));
		if (n == 0) {
			if (examiner_end(d->examiner, d->filled, &why) < 0)
				return verify_failed(d, &done->verdict, why.text);
			if (rows_are_missing(d))
				return verify_failed(d, &done->verdict, "it holds no rows");
			finish(d, done);
			return true;
		}
		d->filled += (size_t)n;
		d->size += (uint64_t)n;
		taken += (size_t)n;
		if (d->filled == EXAMINER_BUFFER) {
			examiner_give(d->examiner);
			d->filled = 0;
		}
	}
	return false;
}
