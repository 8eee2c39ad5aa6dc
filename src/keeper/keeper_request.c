/*
 * keeper_request.c - what fronts ask: keep this crawl, how is it, download it now,
 * stop it. A front is believed in nothing that matters: it may ask again after any
 * crash, and the same question finds the same crawl.
 *
 * Answers are staged; they leave after the commit of this turn (keeper_turn.c).
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

void
keeper_answer(struct keeper *k, struct keeper_peer *front, uint64_t request, enum error_code error,
    bool existed, bool more, struct job *job)
{
	struct msg_crawl_answer *a = &k->answer;

	a->request = request;
	a->error = error;
	a->existed = existed;
	a->more = more;
	a->has_view = job != NULL;
	if (job != NULL) {
		a->view.request = *keeper_request_of(k, job);
		a->view.crawl = job->crawl;
		keeper_object_url(k, &job->crawl, a->view.object_url, sizeof(a->view.object_url));
		keeper_waiting_for(k, job, a->view.waiting_for, &a->view.waiting_until_ms);
	}
	msg_crawl_answer_put(&k->out, a);
	peer_send(front->peer, &k->out);
	keeper_wake(k);
}

/* Nothing can be noted while the store is only read. */
static bool
refused_for_now(struct keeper *k, struct keeper_peer *front, uint64_t request)
{
	if (k->suspended)
		keeper_answer(k, front, request, k->suspended_by, false, false, NULL);
	return k->suspended;
}

/* ---- CREATE ---- */

static bool
is_unsettled(const struct crawl *c)
{
	return c->state == CRAWL_ACCEPTED || c->state == CRAWL_TRIGGERING || c->state == CRAWL_RECONCILING;
}

/* On disk (after this turn), and again when the trigger is settled, if that is wanted. */
static void
answer_created(struct keeper *k, struct keeper_peer *front, const struct msg_crawl_create *m, bool existed,
    struct job *job)
{
	bool more = m->wait && is_unsettled(&job->crawl) &&
	    keeper_watch_add(k, front, m->request, WATCH_SETTLED, &job->crawl.id);

	/* Of a crawl that the front made itself there is nothing to tell yet but that it is kept. */
	keeper_answer(k, front, m->request, ERROR_NONE, existed, more, more && !existed ? NULL : job);
}

/* The crawl is there already: sent again by the front, or by a client with its key. */
static void
answer_existing(struct keeper *k, struct keeper_peer *front, const struct msg_crawl_create *m,
    bool existed, enum error_code otherwise, struct job *job)
{
	if (trigger_request_equal(keeper_request_of(k, job), &m->body))
		answer_created(k, front, m, existed, job);
	else
		keeper_answer(k, front, m->request, otherwise, false, false, NULL);
}

static bool
find_by_key(struct keeper *k, const char *key, struct job *ret)
{
	struct uuid id;
	struct why why;
	int result;

	if (key[0] == '\0')
		return false;
	result = store_idempotency_find(k->store, key, &id, &why);
	if (result == -ENOENT)
		return false;
	keeper_must(k, result, &why);
	if (!keeper_find(k, &id, ret))
		return false;
	if (!crawl_is_terminal(ret->crawl.state) || k->suspended ||
	    keeper_now_behind(k) - ret->crawl.finished_ms < k->conf->idempotency_keep_ms)
		return true;
	keeper_must(k, store_idempotency_forget(k->store, key, &why), &why);
	return false;
}

/* Told at once what would only be told when the wait is over; nothing is kept of it. */
static bool
key_is_refused(struct keeper *k, const struct msg_crawl_create *m)
{
	return m->wait && budget_key_is_refused(&k->budget, keeper_mono(k));
}

static void
create(struct keeper *k, struct keeper_peer *front, const struct msg_crawl_create *m)
{
	struct job job;
	struct why why;

	if (provider_request_check(k->provider->rules, &m->body, &why) < 0) {
		log_as(KIND_REQUEST_UNCHECKED, LOG_FIELDS(.crawl = &m->crawl_id, .request_id = k->request_id),
		    "a front sent a request that it should have refused: %s", why.text);
		keeper_answer(k, front, m->request, ERROR_INVALID_REQUEST, false, false, NULL);
		return;
	}
	if (keeper_find(k, &m->crawl_id, &job)) {
		answer_existing(k, front, m, false, ERROR_CONFLICT, &job);
		return;
	}
	if (find_by_key(k, m->idempotency_key, &job)) {
		answer_existing(k, front, m, true, ERROR_IDEMPOTENCY_MISMATCH, &job);
		return;
	}
	if (k->live >= KEEPER_LIVE_MAX || k->suspended || k->disk_low) {
		keeper_answer(k, front, m->request, k->suspended ? k->suspended_by :
		    k->disk_low ? ERROR_DISK_FULL : ERROR_UNAVAILABLE, false, false, NULL);
		return;
	}
	if (key_is_refused(k, m)) {
		keeper_answer(k, front, m->request, ERROR_BRIGHTDATA_AUTH, false, false, NULL);
		return;
	}
	memset(&job.crawl, 0, sizeof(job.crawl));
	job.crawl.id = m->crawl_id;
	job.request = m->body;
	job.has_request = true;
	keeper_add(k, &job, m->idempotency_key);
	answer_created(k, front, m, false, &job);
}

int
keeper_on_crawl_create(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_crawl_create m;
	struct keeper *k = arg;

	if (msg_crawl_create_get(in, &m) < 0 || uuid_is_nil(&m.crawl_id))
		return -EBADMSG;
	k->request_id = m.request_id;
	create(k, peer_data(peer), &m);
	k->request_id = NULL;
	return 0;
}

/* ---- READ ---- */

/* What waits for no time. One that waits out a pause goes on to: no client undoes backoff by asking. */
static void
make_due(struct keeper *k, struct job *job)
{
	if (job->crawl.lease == 0 && job->crawl.due_ms == 0)
		job->crawl.due_ms = keeper_now(k);
}

/* With polling switched off, the provider is asked when somebody asks us. */
static void
refresh(struct keeper *k, struct keeper_peer *front, uint64_t request, struct job *job)
{
	if (!keeper_watch_add(k, front, request, WATCH_REFRESH, &job->crawl.id)) {
		keeper_answer(k, front, request, ERROR_UNAVAILABLE, false, false, NULL);
		return;
	}
	if (job->crawl.lease == 0) {
		make_due(k, job);
		keeper_save(k, job);
	}
}

int
keeper_on_crawl_read(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *front = peer_data(peer);
	struct keeper *k = arg;
	struct msg_crawl_read m;
	struct job job;

	if (msg_crawl_read_get(in, &m) < 0)
		return -EBADMSG;
	if (!keeper_find(k, &m.crawl_id, &job))
		keeper_answer(k, front, m.request, ERROR_NOT_FOUND, false, false, NULL);
	else if (m.refresh && !k->suspended && !k->conf->background_polling_enabled && job.crawl.state == CRAWL_POLLING)
		refresh(k, front, m.request, &job);
	else
		keeper_answer(k, front, m.request, ERROR_NONE, false, false, &job);
	return 0;
}

/* ---- FETCH ---- */

static bool
can_be_fetched(const struct keeper *k, const struct crawl *c)
{
	if (c->state == CRAWL_POLLING)
		return !k->conf->background_polling_enabled && !c->cancel_wanted;
	return c->state == CRAWL_READY || c->state == CRAWL_DOWNLOADING || c->state == CRAWL_STORING;
}

/* What a client wants, where no change of state tells it. */
static void
log_wish(const struct keeper *k, const struct crawl *c, enum log_kind_id kind, const char *wish)
{
	log_as(kind, LOG_FIELDS(.crawl = &c->id, .snapshot_id = c->snapshot_id,
	    .stage = crawl_stage_name(crawl_stage_of(c->state)), .request_id = k->request_id),
	    "%s while it is %s", wish, crawl_state_name(c->state));
}

bool
keeper_reopen(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;
	enum crawl_step step = c->snapshot_id[0] != '\0' ? STEP_REOPEN :
	    c->triggers > 0 ? STEP_SEARCH_AGAIN : STEP_START_AGAIN;
	struct why why;

	if (c->state != CRAWL_FAILED || !error_info(c->error)->reopens)
		return false;
	keeper_must(k, store_crawl_reopen(k->store, &c->id, keeper_request_of(k, job)->dataset_id, &why), &why);
	c->error = ERROR_NONE;
	c->stage = STAGE_NONE;
	c->error_text[0] = '\0';
	c->finished_ms = 0;
	c->due_ms = keeper_now(k);
	c->lease = 0;
	c->looks = c->polls = c->unsound = c->crashes = 0;
	c->triggers = step == STEP_SEARCH_AGAIN;	/* so that it may be asked for once more, if none is found */
	c->cancel_wanted = c->fetch_wanted = false;
	keeper_note(c, "taken up again on request");
	keeper_step(k, job, step);
	if (step == STEP_SEARCH_AGAIN)
		keeper_search_want(k, keeper_request_of(k, job)->dataset_id, c->due_ms);
	return true;
}

static void
fetch(struct keeper *k, struct keeper_peer *front, uint64_t request, struct job *job)
{
	struct crawl *c = &job->crawl;

	if (!keeper_watch_add(k, front, request, WATCH_FETCH, &c->id)) {
		keeper_answer(k, front, request, ERROR_UNAVAILABLE, false, false, NULL);
		return;
	}
	log_wish(k, c, KIND_CRAWL_DOWNLOAD_ASKED, "download asked for by hand");
	c->fetch_wanted = true;
	make_due(k, job);
	keeper_save(k, job);
}

/* A crawl that failed while the provider has its data: it is asked again. */
static bool
can_be_reopened(const struct keeper *k, const struct crawl *c)
{
	return c->state == CRAWL_FAILED && c->snapshot_id[0] != '\0' && error_info(c->error)->reopens &&
	    k->live < KEEPER_LIVE_MAX;
}

int
keeper_on_crawl_fetch(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *front = peer_data(peer);
	struct keeper *k = arg;
	struct msg_crawl_ref m;
	struct job job;

	if (msg_crawl_ref_get(in, &m) < 0)
		return -EBADMSG;
	k->request_id = m.request_id;
	if (!keeper_find(k, &m.crawl_id, &job))
		keeper_answer(k, front, m.request, ERROR_NOT_FOUND, false, false, NULL);
	else if (crawl_is_terminal(job.crawl.state) && !can_be_reopened(k, &job.crawl))
		keeper_answer(k, front, m.request, job.crawl.error, false, false, &job);
	else if (refused_for_now(k, front, m.request))
		log_debug(LOG_FIELDS(.crawl = &m.crawl_id), "download asked for while the store is only read");
	else if (keeper_reopen(k, &job) || can_be_fetched(k, &job.crawl))
		fetch(k, front, m.request, &job);
	else
		keeper_answer(k, front, m.request, ERROR_NOT_READY, false, false, &job);
	k->request_id = NULL;
	return 0;
}

/* ---- RETRY ---- */

int
keeper_on_crawl_retry(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *front = peer_data(peer);
	struct keeper *k = arg;
	struct msg_crawl_ref m;
	struct job job;

	if (msg_crawl_ref_get(in, &m) < 0)
		return -EBADMSG;
	if (!keeper_find(k, &m.crawl_id, &job)) {
		keeper_answer(k, front, m.request, ERROR_NOT_FOUND, false, false, NULL);
		return 0;
	}
	if (refused_for_now(k, front, m.request))
		return 0;
	if (k->live >= KEEPER_LIVE_MAX) {
		keeper_answer(k, front, m.request, ERROR_UNAVAILABLE, false, false, NULL);
		return 0;
	}
	k->request_id = m.request_id;
	keeper_answer(k, front, m.request, keeper_reopen(k, &job) ? ERROR_NONE : ERROR_CONFLICT, false, false, &job);
	k->request_id = NULL;
	return 0;
}

/* ---- CANCEL ---- */

/* Noted for when it can be done: while the trigger's outcome is unknown there is no job
 * to stop, and while a poll is under way its answer comes first. */
static void
note_cancel(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;

	if (c->cancel_wanted)
		return;
	log_wish(k, c, KIND_CRAWL_CANCEL_ASKED, "cancellation asked for");
	c->cancel_wanted = true;
	if (c->state == CRAWL_POLLING && c->lease == 0)
		c->due_ms = keeper_now(k);
	keeper_save(k, job);
}

/* NONE: canceled, or noted. CONFLICT: too late, or it has ended otherwise. */
static enum error_code
cancel(struct keeper *k, struct job *job)
{
	switch (job->crawl.state) {
	case CRAWL_ACCEPTED:
		keeper_cancel(k, job, "canceled on request before anything was asked of the provider");
		return ERROR_NONE;
	case CRAWL_READY:
		keeper_cancel(k, job, "canceled on request; the provider had finished its job");
		return ERROR_NONE;
	case CRAWL_TRIGGERING:
	case CRAWL_RECONCILING:
	case CRAWL_POLLING:
		note_cancel(k, job);
		return ERROR_NONE;
	case CRAWL_CANCELED:
		return ERROR_NONE;
	case CRAWL_FAILED:
		/* It gave up waiting, but its job may still run and be paid for. */
		if (!can_be_reopened(k, &job->crawl) || job->crawl.ready_ms != 0)
			return ERROR_CONFLICT;
		(void)keeper_reopen(k, job);
		note_cancel(k, job);
		return ERROR_NONE;
	default:
		return ERROR_CONFLICT;
	}
}

int
keeper_on_crawl_cancel(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *front = peer_data(peer);
	struct keeper *k = arg;
	struct msg_crawl_ref m;
	struct job job;
	enum error_code error;

	if (msg_crawl_ref_get(in, &m) < 0)
		return -EBADMSG;
	if (!keeper_find(k, &m.crawl_id, &job)) {
		keeper_answer(k, front, m.request, ERROR_NOT_FOUND, false, false, NULL);
		return 0;
	}
	if (refused_for_now(k, front, m.request))
		return 0;
	k->request_id = m.request_id;
	error = cancel(k, &job);
	k->request_id = NULL;
	keeper_answer(k, front, m.request, error, false, false, &job);
	return 0;
}

/* ---- the rest ---- */

int
keeper_on_forget(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_forget m;

	if (msg_forget_get(in, &m) < 0)
		return -EBADMSG;
	keeper_watch_forget(arg, peer_data(peer), m.request);
	keeper_backup_forget(arg, peer_data(peer), m.request);
	return 0;
}

int
keeper_on_health_read(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *front = peer_data(peer);
	struct msg_health_answer answer = { 0 };
	struct msg_health_read m;
	struct keeper *k = arg;

	if (msg_health_read_get(in, &m) < 0)
		return -EBADMSG;
	answer.request = m.request;
	keeper_status_fill(k, &answer);
	msg_health_answer_put(&k->out, &answer);
	peer_send(front->peer, &k->out);
	keeper_wake(k);
	return 0;
}
