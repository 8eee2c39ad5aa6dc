/*
 * keeper_budget.c - the discipline towards the provider, as keeper_budget.h tells it.
 * Pure, so that its promises can be tested over simulated hours and thousands of calls.
 */
#include "keeper/keeper_budget.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"

#define LONG_AGO	 (INT64_MIN / 2)
#define FIRST_PAUSE_MS	 2000
#define LONG_PAUSE_MS	 32000
#define SET_WINDOW	 4		/* triggers of a data set at a time, before anything is known of it */
#define SET_SHARE	 8		/* ... and one more for so many that run: a cap is met by few at a time */
#define SET_STEP_MAX	 16
#define HOLD_MS		 30000		/* until one beyond the limit is tried, doubled ... */
#define HOLD_DOUBLED	 2		/* ... so often */
#define HOLD_CAP_MS	 600000		/* where all who run are ours: only a new contract changes it */
#define UNDER_WAY_MS	 10000		/* a call that was lost is at the provider by then */
#define SPARE		 10		/* so many of the refusals are left to the other calls */
#define OTHERS		 (BUDGET_REFUSALS_MAX - BUDGET_TRIGGERS_MAX)	/* calls that no cap refuses, at a time at least */
#define AWAY_FAILURES	 5		/* in a row, then one probe at a time */
#define KEY_PAUSE_MS	 180000		/* a refused key needs a person */

static const struct backoff probe_backoff = { 1000, 30000 };

void
budget_init(struct budget *b, const struct provider *provider, unsigned calls_max)
{
	memset(b, 0, sizeof(*b));
	b->provider = provider;
	b->calls_max = b->window = b->ceiling = calls_max;
	b->until_mono_ms = b->presumed_mono_ms = LONG_AGO;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
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

/* Refused for its rate within the last 5 minutes. */
static bool
is_limited_lately(const struct budget *b, int64_t now)
{
	return now - b->until_mono_ms < BUDGET_WINDOW_MS;
}

static unsigned
most(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Those left of the answers that nobody saw, when good ones count. Where others were refused, triggers are
 * taken to be no better than those; and of a provider that refuses some calls for its rate and answers
 * others, good answers tell nothing at all. */
static unsigned
not_redeemed(const struct budget *b, int64_t now)
{
	if (is_limited_lately(b, now))
		return b->presumed;
	return most(b->presumed - b->redeemed, least(b->presumed_triggers, budget_refusals(b, now)));
}

static unsigned
presumed(const struct budget *b, int64_t now)
{
	int64_t since = now - b->presumed_mono_ms;

	if (since >= BUDGET_WINDOW_MS)
		return 0;
	/* Where the rate was met lately some may still be on their way, and refused whatever others are answered. */
	return since < UNDER_WAY_MS && is_limited_lately(b, now) ? b->presumed : not_redeemed(b, now);
}

void
budget_unseen(struct budget *b, int64_t now, unsigned calls, unsigned triggers)
{
	if (calls > 0) {
		if (now - b->presumed_mono_ms >= UNDER_WAY_MS) {
			b->presumed = presumed(b, now);
			b->presumed_triggers = least(b->presumed_triggers, b->presumed);
			b->redeemed = 0;
		}
		b->presumed = least(b->presumed + calls, BUDGET_UNSEEN_MAX);
		b->presumed_mono_ms = now;
		b->changed = true;
	}
	b->presumed_triggers = least(b->presumed_triggers + triggers, b->presumed);
}

void
budget_trigger_seen(struct budget *b)
{
	if (b->presumed_triggers == 0)
		return;
	b->presumed_triggers--;
	b->presumed--;
	b->redeemed = least(b->redeemed, b->presumed);
	b->changed = true;
}

static unsigned
left_of(unsigned whole, unsigned used)
{
	return whole > used ? whole - used : 0;
}

/* Calls in flight that the refusals leave room for. When its rate is met, all of them may be refused. While none
 * was refused for its rate, those that no cap refuses do not suffer from what is presumed of triggers, and what is
 * presumed of themselves leaves one at a time a little longer. */
static unsigned
refusals_allow(const struct budget *b, int64_t now)
{
	unsigned seen = budget_refusals(b, now), all = seen + presumed(b, now), firm, others;

	if (all == 0)
		return b->calls_max;
	if (is_limited_lately(b, now))
		return least(least(b->calls_max, left_of(BUDGET_REFUSALS_MAX, all)), seen < SPARE ? SPARE - seen : 1);
	firm = seen + (now - b->presumed_mono_ms < BUDGET_WINDOW_MS ? b->presumed - b->redeemed : 0);
	others = least(OTHERS, left_of(BUDGET_REFUSALS_MAX, firm));
	if (others == 0 && seen < BUDGET_REFUSALS_MAX && firm < BUDGET_UNSEEN_MAX)
		others = 1;
	return least(b->calls_max, most(others, left_of(BUDGET_REFUSALS_MAX, all)));
}

/* Data sets may meet their caps all at once: then all triggers in flight are refused. What is left after that must be
 * enough to go on with, one at a time, in the places that are known by then. */
static unsigned
triggers_allowed(const struct budget *b, int64_t now)
{
	unsigned all = budget_refusals(b, now) + presumed(b, now);

	if (b->calls_max > BUDGET_REFUSALS_MAX && all == 0)
		return b->calls_max;	/* an operator who knows better */
	return all < BUDGET_AT_ONCE_MAX ? BUDGET_AT_ONCE_MAX - all : all < BUDGET_TRIGGERS_MAX;
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
	return left_of(limit, b->calls);
}

unsigned
budget_trigger_room(const struct budget *b, int64_t now, unsigned in_flight)
{
	return least(budget_room(b, now), left_of(triggers_allowed(b, now), in_flight));
}

int64_t
budget_opens_mono_ms(const struct budget *b, int64_t now)
{
	unsigned kept = budget_refusals(b, now);
	int64_t until = held_until(b, now), opens = INT64_MAX;

	if (until > now)
		return until;
	if (kept > 0)
		opens = refusal_at(b, kept - 1) + BUDGET_WINDOW_MS;
	if (is_limited_lately(b, now))
		opens = earlier(opens, b->until_mono_ms + BUDGET_WINDOW_MS);
	if (presumed(b, now) > 0)
		opens = earlier(opens, b->presumed_mono_ms +
		    (now - b->presumed_mono_ms < UNDER_WAY_MS ? UNDER_WAY_MS : BUDGET_WINDOW_MS));
	return opens;
}

void
budget_call_begun(struct budget *b, unsigned calls)
{
	b->calls += calls;
	b->paused = b->paused && calls == 0;
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
	if (b->redeemed < b->presumed) {
		b->redeemed++;
		b->changed = true;
	}
	if (b->paused)
		return;			/* was in flight when the pause began */
	if (b->rounds > 0)
		b->changed = true;
	b->rounds = 0;
	grow(b);
}

/* Doubled with each pause in a row, and by what the last 5 minutes brought: where one good answer
 * comes between any two pauses, they would be short for ever. */
static int64_t
own_pause(const struct budget *b, int64_t now, uint64_t random)
{
	unsigned lately = budget_refusals(b, now) / 2;
	int64_t pause = (int64_t)FIRST_PAUSE_MS << least(lately > b->rounds ? lately : b->rounds, 4);

	if (pause > LONG_PAUSE_MS)
		pause = LONG_PAUSE_MS;
	/* Longer, never shorter than the provider's own schedule. */
	return pause + (int64_t)(random % (uint64_t)(pause / 4 + 1));
}

/* Those that were in flight when the pause began make it longer only by naming one. */
static int64_t
begin_pause(struct budget *b, int64_t now, int64_t named_ms, uint64_t random)
{
	int64_t pause = named_ms;

	/* It is believed, unless such have been too short again and again. */
	if (named_ms == 0 || budget_refusals(b, now) >= SPARE)
		pause = larger(named_ms, own_pause(b, now, random));
	b->rounds++;
	b->ceiling = b->window > 2 ? b->window / 2 : 1;
	b->window = 1;
	b->credit = 0;
	b->paused = true;
	return pause;
}

int64_t
budget_limited(struct budget *b, int64_t now, int64_t retry_after_ms, uint64_t random)
{
	int64_t pause = within(retry_after_ms, 0, BUDGET_PAUSE_MAX_MS);

	if (now >= b->until_mono_ms)
		pause = begin_pause(b, now, pause, random);
	b->until_mono_ms = larger(b->until_mono_ms, now + pause);
	note_refusal(b, now);
	is_well(b);
	return b->until_mono_ms;
}

/* One crawl that fails again and again says nothing of the provider when it is answered. */
void
budget_failed(struct budget *b, int64_t now, bool answered, const struct uuid *crawl, uint64_t random)
{
	bool other = !uuid_equal(&b->failed, crawl);

	if (answered && !other && !b->open)
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
budget_key_refused(struct budget *b, int64_t now, const struct uuid *crawl, uint64_t random)
{
	if (b->key_refused && now < b->key_mono_ms)
		return;
	/* It may be one crawl's job that is not ours to see: another call finds out at once. */
	b->key_is_sure = crawl == NULL ||
	    (b->key_refused && (b->key_is_sure || !uuid_equal(&b->key_crawl, crawl)));
	b->key_mono_ms = b->key_is_sure ? now + backoff_jitter(KEY_PAUSE_MS, 10, random) : now;
	b->key_refused = true;
	if (crawl != NULL)
		b->key_crawl = *crawl;
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
set_init(const struct budget *b, struct budget_set *set, const char *dataset_id)
{
	memset(set, 0, sizeof(*set));
	(void)str_copy(set->dataset_id, sizeof(set->dataset_id), dataset_id);
	set->window = SET_WINDOW;
	set->limit = b->provider->limits.jobs;
	set->step = 1;
	set->probe_mono_ms = INT64_MIN;
}

struct budget_set *
budget_set(struct budget *b, const char *dataset_id)
{
	struct budget_set *shared = &b->sets[BUDGET_SETS], *place = NULL;

	for (unsigned i = 0; i < b->set_count; i++) {
		if (strcmp(b->sets[i].dataset_id, dataset_id) == 0)
			return &b->sets[i];
		if (place == NULL && is_unused(&b->sets[i]))
			place = &b->sets[i];
	}
	if (b->set_count < BUDGET_SETS)
		place = &b->sets[b->set_count++];
	/* As long as somebody is in it, it may be this one, who must find there what was counted there. */
	if (place == NULL || !is_unused(shared)) {
		if (shared->window == 0)
			set_init(b, shared, "");
		return shared;
	}
	set_init(b, place, dataset_id);
	return place;
}

void
budget_forget_counts(struct budget *b)
{
	for (unsigned i = 0; i <= BUDGET_SETS; i++)
		b->sets[i].waiting = b->sets[i].running = 0;
}

unsigned
budget_set_room(const struct budget *b, const struct budget_set *set, int64_t now)
{
	unsigned at_a_time = least(set->window, SET_WINDOW + set->running / SET_SHARE);
	unsigned places = set->running + set->in_flight, refusals = budget_refusals(b, now);

	if (set->is_contested && (now < set->probe_mono_ms || refusals >= SPARE))
		return 0;
	if (places < set->limit)
		return least(at_a_time > set->in_flight ? at_a_time - set->in_flight : 0, set->limit - places);
	return set->in_flight == 0 && now >= set->probe_mono_ms && refusals < SPARE;
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
	set->is_contested = false;
	/* Where job after job beyond what was known was taken, the next do not wait until all that are in flight have
	 * come home and one more was tried. */
	if (set->running + (set->step >= SET_STEP_MAX ? set->step / 2 : 0) <= set->limit)
		return;
	set->limit = set->running + set->step;
	set->step = least(set->step * 2, b->calls_max > SET_STEP_MAX ? 2 * b->calls_max : SET_STEP_MAX);
	set->refused = 0;
	set->is_cap = false;
	b->changed = true;
}

void
budget_set_refused(struct budget *b, struct budget_set *set, int64_t now, const char *text)
{
	unsigned ours = set->running + set->in_flight, limit = ours, running, cap, foreign = UINT_MAX;
	int64_t hold;

	note_refusal(b, now);
	is_well(b);
	set->window = set->window > 2 ? set->window / 2 : 1;
	set->step = 1;
	if (b->provider->read_cap(text, &running, &cap)) {
		foreign = running > ours ? running - ours : 0;
		limit = least(limit, cap > foreign ? cap - foreign : 0);
	}
	set->is_cap = foreign == 0;
	/* It was not one beyond the limit, but one in a place that was thought to be ours. */
	set->is_contested = !set->is_cap && limit < set->limit;
	set->limit = limit;
	hold = set->is_cap ? HOLD_CAP_MS : (int64_t)HOLD_MS << least(set->refused, HOLD_DOUBLED);
	/* Those that were in flight when the others were refused do not lengthen it. */
	if (now >= set->probe_mono_ms) {
		set->refused++;
		set->probe_mono_ms = now + hold;
	} else if (set->probe_mono_ms > now + hold)
		set->probe_mono_ms = now + hold;	/* others run there by now, and may end any time */
}

/* ---- from one keeper to the next ---- */

static void
save_pause(struct budget_record *r, const struct budget_pause *pause)
{
	r->pauses[r->pause_count++] = *pause;
}

static void
save_set(const struct budget *b, struct budget_record *r, const struct budget_set *set, int64_t now)
{
	int64_t limit = set->is_cap ? -1 - (int64_t)set->limit : (int64_t)set->limit;
	struct budget_pause pause = { .until_ms = r->noted_ms, .times = set->refused, .limit = limit };

	if (set->limit == b->provider->limits.jobs && set->refused == 0)
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
	if (is_limited_lately(b, now) || b->rounds > 0 || presumed(b, now) > 0)
		save_pause(ret, &(struct budget_pause){ .limit = presumed(b, now) > 0 ? not_redeemed(b, now) : 0,
		    .times = b->rounds,
		    .until_ms = now_wall + larger(b->until_mono_ms - now, -BUDGET_WINDOW_MS) });
	for (unsigned i = 0; i < b->set_count; i++)
		save_set(b, ret, &b->sets[i], now);
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

static void
restore_all(struct budget *b, const struct budget_pause *pause, int64_t until_mono_ms, int64_t noted_mono_ms)
{
	b->until_mono_ms = until_mono_ms;
	b->rounds = pause->times;
	if (b->rounds > 0)
		b->window = 1;
	b->presumed = (unsigned)within(pause->limit, 0, BUDGET_UNSEEN_MAX);	/* whose, budget_unseen() is told */
	b->presumed_mono_ms = noted_mono_ms;
}

void
budget_restore(struct budget *b, int64_t now, int64_t now_wall, const struct budget_record *r)
{
	int64_t noted = now - within(now_wall - r->noted_ms, 0, INT32_MAX);	/* monotonic */
	int64_t last = INT64_MIN;

	for (unsigned i = 0; i < r->limited_count; i++) {
		last = larger(last, noted - within(r->noted_ms - r->limited_ms[i], 0, BUDGET_WINDOW_MS));
		note_refusal(b, last);
	}
	for (unsigned i = 0; i < r->pause_count; i++) {
		const struct budget_pause *pause = &r->pauses[i];
		bool all = pause->dataset_id[0] == '\0';
		int64_t until = noted + within(pause->until_ms - r->noted_ms, -BUDGET_WINDOW_MS,
		    all ? BUDGET_PAUSE_MAX_MS : HOLD_CAP_MS);

		if (all)
			restore_all(b, pause, until, noted);
		else
			restore_set(b, pause, until);
	}
	b->changed = false;
}
