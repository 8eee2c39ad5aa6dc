/*
 * keeper_turn.c - the keeper's turn: group commit without a thread.
 *
 * Handlers change the store inside one open transaction and stage what they want to
 * say; every peer is held. The turn runs at a lower priority than input, so it comes
 * when no more is ready: it grants leases for due work (a new crawl and its trigger
 * share a commit), commits once, and only then lets everything go. Under input that
 * never pauses, KEEPER_TURN_MAX changes bring it forward.
 *
 * Owns the timers. A commit that fails ends the process before anything is sent.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "base/why.h"

#define TICK_MS 1000

void
keeper_wake(struct keeper *k)
{
	event_active(k->changes >= KEEPER_TURN_MAX ? k->turn_now : k->turn, EV_TIMEOUT, 0);
}

/* In the transaction of the report that taught it. */
static void
keep_budget(struct keeper *k)
{
	struct budget_record record;
	struct why why;

	if (!k->budget.changed)
		return;
	budget_save(&k->budget, keeper_mono(k), keeper_now(k), &record);
	keeper_must(k, store_budget_write(k->store, &record, &why), &why);
}

static void
recover_budget(struct keeper *k)
{
	struct budget_record record;
	int64_t left;
	struct why why;

	keeper_must(k, store_budget_read(k->store, &record, &why), &why);
	budget_restore(&k->budget, keeper_mono(k), keeper_now(k) - k->set_between_ms, &record);
	left = k->budget.until_mono_ms - keeper_mono(k);
	if (left > 0)
		log_as(KIND_PROVIDER_LIMIT, NULL, "the provider's pause goes on: no call for %lld s",
		    (long long)(left + 999) / 1000);
}

/* False when the disk would not take it: then nothing of this turn has happened. */
static bool
commit(struct keeper *k)
{
	struct why why;
	int result;

	k->changes = 0;
	keep_budget(k);
	keeper_clock_keep(k);
	if (!store_is_dirty(k->store))
		return true;
	result = store_commit(k->store, &why);
	if (!keeper_disk_refuses(k, &result)) {
		keeper_must(k, result, &why);
		return true;
	}
	keeper_suspend(k, result, &why);
	return false;
}

static void
flush(struct keeper *k)
{
	for (struct keeper_peer *p = k->peers; p != NULL; p = p->next)
		peer_flush(p->peer);
}

static void
arm_due(struct keeper *k)
{
	int64_t next = keeper_grant_next(k);

	if (next == INT64_MAX)
		(void)evtimer_del(k->due);
	else
		loop_timer_in(k->due, next - keeper_now(k));
}

void
keeper_turn(struct keeper *k)
{
	if (k->suspended) {
		flush(k);
		log_flush();
		return;
	}
	keeper_clock_follow(k);
	if (!k->draining)
		keeper_grant(k);
	if (commit(k))
		keeper_outbox_send(k);
	flush(k);
	log_flush();
	arm_due(k);
	keeper_backup_step(k);
}

void
keeper_drain(struct keeper *k)
{
	k->draining = true;
	keeper_turn(k);
}

size_t
keeper_unsent(const struct keeper *k)
{
	size_t sum = 0;

	for (const struct keeper_peer *p = k->peers; p != NULL; p = p->next)
		sum += peer_unsent(p->peer);
	return sum;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	keeper_turn(arg);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;

	(void)fd;
	(void)what;
	loop_timer_in(k->tick, TICK_MS);
	keeper_disk_check_place(k);
	keeper_disk_look(k);
	if (k->suspended)
		keeper_try_resume(k);
	if (k->suspended) {
		keeper_status_tell(k);
		return;
	}
	keeper_clock_follow(k);
	keeper_lease_watch_overrun(k);
	keeper_status_tell(k);
	keeper_wake(k);
}

static struct event *
event_at(struct keeper *k, event_callback_fn callback, int priority)
{
	struct event *e = event_new(k->base, -1, 0, callback, k);

	if (e == NULL || event_priority_set(e, priority) < 0)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no timer: out of memory");
	return e;
}

struct keeper *
keeper_new(struct event_base *base, struct store *store, const struct conf *conf, const struct clock *clock,
    uint64_t (*random)(void), const struct keeper_parent *parent)
{
	struct keeper *k = xcalloc(1, sizeof(*k));

	sha256_prepare();
	k->base = base;
	k->store = store;
	k->conf = conf;
	k->provider = provider_table[0];
	k->clock = clock;
	k->random = random;
	k->parent = *parent;
	k->room = fs_room;
	k->data_dir_fd = open(conf->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	k->wall_offset_ms = clock_wall_ms(clock) - clock_mono_ms(clock);
	budget_init(&k->budget, k->provider, (unsigned)conf->provider_calls_max);
	wire_init(&k->out);
	json_out_init(&k->json);
	json_out_init(&k->json2);
	k->turn_now = event_at(k, on_turn, 0);
	k->turn = event_at(k, on_turn, 2);
	k->due = event_at(k, on_turn, 2);
	k->tick = event_at(k, on_tick, 1);
	loop_timer_in(k->tick, TICK_MS);
	return k;
}

/* A copy of the store knows nothing of what was done since it was made. */
static void
doubt(struct keeper *k)
{
	unsigned count;
	struct why why;

	keeper_must(k, store_events_leap(k->store, &why), &why);
	keeper_must(k, store_doubt_accepted(k->store, keeper_now(k), &count, &why), &why);
	if (count > 0)
		log_as(KIND_STORE_DOUBTED, NULL, "the job store was not stopped here, or is a copy: %u crawls that were "
		    "not triggered in it are searched for at the provider before they are", count);
}

/* Everything that is known of the store's contents, as at the start of this epoch. */
static void
take_up(struct keeper *k)
{
	struct why why;

	if (k->start.doubtful)
		doubt(k);
	memset(k->counts, 0, sizeof(k->counts));
	k->live = 0;
	keeper_must(k, store_counts(k->store, k->counts, &why), &why);
	for (int state = 0; state < CRAWL_STATE_COUNT; state++)
		k->live += k->counts[state];
	budget_forget_counts(&k->budget);
	keeper_search_recover(k);
	keeper_lease_recover(k);
	if (k->conf->background_polling_enabled)
		keeper_must(k, store_wake_waiting(k->store, keeper_now(k), &why), &why);
	if (commit(k))
		k->start.doubtful = false;
	keeper_wake(k);
}

void
keeper_recover(struct keeper *k, const struct keeper_start *start)
{
	struct why why;
	int result;

	store_copy_clean(k->store);
	result = store_next_epoch(k->store, &k->epoch, &why);
	k->start = *start;
	keeper_status_recover(k);
	keeper_disk_look(k);
	if (keeper_disk_refuses(k, &result)) {
		keeper_suspend(k, result, &why);
		return;
	}
	keeper_must(k, result, &why);
	keeper_begin(k);
}

/* The first turn of an epoch in which the store can be written. */
void
keeper_begin(struct keeper *k)
{
	keeper_clock_recover(k, k->start.boot);
	recover_budget(k);
	k->begun = true;
	keeper_prune_start(k);
	take_up(k);
}

void
keeper_resume(struct keeper *k)
{
	if (!k->begun)
		keeper_begin(k);
	else
		take_up(k);
}

void
keeper_reloaded(struct keeper *k)
{
	budget_key_retry(&k->budget, keeper_mono(k));
	keeper_wake(k);
}
