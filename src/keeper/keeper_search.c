/*
 * keeper_search.c - the search for jobs whose trigger's outcome is unknown: one for all
 * crawls of a data set that need it.
 *
 *   want ──due──► asking a poller: list, page by page; the inputs of jobs that are nobody's
 *                    │ SEARCH_DONE
 *                    ▼
 *                 matching: each crawl that is searched for, in slices of a turn
 *                    │
 *                    └──► found: adopted · not found: looked for again later, or triggered
 *                         once more, when a trigger cannot still be alive
 *
 * What a job was given never changes, so inputs are read once and remembered as long as
 * anybody is searched for; the cost grows with the jobs that are nobody's, not with the crawls.
 * Inputs are compared by their meaning (provider/input.h). Equal inputs are interchangeable:
 * the oldest job goes to the oldest crawl. A search that was cut short still adopts what it found.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "base/why.h"

#define CALLS		 4		/* of the provider's that a search makes at a time, if there is room */
#define WINDOW_BEFORE_MS (2 * 60000)	/* clocks are compared to the second, and lists are not exact */
#define WINDOW_AFTER_MS	 (10 * 60000)	/* a job comes to be listed within that of its trigger */
#define CLOCK_UNKNOWN_MS (60 * 60000)	/* more on both sides while no answer has told the provider's time */
#define LOOKS_MAX	 3		/* searches before a job counts as never made */
#define TRIGGERS_MAX	 2		/* triggers that may have made a job */
#define JOBS_MAX	 20000		/* remembered of one data set: 3 MiB */
#define SLICE		 32		/* crawls that are matched in one turn */
#define GIVE_UP_MS	 (24 * 3600 * 1000LL)	/* of the patience clock */

static const struct backoff again = { 2000, 60000 };

/* A job of the provider that was nobody's when it was met. */
struct found {
	char		 snapshot_id[SNAPSHOT_ID_SIZE];
	int64_t		 created_ms;	/* INT64_MIN: not told */
	bool		 read, taken;
	uint8_t		 digest[SHA256_SIZE];
	struct found	*same;		/* the next one with this digest */
	UT_hash_handle	 hh, by_input;
};

struct search {
	char		 dataset_id[REQUEST_DATASET_SIZE];
	int64_t		 due_ms;	/* wall; the next one; INT64_MAX: nobody is searched for */
	uint64_t	 lease;		/* of the one under way; 0: none */
	int64_t		 begun_patience_ms, begun_ms;
	unsigned	 failures;	/* in a row */
	bool		 matching, whole;	/* whole: everything was read */
	struct uuid	 after;		/* the last crawl that was matched */
	struct found	*jobs;		/* by snapshot id */
	struct found	*inputs;	/* those read, by digest: the first of each */
	unsigned	 job_count;
	struct search	*prev, *next;
};

/* ---- the table ---- */

static struct search *
search_of(struct keeper *k, const char *dataset_id)
{
	struct search *s;

	DL_FOREACH(k->searches, s) {
		if (strcmp(s->dataset_id, dataset_id) == 0)
			return s;
	}
	s = xcalloc(1, sizeof(*s));
	(void)str_copy(s->dataset_id, sizeof(s->dataset_id), dataset_id);
	s->due_ms = INT64_MAX;
	DL_APPEND(k->searches, s);
	return s;
}

static struct search *
search_by_lease(struct keeper *k, uint64_t token)
{
	struct search *s;

	DL_FOREACH(k->searches, s) {
		if (s->lease == token && token != 0)
			return s;
	}
	return NULL;
}

static void
forget_jobs(struct search *s)
{
	struct found *job, *next;

	HASH_CLEAR(by_input, s->inputs);
	HASH_ITER(hh, s->jobs, job, next) {
		HASH_DEL(s->jobs, job);
		free(job);
	}
	s->job_count = 0;
}

static void
search_free(struct keeper *k, struct search *s)
{
	forget_jobs(s);
	DL_DELETE(k->searches, s);
	free(s);
}

void
keeper_search_free(struct keeper *k)
{
	while (k->searches != NULL)
		search_free(k, k->searches);
}

void
keeper_search_want(struct keeper *k, const char *dataset_id, int64_t due_ms)
{
	struct search *s = search_of(k, dataset_id);

	if (due_ms < s->due_ms)
		s->due_ms = due_ms;
	keeper_wake(k);
}

static void
recover_one(void *arg, const char *dataset_id, enum crawl_state state, uint32_t count, int64_t first_due_ms)
{
	struct keeper *k = arg;
	struct budget_set *set = budget_set(&k->budget, dataset_id);

	if (state == CRAWL_ACCEPTED)
		set->waiting += count;
	else if (state == CRAWL_POLLING || state == CRAWL_RECONCILING)
		set->running += count;
	if (state == CRAWL_RECONCILING)
		keeper_search_want(k, dataset_id, first_due_ms);
}

void
keeper_search_recover(struct keeper *k)
{
	struct why why;

	keeper_must(k, store_sets(k->store, recover_one, k, &why), &why);
}

void
keeper_search_shift(struct keeper *k, int64_t by_ms)
{
	struct search *s;

	DL_FOREACH(k->searches, s) {
		if (s->due_ms != INT64_MAX)
			s->due_ms += by_ms;
		s->begun_ms += by_ms;
	}
}

int64_t
keeper_search_next(const struct keeper *k)
{
	int64_t next = INT64_MAX;
	struct search *s;

	DL_FOREACH(k->searches, s) {
		if (s->lease == 0 && !s->matching && s->due_ms < next && s->due_ms > keeper_now(k))
			next = s->due_ms;
	}
	return next;
}

/* ---- asking ---- */

static int64_t
window_extra(const struct keeper *k)
{
	return k->provider_known ? 0 : CLOCK_UNKNOWN_MS;
}

static void
begin(struct keeper *k, struct search *s, struct keeper_peer *poller, int64_t since_ms)
{
	static const struct uuid nobody;
	unsigned room = keeper_grant_room(k);
	struct lease *lease = keeper_lease_new(k, poller, &nobody, TASK_RECONCILE, 0);
	struct msg_search m = {
		.lease = lease->token,
		.from_ms = since_ms - WINDOW_BEFORE_MS - window_extra(k),
		.to_ms = keeper_provider_now(k) + WINDOW_AFTER_MS + window_extra(k),
		.calls = room < CALLS ? room : CALLS,
	};

	budget_call_begun(&k->budget, m.calls - lease->calls);
	lease->calls = m.calls;
	(void)str_copy(m.dataset_id, sizeof(m.dataset_id), s->dataset_id);
	(void)str_copy(lease->request.dataset_id, sizeof(lease->request.dataset_id), s->dataset_id);
	s->lease = lease->token;
	s->begun_patience_ms = keeper_patience(k);
	s->begun_ms = keeper_now(k);
	s->due_ms = INT64_MAX;
	msg_search_put(&k->out, &m);
	peer_send(poller->peer, &k->out);
}

static void match_slice(struct keeper *, struct search *);

static void
try_begin(struct keeper *k, struct search *s)
{
	struct keeper_peer *poller = keeper_choose_poller(k, TASK_RECONCILE);
	int64_t since;
	struct why why;

	if (poller == NULL || keeper_grant_room(k) == 0)
		return;
	keeper_must(k, store_reconciling_since(k->store, s->dataset_id, k->provider_ahead_ms, &since, &why), &why);
	if (since == INT64_MAX)
		search_free(k, s);		/* nobody is left to be searched for */
	else
		begin(k, s, poller, since);
}

void
keeper_search_grant(struct keeper *k)
{
	struct search *s, *next;

	for (s = k->searches; s != NULL; s = next) {
		next = s->next;
		if (s->matching)
			match_slice(k, s);
		else if (s->lease == 0 && s->due_ms <= keeper_now(k))
			try_begin(k, s);
	}
}

/* fault: of the provider, not of a poller that was lost or leaves. */
static void
again_later(struct keeper *k, struct search *s, bool fault)
{
	int64_t due;

	s->failures += fault;
	due = keeper_now(k) + backoff_pause_ms(&again, s->failures > 0 ? s->failures : 1, k->random());

	s->lease = 0;
	if (due < s->due_ms)
		s->due_ms = due;
}

void
keeper_search_lost(struct keeper *k, uint64_t token)
{
	struct search *s = search_by_lease(k, token);

	if (s != NULL)
		again_later(k, s, false);
}

/* ---- what a poller finds ---- */

static struct found *
job_of(const struct search *s, const char *snapshot_id)
{
	struct found *job;

	HASH_FIND_STR(s->jobs, snapshot_id, job);
	return job;
}

static bool
is_owned(struct keeper *k, const char *snapshot_id)
{
	struct uuid owner;
	struct why why;
	int result = store_snapshot_owner(k->store, snapshot_id, &owner, &why);

	if (result != -ENOENT)
		keeper_must(k, result, &why);
	return result == 0;
}

/* Its input is to be read: it is nobody's, and not known yet. */
static bool
is_wanted(struct keeper *k, struct search *s, const struct search_job *job)
{
	struct found *known;

	if (snapshot_id_check(job->snapshot_id) < 0)
		return false;
	known = job_of(s, job->snapshot_id);
	if (known != NULL)
		return !known->read;
	if (s->job_count >= JOBS_MAX || is_owned(k, job->snapshot_id))
		return false;
	known = xcalloc(1, sizeof(*known));
	(void)str_copy(known->snapshot_id, sizeof(known->snapshot_id), job->snapshot_id);
	known->created_ms = job->created_ms;
	HASH_ADD_STR(s->jobs, snapshot_id, known);
	s->job_count++;
	return true;
}

/* The search of a message, its lease extended; NULL when it is over. */
static struct search *
search_of_message(struct keeper *k, struct peer *peer, uint64_t token)
{
	struct search *s = search_by_lease(k, token);
	struct lease *lease = s != NULL ? keeper_lease_find(k, token) : NULL;

	if (lease == NULL || lease->poller != peer_data(peer))
		return NULL;
	keeper_lease_extend(k, lease);
	return s;
}

int
keeper_on_search_page(struct peer *peer, struct wire_in *in, void *arg)
{
	static struct msg_search_page m;	/* large */
	static struct msg_search_wanted wanted;
	struct keeper *k = arg;
	struct search *s;

	if (msg_search_page_get(in, &m) < 0)
		return -EBADMSG;
	if ((s = search_of_message(k, peer, m.lease)) == NULL)
		return 0;
	wanted.lease = m.lease;
	wanted.count = m.count;
	for (uint32_t i = 0; i < m.count; i++)
		wanted.wanted[i] = is_wanted(k, s, &m.jobs[i]);
	msg_search_wanted_put(&k->out, &wanted);
	peer_send(peer, &k->out);
	keeper_wake(k);
	return 0;
}

static void
note_input(struct search *s, struct found *job, const uint8_t digest[SHA256_SIZE])
{
	struct found *first;

	job->read = true;
	memcpy(job->digest, digest, SHA256_SIZE);
	HASH_FIND(by_input, s->inputs, job->digest, SHA256_SIZE, first);
	if (first == NULL) {
		HASH_ADD(by_input, s->inputs, digest, SHA256_SIZE, job);
		return;
	}
	job->same = first->same;
	first->same = job;
}

int
keeper_on_search_input(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_search_input m;
	struct search *s;
	struct found *job;

	if (msg_search_input_get(in, &m) < 0)
		return -EBADMSG;
	if ((s = search_of_message(k, peer, m.lease)) == NULL || (job = job_of(s, m.job.snapshot_id)) == NULL)
		return 0;
	budget_answered(&k->budget);
	/* What the provider cannot tell now it may tell in the next search. */
	if (m.readable && !job->read)
		note_input(s, job, m.digest);
	return 0;
}

static void
log_search(const struct search *s, const struct msg_search_done *m)
{
	char text[LOG_FOREIGN_SIZE];

	if (m->verdict.outcome == OUTCOME_OK)
		log_as(KIND_RECONCILE_LOOKED, NULL, "searched data set %s: %u jobs in the window, %u that were nobody's "
		    "are known", s->dataset_id, m->jobs, s->job_count);
	else
		log_as(KIND_CALL_RETRIED, NULL, "search of data set %s: failed for now: %s", s->dataset_id,
		    str_printable(text, sizeof(text), m->verdict.text, strlen(m->verdict.text)));
}

int
keeper_on_search_done(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_search_done m;
	struct search *s;

	if (msg_search_done_get(in, &m) < 0)
		return -EBADMSG;
	if ((s = search_of_message(k, peer, m.verdict.lease)) == NULL)
		return 0;
	keeper_lease_free(k, keeper_lease_find(k, m.verdict.lease));
	keeper_note_answer(k, TASK_RECONCILE, &m.verdict);
	for (uint32_t i = m.verdict.outcome == OUTCOME_LIMITED; i < m.limited; i++)
		(void)budget_limited(&k->budget, keeper_mono(k), 0, k->random());
	log_search(s, &m);
	s->lease = 0;
	s->whole = m.verdict.outcome == OUTCOME_OK && m.unreadable == 0 && s->job_count < JOBS_MAX;
	if (s->whole)
		s->failures = 0;
	else
		again_later(k, s, m.verdict.error != ERROR_UNAVAILABLE);
	s->matching = true;
	memset(&s->after, 0, sizeof(s->after));
	keeper_wake(k);
	return 0;
}

/* ---- matching ---- */

static bool
fits(const struct keeper *k, const struct found *job, const struct crawl *c)
{
	int64_t moment = c->intent_ms != 0 ? c->intent_ms : c->created_ms + k->provider_ahead_ms;

	if (job->taken || job->created_ms == INT64_MIN)
		return !job->taken;
	return job->created_ms >= moment - WINDOW_BEFORE_MS - window_extra(k) &&
	    (c->intent_ms == 0 || job->created_ms <= moment + WINDOW_AFTER_MS + window_extra(k));
}

static struct found *
oldest_match(struct keeper *k, struct search *s, struct job *job)
{
	uint8_t digest[SHA256_SIZE];
	struct found *best = NULL, *f;

	k->provider->input_digest(keeper_request_of(k, job), digest);
	HASH_FIND(by_input, s->inputs, digest, SHA256_SIZE, f);
	for (; f != NULL; f = f->same) {
		if (fits(k, f, &job->crawl) &&
		    (best == NULL || f->created_ms < best->created_ms))
			best = f;
	}
	return best;
}

static void
search_again(struct keeper *k, struct search *s, struct job *job, int64_t due_ms)
{
	job->crawl.due_ms = due_ms;
	keeper_save(k, job);
	if (due_ms < s->due_ms)
		s->due_ms = due_ms;
}

static void
ask_once_more(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;

	c->looks = 0;
	c->lease = 0;
	c->due_ms = keeper_now(k);
	if (c->cancel_wanted)
		keeper_cancel(k, job, "canceled on request; the provider has no job for it");
	else if (c->triggers < TRIGGERS_MAX) {
		keeper_note(c, c->triggers == 0 ? "the provider has no job for it; asking for one" :
		    "the provider has no job for the first trigger; asking once more");
		keeper_step(k, job, STEP_NOT_FOUND);
	} else
		keeper_fail(k, job, ERROR_TRIGGER_UNKNOWN, STAGE_TRIGGER,
		    "the outcome of two triggers is unknown and no job was found: look at the provider's console "
		    "for a job with this input before asking again");
}

/* How long the trigger of a crawl had been on its way, at the least, when both clocks told so: from the moment it
 * came to be doubted, without pauses and downtime; or from its intent by the provider's clock, if that was seen. */
static int64_t
age_of_trigger(const struct keeper *k, const struct crawl *c, int64_t patience_ms, int64_t wall_ms)
{
	int64_t doubted = patience_ms - c->failing_ms, asked = wall_ms + k->provider_ahead_ms - c->intent_ms;

	return k->provider_seen && asked > doubted ? asked : doubted;
}

/* The whole window was read, and its job is not there. */
static void
found_nothing(struct keeper *k, struct search *s, struct job *job)
{
	struct crawl *c = &job->crawl;
	bool in_doubt = c->intent_ms == 0;	/* no trigger of it is known: one look will do */
	bool over = in_doubt || age_of_trigger(k, c, s->begun_patience_ms, s->begun_ms) >= TRIGGER_LIFE_MS;
	int64_t alive = TRIGGER_LIFE_MS - age_of_trigger(k, c, keeper_patience(k), keeper_now(k));

	c->looks++;
	if (over && (in_doubt || c->looks >= LOOKS_MAX)) {
		ask_once_more(k, job);
		return;
	}
	keeper_note(c, "the outcome of the trigger is unknown; search %u found no job", c->looks);
	if (c->looks < LOOKS_MAX)
		search_again(k, s, job, keeper_now(k) + (k->conf->reconcile_delay_ms << c->looks));
	else
		search_again(k, s, job, keeper_now(k) + (alive > 1000 ? alive : 1000));
}

/* Its trigger is under way after all, through a poller that outlived a keeper. */
static bool
is_open(struct keeper *k, const struct crawl *c)
{
	return c->lease != 0 && keeper_lease_find(k, c->lease) != NULL;
}

static void
match(struct keeper *k, struct search *s, struct job *job)
{
	struct crawl *c = &job->crawl;
	struct found *found = oldest_match(k, s, job);
	struct uuid owner;

	while (found != NULL && keeper_is_of_another(k, c, found->snapshot_id, &owner)) {
		found->taken = true;
		found = oldest_match(k, s, job);
	}
	if (found != NULL) {
		found->taken = true;
		if (c->lease != 0 && !is_open(k, c))
			budget_trigger_seen(&k->budget);
		c->lease = 0;
		keeper_triggered(k, job, found->snapshot_id, STEP_ADOPTED);
	} else if (is_open(k, c))
		search_again(k, s, job, keeper_now(k) + k->conf->reconcile_delay_ms + 1000);
	else if (!s->whole && keeper_patience(k) - c->failing_ms >= GIVE_UP_MS && c->failing_ms != 0)
		keeper_fail(k, job, ERROR_TRIGGER_UNKNOWN, STAGE_TRIGGER, "the provider's jobs could not be searched "
		    "for a day: whether it has one for this is unknown, look at its console before asking again");
	else if (s->whole && c->due_ms <= s->begun_ms)
		found_nothing(k, s, job);
	else if (s->whole && c->due_ms < s->due_ms)
		s->due_ms = c->due_ms;
}

static void
match_slice(struct keeper *k, struct search *s)
{
	struct job job;
	unsigned count;
	struct why why;

	keeper_must(k, store_reconciling(k->store, s->dataset_id, &s->after, k->batch, SLICE, &count, &why), &why);
	for (unsigned i = 0; i < count; i++) {
		job.crawl = k->batch[i];
		job.has_request = false;
		s->after = job.crawl.id;
		match(k, s, &job);
	}
	keeper_wake(k);
	if (count == SLICE)
		return;
	s->matching = false;
	if (s->due_ms == INT64_MAX)
		search_free(k, s);		/* everybody was found, or is triggered again */
}
