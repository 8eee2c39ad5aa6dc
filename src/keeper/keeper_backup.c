/*
 * keeper_backup.c - a copy of the job store while it is in use (store_copy.c): one at a
 * time, for all who ask meanwhile. A step is made at the end of a turn, when everything has
 * been answered and no change is open, and the next one after a pause as long as it took: the
 * copy has at most half of the keeper's time, and none that anybody waits for.
 *
 * It goes on when nobody waits for it any more.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/why.h"

#define WAITERS_MAX 64

struct waiter {
	struct keeper_peer	*front;
	uint64_t		 request;
};

struct keeper_backup {
	struct store_copy	*copy;
	struct event		*next;
	bool			 due;		/* a step is wanted */
	int64_t			 begun_mono_ms;
	char			 request_id[REQUEST_ID_SIZE];	/* of who asked first */
	struct waiter		 waiters[WAITERS_MAX];
	unsigned		 count;
};

static void
answer_one(struct keeper *k, struct keeper_peer *front, struct msg_backup_answer *answer, uint64_t request)
{
	answer->request = request;
	msg_backup_answer_put(&k->out, answer);
	peer_send(front->peer, &k->out);
	keeper_wake(k);
}

static void
refuse(struct keeper *k, struct keeper_peer *front, uint64_t request, enum error_code error, const char *text)
{
	struct msg_backup_answer answer = { .error = error };

	(void)str_copy(answer.text, sizeof(answer.text), text);
	answer_one(k, front, &answer, request);
}

void
keeper_backup_free(struct keeper *k)
{
	if (k->backup == NULL)
		return;
	store_copy_free(k->backup->copy);
	event_free(k->backup->next);
	free(k->backup);
	k->backup = NULL;
}

static void
on_next(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;

	(void)fd;
	(void)what;
	k->backup->due = true;
	keeper_wake(k);
}

/* ---- the end ---- */

static void
end(struct keeper *k, struct msg_backup_answer *answer)
{
	struct keeper_backup *b = k->backup;

	for (unsigned i = 0; i < b->count; i++)
		answer_one(k, b->waiters[i].front, answer, b->waiters[i].request);
	keeper_backup_free(k);
}

static void
log_failure(const char *request_id, const struct why *why)
{
	log_as(KIND_STORE_UNCOPIED, LOG_FIELDS(.request_id = request_id), "no copy of the job store was made: %s",
	    why->text);
}

static void
end_badly(struct keeper *k, const struct why *why)
{
	struct msg_backup_answer answer = { .error = ERROR_STORAGE_ERROR };

	log_failure(k->backup->request_id, why);
	(void)str_copy(answer.text, sizeof(answer.text), why->text);
	end(k, &answer);
}

static void
end_well(struct keeper *k, const struct store_copied *copied)
{
	struct msg_backup_answer answer = { .size_bytes = copied->size_bytes, .crawls = copied->crawls,
		.time_ms = copied->time_ms };
	char took[48];

	(void)str_copy(answer.path, sizeof(answer.path), copied->path);
	log_as(KIND_STORE_COPIED, LOG_FIELDS(.request_id = k->backup->request_id),
	    "job store copied to %s in %s: %llu crawls, %llu bytes", copied->path,
	    duration_format(took, sizeof(took), keeper_mono(k) - k->backup->begun_mono_ms),
	    (unsigned long long)copied->crawls, (unsigned long long)copied->size_bytes);
	end(k, &answer);
}

/* ---- the way there ---- */

void
keeper_backup_step(struct keeper *k)
{
	struct keeper_backup *b = k->backup;
	struct store_copied copied;
	int64_t begin;
	struct why why;
	int result;

	if (b == NULL || !b->due || k->draining)
		return;
	b->due = false;
	begin = keeper_mono(k);
	result = store_copy_step(b->copy, keeper_now(k), &copied, &why);
	if (result == 0)
		end_well(k, &copied);
	else if (result < 0)
		end_badly(k, &why);
	else
		loop_timer_in(b->next, keeper_mono(k) - begin + 1);
}

static int
begin(struct keeper *k, const char *request_id, struct why *why)
{
	struct store_copy *copy;
	struct keeper_backup *b;
	int result = store_copy_begin(k->store, &copy, why);

	if (result < 0)
		return result;
	k->backup = b = xcalloc(1, sizeof(*b));
	b->copy = copy;
	b->begun_mono_ms = keeper_mono(k);
	(void)str_copy(b->request_id, sizeof(b->request_id), request_id);
	b->next = evtimer_new(k->base, on_next, k);
	if (b->next == NULL)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no timer: out of memory");
	loop_timer_in(b->next, 0);
	return 0;
}

int
keeper_on_backup(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *front = peer_data(peer);
	struct keeper *k = arg;
	struct msg_backup m;
	struct why why;

	if (msg_backup_get(in, &m) < 0)
		return -EBADMSG;
	if (k->backup == NULL && begin(k, m.request_id, &why) < 0) {
		log_failure(m.request_id, &why);
		refuse(k, front, m.request, ERROR_STORAGE_ERROR, why.text);
	} else if (k->backup->count == WAITERS_MAX) {
		refuse(k, front, m.request, ERROR_UNAVAILABLE, "many wait for a copy of the job store already");
	} else {
		k->backup->waiters[k->backup->count++] = (struct waiter){ front, m.request };
	}
	return 0;
}

/* ---- those who do not wait any more ---- */

static void
remove_waiters(struct keeper *k, struct keeper_peer *front, bool all, uint64_t request)
{
	struct keeper_backup *b = k->backup;
	unsigned kept = 0;

	for (unsigned i = 0; b != NULL && i < b->count; i++)
		if (b->waiters[i].front != front || (!all && b->waiters[i].request != request))
			b->waiters[kept++] = b->waiters[i];
	if (b != NULL)
		b->count = kept;
}

void
keeper_backup_forget(struct keeper *k, struct keeper_peer *front, uint64_t request)
{
	remove_waiters(k, front, false, request);
}

void
keeper_backup_drop(struct keeper *k, struct keeper_peer *front)
{
	remove_waiters(k, front, true, 0);
}
