/*
 * keeper_trigger.c - what follows from a poller's report of a trigger, whenever it comes.
 *
 * A trigger costs money, so each of its outcomes is one of three: the provider has a job, and
 * which; surely none was made; or nobody knows, and then the job is searched for before the
 * provider would ever be asked again. An answer that comes late, through a keeper that is
 * dead by then, is knowledge worth money: it is taken in whatever state its crawl is.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"
#include "model/path.h"

/* ---- the outcomes ---- */

bool
keeper_is_of_another(struct keeper *k, const struct crawl *c, const char *snapshot_id, struct uuid *ret_owner)
{
	struct why why;
	int result = store_snapshot_owner(k->store, snapshot_id, ret_owner, &why);

	if (result == -ENOENT)
		return false;
	keeper_must(k, result, &why);
	return !uuid_equal(ret_owner, &c->id);
}

void
keeper_triggered(struct keeper *k, struct job *job, const char *snapshot_id, enum crawl_step step)
{
	struct crawl *c = &job->crawl;
	struct patience_now now = keeper_patience_now(k);

	(void)str_copy(c->snapshot_id, sizeof(c->snapshot_id), snapshot_id);
	if (path_render(c->object_path, sizeof(c->object_path), k->conf->raw_path_template, c,
	    keeper_request_of(k, job)) < 0)
		(void)path_render(c->object_path, sizeof(c->object_path), PATH_TEMPLATE_DEFAULT, c, &job->request);
	c->triggered_ms = keeper_now(k);
	c->due_ms = k->conf->background_polling_enabled ? keeper_poll_due(k, patience_poll_pause(&now)) : 0;
	if (c->cancel_wanted)
		c->due_ms = keeper_now(k);
	c->looks = 0;
	c->polls = 0;
	c->note[0] = '\0';
	keeper_step(k, job, step);
}

void
keeper_trigger_unknown(struct keeper *k, struct job *job, bool answered, const char *reason)
{
	struct crawl *c = &job->crawl;
	int64_t now = keeper_now(k), asked = c->intent_ms - k->provider_ahead_ms;

	/* A minute after it left, as the option says, however long it took to be found out. */
	c->due_ms = asked + k->conf->reconcile_delay_ms > now ? asked + k->conf->reconcile_delay_ms : now;
	if (c->due_ms > now + k->conf->reconcile_delay_ms)
		c->due_ms = now + k->conf->reconcile_delay_ms;
	c->looks = 0;
	c->failures = 0;
	/* A call that the provider has ended, whatever it said, is not still under way. */
	c->failing_ms = keeper_patience(k) - (answered ? TRIGGER_LIFE_MS : 0);
	keeper_note(c, "the outcome of the trigger is unknown (%s); searching for the job", reason);
	if (c->state == CRAWL_RECONCILING)
		keeper_save(k, job);
	else
		keeper_step(k, job, STEP_UNKNOWN);
	keeper_search_want(k, keeper_request_of(k, job)->dataset_id, c->due_ms);
}

/* Another crawl was given the job that this one's trigger made (the same input, and the other was searched
 * for): then the other's may be there, or none is, and then this crawl's turn comes again. */
static void
is_taken(struct keeper *k, struct job *job, const char *snapshot_id, const struct uuid *owner)
{
	char owner_text[UUID_TEXT_SIZE], reason[160];

	if (job->crawl.state != CRAWL_TRIGGERING)
		return;			/* is searched for already */
	(void)snprintf(reason, sizeof(reason), "its job %s was taken for that of crawl %s, which has the same input",
	    snapshot_id, uuid_format(owner_text, owner));
	keeper_trigger_unknown(k, job, true, reason);
}

static void
made(struct keeper *k, struct job *job, const char *snapshot_id)
{
	struct uuid owner;

	if (snapshot_id_check(snapshot_id) < 0) {
		if (job->crawl.state == CRAWL_TRIGGERING)
			keeper_trigger_unknown(k, job, true, "the answer holds no usable snapshot id");
	} else if (keeper_is_of_another(k, &job->crawl, snapshot_id, &owner))
		is_taken(k, job, snapshot_id, &owner);
	else {
		keeper_triggered(k, job, snapshot_id, job->crawl.state == CRAWL_TRIGGERING ? STEP_TRIGGERED :
		    job->crawl.state == CRAWL_FAILED ? STEP_REOPEN : STEP_ADOPTED);
		budget_set_taken(&k->budget, budget_set(&k->budget, keeper_request_of(k, job)->dataset_id));
	}
}

/* Surely no job was made. The attempt does not count: what is limited is how many
 * triggers may have been paid. */
static void
not_made(struct keeper *k, struct job *job, const struct msg_verdict *v)
{
	if (job->crawl.triggers > 0)
		job->crawl.triggers--;
	if (job->crawl.cancel_wanted) {
		keeper_cancel(k, job, "canceled on request before the provider had a job");
		return;
	}
	if (v->outcome == OUTCOME_AUTH && keeper_watch_is_awaited(k, &job->crawl.id))
		keeper_fail(k, job, ERROR_BRIGHTDATA_AUTH, STAGE_TRIGGER, keeper_verdict_words(v));
	else
		(void)keeper_wait_more(k, job, TASK_TRIGGER, v);
}

static void
settled(struct keeper *k, struct job *job, const struct msg_trigger_done *m)
{
	const struct msg_verdict *v = &m->verdict;

	switch (v->outcome) {
	case OUTCOME_OK:
		made(k, job, m->snapshot_id);
		break;
	case OUTCOME_UNKNOWN:
		if (job->crawl.state == CRAWL_TRIGGERING || job->crawl.state == CRAWL_RECONCILING)
			keeper_trigger_unknown(k, job, v->http_status != 0, keeper_verdict_words(v));
		break;
	case OUTCOME_WAIT:
	case OUTCOME_RETRY:
	case OUTCOME_LIMITED:
	case OUTCOME_BUSY:
	case OUTCOME_AUTH:
		not_made(k, job, v);
		break;
	case OUTCOME_FAILED:
	case OUTCOME_CANCELED:
	default:
		keeper_fail(k, job, v->error != ERROR_NONE ? v->error : ERROR_BRIGHTDATA_REJECTED, STAGE_TRIGGER,
		    keeper_verdict_words(v));
	}
}

/* ---- late ---- */

/* States in which that a job was made, and which, still changes what becomes of a crawl. */
static bool
wants_job(const struct crawl *c)
{
	return c->state == CRAWL_ACCEPTED || c->state == CRAWL_TRIGGERING || c->state == CRAWL_RECONCILING ||
	    (c->state == CRAWL_FAILED && c->snapshot_id[0] == '\0');
}

/* A poller that outlived a keeper, or its connection, brings what it came to know. That
 * nothing was made is believed of the very attempt that is searched for; that a job was
 * made, and which, of any. */
static bool
find_late(struct keeper *k, const struct msg_trigger_done *m, struct job *job)
{
	const struct msg_verdict *v = &m->verdict;
	bool known = v->outcome == OUTCOME_OK && snapshot_id_check(m->snapshot_id) == 0;
	struct uuid owner;

	if (v->lease == 0 || !keeper_find(k, &v->crawl_id, job))
		return false;
	if (known && strcmp(job->crawl.snapshot_id, m->snapshot_id) == 0)
		return false;			/* told before */
	if (known ? !wants_job(&job->crawl) || keeper_is_of_another(k, &job->crawl, m->snapshot_id, &owner) :
	    job->crawl.state != CRAWL_RECONCILING || job->crawl.lease != v->lease) {
		if (known && !wants_job(&job->crawl))
			log_as(KIND_JOB_UNCLAIMED, LOG_FIELDS(.crawl = &v->crawl_id,
			    .stage = crawl_stage_name(STAGE_TRIGGER)), "the provider has a job %s for it that "
			    "came to be known too late: it belongs to nobody", m->snapshot_id);
		return false;
	}
	log_as(KIND_TRIGGER_ANSWER_LATE, LOG_FIELDS(.crawl = &v->crawl_id,
	    .stage = crawl_stage_name(STAGE_TRIGGER)), "the answer to its trigger came late, but it came");
	if (job->crawl.lease != 0)
		budget_trigger_seen(&k->budget);
	job->crawl.lease = 0;
	job->crawl.crashes = 0;
	return true;
}

/* A failed crawl that has a job after all goes on with it. */
static void
open_again(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;
	struct why why;

	keeper_must(k, store_crawl_reopen(k->store, &c->id, keeper_request_of(k, job)->dataset_id, &why), &why);
	c->finished_ms = 0;
	c->error = ERROR_NONE;
	c->stage = STAGE_NONE;
	c->error_text[0] = '\0';
}

/* ---- in ---- */

/* What the poller may forget when this turn's commit is through. */
static void
acknowledge(struct keeper *k, struct peer *peer, const struct msg_verdict *v)
{
	struct msg_trigger_ref kept = { v->lease, v->crawl_id };

	msg_trigger_ref_put(&k->out, MSG_TRIGGER_KEPT, &kept);
	peer_send(peer, &k->out);
	keeper_wake(k);
}

int
keeper_on_trigger_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_trigger_done m;
	struct job job;
	int known;

	if (msg_trigger_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((known = keeper_result_take(k, peer, TASK_TRIGGER, &m.verdict, &job)) < 0)
		return known;
	acknowledge(k, peer, &m.verdict);
	if (known == 0 && !find_late(k, &m, &job))
		return 0;
	if (m.verdict.outcome == OUTCOME_BUSY)
		budget_set_refused(&k->budget, budget_set(&k->budget, keeper_request_of(k, &job)->dataset_id),
		    keeper_mono(k), m.verdict.text);
	if (job.crawl.state == CRAWL_FAILED)
		open_again(k, &job);
	settled(k, &job, &m);
	return 0;
}

/* A trigger that a former keeper gave out is still under way: nothing is asked again before it is over. */
int
keeper_on_trigger_open(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *poller = peer_data(peer);
	struct keeper *k = arg;
	struct msg_trigger_ref m;
	struct lease *lease;
	struct job job;

	if (msg_trigger_ref_get(in, &m) < 0)
		return -EBADMSG;
	if (!keeper_find(k, &m.crawl_id, &job) || job.crawl.lease != m.lease || m.lease == 0 ||
	    job.crawl.state != CRAWL_RECONCILING || keeper_lease_find(k, m.lease) != NULL)
		return 0;
	budget_trigger_seen(&k->budget);		/* it is in flight again */
	lease = keeper_lease_new(k, poller, &m.crawl_id, TASK_TRIGGER, m.lease);
	lease->request = *keeper_request_of(k, &job);
	lease->set = budget_set(&k->budget, lease->request.dataset_id);
	lease->set->in_flight++;
	return 0;
}
