/*
 * keeper_grant.c - due work becomes leases, as far as the provider and the pollers have
 * room. Nothing is written for what waits: why a crawl waits is told from memory when
 * somebody asks.
 *
 * In each turn: transfers first, they are few and their data are paid for; then searches;
 * then triggers, but for a share that due polls keep; then polls; then triggers again. Polls
 * go in the order in which they came due, so that none starves when there are more of them
 * than calls: all are asked more slowly. Of the data sets another one begins in each turn.
 */
#include "keeper/keeper.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

#define TRIGGERS_LEAVE 4	/* one call in so many is left to the others */
#define SILENT_MS      5000	/* a poller that has work and said nothing for so long is asked last: it may hang */

/* ---- who ---- */

static unsigned
free_slots(const struct keeper_peer *p, enum crawl_lane slots)
{
	if (p->role != ROLE_POLLER || !peer_is_open(p->peer) || p->slots[slots] <= p->used[slots])
		return 0;
	return p->slots[slots] - p->used[slots];
}

/* Triggers and the disk are kept apart: a trigger whose answer waits behind a stalled disk ends in doubt. */
static bool
is_apart(const struct keeper_peer *p, enum task_kind kind)
{
	if (kind == TASK_TRIGGER)
		return p->used[LANE_TRANSFER] == 0;
	return keeper_lease_slots(kind) != LANE_TRANSFER || p->triggers == 0;
}

/* The lower the better. */
static unsigned
rank(const struct keeper *k, const struct keeper_peer *p, enum task_kind kind)
{
	bool silent = p->leases != NULL && keeper_mono(k) - p->heard_mono_ms > SILENT_MS;

	return (unsigned)silent * 2 + !is_apart(p, kind);
}

struct keeper_peer *
keeper_choose_poller(const struct keeper *k, enum task_kind kind)
{
	enum crawl_lane slots = keeper_lease_slots(kind);
	struct keeper_peer *best = NULL;

	for (struct keeper_peer *p = k->peers; p != NULL; p = p->next) {
		if (free_slots(p, slots) == 0)
			continue;
		if (best == NULL || rank(k, p, kind) < rank(k, best, kind) ||
		    (rank(k, p, kind) == rank(k, best, kind) && free_slots(p, slots) > free_slots(best, slots)))
			best = p;
	}
	return best;
}

static unsigned
slots_free(const struct keeper *k, enum crawl_lane slots)
{
	unsigned count = 0;

	for (const struct keeper_peer *p = k->peers; p != NULL; p = p->next)
		count += free_slots(p, slots);
	return count;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
keeper_grant_room(const struct keeper *k)
{
	return least(budget_room(&k->budget, keeper_mono(k)), slots_free(k, LANE_CALL));
}

/* ---- giving ---- */

void
keeper_grant_send(struct keeper *k, struct job *job, const struct lease *lease)
{
	struct msg_task *task = &k->task;

	task->lease = lease->token;
	task->kind = lease->kind;
	task->valid_boot_ms = lease->kind == TASK_TRIGGER ? clock_boot_ms(k->clock) + TRIGGER_VALID_MS : 0;
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
	struct lease *lease = keeper_lease_new(k, poller, &c->id, kind, 0);

	lease->request = *keeper_request_of(k, job);
	c->lease = lease->token;
	c->due_ms = keeper_now(k) + keeper_lease_ms(k, kind);
	if (kind == TASK_TRIGGER) {
		lease->set = budget_set(&k->budget, lease->request.dataset_id);
		lease->set->in_flight++;
		c->intent_ms = keeper_provider_now(k);
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
	keeper_grant_send(k, job, lease);
}

/* ---- polls, transfers ---- */

static bool
try_give(struct keeper *k, struct job *job)
{
	struct crawl *c = &job->crawl;
	enum task_kind kind = crawl_task(c->state, c->cancel_wanted && c->state == CRAWL_POLLING);
	struct keeper_peer *poller = keeper_choose_poller(k, kind);

	if (kind == TASK_NONE) {		/* triggering, and nobody has it */
		keeper_trigger_unknown(k, job, false, "whoever asked is gone");
		return true;
	}
	if (poller == NULL || (kind != TASK_STORE && budget_room(&k->budget, keeper_mono(k)) == 0))
		return false;
	give(k, job, kind, poller);
	return true;
}

/* A store asks nothing of the provider. */
static unsigned
lane_room(const struct keeper *k, enum crawl_lane lane)
{
	if (lane == LANE_STORE)
		return slots_free(k, LANE_TRANSFER);
	if (lane == LANE_TRANSFER)
		return least(budget_room(&k->budget, keeper_mono(k)), slots_free(k, LANE_TRANSFER));
	return keeper_grant_room(k);
}

/* One batch of a lane's due crawls. False when there are no more, or no room. */
static bool
grant_batch(struct keeper *k, enum crawl_lane lane, unsigned *given)
{
	unsigned want = least(lane_room(k, lane), KEEPER_BATCH), count, before = *given;
	struct job job;
	struct why why;

	if (want == 0)
		return false;
	keeper_must(k, store_due(k->store, lane, keeper_now(k), k->batch, want, &count, &why), &why);
	for (unsigned i = 0; i < count; i++) {
		job.crawl = k->batch[i];
		job.has_request = false;
		*given += try_give(k, &job);
	}
	return count == want && *given > before;
}

static void
grant_lane(struct keeper *k, enum crawl_lane lane)
{
	unsigned given = 0;

	while (grant_batch(k, lane, &given) && given < KEEPER_TURN_MAX)
		;
	if (given >= KEEPER_TURN_MAX)
		keeper_wake(k);		/* what has arrived meanwhile comes first */
}

/* Polls and the like that are due and found no room. */
static bool
calls_wait(struct keeper *k)
{
	int64_t due;
	struct why why;

	if (keeper_grant_room(k) > 0)
		return false;
	keeper_must(k, store_due_next(k->store, LANE_CALL, 0, &due, &why), &why);
	return due <= keeper_now(k);
}

/* ---- triggers ---- */

/* Triggers that may begin while others are in flight, less those left to other calls. */
static unsigned
trigger_room(const struct keeper *k, bool leave)
{
	unsigned room = least(keeper_grant_room(k), budget_trigger_room(&k->budget, keeper_mono(k), k->triggers)), may;

	if (!leave || room == 0)
		return room;
	may = k->budget.calls + room;
	may -= may / TRIGGERS_LEAVE + (may < TRIGGERS_LEAVE);
	return may > k->triggers ? least(room, may - k->triggers) : 0;
}

static void
grant_set(struct keeper *k, struct budget_set *set, bool leave)
{
	unsigned want = least(budget_set_room(&k->budget, set, keeper_mono(k)), trigger_room(k, leave)), count;
	bool shared = set == &k->budget.sets[BUDGET_SETS];
	struct job job;
	struct why why;

	want = least(want, KEEPER_BATCH);
	if (want == 0)
		return;
	/* The place that many share knows no name: its crawls are those of no other. */
	keeper_must(k, shared ? store_due(k->store, LANE_TRIGGER, keeper_now(k), k->batch, KEEPER_BATCH, &count, &why) :
	    store_due_triggers(k->store, set->dataset_id, keeper_now(k), k->batch, want, &count, &why), &why);
	for (unsigned i = 0; i < count && want > 0; i++) {
		job.crawl = k->batch[i];
		job.has_request = false;
		if (shared && budget_set(&k->budget, keeper_request_of(k, &job)->dataset_id) != set)
			continue;
		give(k, &job, TASK_TRIGGER, keeper_choose_poller(k, TASK_TRIGGER));
		want--;
	}
}

static void
grant_triggers(struct keeper *k, bool leave)
{
	for (unsigned i = 0; i <= BUDGET_SETS && trigger_room(k, leave) > 0; i++) {
		struct budget_set *set = &k->budget.sets[(k->turn_set + i) % (BUDGET_SETS + 1)];

		if (set->waiting > 0)
			grant_set(k, set, leave);
	}
}

/* Those who wait already for this data set go first. */
struct lease *
keeper_grant_newborn(struct keeper *k, struct job *job)
{
	struct budget_set *set = budget_set(&k->budget, job->request.dataset_id);

	if (k->draining || k->disk_low || set->waiting > 0 || trigger_room(k, k->calls_wait) == 0 ||
	    budget_set_room(&k->budget, set, keeper_mono(k)) == 0)
		return NULL;
	return lease_crawl(k, job, TASK_TRIGGER, keeper_choose_poller(k, TASK_TRIGGER));
}

/* ---- the turn's ---- */

void
keeper_grant(struct keeper *k)
{
	k->turn_set = (k->turn_set + 1) % (BUDGET_SETS + 1);
	grant_lane(k, LANE_STORE);
	if (keeper_disk_lets_download(k))
		grant_lane(k, LANE_TRANSFER);
	keeper_search_grant(k);
	if (!k->disk_low)
		grant_triggers(k, true);
	grant_lane(k, LANE_CALL);
	if (!k->disk_low)
		grant_triggers(k, false);
	k->calls_wait = calls_wait(k);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When the provider, or a data set's cap, lets more through by time alone. */
static int64_t
opens_next(const struct keeper *k)
{
	int64_t mono = keeper_mono(k), next = budget_opens_mono_ms(&k->budget, mono);

	for (unsigned i = 0; i <= BUDGET_SETS; i++)
		next = earlier(next, budget_set_opens_mono_ms(&k->budget.sets[i], mono));
	return next == INT64_MAX ? next : keeper_now(k) + next - mono;
}

int64_t
keeper_grant_next(struct keeper *k)
{
	int64_t now = keeper_now(k), next = earlier(opens_next(k), keeper_search_next(k)), due;
	struct why why;

	if (keeper_mono(k) < k->disk_mono_ms)
		next = earlier(next, now + k->disk_mono_ms - keeper_mono(k));
	/* What is due by now and was not given out waits for something to end, which wakes us. */
	for (enum crawl_lane lane = LANE_TRIGGER; lane < LANE_COUNT; lane++) {
		if (lane == LANE_SEARCH)
			continue;
		keeper_must(k, store_due_next(k->store, lane, now, &due, &why), &why);
		next = earlier(next, due);
	}
	return next;
}

/* ---- what is counted of data sets ---- */

static unsigned *
place_of(struct budget_set *set, enum crawl_state state)
{
	switch (state) {
	case CRAWL_ACCEPTED:
		return &set->waiting;
	case CRAWL_RECONCILING:		/* has a job, for all we know */
	case CRAWL_POLLING:
		return &set->running;
	default:
		return NULL;		/* a triggering one is counted by its lease */
	}
}

void
keeper_count_place(struct keeper *k, struct job *job, enum crawl_state from)
{
	enum crawl_state to = job->crawl.state;
	struct budget_set *set;
	unsigned *place;

	if (from == to)
		return;
	set = budget_set(&k->budget, keeper_request_of(k, job)->dataset_id);
	if (from != CRAWL_STATE_COUNT && (place = place_of(set, from)) != NULL && *place > 0)
		--*place;
	if ((place = place_of(set, to)) != NULL)
		++*place;
}

/* ---- why a crawl waits ---- */

static const char *
provider_words(enum provider_state state)
{
	static const char *const words[PROVIDER_STATE_COUNT] = {
		[PROVIDER_LIMITED] = "the provider wants fewer calls",
		[PROVIDER_AWAY] = "the provider cannot be reached",
		[PROVIDER_KEY_REFUSED] = "the provider refuses the key or the account",
	};

	return words[state];
}

/* What would cost room stands still for want of it. */
static bool
disk_waits(const struct keeper *k, const struct crawl *c, char *dst, size_t size)
{
	bool wants = c->state == CRAWL_ACCEPTED || c->state == CRAWL_READY || c->state == CRAWL_DOWNLOADING;

	if (!wants || (!k->disk_low && !k->suspended && (c->state == CRAWL_ACCEPTED || keeper_disk_lets_download(k))))
		return false;
	if (keeper_is_read_only(k)) {
		(void)str_copy(dst, size, "the disk of DATA_DIR is read-only");
		return true;
	}
	(void)snprintf(dst, size, "the disk of DATA_DIR has too little room: %llu MiB are free, %llu are kept free",
	    (unsigned long long)(k->disk.free >> 20), (unsigned long long)(k->disk.reserve >> 20));
	return true;
}

static void
trigger_waits(struct keeper *k, struct job *job, char *dst, size_t size, int64_t *ret_until)
{
	const char *dataset_id = keeper_request_of(k, job)->dataset_id;
	const struct budget_set *set = budget_set(&k->budget, dataset_id);
	int64_t mono = keeper_mono(k), opens = budget_set_opens_mono_ms(set, mono);

	if (set->running + set->in_flight >= set->limit) {
		(void)snprintf(dst, size, "data set %s has as many running jobs as the provider allows: %u of ours run, "
		    "%u crawls wait", dataset_id, set->running + set->in_flight, set->waiting);
		*ret_until = opens == INT64_MAX ? 0 : keeper_now(k) + opens - mono;
		return;
	}
	if (budget_room(&k->budget, mono) > 0 && budget_trigger_room(&k->budget, mono, 0) == 0) {
		(void)snprintf(dst, size, "trigger: the provider has refused %u within 5 minutes, and blocks who goes on",
		    budget_refusals(&k->budget, mono));
		*ret_until = keeper_now(k) + budget_opens_mono_ms(&k->budget, mono) - mono;
		return;
	}
	(void)snprintf(dst, size, "trigger: waits its turn, %u crawls of data set %s wait, %u calls are in flight",
	    set->waiting, dataset_id, k->budget.calls);
}

void
keeper_waiting_for(struct keeper *k, struct job *job, char dst[WAITING_SIZE], int64_t *ret_until)
{
	const struct crawl *c = &job->crawl;
	bool due = c->lease == 0 && c->due_ms > 0 && c->due_ms <= keeper_now(k);
	enum provider_state state;
	int64_t until;

	dst[0] = '\0';
	*ret_until = 0;
	if (!due || crawl_is_terminal(c->state) || c->state == CRAWL_STORING)
		return;
	state = budget_state(&k->budget, keeper_mono(k), &until);
	if (disk_waits(k, c, dst, WAITING_SIZE))
		return;
	if (state != PROVIDER_OK) {
		(void)str_copy(dst, WAITING_SIZE, provider_words(state));
		*ret_until = keeper_now(k) + until - keeper_mono(k);
	} else if (c->state == CRAWL_ACCEPTED)
		trigger_waits(k, job, dst, WAITING_SIZE, ret_until);
	else
		(void)snprintf(dst, WAITING_SIZE, "%s: waits its turn, %u calls are in flight",
		    task_name(crawl_task(c->state, false)), k->budget.calls);
}
