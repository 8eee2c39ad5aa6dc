/*
 * keeper_lease.c - due work becomes leases, and leases end.
 *
 * A lease is one crawl, one task, one poller, one token that only grows, and one
 * deadline. It is written with the crawl in the same commit that lets the TASK go.
 * Owns the table of leases in flight: what is not in it is nobody's, whatever the
 * store says, because the keeper that gave it is dead. A lease ends by its result
 * (keeper_result.c), by being returned, or with its poller. One that overruns its
 * deadline has the parent kill the poller; the end of that connection does the rest.
 *
 * Deadlines are measured with the monotonic clock; the due time in the store is
 * their picture for people and for a later keeper.
 */
#include "keeper/keeper.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

#define CALL_LEASE_MS	 90000
#define STORE_LEASE_MS	 600000
#define DOWNLOAD_EXTRA_MS 60000
#define STORE_WRITE_MS	 10000	/* an extended deadline is written so often at most */
#define KILL_AGAIN_MS	 10000
#define RETURN_PAUSE_MS	 1000
#define TRIGGERS_LEAVE	 4	/* one slot in so many is left to the other calls */
#define SLOTS_MAX	 4096	/* of one poller, whatever it claims */

/* The slots that a task takes: triggers share those of the other calls. */
static enum crawl_lane
slots_of(enum task_kind kind)
{
	return kind == TASK_DOWNLOAD || kind == TASK_STORE ? LANE_TRANSFER : LANE_CALL;
}

static int64_t
duration_of(const struct keeper *k, enum task_kind kind)
{
	if (kind == TASK_DOWNLOAD)
		return k->conf->background_download_timeout_ms + DOWNLOAD_EXTRA_MS;
	return kind == TASK_STORE ? STORE_LEASE_MS : CALL_LEASE_MS;
}

static struct lease *
lease_find(struct keeper *k, uint64_t token)
{
	struct lease *lease;

	HASH_FIND(hh, k->leases, &token, sizeof(token), lease);
	return lease;
}

static struct lease *
lease_new(struct keeper *k, struct keeper_peer *poller, const struct uuid *crawl_id, enum task_kind kind)
{
	struct lease *lease = xcalloc(1, sizeof(*lease));

	if (++k->lease_count == 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_LEASES_USED_UP,
		    "lease tokens of this epoch are used up: a new keeper takes over");
	lease->token = (uint64_t)k->epoch << 32 | k->lease_count;
	lease->crawl_id = *crawl_id;
	lease->kind = kind;
	lease->poller = poller;
	lease->stored_mono_ms = keeper_mono(k);
	lease->deadline_mono_ms = lease->stored_mono_ms + duration_of(k, kind);
	HASH_ADD(hh, k->leases, token, sizeof(lease->token), lease);
	DL_APPEND(poller->leases, lease);
	poller->used[slots_of(kind)]++;
	/* A download lasts; only one that begins while calls go one by one is such a call. */
	lease->counted = slots_of(kind) == LANE_CALL || (kind == TASK_DOWNLOAD && k->budget.probing);
	k->provider_calls += lease->counted;
	return lease;
}

static void
lease_free(struct keeper *k, struct lease *lease)
{
	assert(lease->poller->used[slots_of(lease->kind)] > 0);
	lease->poller->used[slots_of(lease->kind)]--;
	k->provider_calls -= lease->counted;
	if (lease->kind == TASK_TRIGGER)
		budget_trigger_ended(&k->budget, lease->request.dataset_id, false);
	DL_DELETE(lease->poller->leases, lease);
	HASH_DEL(k->leases, lease);
	free(lease);
	keeper_wake(k);
}

/* The trigger may have left and its answer will hardly come. The token stays with the
 * crawl: a poller that outlived its connection may still bring the answer. */
static void
trigger_lost(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;

	c->due_ms = keeper_now(k) + k->conf->reconcile_delay_ms;
	c->looks = 0;
	keeper_note(c, "the outcome of the trigger is unknown (whoever asked is gone); searching for the job");
	keeper_step(k, job, STEP_UNKNOWN);
}

/* ---- giving ---- */

static unsigned
free_slots(const struct keeper_peer *p, enum crawl_lane slots)
{
	if (p->role != ROLE_POLLER || !peer_is_open(p->peer) || p->slots[slots] <= p->used[slots])
		return 0;
	return p->slots[slots] - p->used[slots];
}

static struct keeper_peer *
choose_poller(const struct keeper *k, enum crawl_lane slots)
{
	struct keeper_peer *best = NULL;
	unsigned most = 0;

	for (struct keeper_peer *p = k->peers; p != NULL; p = p->next) {
		unsigned n = free_slots(p, slots);

		if (n > most) {
			most = n;
			best = p;
		}
	}
	return best;
}

void
keeper_lease_send(struct keeper *k, struct job *job, const struct lease *lease)
{
	struct msg_task *task = &k->task;

	task->lease = lease->token;
	task->kind = lease->kind;
	task->crawl = job->crawl;
	task->request = *keeper_request_of(k, job);
	msg_task_put(&k->out, task);
	peer_send(lease->poller->peer, &k->out);
}

/* The lease and what it changes in the crawl, but for its state. */
static struct lease *
lease_crawl(struct keeper *k, struct job *job, enum task_kind kind, struct keeper_peer *poller)
{
	struct crawl *c = &job->crawl;
	struct lease *lease = lease_new(k, poller, &c->id, kind);

	lease->request = *keeper_request_of(k, job);
	c->lease = lease->token;
	c->due_ms = keeper_now(k) + duration_of(k, kind);
	if (kind == TASK_TRIGGER) {
		budget_trigger_begun(&k->budget, lease->request.dataset_id);
		c->intent_ms = keeper_now(k);
		c->triggers++;
		c->note[0] = '\0';
	}
	return lease;
}

static void
give(struct keeper *k, struct job *job, enum task_kind kind, struct keeper_peer *poller)
{
	struct lease *lease = lease_crawl(k, job, kind, poller);

	if (kind == TASK_TRIGGER)
		keeper_step(k, job, STEP_LEASE_TRIGGER);
	else if (job->crawl.state == CRAWL_READY)
		keeper_step(k, job, STEP_LEASE_DOWNLOAD);
	else
		keeper_save(k, job);
	keeper_lease_send(k, job, lease);
}

/* A trigger whose data set is at its cap stands aside. */
static bool
is_held(struct keeper *k, struct job *job)
{
	const char *dataset_id = keeper_request_of(k, job)->dataset_id;
	int64_t pause = budget_held_ms(&k->budget, keeper_mono(k), dataset_id);

	if (pause == 0)
		return false;
	job->crawl.due_ms = keeper_now(k) + pause;
	keeper_note(&job->crawl, "data set %s has as many running jobs as the provider allows", dataset_id);
	keeper_save(k, job);
	return true;
}

/* True when the crawl is no longer due. */
static bool
try_give(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;
	enum task_kind kind = crawl_task(c->state, c->cancel_wanted && c->state == CRAWL_POLLING);
	struct keeper_peer *poller;

	if (c->lease != 0 && lease_find(k, c->lease) != NULL)
		return false;			/* overrun: its poller is being killed */
	if (kind == TASK_NONE) {
		trigger_lost(k, job);		/* triggering, and nobody has it */
		return true;
	}
	poller = choose_poller(k, slots_of(kind));
	if (poller == NULL)
		return false;
	if (kind != TASK_STORE && !budget_allows(&k->budget, keeper_mono(k), k->provider_calls))
		return false;
	if (kind != TASK_TRIGGER || !is_held(k, job))
		give(k, job, kind, poller);
	return true;
}

/* Free slots of all pollers, without one in `leave` of all there are. */
static unsigned
room(const struct keeper *k, enum crawl_lane slots, unsigned leave)
{
	unsigned count = 0, total = 0, kept;

	for (const struct keeper_peer *p = k->peers; p != NULL; p = p->next) {
		count += free_slots(p, slots);
		total += p->slots[slots];
	}
	kept = leave > 0 ? total / leave : 0;
	return count > kept ? count - kept : 0;
}

/* Older triggers go first, and those that are held wait in the store. Slots are left
 * to other calls only while some of those wait: a slot that is kept free for nobody
 * costs the trigger a turn and two more writes. */
struct lease *
keeper_lease_newborn(struct keeper *k, struct job *job)
{
	unsigned leave = k->calls_wait ? TRIGGERS_LEAVE : 0;
	struct keeper_peer *poller = NULL;

	if (!k->draining && !k->triggers_wait && room(k, LANE_CALL, leave) > 0 &&
	    budget_allows(&k->budget, keeper_mono(k), k->provider_calls) &&
	    budget_held_ms(&k->budget, keeper_mono(k), job->request.dataset_id) == 0)
		poller = choose_poller(k, LANE_CALL);
	k->triggers_wait = poller == NULL;
	return poller != NULL ? lease_crawl(k, job, TASK_TRIGGER, poller) : NULL;
}

/* One batch of a lane's due crawls; how many are no longer due. False when there are no more. */
static bool
grant_batch(struct keeper *k, enum crawl_lane lane, unsigned leave, unsigned *moved)
{
	enum crawl_lane slots = lane == LANE_TRANSFER ? LANE_TRANSFER : LANE_CALL;
	unsigned want = room(k, slots, leave) + 8;	/* some may be leased still, or held */
	unsigned i, count, before = *moved;
	struct job job;
	struct why why;

	if (want > KEEPER_BATCH)
		want = KEEPER_BATCH;
	keeper_must(k, store_due(k->store, lane, keeper_now(k), k->batch, want, &count, &why), &why);
	for (i = 0; i < count && room(k, slots, leave) > 0; i++) {
		job.crawl = k->batch[i];
		job.has_request = false;
		*moved += try_give(k, &job);
	}
	if (lane == LANE_TRIGGER && i == count && count < want)
		k->triggers_wait = false;
	return count == want && *moved > before && room(k, slots, leave) > 0;
}

static void
grant_lane(struct keeper *k, enum crawl_lane lane, unsigned leave)
{
	unsigned moved = 0;

	if (room(k, lane == LANE_TRANSFER ? LANE_TRANSFER : LANE_CALL, leave) == 0)
		return;
	while (grant_batch(k, lane, leave, &moved) && moved < KEEPER_TURN_MAX)
		;
	if (moved >= KEEPER_TURN_MAX)
		keeper_wake(k);		/* what has arrived meanwhile comes first */
}

/* Polls and the like that are due and found no slot. */
static bool
calls_wait(struct keeper *k)
{
	int64_t due;
	struct why why;

	if (room(k, LANE_CALL, 0) > 0)
		return false;
	keeper_must(k, store_due_next(k->store, LANE_CALL, 0, &due, &why), &why);
	return due <= keeper_now(k);
}

void
keeper_lease_grant(struct keeper *k)
{
	if (budget_allows(&k->budget, keeper_mono(k), k->provider_calls)) {
		grant_lane(k, LANE_TRIGGER, TRIGGERS_LEAVE);	/* triggers first, but polls go on under a flood of them */
		grant_lane(k, LANE_CALL, 0);
		grant_lane(k, LANE_TRIGGER, 0);
		k->calls_wait = calls_wait(k);
	}
	grant_lane(k, LANE_TRANSFER, 0);
}

int64_t
keeper_lease_next(struct keeper *k)
{
	int64_t now = keeper_now(k), pause = k->budget.until_mono_ms - keeper_mono(k);
	int64_t next = INT64_MAX, due;
	struct why why;

	for (enum crawl_lane lane = LANE_TRIGGER; lane < LANE_COUNT; lane++) {
		keeper_must(k, store_due_next(k->store, lane, now, &due, &why), &why);
		if (due < next)
			next = due;
	}
	/* What is due by now and was not given out waits for a free slot, which wakes
	 * us, or for the provider's pause. */
	if (pause > 0 && now + pause < next)
		next = now + pause;
	return next;
}

/* ---- ending ---- */

int
keeper_lease_end(struct keeper *k, struct keeper_peer *poller, uint64_t token, const struct uuid *crawl_id,
    enum task_kind kind, struct job *ret)
{
	struct lease *lease = lease_find(k, token);

	if (lease == NULL)
		return 0;
	if (lease->poller != poller || !uuid_equal(&lease->crawl_id, crawl_id) || lease->kind != kind)
		return -EBADMSG;
	ret->request = lease->request;
	lease_free(k, lease);
	if (!keeper_find(k, crawl_id, ret) || ret->crawl.lease != token) {
		log_debug(LOG_FIELDS(.crawl = crawl_id), "its %s has become needless", task_name(kind));
		return 0;
	}
	ret->has_request = true;
	ret->crawl.lease = 0;
	ret->crawl.crashes = 0;
	return 1;
}

static void
take_back(struct keeper *k, struct job *job, int64_t due_ms)
{
	job->crawl.lease = 0;
	job->crawl.due_ms = due_ms;
	keeper_save(k, job);
}

static void
crashed_too_often(struct keeper *k, struct job *job)
{
	char text[ERROR_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "%u pollers in a row were lost over this crawl in state %s%s",
	    job->crawl.crashes, crawl_state_name(job->crawl.state), job->crawl.state == CRAWL_RECONCILING ?
	    "; whether the provider has a job for it is unknown: look at its console before asking again" : "");
	keeper_fail(k, job, ERROR_WORKER_CRASHED, crawl_stage_of(job->crawl.state), text);
}

static void
lose(struct keeper *k, struct lease *lease, bool blamed)
{
	enum task_kind kind = lease->kind;
	struct uuid crawl_id = lease->crawl_id;
	uint64_t token = lease->token;
	struct job job;

	log_as(KIND_LEASE_LOST, LOG_FIELDS(.crawl = &crawl_id, .stage = crawl_stage_name(task_stage(kind))),
	    "poller[%u] was lost during its %s", peer_instance(lease->poller->peer), task_name(kind));
	lease_free(k, lease);
	if (!keeper_find(k, &crawl_id, &job) || job.crawl.lease != token)
		return;
	job.crawl.crashes += blamed;
	if (kind == TASK_TRIGGER)
		trigger_lost(k, &job);
	else if (job.crawl.crashes >= KEEPER_CRASHES_MAX)
		crashed_too_often(k, &job);
	else
		take_back(k, &job, keeper_now(k));
}

/* A download is what takes a poller down, if it had one; else any of its calls may be. */
void
keeper_lease_lost(struct keeper *k, struct keeper_peer *poller)
{
	bool had_transfer = poller->used[LANE_TRANSFER] > 0;

	while (poller->leases != NULL) {
		bool blamed = !had_transfer || slots_of(poller->leases->kind) == LANE_TRANSFER;

		lose(k, poller->leases, blamed);
	}
}

void
keeper_lease_forget(struct keeper *k, struct keeper_peer *poller)
{
	while (poller->leases != NULL)
		lease_free(k, poller->leases);
}

/* ---- what a former keeper had given out ---- */

static void
recover(struct keeper *k, struct job *job)
{
	int64_t soon = keeper_now(k) + k->conf->reconcile_delay_ms;

	if (job->crawl.state == CRAWL_TRIGGERING)
		trigger_lost(k, job);
	else if (job->crawl.state != CRAWL_RECONCILING)
		take_back(k, job, keeper_now(k));
	else if (job->crawl.due_ms > soon) {
		/* Its lease may be that of a trigger, see trigger_lost(): it stays. */
		job->crawl.due_ms = soon;
		keeper_save(k, job);
	}
}

void
keeper_lease_recover(struct keeper *k)
{
	uint64_t last = 0;
	unsigned count;
	struct job job;
	struct why why;

	do {
		keeper_must(k, store_leased(k->store, last, k->batch, KEEPER_BATCH, &count, &why), &why);
		for (unsigned i = 0; i < count; i++) {
			last = k->batch[i].lease;
			job.crawl = k->batch[i];
			job.has_request = false;
			recover(k, &job);
		}
	} while (count == KEEPER_BATCH);
}

/* ---- while it lasts ---- */

static void
kill_poller(struct keeper *k, struct keeper_peer *poller, struct lease *lease)
{
	char id[UUID_TEXT_SIZE], reason[160];

	lease->kill_mono_ms = keeper_mono(k);
	(void)snprintf(reason, sizeof(reason), "its %s of crawl %s overran its time", task_name(lease->kind),
	    uuid_format(id, &lease->crawl_id));
	log_as(KIND_LEASE_OVERRUN, LOG_FIELDS(.crawl = &lease->crawl_id,
	    .stage = crawl_stage_name(task_stage(lease->kind))), "poller[%u] is killed: %s",
	    peer_instance(poller->peer), reason);
	k->parent.kill(k->parent.arg, peer_instance(poller->peer), peer_generation(poller->peer), reason);
}

void
keeper_lease_watch_overrun(struct keeper *k)
{
	int64_t now = keeper_mono(k);
	struct lease *lease;

	for (struct keeper_peer *p = k->peers; p != NULL; p = p->next) {
		for (lease = p->leases; lease != NULL; lease = lease->next) {
			if (now > lease->deadline_mono_ms &&
			    (lease->kill_mono_ms == 0 || now - lease->kill_mono_ms > KILL_AGAIN_MS)) {
				kill_poller(k, p, lease);
				break;
			}
		}
	}
}

int
keeper_on_poller_state(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper_peer *p = peer_data(peer);
	struct msg_poller_state m;

	if (msg_poller_state_get(in, &m) < 0)
		return -EBADMSG;
	p->slots[LANE_CALL] = m.calls < SLOTS_MAX ? m.calls : SLOTS_MAX;
	p->slots[LANE_TRANSFER] = m.transfers < SLOTS_MAX ? m.transfers : SLOTS_MAX;
	keeper_wake(arg);
	return 0;
}

int
keeper_on_task_progress(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	int64_t now = keeper_mono(k);
	struct msg_task_progress m;
	struct lease *lease;
	struct job job;

	if (msg_task_progress_get(in, &m) < 0)
		return -EBADMSG;
	lease = lease_find(k, m.lease);
	if (lease == NULL || lease->poller != peer_data(peer))
		return 0;
	lease->deadline_mono_ms = now + duration_of(k, lease->kind);
	if (now - lease->stored_mono_ms < STORE_WRITE_MS || !keeper_find(k, &lease->crawl_id, &job))
		return 0;
	lease->stored_mono_ms = now;
	job.crawl.due_ms = keeper_now(k) + duration_of(k, lease->kind);
	keeper_note(&job.crawl, "%llu bytes so far", (unsigned long long)m.bytes);
	keeper_save(k, &job);
	return 0;
}

/* A poller that leaves gives its work back for another to do at once; one that stays
 * and does so is full of work that we do not know, and would only return it again. */
static int64_t
due_after_return(const struct keeper *k, const struct keeper_peer *poller)
{
	return keeper_now(k) + (poller->slots[LANE_CALL] > 0 ? RETURN_PAUSE_MS : 0);
}

/* Not done, and nothing left us. */
int
keeper_on_task_returned(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct keeper_peer *poller = peer_data(peer);
	struct msg_task_returned m;
	struct lease *lease;
	enum task_kind kind;
	struct job job;
	int known;

	if (msg_task_returned_get(in, &m) < 0)
		return -EBADMSG;
	lease = lease_find(k, m.lease);
	kind = lease != NULL ? lease->kind : TASK_NONE;
	if ((known = keeper_lease_end(k, poller, m.lease, &m.crawl_id, kind, &job)) <= 0)
		return known;
	if (kind != TASK_TRIGGER) {
		take_back(k, &job, due_after_return(k, poller));
		return 0;
	}
	job.crawl.triggers--;
	job.crawl.due_ms = due_after_return(k, poller);
	if (job.crawl.cancel_wanted)
		keeper_cancel(k, &job, "canceled on request before anything was asked of the provider");
	else
		keeper_step(k, &job, STEP_NOT_SENT);
	return 0;
}
