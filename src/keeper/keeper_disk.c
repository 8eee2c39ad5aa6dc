/*
 * keeper_disk.c - room on the disk of DATA_DIR, and what goes on without any.
 *
 * Below the reserve (base/fs.h) nothing is begun that costs money or room: no trigger, no
 * download, no new crawl. Polls, searches, cancels, stores and events go on, in the room that
 * is kept for them, and the store has a file of its own that is given up when even that is
 * used. It recovers by itself.
 *
 * When a commit finds no room at all, or a file system that has turned read-only, nothing of its
 * turn has happened: what was staged is dropped, every lease is nobody's, as after the death of a
 * keeper, and the store is only read until it can be written again. Fronts ask again what had
 * not been answered, and are told what is there. Pollers and the publisher are not heard
 * meanwhile; what pollers have to say of triggers they say again. A batch of events that had
 * left stays under way: it is in the store, and acknowledged when the publisher has it written.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/why.h"

#define SPARE_NAME  "trawld.reserve"
#define SPARE_MAX   (UINT64_C(8) << 20)	/* what the store may still write when everything is full */
#define SPARE_PART  4			/* of the reserve, on a small file system */

static const struct backoff refused_backoff = { 5000, 60000 };

/* ---- the store's own reserve ---- */

static uint64_t
spare_size(const struct fs_room *room)
{
	return room->reserve / SPARE_PART < SPARE_MAX ? room->reserve / SPARE_PART : SPARE_MAX;
}

static void
spare_release(struct keeper *k)
{
	(void)unlinkat(k->data_dir_fd, SPARE_NAME, 0);
}

/* Best effort: without it the store only stands still earlier. */
static void
spare_make(struct keeper *k)
{
	int fd = openat(k->data_dir_fd, SPARE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;			/* it is there */
	if (posix_fallocate(fd, 0, (off_t)spare_size(&k->disk)) != 0)
		spare_release(k);
	(void)close(fd);
}

/* ---- looking ---- */

static void
become_low(struct keeper *k)
{
	char text[160];

	k->disk_low = true;
	(void)snprintf(text, sizeof(text), "the disk of DATA_DIR is full: %llu MiB are free, %llu are kept free",
	    (unsigned long long)(k->disk.free >> 20), (unsigned long long)(k->disk.reserve >> 20));
	log_as(KIND_DISK_LOW, NULL, "%s: no trigger, no download, no new crawl until there is room", text);
	keeper_status_trouble(k, text);
}

static void
tell_again(struct keeper *k, struct keeper_peer *p)
{
	static const struct msg_tell_again again;

	if (!peer_is_open(p->peer))
		return;
	msg_tell_again_put(&k->out, &again);
	peer_send(p->peer, &k->out);
}

/* Events may have found no room either, and are tried more and more seldom. */
static void
become_roomy(struct keeper *k)
{
	k->disk_low = false;
	k->disk_refused = 0;
	k->disk_mono_ms = 0;
	log_as(KIND_DISK_ROOMY, NULL, "the disk of DATA_DIR has room again: %llu MiB are free",
	    (unsigned long long)(k->disk.free >> 20));
	for (struct keeper_peer *p = k->peers; p != NULL; p = p->next)
		if (p->role == ROLE_PUBLISHER)
			tell_again(k, p);
	keeper_wake(k);
}

void
keeper_disk_look(struct keeper *k)
{
	if (k->data_dir_fd < 0 || k->room(k->data_dir_fd, &k->disk) < 0)
		return;
	if (!k->disk_low && k->disk.free < k->disk.reserve)
		become_low(k);
	/* A little more, so that it does not go back and forth with each file. */
	else if (k->disk_low && !k->suspended && k->disk.free >= k->disk.reserve + k->disk.reserve / 4)
		become_roomy(k);
	if (k->disk.free < k->disk.reserve / SPARE_PART)
		spare_release(k);
	else if (!k->disk_low && !k->suspended && k->disk.free > k->disk.reserve + spare_size(&k->disk))
		spare_make(k);
}

/* One that does not fit is tried again more and more seldom, and so are all others: each such try costs a call. */
void
keeper_disk_refused(struct keeper *k)
{
	k->disk_mono_ms = keeper_mono(k) + backoff_pause_ms(&refused_backoff, ++k->disk_refused, k->random());
}

bool
keeper_disk_lets_download(const struct keeper *k)
{
	return !k->disk_low && keeper_mono(k) >= k->disk_mono_ms;
}

/* Its file system was taken away, or mounted again: only a new process gets to what is there now. The supervisor
 * starts one when there is a store again (away.c). */
void
keeper_disk_check_place(const struct keeper *k)
{
	if (k->data_dir_fd >= 0 && fs_has_moved(k->data_dir_fd, k->conf->data_dir))
		fatal_as(EXIT_STATUS_FAILURE, KIND_DATA_DIR_AWAY, "%s is another directory than it was, or none: the job "
		    "store that was there is left", k->conf->data_dir);
}

/* ---- a store that cannot be written ---- */

static void
pause_peer(struct keeper_peer *p, bool pause)
{
	if (p->role != ROLE_FRONT)
		peer_pause(p->peer, pause);
}

/* The write that meets a file system while it turns read-only may hear of a broken disk. */
bool
keeper_disk_refuses(const struct keeper *k, int *result)
{
	if (*result == -EIO && fs_is_read_only(k->data_dir_fd))
		*result = -EROFS;
	return *result == -ENOSPC || *result == -EROFS;
}

bool
keeper_is_read_only(const struct keeper *k)
{
	return k->suspended && k->suspended_by == ERROR_DISK_READ_ONLY;
}

static enum error_code
suspended_by(int result)
{
	return result == -EROFS ? ERROR_DISK_READ_ONLY : ERROR_DISK_FULL;
}

void
keeper_suspend(struct keeper *k, int result, const struct why *reason)
{
	struct why why;

	log_as(KIND_STORE_SUSPENDED, NULL, "%s; the disk of DATA_DIR %s: until it can be written the job store is only read",
	    reason->text, result == -EROFS ? "is read-only" : "is full");
	keeper_must(k, store_rollback(k->store, &why), &why);
	spare_release(k);
	k->suspended = true;
	k->suspended_by = suspended_by(result);
	k->changes = 0;
	for (struct keeper_peer *p = k->peers; p != NULL; p = p->next) {
		peer_discard(p->peer);
		keeper_lease_forget(k, p);
		keeper_watch_drop(k, p);
		pause_peer(p, true);
		/* The answers that are dropped may have been of questions that need no writing. */
		if (p->role == ROLE_FRONT)
			tell_again(k, p);
	}
	keeper_search_free(k);
	keeper_status_trouble(k, reason->text);
	keeper_wake(k);
}

void
keeper_try_resume(struct keeper *k)
{
	struct why why;
	int result;

	result = store_next_epoch(k->store, &k->epoch, &why);
	if (keeper_disk_refuses(k, &result)) {
		k->suspended_by = suspended_by(result);
		keeper_must(k, store_rollback(k->store, &why), &why);
		return;
	}
	keeper_must(k, result, &why);
	log_as(KIND_STORE_RESUMED, NULL, "the job store can be written again: its work goes on");
	k->suspended = false;
	k->lease_count = 0;
	keeper_resume(k);
	for (struct keeper_peer *p = k->peers; p != NULL && !k->suspended; p = p->next) {
		pause_peer(p, false);
		if (p->role != ROLE_FRONT)
			tell_again(k, p);
	}
	keeper_wake(k);
}
