/*
 * keeper_result.c - what follows from a poller's report. A poller tells what the
 * provider answered (enum outcome); here is decided which step that is and when the
 * crawl is due again.
 *
 * Good answers have a handler each. All that means "not now" is data: one table of
 * patience says for each task and outcome the step, the pause, and when patience
 * ends. Follows the provider's retry rules: only a trigger that surely made no job is
 * sent again without a search; questions are free and may be repeated.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/path.h"

#define MINUTE_MS (60 * 1000LL)
#define HOUR_MS	  (60 * MINUTE_MS)
#define DAY_MS	  (24 * HOUR_MS)

#define POLL_GRID	 64			/* moments of an interval on which polls fall */
#define KEY_PAUSE_MS	 (5 * MINUTE_MS)	/* a refused key needs a person */
#define BUILD_STEP_MS	 10000			/* pause after the n-th "building": n times this ... */
#define BUILD_CAP_MS	 MINUTE_MS		/* ... at most */
#define BUILD_TIME_MS	 (30 * MINUTE_MS)	/* a file takes no longer to build */
#define LOOKS_MAX	 3			/* searches before a job counts as never made */
#define TRIGGERS_MAX	 2			/* triggers that may have made a job */
#define GONE_FAILURES	 5			/* "no such snapshot" in a row, and ... */
#define GONE_TIME_MS	 (2 * MINUTE_MS)	/* ... so long after the trigger, before it is believed */
#define PROVIDER_WAIT_MAX_MS HOUR_MS		/* of a pause that the provider names */

static const struct backoff short_backoff = { 1000, MINUTE_MS };

/* ---- patience ---- */

enum pace {
	PACE_NONE,		/* not a matter of waiting: the handler decides */
	PACE_NOW,		/* as soon as calls are let through again */
	PACE_BACKOFF,		/* 1 s, doubled with each failure, at most 60 s */
	PACE_POLL,		/* the poll interval */
	PACE_POLL_BACKOFF,	/* the poll interval, doubled with each failure, at most 60 s */
	PACE_KEY,		/* 5 min */
	PACE_BUILD,
	PACE_HOLD,		/* as long as triggers of the data set are held */
};

enum patience_end {
	UNTIL_OLD,		/* 14 days after its creation: the provider keeps nothing longer */
	UNTIL_SPAN,		/* the whole polling time after its creation */
	UNTIL_DAY,		/* a day after its creation, trigger or readiness, whichever came last */
	UNTIL_DEADLINE,		/* of polling */
	UNTIL_BUILT,		/* a file does not take longer to build */
};

#define NO_STEP CRAWL_STEP_COUNT	/* it stays in its state */

struct patience {
	enum pace	  pace;
	enum patience_end end;
	enum crawl_step	  step;
	bool		  counts;	/* as a failure in a row */
	enum error_code	  error;	/* when patience ends; ERROR_NONE: the report's own */
};

static const struct patience patience[TASK_KIND_COUNT][OUTCOME_COUNT] = {
	/*			    pace	       end	       step		 counts error */
	[TASK_TRIGGER] = {
		[OUTCOME_WAIT]	  = { PACE_BACKOFF,	 UNTIL_SPAN,	 STEP_NOT_SENT,	  true,  ERROR_NONE },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 UNTIL_SPAN,	 STEP_NOT_SENT,	  true,  ERROR_NONE },
		[OUTCOME_LIMITED] = { PACE_NOW,		 UNTIL_DAY,	 STEP_NOT_SENT,	  false, ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_HOLD,	 UNTIL_DAY,	 STEP_NOT_SENT,	  false, ERROR_NONE },
	},
	[TASK_RECONCILE] = {
		[OUTCOME_WAIT]	  = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_UNKNOWN] = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_LIMITED] = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_KEY,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_BRIGHTDATA_AUTH },
	},
	[TASK_POLL] = {
		[OUTCOME_WAIT]	  = { PACE_POLL,	 UNTIL_DEADLINE, STEP_PENDING,	  false, ERROR_POLLING_TIMEOUT },
		[OUTCOME_RETRY]	  = { PACE_POLL_BACKOFF, UNTIL_DEADLINE, NO_STEP,	  true,  ERROR_POLLING_TIMEOUT },
		[OUTCOME_UNKNOWN] = { PACE_POLL_BACKOFF, UNTIL_DEADLINE, NO_STEP,	  true,  ERROR_POLLING_TIMEOUT },
		[OUTCOME_LIMITED] = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_KEY,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_BRIGHTDATA_AUTH },
	},
	[TASK_DOWNLOAD] = {
		[OUTCOME_WAIT]	  = { PACE_BUILD,	 UNTIL_BUILT,	 STEP_NOT_BUILT,  false, ERROR_SNAPSHOT_FAILED },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_UNKNOWN] = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_LIMITED] = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_KEY,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_BRIGHTDATA_AUTH },
	},
	[TASK_STORE] = {
		[OUTCOME_WAIT]	  = { PACE_NOW,		 UNTIL_DAY,	 STEP_SPOOL_LOST, false, ERROR_STORAGE_ERROR },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_UNKNOWN] = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_LIMITED] = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_BUSY]	  = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_NONE },
		[OUTCOME_AUTH]	  = { PACE_KEY,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_STORAGE_PERMISSION },
	},
	[TASK_CANCEL] = {
		[OUTCOME_WAIT]	  = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_CANCELED },
		[OUTCOME_RETRY]	  = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_CANCELED },
		[OUTCOME_UNKNOWN] = { PACE_BACKOFF,	 UNTIL_DAY,	 NO_STEP,	  true,  ERROR_CANCELED },
		[OUTCOME_LIMITED] = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_CANCELED },
		[OUTCOME_BUSY]	  = { PACE_NOW,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_CANCELED },
		[OUTCOME_AUTH]	  = { PACE_KEY,		 UNTIL_OLD,	 NO_STEP,	  false, ERROR_CANCELED },
	},
};

static int64_t
polling_span(const struct keeper *k)
{
	return k->conf->background_max_polls * k->conf->background_poll_interval_ms;
}

/* Polls are spread over a fifth of the interval, but on a grid: those of one moment lie
 * side by side in the index of due work, in the order of their ids, and are written there
 * together. Each at a moment of its own made a page of the index dirty with each poll. */
static int64_t
poll_due(struct keeper *k)
{
	int64_t interval = k->conf->background_poll_interval_ms, grid = interval / POLL_GRID + 1;
	int64_t due = keeper_now(k) + backoff_jitter(interval, 10, k->random());

	return due - due % grid;
}

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
end_of(const struct keeper *k, const struct crawl *c, enum patience_end end)
{
	switch (end) {
	case UNTIL_SPAN:
		return c->created_ms + polling_span(k);
	case UNTIL_DAY:
		return larger(c->created_ms, larger(c->triggered_ms, c->ready_ms)) + DAY_MS;
	case UNTIL_DEADLINE:
		return c->failing_ms > 0 ? c->failing_ms : INT64_MAX;
	case UNTIL_BUILT:
		return c->ready_ms + larger(BUILD_TIME_MS, polling_span(k));
	case UNTIL_OLD:
	default:
		return c->created_ms + 14 * DAY_MS;
	}
}

/* With polling switched off nothing is asked again by itself. */
static bool
asks_by_itself(const struct keeper *k, const struct crawl *c)
{
	return k->conf->background_polling_enabled || c->cancel_wanted || c->state != CRAWL_POLLING;
}

static int64_t
pause_of(struct keeper *k, struct job *job, enum pace pace)
{
	const struct crawl *c = &job->crawl;
	int64_t interval = k->conf->background_poll_interval_ms;
	struct backoff polls = { interval, larger(interval, MINUTE_MS) };
	int64_t build = (interval < BUILD_STEP_MS ? interval : BUILD_STEP_MS) * (int64_t)c->looks;

	switch (pace) {
	case PACE_BACKOFF:
		return backoff_pause_ms(&short_backoff, c->failures, k->random());
	case PACE_POLL:
		return poll_due(k) - keeper_now(k);
	case PACE_POLL_BACKOFF:
		return backoff_pause_ms(&polls, c->failures, k->random());
	case PACE_KEY:
		return backoff_jitter(KEY_PAUSE_MS, 10, k->random());
	case PACE_BUILD:
		return build < BUILD_CAP_MS ? build : BUILD_CAP_MS;
	case PACE_HOLD:
		return budget_held_ms(&k->budget, keeper_mono(k), keeper_request_of(k, job)->dataset_id);
	case PACE_NONE:
	case PACE_NOW:
	default:
		return 0;
	}
}

static const char *
words_of(const struct msg_verdict *v)
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
    const struct patience *p)
{
	enum error_code error = error_or(p->error, error_or(v->error, usual_error(kind)));
	enum crawl_stage stage = crawl_stage_of(job->crawl.state);
	char text[ERROR_TEXT_SIZE + 256];

	(void)snprintf(text, sizeof(text), "%s; given up in state %s after all the time allowed%s", words_of(v),
	    crawl_state_name(job->crawl.state), kind == TASK_RECONCILE ?
	    ": whether a job was made is unknown, look at the provider's console before asking again" : "");
	if (kind == TASK_CANCEL)
		keeper_cancel(k, job, "canceled on request; the provider never confirmed it");
	else
		keeper_fail(k, job, error, error == ERROR_POLLING_TIMEOUT ? STAGE_POLLING_TIMEOUT : stage, text);
}

/* A late report of a trigger finds its crawl reconciling. */
static enum crawl_step
step_from(enum crawl_state state, enum crawl_step step)
{
	return step == STEP_NOT_SENT && state == CRAWL_RECONCILING ? STEP_NOT_FOUND : step;
}

static void
wait_more(struct keeper *k, struct job *job, enum task_kind kind, const struct msg_verdict *v)
{
	const struct patience *p = &patience[kind][v->outcome];
	int64_t now = keeper_now(k), named = v->retry_after_ms;
	struct crawl *c = &job->crawl;

	c->failures += p->counts;
	if (now >= end_of(k, c, p->end)) {
		patience_ends(k, job, kind, v, p);
		return;
	}
	c->due_ms = now + pause_of(k, job, p->pace);
	/* The budget holds all calls where the provider asks for that. */
	if (named > 0 && p->pace != PACE_NOW && p->pace != PACE_HOLD)
		c->due_ms = larger(c->due_ms, now + (named < PROVIDER_WAIT_MAX_MS ? named : PROVIDER_WAIT_MAX_MS));
	if (p->end == UNTIL_DEADLINE && c->failing_ms > now && c->due_ms > c->failing_ms)
		c->due_ms = c->failing_ms;
	if (!asks_by_itself(k, c))
		c->due_ms = 0;
	if (c->cancel_wanted && c->state == CRAWL_POLLING && kind == TASK_POLL)
		c->due_ms = now;
	keeper_note(c, "%s: %s", task_name(kind), words_of(v));
	if (p->step == NO_STEP)
		keeper_save(k, job);
	else
		keeper_step(k, job, step_from(c->state, p->step));
}

/* ---- what all reports share ---- */

/* What a report says about the provider as a whole. */
static void
note_answer(struct keeper *k, enum task_kind kind, const struct msg_verdict *v)
{
	int64_t now = keeper_mono(k);

	if (kind == TASK_STORE)
		return;
	if (v->outcome == OUTCOME_LIMITED) {
		int64_t until = budget_limited(&k->budget, now, v->retry_after_ms, k->random());

		log_as(KIND_PROVIDER_LIMIT, NULL, "the provider answered 429: no call for %lld s",
		    (long long)((until - now) / 1000));
	} else if (v->outcome != OUTCOME_RETRY && v->outcome != OUTCOME_UNKNOWN && v->outcome != OUTCOME_BUSY)
		budget_answered(&k->budget, now);
	if (v->outcome == OUTCOME_AUTH || v->outcome == OUTCOME_LIMITED)
		keeper_status_trouble(k, words_of(v));
}

/* 1: the crawl of a report that counts; 0: a report to be ignored; negative: a bad one. */
static int
take(struct keeper *k, struct peer *peer, enum task_kind kind, const struct msg_verdict *v, struct job *job)
{
	int known = keeper_lease_end(k, peer_data(peer), v->lease, &v->crawl_id, kind, job);

	if (known == 0)
		log_debug(LOG_FIELDS(.crawl = &v->crawl_id), "report of a %s without a lease ignored",
		    task_name(kind));
	/* That the provider refused a call counts, whoever knows of its lease. */
	if (known > 0 || (known == 0 && v->outcome == OUTCOME_LIMITED))
		note_answer(k, kind, v);
	return known;
}

static void
fail(struct keeper *k, struct job *job, const struct msg_verdict *v, enum error_code fallback)
{
	keeper_fail(k, job, error_or(v->error, fallback), crawl_stage_of(job->crawl.state), words_of(v));
}

/* The common tail: what no handler took is waiting, final, or senseless (and then final). */
static void
wait_or_end(struct keeper *k, struct job *job, enum task_kind kind, const struct msg_verdict *v,
    enum error_code fallback)
{
	if (patience[kind][v->outcome].pace != PACE_NONE)
		wait_more(k, job, kind, v);
	else if (v->outcome == OUTCOME_CANCELED)
		keeper_cancel(k, job, words_of(v));
	else
		fail(k, job, v, fallback);
}

/* ---- trigger and reconcile ---- */

static void
unknown(struct keeper *k, struct job *job, const char *reason)
{
	job->crawl.due_ms = keeper_now(k) + k->conf->reconcile_delay_ms;
	job->crawl.looks = 0;
	keeper_note(&job->crawl, "the outcome of the trigger is unknown (%s); searching for the job", reason);
	keeper_step(k, job, STEP_UNKNOWN);
}

/* True when the provider's job already is another crawl's. */
static bool
is_of_another(struct keeper *k, const struct crawl *c, const char *snapshot_id, struct uuid *ret_owner)
{
	struct why why;
	int result = store_snapshot_owner(k->store, snapshot_id, ret_owner, &why);

	if (result == -ENOENT)
		return false;
	keeper_must(k, result, &why);
	return !uuid_equal(ret_owner, &c->id);
}

/* The crawl's job is known: from here on it is never triggered again. */
static void
triggered(struct keeper *k, struct job *job, const char *snapshot_id, enum crawl_step step)
{
	struct crawl *c = &job->crawl;
	int64_t now = keeper_now(k);
	bool polls = k->conf->background_polling_enabled;

	(void)str_copy(c->snapshot_id, sizeof(c->snapshot_id), snapshot_id);
	if (path_render(c->object_path, sizeof(c->object_path), k->conf->raw_path_template, c,
	    keeper_request_of(k, job)) < 0)
		(void)path_render(c->object_path, sizeof(c->object_path), PATH_TEMPLATE_DEFAULT, c, &job->request);
	c->triggered_ms = now;
	c->failing_ms = polls ? now + polling_span(k) : 0;
	c->due_ms = polls ? poll_due(k) : 0;
	if (c->cancel_wanted)
		c->due_ms = now;
	c->looks = 0;
	c->note[0] = '\0';
	keeper_step(k, job, step);
}

static void
trigger_ok(struct keeper *k, struct job *job, const char *snapshot_id)
{
	char owner_text[UUID_TEXT_SIZE], text[ERROR_TEXT_SIZE];
	bool late = job->crawl.state == CRAWL_RECONCILING;
	struct uuid owner;

	if (snapshot_id_check(snapshot_id) < 0) {
		if (!late)
			unknown(k, job, "the answer holds no usable snapshot id");
	} else if (is_of_another(k, &job->crawl, snapshot_id, &owner)) {
		(void)snprintf(text, sizeof(text), "the provider answered with job %s, which is that of crawl %s",
		    snapshot_id, uuid_format(owner_text, &owner));
		keeper_fail(k, job, ERROR_BRIGHTDATA_REJECTED, STAGE_TRIGGER, text);
	} else
		triggered(k, job, snapshot_id, late ? STEP_ADOPTED : STEP_TRIGGERED);
}

/* Surely no job was made. The attempt does not count: what is limited is how many
 * triggers may have been paid. */
static void
trigger_not_sent(struct keeper *k, struct job *job, const struct msg_verdict *v)
{
	if (job->crawl.triggers > 0)
		job->crawl.triggers--;
	if (job->crawl.cancel_wanted)
		keeper_cancel(k, job, "canceled on request before the provider had a job");
	else
		wait_more(k, job, TASK_TRIGGER, v);
}

static void
trigger_settled(struct keeper *k, struct job *job, const struct msg_trigger_done *m)
{
	const struct msg_verdict *v = &m->verdict;

	if (v->outcome == OUTCOME_OK)
		trigger_ok(k, job, m->snapshot_id);
	else if (v->outcome == OUTCOME_UNKNOWN) {
		if (job->crawl.state == CRAWL_TRIGGERING)
			unknown(k, job, words_of(v));
	} else if (patience[TASK_TRIGGER][v->outcome].pace != PACE_NONE)
		trigger_not_sent(k, job, v);
	else
		fail(k, job, v, v->outcome == OUTCOME_AUTH ? ERROR_BRIGHTDATA_AUTH : ERROR_BRIGHTDATA_REJECTED);
}

/* A poller that outlived a keeper, or its connection, brings what it came to know. That
 * nothing was made is believed of the very attempt that is searched for; that a job was
 * made, and which, is knowledge worth money and ends any search. A search that is under
 * way meanwhile finds its lease taken back. */
static bool
find_late(struct keeper *k, const struct msg_trigger_done *m, struct job *job)
{
	const struct msg_verdict *v = &m->verdict;
	bool known;

	if (v->lease == 0 || !keeper_find(k, &v->crawl_id, job))
		return false;
	known = v->outcome == OUTCOME_OK && snapshot_id_check(m->snapshot_id) == 0;
	if (job->crawl.state != CRAWL_RECONCILING) {
		if (known && strcmp(job->crawl.snapshot_id, m->snapshot_id) != 0)
			log_as(KIND_JOB_UNCLAIMED, LOG_FIELDS(.crawl = &v->crawl_id,
			    .stage = crawl_stage_name(STAGE_TRIGGER)), "the provider has a job %s for it that "
			    "came to be known too late: it belongs to nobody", m->snapshot_id);
		return false;
	}
	if (!known && job->crawl.lease != v->lease)
		return false;
	log_as(KIND_TRIGGER_ANSWER_LATE, LOG_FIELDS(.crawl = &v->crawl_id,
	    .stage = crawl_stage_name(STAGE_TRIGGER)), "the answer to its trigger came late, but it came");
	job->crawl.lease = 0;
	job->crawl.crashes = 0;
	return true;
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
	if ((known = take(k, peer, TASK_TRIGGER, &m.verdict, &job)) < 0)
		return known;
	if (known == 0 && !find_late(k, &m, &job))
		return 0;
	if (m.verdict.outcome == OUTCOME_BUSY)
		(void)budget_hold(&k->budget, keeper_mono(k), keeper_request_of(k, &job)->dataset_id);
	else if (m.verdict.outcome == OUTCOME_OK)
		budget_trigger_ended(&k->budget, keeper_request_of(k, &job)->dataset_id, true);
	trigger_settled(k, &job, &m);
	return 0;
}

static void
found_nothing(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;

	c->failures = 0;
	if (++c->looks < LOOKS_MAX) {
		c->due_ms = keeper_now(k) + (k->conf->reconcile_delay_ms << c->looks);
		keeper_note(c, "the outcome of the trigger is unknown; search %u of %d found no job", c->looks,
		    LOOKS_MAX);
		keeper_save(k, job);
	} else if (c->cancel_wanted)
		keeper_cancel(k, job, "canceled on request; the provider has no job for it");
	else if (c->triggers < TRIGGERS_MAX) {
		c->looks = 0;
		c->due_ms = keeper_now(k);
		keeper_note(c, "the provider has no job for the first trigger; asking once more");
		keeper_step(k, job, STEP_NOT_FOUND);
	} else
		keeper_fail(k, job, ERROR_BRIGHTDATA_UNAVAILABLE, STAGE_TRIGGER,
		    "the outcome of two triggers is unknown and no job was found: look at the provider's console "
		    "for a job with this input before asking again");
}

static void
reconciled(struct keeper *k, struct job *job, const struct msg_reconcile_done *m)
{
	const char *match = NULL;
	unsigned matches = 0;
	struct uuid owner;

	for (unsigned i = 0; i < m->count && i < RECONCILE_MATCHES; i++) {
		if (snapshot_id_check(m->snapshot_id[i]) < 0 ||
		    is_of_another(k, &job->crawl, m->snapshot_id[i], &owner))
			continue;
		if (matches++ == 0)
			match = m->snapshot_id[i];
	}
	if (matches > 1)
		log_as(KIND_JOB_UNCLAIMED, LOG_FIELDS(.crawl = &job->crawl.id,
		    .stage = crawl_stage_name(STAGE_TRIGGER)), "%u jobs at the provider match: the oldest, %s, "
		    "is taken, the others belong to nobody", matches, match);
	if (match != NULL)
		triggered(k, job, match, STEP_ADOPTED);
	else
		found_nothing(k, job);
}

int
keeper_on_reconcile_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_reconcile_done m;
	struct job job;
	int known;

	if (msg_reconcile_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((known = take(k, peer, TASK_RECONCILE, &m.verdict, &job)) <= 0)
		return known;
	if (m.verdict.outcome == OUTCOME_OK)
		reconciled(k, &job, &m);
	else
		wait_or_end(k, &job, TASK_RECONCILE, &m.verdict, ERROR_BRIGHTDATA_UNAVAILABLE);
	return 0;
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

/* A snapshot is not known to all of the provider in its first moments. */
static bool
is_gone(const struct keeper *k, const struct crawl *c, const struct msg_verdict *v)
{
	return v->outcome == OUTCOME_RETRY && v->error == ERROR_NOT_FOUND && c->failures + 1 >= GONE_FAILURES &&
	    keeper_now(k) - c->triggered_ms >= GONE_TIME_MS;
}

static void
still_pending(struct keeper *k, struct job *job, const struct msg_poll_done *m)
{
	struct crawl *c = &job->crawl;
	struct msg_verdict v = m->verdict;

	c->fetch_wanted = false;	/* whoever asked by hand hears that it is not ready */
	if (c->failing_ms == 0 && k->conf->background_polling_enabled)
		c->failing_ms = keeper_now(k) + polling_span(k);
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
	struct msg_poll_done m;
	struct job job;
	int known;

	if (msg_poll_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((known = take(k, peer, TASK_POLL, &m.verdict, &job)) <= 0)
		return known;
	if (m.verdict.outcome == OUTCOME_OK)
		snapshot_ready(k, &job, &m);
	else if (is_gone(k, &job.crawl, &m.verdict))
		keeper_fail(k, &job, ERROR_SNAPSHOT_FAILED, STAGE_POLLING, words_of(&m.verdict));
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
	if ((known = take(k, peer, TASK_CANCEL, &m.verdict, &job)) <= 0)
		return known;
	if (m.verdict.outcome == OUTCOME_OK)
		keeper_cancel(k, &job, "canceled on request");
	else if (m.verdict.outcome == OUTCOME_FAILED)
		keeper_cancel(k, &job, words_of(&m.verdict));
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
	c->crc32c = m->crc32c;
	memcpy(c->sha256, m->sha256, sizeof(c->sha256));
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
	if ((known = take(k, peer, TASK_DOWNLOAD, v, &job)) <= 0)
		return known;
	job.crawl.looks += v->outcome == OUTCOME_WAIT;	/* here: answers "building" in a row */
	if (v->outcome == OUTCOME_OK)
		spooled(k, &job, &m);
	else if (v->outcome == OUTCOME_RETRY && v->error == ERROR_INVALID_DATA &&
	    job.crawl.failures + 1 >= k->conf->retry_max_attempts)
		fail(k, &job, v, ERROR_INVALID_DATA);
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
	if ((known = take(k, peer, TASK_STORE, &m.verdict, &job)) <= 0)
		return known;
	if (m.verdict.outcome == OUTCOME_OK)
		keeper_step(k, &job, STEP_STORED);
	else
		wait_or_end(k, &job, TASK_STORE, &m.verdict, ERROR_STORAGE_ERROR);
	return 0;
}
