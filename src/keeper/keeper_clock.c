/*
 * keeper_clock.c - the keeper's three clocks, and what a later keeper has to know of them.
 *
 *   wall      due times, and what people are told. Read once a turn as an offset to the
 *             monotonic clock, so that it cannot jump within one; when the system's clock was
 *             set, all due times move with it in the same moment
 *   patience  how long something has gone wrong. It runs only while the provider can be asked
 *   provider  when a job was made, by the clock that the provider's lists are written by: its
 *             Date header tells how far that is from ours
 *
 * Between two lives the machine's clock may have been set as well. In the same start of the
 * machine the boot clock tells by how much; after another start nobody can tell, and then
 * nothing is due later than a poll interval from now.
 */
#include "keeper/keeper.h"

#include "base/why.h"

#define POLL_GRID	64	/* moments of an interval on which polls fall */
#define CLOCK_SLACK_MS	5000	/* a wall clock that moved more against the other was set, not slewed */
#define KEEP_EACH_MS	1000	/* what grows by itself is written so often at most, with some other change */
#define AHEAD_SLACK_MS	2000	/* Date counts seconds */

int64_t
keeper_mono(const struct keeper *k)
{
	return clock_mono_ms(k->clock);
}

int64_t
keeper_now(const struct keeper *k)
{
	return keeper_mono(k) + k->wall_offset_ms;
}

int64_t
keeper_provider_now(const struct keeper *k)
{
	return keeper_now(k) + k->provider_ahead_ms;
}

int64_t
keeper_now_behind(const struct keeper *k)
{
	int64_t ours = keeper_now(k), theirs = keeper_provider_now(k);

	return k->provider_known && theirs < ours ? theirs : ours;
}

/* ---- patience ---- */

int64_t
keeper_patience(struct keeper *k)
{
	int64_t mono = keeper_mono(k);

	if (budget_patience_runs(&k->budget, mono))
		k->patience_ms += mono - k->patience_mono_ms;
	k->patience_mono_ms = mono;
	return k->patience_ms;
}

struct patience_now
keeper_patience_now(struct keeper *k)
{
	return (struct patience_now){
		.clock_ms = keeper_patience(k),
		.poll_interval_ms = k->conf->background_poll_interval_ms,
		/* With polling switched off somebody asks by hand, as often as they like. */
		.max_polls = k->conf->background_polling_enabled ? k->conf->background_max_polls : INT64_MAX >> 32,
		.max_attempts = k->conf->retry_max_attempts,
		.random = k->random(),
		.limits = &k->provider->limits,
	};
}

/* Polls are spread over a fifth of the interval, but on a grid: those of one moment lie
 * side by side in the index of due work, in the order of their ids, and are written there
 * together. Each at a moment of its own made a page of the index dirty with each poll. */
int64_t
keeper_poll_due(const struct keeper *k, int64_t pause_ms)
{
	int64_t grid = k->conf->background_poll_interval_ms / POLL_GRID + 1, due = keeper_now(k) + pause_ms;

	return due - due % grid;
}

/* ---- the wall clock ---- */

static void
shift(struct keeper *k, int64_t by)
{
	struct why why;

	log_as(KIND_CLOCK_SET, NULL, "the clock was set by %lld s: due times move with it", (long long)(by / 1000));
	keeper_must(k, store_shift_times(k->store, by, &why), &why);
	keeper_search_shift(k, by);
	k->provider_ahead_ms -= by;
	k->budget.changed = true;
	keeper_wake(k);
}

void
keeper_clock_follow(struct keeper *k)
{
	int64_t offset = clock_wall_ms(k->clock) - keeper_mono(k);
	int64_t by = offset - k->wall_offset_ms;

	(void)keeper_patience(k);
	k->wall_offset_ms = offset;
	if (by <= -CLOCK_SLACK_MS || by >= CLOCK_SLACK_MS)
		shift(k, by);
}

void
keeper_clock_recover(struct keeper *k, uint64_t boot)
{
	struct clock_record *kept = &k->clock_kept;
	int64_t offset = clock_wall_ms(k->clock) - clock_boot_ms(k->clock), by;
	struct why why;

	keeper_must(k, store_clock_read(k->store, kept, &why), &why);
	by = offset - kept->wall_offset_ms;
	k->patience_mono_ms = keeper_mono(k);
	/* Never 0, which means "no failure". */
	k->patience_ms = kept->patience_ms > 0 ? kept->patience_ms : TRIGGER_LIFE_MS + 1;
	k->provider_ahead_ms = kept->provider_ahead_ms;
	k->provider_known = kept->provider_known != 0;
	if (kept->boot != (int64_t)boot)
		keeper_must(k, store_clamp_times(k->store, keeper_now(k) + k->conf->background_poll_interval_ms, &why),
		    &why);
	else if (by <= -CLOCK_SLACK_MS || by >= CLOCK_SLACK_MS) {
		shift(k, by);
		k->set_between_ms = by;
	}
	kept->boot = (int64_t)boot;
	kept->wall_offset_ms = 0;	/* so that it is written */
	keeper_clock_keep(k);
}

static bool
differs(int64_t a, int64_t b, int64_t by)
{
	return a - b >= by || b - a >= by;
}

void
keeper_clock_keep(struct keeper *k)
{
	struct clock_record *kept = &k->clock_kept;
	struct clock_record now = {
		.boot = kept->boot,
		.wall_offset_ms = k->wall_offset_ms + keeper_mono(k) - clock_boot_ms(k->clock),
		.patience_ms = keeper_patience(k),
		.provider_ahead_ms = k->provider_ahead_ms,
		.provider_known = k->provider_known,
	};
	struct why why;

	/* Patience alone is not worth a commit: it goes with the next. */
	if (differs(now.wall_offset_ms, kept->wall_offset_ms, KEEP_EACH_MS) ||
	    now.provider_ahead_ms != kept->provider_ahead_ms || now.provider_known != kept->provider_known ||
	    (store_is_dirty(k->store) && differs(now.patience_ms, kept->patience_ms, KEEP_EACH_MS))) {
		keeper_must(k, store_clock_write(k->store, &now, &why), &why);
		*kept = now;
	}
}

/* ---- the provider's ---- */

void
keeper_clock_note_provider(struct keeper *k, int64_t date_ms)
{
	int64_t ahead = date_ms - keeper_now(k);

	k->provider_seen = k->provider_seen || date_ms != 0;
	if (date_ms == 0 || (k->provider_known && !differs(ahead, k->provider_ahead_ms, AHEAD_SLACK_MS)))
		return;
	if (k->provider_known && differs(ahead, k->provider_ahead_ms, 60000))
		log_debug(NULL, "the provider's clock is %lld s ahead of ours", (long long)(ahead / 1000));
	k->provider_ahead_ms = differs(ahead, 0, AHEAD_SLACK_MS) ? ahead : 0;
	k->provider_known = true;
}
