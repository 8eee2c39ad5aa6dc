/*
 * keeper_lease.c - the leases in flight, and how they end.
 *
 * A lease is one crawl (or one search), one task, one poller, one token that only grows,
 * and one deadline. It is written with the crawl in the same commit that lets the TASK go.
 * Owns the table of leases: what is not in it is nobody's, whatever the store says, because
 * the keeper that gave it is dead. A lease ends by its result (keeper_trigger.c,
 * keeper_result.c, keeper_search.c), by being returned, or with its poller. One that overruns
 * its deadline has the parent kill the poller; the end of that connection does the rest.
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
#define SLOTS_MAX	 4096	/* of one poller, whatever it claims */

enum crawl_lane
keeper_lease_slots(enum task_kind kind)
{
	return kind == TASK_DOWNLOAD || kind == TASK_STORE ? LANE_TRANSFER : LANE_CALL;
}

int64_t
keeper_lease_ms(const struct keeper *k, enum task_kind kind)
{
	if (kind == TASK_DOWNLOAD)
		return k->conf->background_download_timeout_ms + DOWNLOAD_EXTRA_MS;
	return kind == TASK_STORE ? STORE_LEASE_MS : CALL_LEASE_MS;
}

struct lease *
keeper_lease_find(struct keeper *k, uint64_t token)
{
	struct lease *lease;

	HASH_FIND(hh, k->leases, &token, sizeof(token), lease);
	return lease;
}

static uint64_t
next_token(struct keeper *k)
{
	if (++k->lease_count == 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_LEASES_USED_UP,
		    "lease tokens of this epoch are used up: a new keeper takes over");
	return (uint64_t)k->epoch << 32 | k->lease_count;
}

struct lease *
keeper_lease_new(struct keeper *k, struct keeper_peer *poller, const struct uuid *crawl_id, enum task_kind kind,
    uint64_t token)
{
	struct lease *lease = xcalloc(1, sizeof(*lease));

	lease->token = token != 0 ? token : next_token(k);
	lease->crawl_id = *crawl_id;
	lease->kind = kind;
	lease->poller = poller;
	lease->stored_mono_ms = keeper_mono(k);
	lease->deadline_mono_ms = lease->stored_mono_ms + keeper_lease_ms(k, kind);
	lease->calls = kind != TASK_STORE;
	HASH_ADD(hh, k->leases, token, sizeof(lease->token), lease);
	DL_APPEND(poller->leases, lease);
	poller->used[keeper_lease_slots(kind)]++;
	poller->triggers += kind == TASK_TRIGGER;
	k->triggers += kind == TASK_TRIGGER;
	budget_call_begun(&k->budget, lease->calls);
	return lease;
}

void
keeper_lease_free(struct keeper *k, struct lease *lease)
{
	struct keeper_peer *poller = lease->poller;

	assert(poller->used[keeper_lease_slots(lease->kind)] > 0);
	poller->used[keeper_lease_slots(lease->kind)]--;
	poller->triggers -= lease->kind == TASK_TRIGGER;
	k->triggers -= lease->kind == TASK_TRIGGER;
	budget_call_ended(&k->budget, lease->calls);
	if (lease->set != NULL)
		lease->set->in_flight--;
	DL_DELETE(poller->leases, lease);
	HASH_DEL(k->leases, lease);
	free(lease);
	keeper_wake(k);
}

void
keeper_lease_extend(struct keeper *k, struct lease *lease)
{
	lease->poller->heard_mono_ms = keeper_mono(k);
	lease->deadline_mono_ms = lease->poller->heard_mono_ms + keeper_lease_ms(k, lease->kind);
}

/* ---- ending ---- */

int
keeper_lease_end(struct keeper *k, struct keeper_peer *poller, uint64_t token, const struct uuid *crawl_id,
    enum task_kind kind, struct job *ret)
{
	struct lease *lease = keeper_lease_find(k, token);

	poller->heard_mono_ms = keeper_mono(k);
	if (lease == NULL)
		return 0;
	if (lease->poller != poller || !uuid_equal(&lease->crawl_id, crawl_id) || lease->kind != kind)
		return -EBADMSG;
	ret->request = lease->request;
	keeper_lease_free(k, lease);
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

	(void)snprintf(text, sizeof(text), "%u pollers in a row were lost over this crawl in state %s",
	    job->crawl.crashes, crawl_state_name(job->crawl.state));
	keeper_fail(k, job, ERROR_WORKER_CRASHED, crawl_stage_of(job->crawl.state), text);
}

/* It said that it takes no more tasks. What it still has crossed that word on its way, or
 * is a trigger that was not answered in its time to leave, which it tells itself. */
static bool
is_leaving(const struct keeper_peer *poller)
{
	return poller->slots[LANE_CALL] == 0 && poller->slots[LANE_TRANSFER] == 0;
}

static void
tell_lost(const struct lease *lease)
{
	struct log_fields fields = {
		.crawl = &lease->crawl_id, .stage = crawl_stage_name(task_stage(lease->kind)),
	};
	unsigned instance = peer_instance(lease->poller->peer);

	if (is_leaving(lease->poller))
		log_debug(&fields, "poller[%u] left before its %s was done", instance, task_name(lease->kind));
	else
		log_as(KIND_LEASE_LOST, &fields, "poller[%u] was lost during its %s", instance, task_name(lease->kind));
}

static void
lose(struct keeper *k, struct lease *lease, bool blamed)
{
	enum task_kind kind = lease->kind;
	struct uuid crawl_id = lease->crawl_id;
	uint64_t token = lease->token;
	bool of_search = uuid_is_nil(&crawl_id);
	struct job job;

	tell_lost(lease);
	budget_unseen(&k->budget, keeper_mono(k), lease->calls, kind == TASK_TRIGGER);
	keeper_lease_free(k, lease);
	if (kind == TASK_DOWNLOAD)
		keeper_prune_part(k, &crawl_id, token);
	if (of_search) {
		keeper_search_lost(k, token);
		return;
	}
	if (!keeper_find(k, &crawl_id, &job) || job.crawl.lease != token)
		return;
	job.crawl.crashes += blamed;
	if (kind == TASK_TRIGGER)
		keeper_trigger_unknown(k, &job, false, "whoever asked is gone");
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
		bool blamed = !had_transfer || keeper_lease_slots(poller->leases->kind) == LANE_TRANSFER;

		lose(k, poller->leases, blamed && !is_leaving(poller));
	}
}

void
keeper_lease_forget(struct keeper *k, struct keeper_peer *poller)
{
	while (poller->leases != NULL)
		keeper_lease_free(k, poller->leases);
}

/* ---- what a former keeper had given out ---- */

static void
recover(struct keeper *k, struct job *job)
{
	if (job->crawl.state == CRAWL_TRIGGERING)
		keeper_trigger_unknown(k, job, false, "the job store was restarted");
	else if (job->crawl.state != CRAWL_RECONCILING)
		take_back(k, job, keeper_now(k));
	/* Of one that is searched for, the lease is its trigger's: it stays, for an answer that comes late. */
}

void
keeper_lease_recover(struct keeper *k)
{
	uint64_t last = 0;
	unsigned count, calls = 0, triggers = 0;
	struct job job;
	struct why why;

	do {
		keeper_must(k, store_leased(k->store, last, k->batch, KEEPER_BATCH, &count, &why), &why);
		for (unsigned i = 0; i < count; i++) {
			last = k->batch[i].lease;
			job.crawl = k->batch[i];
			job.has_request = false;
			/* One that is searched for was counted by a former keeper, but which of its calls were triggers
			 * is not noted. */
			calls += job.crawl.state != CRAWL_STORING && job.crawl.state != CRAWL_RECONCILING;
			triggers += job.crawl.state == CRAWL_TRIGGERING || job.crawl.state == CRAWL_RECONCILING;
			recover(k, &job);
		}
	} while (count == KEEPER_BATCH);
	budget_unseen(&k->budget, keeper_mono(k), calls, triggers);
}

/* ---- while it lasts ---- */

static void
kill_poller(struct keeper *k, struct keeper_peer *poller, struct lease *lease)
{
	char id[UUID_TEXT_SIZE], reason[160];
	bool of_search = uuid_is_nil(&lease->crawl_id);

	lease->kill_mono_ms = keeper_mono(k);
	(void)snprintf(reason, sizeof(reason), "its %s%s%s overran its time", task_name(lease->kind),
	    of_search ? "" : " of crawl ", of_search ? "" : uuid_format(id, &lease->crawl_id));
	log_as(KIND_LEASE_OVERRUN, LOG_FIELDS(.crawl = of_search ? NULL : &lease->crawl_id,
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
	static const struct msg_released released;
	struct keeper_peer *p = peer_data(peer);
	struct keeper *k = arg;
	struct msg_poller_state m;

	if (msg_poller_state_get(in, &m) < 0)
		return -EBADMSG;
	p->slots[LANE_CALL] = m.calls < SLOTS_MAX ? m.calls : SLOTS_MAX;
	p->slots[LANE_TRANSFER] = m.transfers < SLOTS_MAX ? m.transfers : SLOTS_MAX;
	p->heard_mono_ms = keeper_mono(k);
	if (is_leaving(p)) {
		msg_released_put(&k->out, &released);	/* behind every task that it was given */
		peer_send(p->peer, &k->out);
	}
	keeper_wake(k);
	return 0;
}

/* Data arrive: this download can no longer be answered 429. */
static void
begins_to_flow(struct keeper *k, struct lease *lease)
{
	budget_call_ended(&k->budget, lease->calls);
	lease->calls = 0;
	budget_answered(&k->budget);
	keeper_wake(k);
}

int
keeper_on_task_progress(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_task_progress m;
	struct lease *lease;
	struct job job;

	if (msg_task_progress_get(in, &m) < 0)
		return -EBADMSG;
	lease = keeper_lease_find(k, m.lease);
	if (lease == NULL || lease->poller != peer_data(peer))
		return 0;
	keeper_lease_extend(k, lease);
	if (lease->kind == TASK_DOWNLOAD && m.bytes > 0 && lease->calls > 0)
		begins_to_flow(k, lease);
	if (keeper_mono(k) - lease->stored_mono_ms < STORE_WRITE_MS || !keeper_find(k, &lease->crawl_id, &job))
		return 0;
	lease->stored_mono_ms = keeper_mono(k);
	job.crawl.due_ms = keeper_now(k) + keeper_lease_ms(k, lease->kind);
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
	lease = keeper_lease_find(k, m.lease);
	kind = lease != NULL ? lease->kind : TASK_NONE;
	if (lease != NULL && lease->poller == poller && uuid_is_nil(&lease->crawl_id)) {
		keeper_lease_free(k, lease);
		keeper_search_lost(k, m.lease);
		return 0;
	}
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
		keeper_step(k, &job, job.crawl.state == CRAWL_RECONCILING ? STEP_NOT_FOUND : STEP_NOT_SENT);
	return 0;
}
