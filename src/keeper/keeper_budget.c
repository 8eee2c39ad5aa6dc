/*
 * keeper_budget.c - the discipline towards the provider, as keeper_budget.h tells it.
 * Pure, so that its promises can be tested over simulated hours and thousands of calls.
 */
#include "keeper/keeper_budget.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"

#define FIRST_PAUSE_MS	 2000
#define LONG_PAUSE_MS	 32000
#define SET_WINDOW	 4		/* triggers of a data set at a time, before anything is known of it */
#define SET_SHARE	 8		/* ... and one more for so many that run: a cap is met by few at a time */
#define SET_STEP_MAX	 16
#define HOLD_MS		 30000		/* until one beyond the limit is tried, doubled ... */
#define HOLD_MAX_MS	 120000		/* ... up to this */
#define HOLD_CAP_MS	 600000		/* where all who run are ours: only a new contract changes it */
#define PROBES_SPARE	 10		/* so many of the refusals are left to the other calls */
#define AWAY_FAILURES	 5		/* in a row, then one probe at a time */
#define KEY_PAUSE_MS	 180000		/* a refused key needs a person */

static const struct backoff probe_backoff = { 1000, 30000 };

void
budget_init(struct budget *b, unsigned calls_max)
{
	memset(b, 0, sizeof(*b));
	b->calls_max = b->window = b->ceiling = calls_max;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int64_t
within(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* ---- answers 429 of the last 5 minutes ---- */

static unsigned
refusals_kept(const struct budget *b)
{
	return (unsigned)(b->refusal_count < BUDGET_REFUSALS_MAX ? b->refusal_count : BUDGET_REFUSALS_MAX);
}

/* The i-th last one; 0: the last. */
static int64_t
refusal_at(const struct budget *b, unsigned i)
{
	return b->refusals_mono_ms[(b->refusal_count - 1 - i) % BUDGET_REFUSALS_MAX];
}

unsigned
budget_refusals(const struct budget *b, int64_t now)
{
	unsigned count = 0;

	while (count < refusals_kept(b) && now - refusal_at(b, count) < BUDGET_WINDOW_MS)
		count++;
	return count;
}

static void
note_refusal(struct budget *b, int64_t at)
{
	b->refusals_mono_ms[b->refusal_count++ % BUDGET_REFUSALS_MAX] = at;
	b->changed = true;
}

static unsigned
presumed(const struct budget *b, int64_t now)
{
	return now - b->presumed_mono_ms < BUDGET_WINDOW_MS ? b->presumed : 0;
}

void
budget_unseen(struct budget *b, int64_t now, unsigned calls)
{
	b->presumed = least(presumed(b, now) + calls, BUDGET_REFUSALS_MAX);
	b->presumed_mono_ms = now;
}

/* Calls in flight that the refusals leave room for. What is only presumed never stops
 * everything: one call at a time finds out. */
static unsigned
refusals_allow(const struct budget *b, int64_t now)
{
	unsigned seen = budget_refusals(b, now), all = seen + presumed(b, now);

	if (all == 0)
		return b->calls_max;
	if (all < BUDGET_REFUSALS_MAX)
		return least(b->calls_max, BUDGET_REFUSALS_MAX - all);
	return seen < BUDGET_REFUSALS_MAX;
}

/* ---- may it be asked? ---- */

/* Until when only probes go, at the latest reason's; INT64_MIN: no reason. */
static int64_t
held_until(const struct budget *b, int64_t now)
{
	int64_t until = INT64_MIN;

	if (now < b->until_mono_ms)
		until = b->until_mono_ms;
	if (b->open && b->probe_mono_ms > until)
		until = b->probe_mono_ms;
	if (b->key_refused && b->key_mono_ms > until)
		until = b->key_mono_ms;
	return until;
}

unsigned
budget_room(const struct budget *b, int64_t now)
{
	unsigned limit = least(b->window, refusals_allow(b, now));

	if (now < held_until(b, now))
		return 0;
	if (b->open || b->key_refused)
		limit = least(limit, 1);
	return limit > b->calls ? limit - b->calls : 0;
}

int64_t
budget_opens_mono_ms(const struct budget *b, int64_t now)
{
	unsigned kept = budget_refusals(b, now);
	int64_t until = held_until(b, now);

	if (until > now)
		return until;
	return kept > 0 ? refusal_at(b, kept - 1) + BUDGET_WINDOW_MS : INT64_MAX;
}

void
budget_call_begun(struct budget *b, unsigned calls)
{
	b->calls += calls;
}

void
budget_call_ended(struct budget *b, unsigned calls)
{
	assert(b->calls >= calls);
	b->calls -= calls;
}

enum provider_state
budget_state(const struct budget *b, int64_t now, int64_t *ret_until)
{
	*ret_until = held_until(b, now);
	if (*ret_until < now)
		*ret_until = now;
	if (b->key_refused)
		return PROVIDER_KEY_REFUSED;
	if (b->open)
		return PROVIDER_AWAY;
	if (now < b->until_mono_ms)
		return PROVIDER_LIMITED;
	if (refusals_allow(b, now) == 0) {
		*ret_until = budget_opens_mono_ms(b, now);
		return PROVIDER_LIMITED;
	}
	return PROVIDER_OK;
}

bool
budget_patience_runs(const struct budget *b, int64_t now)
{
	int64_t until;

	return !b->away && budget_state(b, now, &until) == PROVIDER_OK;
}

/* ---- what came of a call ---- */

static void
grow(struct budget *b)
{
	if (b->window >= b->calls_max)
		return;
	if (b->window >= b->ceiling && ++b->credit < b->window)
		return;
	b->credit = 0;
	b->window++;
}

/* The provider is there and takes our key. */
static void
is_well(struct budget *b)
{
	if (b->open)
		b->window = 1;		/* not all who waited at once */
	b->failures = b->probes = 0;
	b->away = b->open = b->key_refused = false;
}

void
budget_answered(struct budget *b)
{
	is_well(b);
	if (b->presumed > 0)
		b->presumed--;
	if (b->rounds > 0)
		b->changed = true;
	b->rounds = 0;
	grow(b);
}

static int64_t
own_pause(const struct budget *b, uint64_t random)
{
	unsigned doubled = least(b->rounds, 4);
	int64_t pause = (int64_t)FIRST_PAUSE_MS << doubled;

	if (pause > LONG_PAUSE_MS)
		pause = LONG_PAUSE_MS;
	/* Longer, never shorter than the provider's own schedule. */
	return pause + (int64_t)(random % (uint64_t)(pause / 4 + 1));
}

int64_t
budget_limited(struct budget *b, int64_t now, int64_t retry_after_ms, uint64_t random)
{
	int64_t until;

	if (retry_after_ms > BUDGET_PAUSE_MAX_MS)
		retry_after_ms = BUDGET_PAUSE_MAX_MS;
	until = now + (retry_after_ms > 0 ? retry_after_ms : own_pause(b, random));
	/* Those that were in flight when the pause began tell nothing new about its length. */
	if (now >= b->until_mono_ms) {
		b->rounds++;
		b->ceiling = b->window > 2 ? b->window / 2 : 1;
		b->window = 1;
		b->credit = 0;
	}
	if (b->until_mono_ms < until)
		b->until_mono_ms = until;
	note_refusal(b, now);
	is_well(b);
	return b->until_mono_ms;
}

/* One crawl that fails again and again says nothing of the provider when it is answered. */
void
budget_failed(struct budget *b, int64_t now, bool answered, const struct uuid *crawl, uint64_t random)
{
	bool other = !uuid_equal(&b->failed, crawl);

	if (answered && !other)
		return;
	b->failed = *crawl;
	b->away = !answered || b->failures > 0;
	if (b->open && now < b->probe_mono_ms)
		return;			/* was in flight when the others failed */
	if (++b->failures < AWAY_FAILURES && !b->open)
		return;
	b->open = true;
	b->probe_mono_ms = now + backoff_pause_ms(&probe_backoff, ++b->probes, random);
}

void
budget_key_refused(struct budget *b, int64_t now, uint64_t random)
{
	if (b->key_refused && now < b->key_mono_ms)
		return;
	/* It may be one crawl's job that is not ours to see: another call finds out at once. */
	b->key_mono_ms = b->key_refused ? now + backoff_jitter(KEY_PAUSE_MS, 10, random) : now;
	b->key_refused = true;
	b->away = b->open = false;	/* it is there, and says no */
	b->failures = b->probes = 0;
}

bool
budget_key_is_refused(const struct budget *b, int64_t now)
{
	return b->key_refused && now < b->key_mono_ms;
}

void
budget_key_retry(struct budget *b, int64_t now)
{
	b->key_mono_ms = now;
	b->probe_mono_ms = now;
}

/* ---- data sets ---- */

static bool
is_unused(const struct budget_set *set)
{
	return set->waiting == 0 && set->running == 0 && set->in_flight == 0;
}

static void
set_init(struct budget_set *set, const char *dataset_id)
{
	memset(set, 0, sizeof(*set));
	(void)str_copy(set->dataset_id, sizeof(set->dataset_id), dataset_id);
	set->window = SET_WINDOW;
	set->limit = BUDGET_CAP;
	set->step = 1;
	set->probe_mono_ms = INT64_MIN;
}

struct budget_set *
budget_set(struct budget *b, const char *dataset_id)
{
	struct budget_set *place = NULL;

	for (unsigned i = 0; i < b->set_count; i++) {
		if (strcmp(b->sets[i].dataset_id, dataset_id) == 0)
			return &b->sets[i];
		if (place == NULL && is_unused(&b->sets[i]))
			place = &b->sets[i];
	}
	if (b->set_count < BUDGET_SETS)
		place = &b->sets[b->set_count++];
	if (place == NULL) {
		place = &b->sets[BUDGET_SETS];
		if (place->window == 0)
			set_init(place, "");
		return place;
	}
	set_init(place, dataset_id);
	return place;
}

unsigned
budget_set_room(const struct budget *b, const struct budget_set *set, int64_t now)
{
	unsigned at_a_time = least(set->window, SET_WINDOW + set->running / SET_SHARE);
	unsigned places = set->running + set->in_flight;

	if (places < set->limit)
		return least(at_a_time > set->in_flight ? at_a_time - set->in_flight : 0, set->limit - places);
	return set->in_flight == 0 && now >= set->probe_mono_ms && budget_refusals(b, now) < PROBES_SPARE;
}

int64_t
budget_set_opens_mono_ms(const struct budget_set *set, int64_t now)
{
	return set->waiting > 0 && set->probe_mono_ms > now ? set->probe_mono_ms : INT64_MAX;
}

void
budget_set_taken(struct budget *b, struct budget_set *set)
{
	if (set->window < b->calls_max)
		set->window++;
	if (set->running <= set->limit)
		return;
	set->limit = set->running + set->step;
	set->step = least(set->step * 2, SET_STEP_MAX);
	set->refused = 0;
	set->is_cap = false;
	b->changed = true;
}

/* "Running jobs: 100>=100": how many run, and how many may. */
static bool
read_cap(const char *text, unsigned *ret_running, unsigned *ret_cap)
{
	const char *at = strstr(text, "Running jobs:");

	return at != NULL && sscanf(at, "Running jobs: %7u>=%7u", ret_running, ret_cap) == 2;
}

void
budget_set_refused(struct budget *b, struct budget_set *set, int64_t now, const char *text)
{
	unsigned ours = set->running + set->in_flight, running, cap, foreign;
	int64_t pause;

	note_refusal(b, now);
	is_well(b);
	set->window = set->window > 2 ? set->window / 2 : 1;
	set->step = 1;
	set->limit = set->running;
	set->is_cap = false;
	if (read_cap(text, &running, &cap)) {
		foreign = running > ours ? running - ours : 0;
		set->limit = cap > foreign ? cap - foreign : 0;
		set->is_cap = foreign == 0;
	}
	if (now < set->probe_mono_ms)
		return;			/* was in flight when the others were refused */
	pause = (int64_t)HOLD_MS << least(set->refused, 2);
	set->refused++;
	set->probe_mono_ms = now + (set->is_cap ? HOLD_CAP_MS : pause < HOLD_MAX_MS ? pause : HOLD_MAX_MS);
}

/* ---- from one keeper to the next ---- */

static void
save_pause(struct budget_record *r, const struct budget_pause *pause)
{
	r->pauses[r->pause_count++] = *pause;
}

static void
save_set(struct budget_record *r, const struct budget_set *set, int64_t now)
{
	int64_t limit = set->is_cap ? -1 - (int64_t)set->limit : (int64_t)set->limit;
	struct budget_pause pause = { .until_ms = r->noted_ms, .times = set->refused, .limit = limit };

	if (set->limit == BUDGET_CAP && set->refused == 0)
		return;			/* as one that nothing is known of */
	if (set->probe_mono_ms > now)
		pause.until_ms += set->probe_mono_ms - now;
	(void)str_copy(pause.dataset_id, sizeof(pause.dataset_id), set->dataset_id);
	save_pause(r, &pause);
}

void
budget_save(struct budget *b, int64_t now, int64_t now_wall, struct budget_record *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->noted_ms = now_wall;
	for (unsigned i = budget_refusals(b, now); i-- > 0;)
		ret->limited_ms[ret->limited_count++] = now_wall + refusal_at(b, i) - now;
	if (now < b->until_mono_ms || b->rounds > 0)
		save_pause(ret, &(struct budget_pause){ .until_ms = now_wall +
		    (b->until_mono_ms > now ? b->until_mono_ms - now : 0), .times = b->rounds });
	for (unsigned i = 0; i < b->set_count; i++)
		save_set(ret, &b->sets[i], now);
	b->changed = false;
}

static void
restore_set(struct budget *b, const struct budget_pause *pause, int64_t until_mono_ms)
{
	struct budget_set *set = budget_set(b, pause->dataset_id);

	set->is_cap = pause->limit < 0;
	set->limit = (unsigned)(set->is_cap ? -1 - pause->limit : pause->limit);
	set->refused = pause->times;
	set->probe_mono_ms = until_mono_ms;
}

void
budget_restore(struct budget *b, int64_t now, int64_t now_wall, const struct budget_record *r)
{
	int64_t noted = now - within(now_wall - r->noted_ms, 0, INT32_MAX);	/* monotonic */

	for (unsigned i = 0; i < r->limited_count; i++)
		note_refusal(b, noted - within(r->noted_ms - r->limited_ms[i], 0, BUDGET_WINDOW_MS));
	for (unsigned i = 0; i < r->pause_count; i++) {
		const struct budget_pause *pause = &r->pauses[i];
		bool all = pause->dataset_id[0] == '\0';
		int64_t until = noted + within(pause->until_ms - r->noted_ms, 0,
		    all ? BUDGET_PAUSE_MAX_MS : HOLD_CAP_MS);

		if (!all) {
			restore_set(b, pause, until);
			continue;
		}
		b->until_mono_ms = until;
		b->rounds = pause->times;
		b->window = 1;
	}
	b->changed = false;
}
