/*
 * keeper_result.c - what follows from a poller's report. A poller tells what the
 * provider answered (enum outcome); here is decided which step that is and when the
 * crawl is due again.
 *
 * Good answers have a handler each. All that means "not now" is data: the table in
 * patience.c says for each task and outcome the step, the pause, and when patience ends.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

/* ---- waiting ---- */

const char *
keeper_verdict_words(const struct msg_verdict *v)
{
	static const char *const words[OUTCOME_COUNT] = {
		[OUTCOME_OK] = "done", [OUTCOME_WAIT] = "not ready yet", [OUTCOME_RETRY] = "failed for now",
		[OUTCOME_LIMITED] = "the provider wants fewer calls",
		[OUTCOME_BUSY] = "the data set has as many running jobs as the provider allows",
		[OUTCOME_UNKNOWN] = "the outcome is unknown", [OUTCOME_AUTH] = "the provider refuses the key",
		[OUTCOME_FAILED] = "failed", [OUTCOME_CANCELED] = "canceled at the provider",
	};

	return v->text[0] != '\0' ? v->text : words[v->outcome];
}

static enum error_code
error_or(enum error_code error, enum error_code fallback)
{
	return error != ERROR_NONE ? error : fallback;
}

static enum error_code
usual_error(enum task_kind kind)
{
	return kind == TASK_STORE ? ERROR_STORAGE_ERROR : ERROR_BRIGHTDATA_UNAVAILABLE;
}

static void
patience_ends(struct keeper *k, struct job *job, enum task_kind kind, const struct msg_verdict *v,
    enum error_code error)
{
	enum crawl_stage stage = crawl_stage_of(job->crawl.state);
	char text[ERROR_TEXT_SIZE + 256];

	error = error_or(error, error_or(v->error, usual_error(kind)));
	if (error == ERROR_DISK_FULL)
		error = ERROR_STORAGE_ERROR;	/* the other one is of requests */
	(void)snprintf(text, sizeof(text), "%s; given up in state %s after all the time allowed",
	    keeper_verdict_words(v), crawl_state_name(job->crawl.state));
	if (kind == TASK_CANCEL)
		keeper_cancel(k, job, "canceled on request; the provider never confirmed it");
	else
		keeper_fail(k, job, error, error == ERROR_POLLING_TIMEOUT ? STAGE_POLLING_TIMEOUT : stage, text);
}

/* With polling switched off nothing is asked again by itself. */
static bool
asks_by_itself(const struct keeper *k, const struct crawl *c)
{
	return k->conf->background_polling_enabled || c->cancel_wanted || c->state != CRAWL_POLLING;
}

/* A late report of a trigger finds its crawl reconciling. */
static enum crawl_step
step_from(enum crawl_state state, enum crawl_step step)
{
	return step == STEP_NOT_SENT && state == CRAWL_RECONCILING ? STEP_NOT_FOUND : step;
}

bool
keeper_wait_more(struct keeper *k, struct job *job, enum task_kind kind, const struct msg_verdict *v)
{
	struct patience_now now = keeper_patience_now(k);
	struct crawl *c = &job->crawl;
	struct patience_verdict p;

	if (!patience_after(c, kind, v, &now, &p))
		return false;
	if (p.ends) {
		patience_ends(k, job, kind, v, p.error);
		return true;
	}
	c->due_ms = kind == TASK_POLL && v->outcome == OUTCOME_WAIT ? keeper_poll_due(k, p.pause_ms) :
	    keeper_now(k) + p.pause_ms;
	if (!asks_by_itself(k, c))
		c->due_ms = 0;
	if (c->cancel_wanted && c->state == CRAWL_POLLING && kind == TASK_POLL)
		c->due_ms = keeper_now(k);
	keeper_note(c, "%s: %s", task_name(kind), keeper_verdict_words(v));
	if (p.step == PATIENCE_NO_STEP)
		keeper_save(k, job);
	else
		keeper_step(k, job, step_from(c->state, p.step));
	return true;
}

/* ---- what all reports share ---- */

static void
tell_one(struct keeper *k, const struct uuid *id, void *arg)
{
	struct job job;

	if (keeper_find(k, id, &job) && job.crawl.state == CRAWL_ACCEPTED)
		keeper_fail(k, &job, ERROR_BRIGHTDATA_AUTH, STAGE_TRIGGER, arg);
}

void
keeper_tell_key_refused(struct keeper *k, const char *text)
{
	char copy[ERROR_TEXT_SIZE];

	(void)str_copy(copy, sizeof(copy), text);
	keeper_watch_each_awaited(k, tell_one, copy);
}

static void
note_limited(struct keeper *k, const struct msg_verdict *v)
{
	int64_t now = keeper_mono(k), until = budget_limited(&k->budget, now, v->retry_after_ms, k->random());

	log_as(KIND_PROVIDER_LIMIT, NULL, "the provider answered 429: no call for %lld s",
	    (long long)((until - now) / 1000));
}

static void
note_key_refused(struct keeper *k, enum task_kind kind, const struct msg_verdict *v)
{
	bool known = budget_key_is_refused(&k->budget, keeper_mono(k));
	bool of_job = kind != TASK_TRIGGER && kind != TASK_RECONCILE;

	budget_key_refused(&k->budget, keeper_mono(k), of_job ? &v->crawl_id : NULL, k->random());
	if (known || !budget_key_is_refused(&k->budget, keeper_mono(k)))
		return;
	log_as(KIND_PROVIDER_KEY_REFUSED, NULL, "triggers stop, crawls wait; the key is tried again every few minutes "
	    "and after a reload");
	keeper_tell_key_refused(k, keeper_verdict_words(v));
}

static void
note_failed(struct keeper *k, const struct msg_verdict *v)
{
	bool was_open = k->budget.open;

	budget_failed(&k->budget, keeper_mono(k), v->http_status != 0, &v->crawl_id, k->random());
	if (k->budget.open && !was_open)
		log_as(KIND_PROVIDER_AWAY, NULL, "the provider fails call after call: one at a time from now on until "
		    "one is answered");
}

/* An answer that blames the provider itself, or none. What a poller never sent, because it came too late or the
 * poller leaves (UNAVAILABLE), says nothing of it. */
static bool
is_failure(const struct msg_verdict *v)
{
	return (v->outcome == OUTCOME_RETRY || v->outcome == OUTCOME_UNKNOWN) && v->error != ERROR_UNAVAILABLE &&
	    (v->http_status == 0 || v->http_status >= 500);
}

void
keeper_note_answer(struct keeper *k, enum task_kind kind, const struct msg_verdict *v)
{
	bool was_open = k->budget.open;

	(void)keeper_patience(k);	/* as it ran until now */
	if (kind == TASK_STORE)
		return;
	if (v->outcome == OUTCOME_LIMITED)
		note_limited(k, v);
	else if (v->outcome == OUTCOME_AUTH)
		note_key_refused(k, kind, v);
	else if (is_failure(v))
		note_failed(k, v);
	else if (v->http_status != 0 && v->outcome != OUTCOME_BUSY)
		budget_answered(&k->budget);
	if (was_open && !k->budget.open)
		log_as(KIND_PROVIDER_BACK, NULL, "the provider answers again");
	if (v->http_status != 0 && !is_failure(v))
		keeper_clock_note_provider(k, v->date_ms);
	if (v->outcome == OUTCOME_AUTH || v->outcome == OUTCOME_LIMITED || k->budget.open)
		keeper_status_trouble(k, keeper_verdict_words(v));
}

int
keeper_result_take(struct keeper *k, struct peer *peer, enum task_kind kind, const struct msg_verdict *v,
    struct job *job)
{
	int known = keeper_lease_end(k, peer_data(peer), v->lease, &v->crawl_id, kind, job);

	if (known == 0)
		log_debug(LOG_FIELDS(.crawl = &v->crawl_id), "report of a %s without a lease ignored",
		    task_name(kind));
	/* That the provider refused a call counts, whoever knows of its lease. */
	if (known > 0 || (known == 0 && v->outcome == OUTCOME_LIMITED))
		keeper_note_answer(k, kind, v);
	return known;
}

static void
fail(struct keeper *k, struct job *job, const struct msg_verdict *v, enum error_code fallback)
{
	keeper_fail(k, job, error_or(v->error, fallback), crawl_stage_of(job->crawl.state), keeper_verdict_words(v));
}

/* The common tail: what no handler took is waiting, final, or senseless (and then final). */
static void
wait_or_end(struct keeper *k, struct job *job, enum task_kind kind, const struct msg_verdict *v,
    enum error_code fallback)
{
	if (keeper_wait_more(k, job, kind, v))
		return;
	if (v->outcome == OUTCOME_CANCELED)
		keeper_cancel(k, job, keeper_verdict_words(v));
	else
		fail(k, job, v, fallback);
}

/* ---- poll and cancel ---- */

static void
snapshot_ready(struct keeper *k, struct job *job, const struct msg_poll_done *m)
{
	struct crawl *c = &job->crawl;
	int64_t now = keeper_now(k);

	c->provider_records = m->records;
	c->polls++;
	if (c->cancel_wanted) {
		keeper_cancel(k, job, "canceled on request; the provider had finished its job");
		return;
	}
	if (c->ready_ms == 0)
		c->ready_ms = now;
	c->looks = 0;
	c->due_ms = k->conf->background_polling_enabled || c->fetch_wanted ? now : 0;
	c->note[0] = '\0';
	keeper_step(k, job, STEP_SNAPSHOT_READY);
}

static void
still_pending(struct keeper *k, struct job *job, const struct msg_poll_done *m)
{
	struct crawl *c = &job->crawl;
	struct msg_verdict v = m->verdict;

	c->fetch_wanted = false;	/* whoever asked by hand hears that it is not ready */
	if (v.outcome == OUTCOME_WAIT) {
		c->polls++;
		if (v.text[0] == '\0')
			(void)snprintf(v.text, sizeof(v.text), "the provider says %s", m->word);
	}
	wait_or_end(k, job, TASK_POLL, &v, ERROR_SNAPSHOT_FAILED);
}

int
keeper_on_poll_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct patience_now now;
	struct msg_poll_done m;
	struct job job;
	int known;

	if (msg_poll_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((known = keeper_result_take(k, peer, TASK_POLL, &m.verdict, &job)) <= 0)
		return known;
	if (m.verdict.outcome == OUTCOME_OK)
		snapshot_ready(k, &job, &m);
	else if (now = keeper_patience_now(k), patience_is_gone(&job.crawl, &m.verdict, &now))
		keeper_fail(k, &job, ERROR_SNAPSHOT_FAILED, STAGE_POLLING, keeper_verdict_words(&m.verdict));
	else
		still_pending(k, &job, &m);
	keeper_watch_wake(k, &job, true);
	return 0;
}

int
keeper_on_cancel_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_cancel_done m;
	struct job job;
	int known;

	if (msg_cancel_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((known = keeper_result_take(k, peer, TASK_CANCEL, &m.verdict, &job)) <= 0)
		return known;
	if (m.verdict.outcome == OUTCOME_OK)
		keeper_cancel(k, &job, "canceled on request");
	else if (m.verdict.outcome == OUTCOME_FAILED)
		keeper_cancel(k, &job, keeper_verdict_words(&m.verdict));
	else
		wait_or_end(k, &job, TASK_CANCEL, &m.verdict, ERROR_CANCELED);
	return 0;
}

/* ---- download and store ---- */

static void
spooled(struct keeper *k, struct job *job, const struct msg_download_done *m)
{
	struct crawl *c = &job->crawl;

	c->size_bytes = m->size_bytes;
	c->posts = m->posts;
	c->media = m->media;
	c->errors = m->errors;
	c->others = m->others;
	c->crc32c = m->crc32c;
	memcpy(c->sha256, m->sha256, sizeof(c->sha256));
	c->unsound = 0;
	c->due_ms = keeper_now(k);
	c->note[0] = '\0';
	keeper_step(k, job, STEP_SPOOLED);
}

int
keeper_on_download_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_download_done m;
	const struct msg_verdict *v = &m.verdict;
	struct job job;
	int known;

	if (msg_download_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((known = keeper_result_take(k, peer, TASK_DOWNLOAD, v, &job)) <= 0)
		return known;
	job.crawl.looks += v->outcome == OUTCOME_WAIT;	/* here: answers "building" in a row */
	if (v->error == ERROR_DISK_FULL)
		keeper_disk_refused(k);
	if (v->outcome == OUTCOME_OK) {
		k->disk_refused = 0;
		spooled(k, &job, &m);
	}
	else
		wait_or_end(k, &job, TASK_DOWNLOAD, v, ERROR_SNAPSHOT_FAILED);
	return 0;
}

int
keeper_on_store_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_store_done m;
	struct job job;
	int known;

	if (msg_store_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((known = keeper_result_take(k, peer, TASK_STORE, &m.verdict, &job)) <= 0)
		return known;
	if (m.verdict.outcome == OUTCOME_OK)
		keeper_step(k, &job, STEP_STORED);
	else
		wait_or_end(k, &job, TASK_STORE, &m.verdict, ERROR_STORAGE_ERROR);
	return 0;
}
