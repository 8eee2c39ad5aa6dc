/*
 * keeper_watch.c - requests of fronts that wait for a crawl to get somewhere. Found
 * two ways: by crawl, when it makes a step, and by front and request, when the front
 * stops waiting or is gone. Owns them; what an answer holds is keeper_request.c's.
 *
 * Nothing here is durable: a front that loses its keeper asks the next one again.
 */
#include "keeper/keeper.h"

#include <string.h>

#include "base/mem.h"

struct watch_key {
	uint64_t	front, request;
};

struct watch {
	struct watch_key	 key;
	enum watch_kind		 kind;
	struct keeper_peer	*front;
	struct watched		*watched;
	struct watch		*prev_of_crawl, *next_of_crawl;
	struct watch		*prev, *next;		/* of this front */
	UT_hash_handle		 hh;
};

/* A crawl that somebody waits for. */
struct watched {
	struct uuid	 crawl_id;
	struct watch	*watches;
	UT_hash_handle	 hh;
};

static struct watched *
watched_find(struct keeper *k, const struct uuid *crawl_id)
{
	struct watched *w;

	HASH_FIND(hh, k->watched, crawl_id, sizeof(*crawl_id), w);
	return w;
}

static struct watched *
watched_make(struct keeper *k, const struct uuid *crawl_id)
{
	struct watched *w = watched_find(k, crawl_id);

	if (w == NULL) {
		w = xcalloc(1, sizeof(*w));
		w->crawl_id = *crawl_id;
		HASH_ADD(hh, k->watched, crawl_id, sizeof(w->crawl_id), w);
	}
	return w;
}

static struct watch *
watch_find(struct keeper *k, const struct keeper_peer *front, uint64_t request)
{
	struct watch_key key = { front->serial, request };
	struct watch *w;

	HASH_FIND(hh, k->watches, &key, sizeof(key), w);
	return w;
}

static void
watch_free(struct keeper *k, struct watch *w)
{
	struct watched *crawl = w->watched;

	DL_DELETE2(crawl->watches, w, prev_of_crawl, next_of_crawl);
	DL_DELETE(w->front->watches, w);
	HASH_DEL(k->watches, w);
	free(w);
	k->watch_count--;
	if (crawl->watches == NULL) {
		HASH_DEL(k->watched, crawl);
		free(crawl);
	}
}

bool
keeper_watch_add(struct keeper *k, struct keeper_peer *front, uint64_t request, enum watch_kind kind,
    const struct uuid *crawl_id)
{
	struct watch *w;

	keeper_watch_forget(k, front, request);
	if (k->watch_count >= KEEPER_WATCH_MAX)
		return false;
	w = xcalloc(1, sizeof(*w));
	w->key.front = front->serial;
	w->key.request = request;
	w->kind = kind;
	w->front = front;
	w->watched = watched_make(k, crawl_id);
	DL_APPEND2(w->watched->watches, w, prev_of_crawl, next_of_crawl);
	DL_APPEND(front->watches, w);
	HASH_ADD(hh, k->watches, key, sizeof(w->key), w);
	k->watch_count++;
	return true;
}

void
keeper_watch_forget(struct keeper *k, struct keeper_peer *front, uint64_t request)
{
	struct watch *w = watch_find(k, front, request);

	if (w != NULL)
		watch_free(k, w);
}

void
keeper_watch_drop(struct keeper *k, struct keeper_peer *front)
{
	while (front->watches != NULL)
		watch_free(k, front->watches);
}

/* ---- what each kind waits for ---- */

static bool
is_settled(const struct crawl *c)
{
	return c->state != CRAWL_ACCEPTED && c->state != CRAWL_TRIGGERING && c->state != CRAWL_RECONCILING;
}

static bool
is_over(const struct watch *w, const struct crawl *c, bool polled)
{
	switch (w->kind) {
	case WATCH_SETTLED:
		return is_settled(c);
	case WATCH_REFRESH:
		return polled || c->state != CRAWL_POLLING;
	case WATCH_FETCH:
	default:
		return crawl_is_terminal(c->state) || (polled && c->state == CRAWL_POLLING);
	}
}

static enum error_code
error_of(const struct watch *w, const struct crawl *c)
{
	if (w->kind != WATCH_FETCH || c->state == CRAWL_COMPLETED)
		return ERROR_NONE;
	return crawl_is_terminal(c->state) ? c->error : ERROR_NOT_READY;
}

void
keeper_watch_wake(struct keeper *k, struct job *job, bool polled)
{
	struct watched *crawl = watched_find(k, &job->crawl.id);
	struct watch *w, *next;

	if (crawl == NULL)
		return;
	for (w = crawl->watches; w != NULL; w = next) {
		next = w->next_of_crawl;
		if (!is_over(w, &job->crawl, polled))
			continue;
		keeper_answer(k, w->front, w->key.request, error_of(w, &job->crawl), false, false, job);
		watch_free(k, w);	/* the last one frees the crawl's place, too */
	}
}

static bool
has_awaiter(const struct watched *crawl)
{
	const struct watch *w;

	for (w = crawl->watches; w != NULL; w = w->next_of_crawl) {
		if (w->kind == WATCH_SETTLED)
			return true;
	}
	return false;
}

bool
keeper_watch_is_awaited(struct keeper *k, const struct uuid *crawl_id)
{
	const struct watched *crawl = watched_find(k, crawl_id);

	return crawl != NULL && has_awaiter(crawl);
}

void
keeper_watch_each_awaited(struct keeper *k, void (*each)(struct keeper *, const struct uuid *, void *arg), void *arg)
{
	struct watched *crawl, *next;
	struct uuid id;

	HASH_ITER(hh, k->watched, crawl, next) {
		id = crawl->crawl_id;
		if (has_awaiter(crawl))
			each(k, &id, arg);	/* ends this crawl's watches, and no other's */
	}
}
