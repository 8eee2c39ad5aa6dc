/*
 * provider_world.h - a provider and a keeper in virtual time, for the test of the budget:
 * thousands of crawls over hours in a moment. Nothing here knows how the budget decides;
 * the keeper asks it for room as src/keeper/keeper_grant.c does, and wakes by time only when
 * budget_opens_mono_ms() and budget_set_opens_mono_ms() say so, so that a moment that they
 * forget shows as crawls that never end.
 *
 * The provider has a cap of running jobs for each data set, foreign jobs beside ours, a rate,
 * and phases in which it is away, fails, limits everything or refuses the key. It counts its
 * answers 429 whether or not anybody sees them, and bans at 25 in 5 minutes.
 *
 * world_check() after each event: the answers 429 of the last 5 minutes and the calls under way
 * are together never more than 20, by the keeper's count and by the provider's; and where pollers
 * and keepers are lost, there is no ban.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/mem.h"
#include "keeper/keeper_budget.h"
#include "provider/brightdata.h"

#define SECOND	 INT64_C(1000)
#define MINUTE	 (60 * SECOND)
#define HOUR	 (60 * MINUTE)
#define WALL	 INT64_C(1732385000000)
#define BAN	 25
#define NAMES	 200
#define NOBODY	 UINT32_MAX
#define ALL_SETS (-1)

enum phase_kind {
	PHASE_AWAY,		/* connections are refused */
	PHASE_SILENT,		/* no answer within 30 s; what was asked is done or not */
	PHASE_ERROR,		/* 500 */
	PHASE_LIMITED,		/* 429 for everything */
	PHASE_KEY,		/* 401 */
	PHASE_FOREIGN,		/* others run so many jobs of a data set, as far as there are places */
};

struct phase {
	enum phase_kind kind;
	int64_t	 from, to;
	int64_t	 retry_after;	/* PHASE_LIMITED; 0: not named */
	unsigned set, foreign;	/* PHASE_FOREIGN */
};

struct world_conf {
	unsigned crawls, sets;		/* the i-th crawl is of data set i % sets */
	unsigned cap;
	unsigned calls_max;
	int64_t	 job, trigger, poll;	/* how long each takes, spread by a quarter */
	int64_t	 interval;		/* between two polls of a crawl */
	unsigned rate;			/* calls a minute; 0: any */
	int64_t	 retry_after;		/* of its refusals; 0: not named */
	bool	 no_numbers;		/* the text of a refusal tells no cap */
	bool	 never_ends;		/* jobs run for ever: what runs is all that counts */
	int64_t	 lose;			/* a poller is lost about so often; 0: never */
	int64_t	 restart;		/* so is the keeper, ... */
	bool	 pollers_stay;		/* ... and its pollers bring their results to the next one */
	uint32_t broken;		/* this crawl + 1 draws 500 for its polls */
	uint32_t forbidden;		/* this crawl + 1 draws 403 for its polls */
	uint64_t seed;
	const struct phase *phases;
	unsigned phase_count;
};

enum fate { FATE_WAITING, FATE_ASKED, FATE_UNKNOWN, FATE_RUNNING, FATE_READY, FATE_DONE };

struct w_crawl {
	uint8_t	 fate;
	bool	 has_job, job_over, queued;
	bool	 unseen;	/* nobody saw what became of its trigger */
	uint16_t set, failures;
	uint32_t next;		/* in its queue */
	int64_t	 job_ends;
	int64_t	 due;		/* not queued: then */
};

enum ask { ASK_TRIGGER, ASK_POLL, ASK_DOWNLOAD, ASK_COUNT };
enum said { SAID_NOTHING, SAID_OK, SAID_LIMITED, SAID_BUSY, SAID_UNKNOWN, SAID_UNSENT, SAID_ERROR, SAID_KEY };

struct w_call {
	bool	 used, lost, decided;
	enum ask ask;
	enum said said;
	uint32_t crawl;
	unsigned life;
	struct budget_set *set;
	int64_t	 retry_after;
	char	 text[200];
};

enum tick { TICK_ARRIVES, TICK_ENDS, TICK_DUE, TICK_JOB_OVER, TICK_PHASE, TICK_WAKE, TICK_LOSE, TICK_RESTART };

struct w_event {
	int64_t	 at;
	uint64_t order;
	uint32_t index;
	uint8_t	 tick;
};

struct w_queue { uint32_t first, last, count; };

struct world {
	struct world_conf conf;
	int64_t	 now;
	uint64_t random;

	struct w_crawl *crawls;
	struct w_call  *calls;
	unsigned call_size;
	struct w_event *events;		/* a heap */
	unsigned event_count, event_size;
	uint64_t order;

	/* the provider */
	unsigned live[NAMES], foreign[NAMES];	/* running jobs */
	unsigned most[NAMES];			/* of ours at a time */
	int64_t	*refusals;			/* when, all of them */
	unsigned refusal_count, refusal_size, busy, limited;
	unsigned most_refusals;			/* in any 5 minutes */
	bool	 banned;
	double	 tokens;
	int64_t	 tokens_at;
	unsigned asked[ASK_COUNT], connects;

	/* the keeper */
	struct budget b;
	struct budget_record record;
	int64_t	 mono_offset;
	unsigned life;
	unsigned in_flight, undecided;	/* calls; of them, and of those that were lost, without answer so far */
	struct w_queue triggers[NAMES], polls, downloads;
	unsigned triggers_in_flight, turn;
	int64_t	 wake_at;
	unsigned done;
	int64_t	 done_at;
	int64_t	 poll_wait_max;		/* between due and asked */
	unsigned restarts, lost;
};

/* ---- small ---- */

static uint64_t
rnd(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random * UINT64_C(0x2545f4914f6cdd1d) >> 11;
}

static int64_t
about(struct world *w, int64_t ms)
{
	return backoff_jitter(ms, 4, rnd(w));
}

static int64_t
mono(const struct world *w)
{
	return w->now + w->mono_offset;
}

static const char *
name_of(unsigned set)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "gd_%u", set);
	return name;
}

static struct budget_set *
set_of(struct world *w, uint32_t crawl)
{
	return budget_set(&w->b, name_of(w->crawls[crawl].set));
}

static bool
is_unused_place(const struct budget_set *set)
{
	return set->waiting == 0 && set->running == 0 && set->in_flight == 0;
}

static struct uuid
id_of(uint32_t crawl)
{
	struct uuid id = { { 1 } };

	memcpy(id.bytes + 4, &crawl, sizeof(crawl));
	return id;
}

static bool
sooner(const struct w_event *a, const struct w_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
at(struct world *w, int64_t when, enum tick tick, uint32_t index)
{
	struct w_event e = { when, w->order++, index, (uint8_t)tick };
	unsigned i;

	if (w->event_count == w->event_size) {
		w->event_size = w->event_size ? 2 * w->event_size : 1024;
		w->events = xrealloc(w->events, w->event_size * sizeof(*w->events));
	}
	for (i = w->event_count++; i > 0 && sooner(&e, &w->events[(i - 1) / 2]); i = (i - 1) / 2)
		w->events[i] = w->events[(i - 1) / 2];
	w->events[i] = e;
}

static struct w_event
next_event(struct world *w)
{
	struct w_event first = w->events[0], e = w->events[--w->event_count];
	unsigned i = 0, child;

	while ((child = 2 * i + 1) < w->event_count) {
		if (child + 1 < w->event_count && sooner(&w->events[child + 1], &w->events[child]))
			child++;
		if (!sooner(&w->events[child], &e))
			break;
		w->events[i] = w->events[child];
		i = child;
	}
	w->events[i] = e;
	return first;
}

static void
push(struct world *w, struct w_queue *q, uint32_t crawl)
{
	if (w->crawls[crawl].queued)
		return;
	w->crawls[crawl].queued = true;
	w->crawls[crawl].next = NOBODY;
	w->crawls[crawl].due = w->now;
	if (q->count++ == 0)
		q->first = crawl;
	else
		w->crawls[q->last].next = crawl;
	q->last = crawl;
}

static uint32_t
pull(struct world *w, struct w_queue *q)
{
	uint32_t crawl = q->first;

	assert_true(q->count > 0);
	q->first = w->crawls[crawl].next;
	q->count--;
	w->crawls[crawl].queued = false;
	return crawl;
}

/* ---- the provider ---- */

static const struct phase *
phase_of(const struct world *w, enum phase_kind kind, unsigned set)
{
	for (unsigned i = 0; i < w->conf.phase_count; i++) {
		const struct phase *p = &w->conf.phases[i];

		if (p->kind == kind && w->now >= p->from && w->now < p->to && (kind != PHASE_FOREIGN || p->set == set))
			return p;
	}
	return NULL;
}

/* Others take each place that is free, up to as many as they want. */
static void
settle_foreign(struct world *w, unsigned set)
{
	const struct phase *p = phase_of(w, PHASE_FOREIGN, set);
	unsigned want = p != NULL ? p->foreign : 0;
	unsigned places = w->conf.cap > w->live[set] ? w->conf.cap - w->live[set] : 0;

	if (want < w->foreign[set])
		w->foreign[set] = want;
	else
		w->foreign[set] = want < places ? want : places > w->foreign[set] ? places : w->foreign[set];
}

static unsigned
refusals_within(const struct world *w)
{
	unsigned count = 0;

	while (count < w->refusal_count && w->now - w->refusals[w->refusal_count - 1 - count] < BUDGET_WINDOW_MS)
		count++;
	return count;
}

static void
refuse(struct world *w, struct w_call *call, enum said said)
{
	unsigned within;

	if (w->refusal_count == w->refusal_size) {
		w->refusal_size = w->refusal_size ? 2 * w->refusal_size : 256;
		w->refusals = xrealloc(w->refusals, w->refusal_size * sizeof(*w->refusals));
	}
	w->refusals[w->refusal_count++] = w->now;
	within = refusals_within(w);
	if (within > w->most_refusals)
		w->most_refusals = within;
	w->banned = w->banned || within >= BAN;
	*(said == SAID_BUSY ? &w->busy : &w->limited) += 1;
	call->said = said;
}

static bool
has_token(struct world *w)
{
	double most = w->conf.rate / 6.0;	/* 10 s of it */

	if (w->conf.rate == 0)
		return true;
	w->tokens += (double)(w->now - w->tokens_at) * w->conf.rate / (double)MINUTE;
	w->tokens_at = w->now;
	if (w->tokens > most)
		w->tokens = most;
	if (w->tokens < 1)
		return false;
	w->tokens -= 1;
	return true;
}

static void
make_job(struct world *w, uint32_t crawl)
{
	struct w_crawl *c = &w->crawls[crawl];

	assert_false(c->has_job);		/* never paid twice */
	c->has_job = true;
	if (++w->live[c->set] > w->most[c->set])
		w->most[c->set] = w->live[c->set];
	if (!w->conf.never_ends)
		at(w, w->now + about(w, w->conf.job), TICK_JOB_OVER, crawl);
}

static void
job_over(struct world *w, uint32_t crawl)
{
	w->crawls[crawl].job_over = true;
	w->live[w->crawls[crawl].set]--;
	settle_foreign(w, w->crawls[crawl].set);
}

static void
say_busy(struct world *w, struct w_call *call, unsigned set)
{
	unsigned running = w->live[set] + w->foreign[set];

	refuse(w, call, SAID_BUSY);
	(void)snprintf(call->text, sizeof(call->text), "You have too many running jobs for this dataset. Please wait "
	    "until some of them finish or consider combining multiple inputs into a single request.");
	if (!w->conf.no_numbers)
		(void)snprintf(call->text + strlen(call->text), sizeof(call->text) - strlen(call->text),
		    " Running jobs: %u>=%u", running, w->conf.cap);
}

static void
decide(struct world *w, struct w_call *call)
{
	unsigned set = w->crawls[call->crawl].set;
	bool triggers = call->ask == ASK_TRIGGER;
	const struct phase *p;

	settle_foreign(w, set);
	if (w->banned || phase_of(w, PHASE_AWAY, 0) != NULL)
		call->said = SAID_UNSENT;
	else if (phase_of(w, PHASE_SILENT, 0) != NULL)
		call->said = SAID_UNKNOWN;
	else if (phase_of(w, PHASE_ERROR, 0) != NULL ||
	    (!triggers && w->conf.broken == call->crawl + 1))
		call->said = SAID_ERROR;
	else if (phase_of(w, PHASE_KEY, 0) != NULL || (!triggers && w->conf.forbidden == call->crawl + 1))
		call->said = SAID_KEY;
	else if ((p = phase_of(w, PHASE_LIMITED, 0)) != NULL) {
		refuse(w, call, SAID_LIMITED);
		call->retry_after = p->retry_after;
	} else if (!has_token(w)) {
		refuse(w, call, SAID_LIMITED);
		call->retry_after = w->conf.retry_after;
	} else if (triggers && w->live[set] + w->foreign[set] >= w->conf.cap)
		say_busy(w, call, set);
	else
		call->said = SAID_OK;
	if (triggers && (call->said == SAID_OK || (call->said == SAID_UNKNOWN && rnd(w) % 2)))
		make_job(w, call->crawl);
}

/* ---- the keeper: calls begin ---- */

static void
keep_budget(struct world *w)
{
	if (w->b.changed)
		budget_save(&w->b, mono(w), WALL + w->now, &w->record);
}

static void
begin(struct world *w, uint32_t crawl, enum ask ask)
{
	struct w_crawl *c = &w->crawls[crawl];
	unsigned i = 0;
	struct w_call *call;

	while (i < w->call_size && w->calls[i].used)
		i++;
	if (i == w->call_size) {
		w->call_size = w->call_size ? 2 * w->call_size : 64;
		w->calls = xrealloc(w->calls, w->call_size * sizeof(*w->calls));
		memset(w->calls + i, 0, (w->call_size - i) * sizeof(*w->calls));
	}
	call = &w->calls[i];
	*call = (struct w_call){ .used = true, .ask = ask, .crawl = crawl, .life = w->life };
	if (ask == ASK_TRIGGER) {
		call->set = set_of(w, crawl);
		assert_true(call->set->waiting > 0);
		call->set->waiting--;
		call->set->in_flight++;
		w->triggers_in_flight++;
		c->fate = FATE_ASKED;
	}
	budget_call_begun(&w->b, 1);
	w->in_flight++;
	w->undecided++;
	w->connects++;
	w->asked[ask]++;
	at(w, w->now + (ask == ASK_TRIGGER ? about(w, w->conf.trigger) : about(w, w->conf.poll)), TICK_ARRIVES, i);
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned
trigger_room(struct world *w, bool leave)
{
	unsigned room = budget_trigger_room(&w->b, mono(w), w->triggers_in_flight), may;

	if (!leave || room == 0)
		return room;
	may = w->b.calls + room;
	may -= may / 4 + (may < 4);
	return may > w->triggers_in_flight ? least(room, may - w->triggers_in_flight) : 0;
}

static void
grant_triggers(struct world *w, bool leave)
{
	w->turn++;
	for (unsigned n = 0; n < w->conf.sets && trigger_room(w, leave) > 0; n++) {
		unsigned i = (w->turn + n) % w->conf.sets;
		struct budget_set *set;
		unsigned want;

		if (w->triggers[i].count == 0)
			continue;
		set = budget_set(&w->b, name_of(i));
		if (set->waiting == 0)
			continue;		/* so does the keeper: whom it does not count it does not see */
		want = least(budget_set_room(&w->b, set, mono(w)), trigger_room(w, leave));
		while (want-- > 0 && w->triggers[i].count > 0)
			begin(w, pull(w, &w->triggers[i]), ASK_TRIGGER);
	}
}

static void
grant(struct world *w)
{
	int64_t next;

	while (w->downloads.count > 0 && budget_room(&w->b, mono(w)) > 0)
		begin(w, pull(w, &w->downloads), ASK_DOWNLOAD);
	grant_triggers(w, true);
	while (w->polls.count > 0 && budget_room(&w->b, mono(w)) > 0) {
		uint32_t crawl = pull(w, &w->polls);

		if (w->now - w->crawls[crawl].due > w->poll_wait_max)
			w->poll_wait_max = w->now - w->crawls[crawl].due;
		begin(w, crawl, ASK_POLL);
	}
	grant_triggers(w, false);
	keep_budget(w);

	next = budget_opens_mono_ms(&w->b, mono(w));
	for (unsigned i = 0; i <= BUDGET_SETS; i++) {
		int64_t opens = budget_set_opens_mono_ms(&w->b.sets[i], mono(w));

		next = opens < next ? opens : next;
	}
	if (next == INT64_MAX)
		return;
	next -= w->mono_offset;
	assert_true(next > w->now);
	if (w->wake_at <= w->now || next < w->wake_at) {
		w->wake_at = next;
		at(w, next, TICK_WAKE, 0);
	}
}

/* ---- the keeper: calls end ---- */

static void
later(struct world *w, uint32_t crawl, int64_t ms)
{
	at(w, w->now + ms, TICK_DUE, crawl);
}

static void
failed(struct world *w, const struct w_call *call)
{
	struct uuid id = id_of(call->crawl);
	bool answered = call->said == SAID_ERROR;

	budget_failed(&w->b, mono(w), answered, &id, rnd(w));
}

static void
note(struct world *w, const struct w_call *call)
{
	struct uuid id = id_of(call->crawl);

	switch (call->said) {
	case SAID_OK:
		budget_answered(&w->b);
		break;
	case SAID_LIMITED:
		(void)budget_limited(&w->b, mono(w), call->retry_after, rnd(w));
		break;
	case SAID_KEY:
		budget_key_refused(&w->b, mono(w), call->ask == ASK_TRIGGER ? NULL : &id, rnd(w));
		break;
	case SAID_UNKNOWN:
	case SAID_UNSENT:
	case SAID_ERROR:
		failed(w, call);
		break;
	default:
		break;
	}
}

static int64_t
again(struct world *w, struct w_crawl *c)
{
	static const struct backoff b = { 1000, 60000 };

	return backoff_pause_ms(&b, ++c->failures, rnd(w));
}

/* Its trigger may have made a job: it counts as one that runs, and is searched for in a minute. */
static void
unknown(struct world *w, uint32_t crawl, bool unseen)
{
	w->crawls[crawl].unseen = unseen;
	w->crawls[crawl].fate = FATE_UNKNOWN;
	set_of(w, crawl)->running++;
	later(w, crawl, MINUTE);
}

static void
wait_again(struct world *w, uint32_t crawl, int64_t ms)
{
	w->crawls[crawl].fate = FATE_WAITING;
	set_of(w, crawl)->waiting++;
	later(w, crawl, ms);
}

static void
triggered(struct world *w, struct w_call *call)
{
	struct w_crawl *c = &w->crawls[call->crawl];

	switch (call->said) {
	case SAID_OK:
		c->fate = FATE_RUNNING;
		c->failures = 0;
		set_of(w, call->crawl)->running++;
		budget_set_taken(&w->b, set_of(w, call->crawl));
		later(w, call->crawl, about(w, w->conf.interval));
		break;
	case SAID_BUSY:
		budget_set_refused(&w->b, set_of(w, call->crawl), mono(w), call->text);
		wait_again(w, call->crawl, 0);
		break;
	case SAID_UNKNOWN:
	case SAID_ERROR:
		unknown(w, call->crawl, false);
		break;
	case SAID_UNSENT:
		wait_again(w, call->crawl, again(w, c));
		break;
	default:
		wait_again(w, call->crawl, 0);
	}
}

static void
ended(struct world *w, uint32_t crawl)
{
	w->crawls[crawl].fate = FATE_DONE;
	w->done++;
	w->done_at = w->now;
}

static void
polled(struct world *w, struct w_call *call)
{
	struct w_crawl *c = &w->crawls[call->crawl];

	if (c->fate != (call->ask == ASK_POLL ? FATE_RUNNING : FATE_READY))
		return;			/* was asked twice */
	if (call->said == SAID_OK && call->ask == ASK_DOWNLOAD)
		ended(w, call->crawl);
	else if (call->said == SAID_OK && c->job_over) {
		c->fate = FATE_READY;
		c->failures = 0;
		set_of(w, call->crawl)->running--;
		later(w, call->crawl, 0);
	} else if (call->said == SAID_OK) {
		c->failures = 0;
		later(w, call->crawl, about(w, w->conf.interval));
	} else
		later(w, call->crawl, call->said == SAID_LIMITED || call->said == SAID_BUSY ? 0 : again(w, c));
}

static void
seen(struct world *w, struct w_crawl *c)
{
	if (c->unseen)
		budget_trigger_seen(&w->b);
	c->unseen = false;
}

/* The result of a call that a former keeper gave out: what its poller still tells. */
static void
late(struct world *w, struct w_call *call)
{
	struct w_crawl *c = &w->crawls[call->crawl];

	if (call->said == SAID_LIMITED)
		(void)budget_limited(&w->b, mono(w), call->retry_after, rnd(w));
	if (call->ask != ASK_TRIGGER || c->fate != FATE_UNKNOWN)
		return;
	seen(w, c);
	if (call->said == SAID_BUSY) {
		budget_set_refused(&w->b, set_of(w, call->crawl), mono(w), call->text);
		set_of(w, call->crawl)->running--;
		wait_again(w, call->crawl, 0);
	} else if (call->said == SAID_OK) {
		c->fate = FATE_RUNNING;
		budget_set_taken(&w->b, set_of(w, call->crawl));
	}
}

static void
release(struct world *w, struct w_call *call)
{
	budget_call_ended(&w->b, 1);
	w->in_flight--;
	if (call->ask == ASK_TRIGGER) {
		call->set->in_flight--;
		w->triggers_in_flight--;
	}
}

static void
ends(struct world *w, struct w_call *call)
{
	if (call->life != w->life && !call->lost)
		late(w, call);
	else if (!call->lost) {
		release(w, call);
		note(w, call);
		if (call->ask == ASK_TRIGGER)
			triggered(w, call);
		else
			polled(w, call);
	}
	call->used = false;
}

static void
arrives(struct world *w, uint32_t index)
{
	struct w_call *call = &w->calls[index];
	int64_t back = w->conf.poll / 2;

	decide(w, call);
	call->decided = true;
	w->undecided--;
	if (call->said == SAID_UNKNOWN)
		back = 30 * SECOND;
	at(w, w->now + back, TICK_ENDS, index);
}

static void
due(struct world *w, uint32_t crawl)
{
	struct w_crawl *c = &w->crawls[crawl];

	switch (c->fate) {
	case FATE_WAITING:
		push(w, &w->triggers[c->set], crawl);
		break;
	case FATE_RUNNING:
		push(w, &w->polls, crawl);
		break;
	case FATE_READY:
		push(w, &w->downloads, crawl);
		break;
	case FATE_UNKNOWN:		/* the search, which a provider that is away does not answer */
		if (phase_of(w, PHASE_AWAY, 0) != NULL || phase_of(w, PHASE_SILENT, 0) != NULL ||
		    phase_of(w, PHASE_ERROR, 0) != NULL) {
			later(w, crawl, MINUTE);
		} else if (c->has_job) {
			seen(w, c);
			c->fate = FATE_RUNNING;
			later(w, crawl, 0);
		} else {
			set_of(w, crawl)->running--;
			wait_again(w, crawl, 0);
		}
		break;
	default:
		break;
	}
}

/* ---- losses ---- */

static void
lose_call(struct world *w, struct w_call *call)
{
	budget_unseen(&w->b, mono(w), 1, call->ask == ASK_TRIGGER);
	release(w, call);
	call->lost = true;
	w->lost++;
	if (call->ask == ASK_TRIGGER)
		unknown(w, call->crawl, true);
	else
		later(w, call->crawl, 0);
}

/* One of four pollers. */
static void
lose_poller(struct world *w)
{
	unsigned poller = (unsigned)(rnd(w) % 4);

	for (unsigned i = 0; i < w->call_size; i++) {
		if (w->calls[i].used && !w->calls[i].lost && w->calls[i].life == w->life && i % 4 == poller)
			lose_call(w, &w->calls[i]);
	}
	at(w, w->now + about(w, w->conf.lose), TICK_LOSE, 0);
}

/* The next keeper knows what is on disk: the record, and what it had given out. */
static void
new_keeper(struct world *w)
{
	unsigned calls = 0, triggers = 0;

	w->life++;
	w->mono_offset = (int64_t)(rnd(w) % 1000000);
	w->wake_at = 0;
	w->in_flight = w->triggers_in_flight = 0;
	budget_init(&w->b, &provider_brightdata, w->conf.calls_max);
	if (w->life > 1)
		budget_restore(&w->b, mono(w), WALL + w->now, &w->record);
	for (uint32_t i = 0; i < w->conf.crawls; i++) {
		struct w_crawl *c = &w->crawls[i];

		triggers += c->fate == FATE_UNKNOWN && c->unseen;
		if (c->fate == FATE_WAITING)
			set_of(w, i)->waiting++;
		else if (c->fate == FATE_RUNNING || c->fate == FATE_UNKNOWN)
			set_of(w, i)->running++;
	}
	for (unsigned i = 0; i < w->call_size; i++) {
		struct w_call *call = &w->calls[i];

		if (!call->used || call->lost || call->life + 1 != w->life)
			continue;
		calls++;
		triggers += call->ask == ASK_TRIGGER;
		call->lost = !w->conf.pollers_stay;
		if (call->ask == ASK_TRIGGER)
			unknown(w, call->crawl, true);
		else
			later(w, call->crawl, 0);
	}
	budget_unseen(&w->b, mono(w), calls, triggers);
}

static void
restart(struct world *w)
{
	w->restarts++;
	new_keeper(w);
	at(w, w->now + about(w, w->conf.restart), TICK_RESTART, 0);
}

/* ---- all together ---- */

static void
world_check(const struct world *w)
{
	unsigned kept = budget_refusals(&w->b, mono(w)), real = refusals_within(w);

	assert_int_equal(w->b.calls, w->in_flight);
	if (w->conf.calls_max > BUDGET_REFUSALS_MAX)
		return;
	/* With what nobody saw, as much as the rest of the 25 is for. */
	if (w->conf.lose > 0 || w->conf.restart > 0)
		return;
	if (kept + w->in_flight > BUDGET_REFUSALS_MAX)
		fail_msg("at %lld ms: %u refusals seen, %u calls in flight", (long long)w->now, kept, w->in_flight);
	if (real + w->undecided > BUDGET_REFUSALS_MAX)
		fail_msg("at %lld ms: %u refusals, %u calls under way", (long long)w->now, real, w->undecided);
}

static void
happens(struct world *w, const struct w_event *e)
{
	switch ((enum tick)e->tick) {
	case TICK_ARRIVES:
		arrives(w, e->index);
		break;
	case TICK_ENDS:
		ends(w, &w->calls[e->index]);
		break;
	case TICK_DUE:
		due(w, e->index);
		break;
	case TICK_JOB_OVER:
		job_over(w, e->index);
		break;
	case TICK_PHASE:
		settle_foreign(w, e->index);
		break;
	case TICK_LOSE:
		lose_poller(w);
		break;
	case TICK_RESTART:
		restart(w);
		break;
	case TICK_WAKE:
	default:
		break;
	}
}

static struct world *
world_new(const struct world_conf *conf)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->conf = *conf;
	w->random = conf->seed * 2 + 12345;
	for (int i = 0; i < 5; i++)
		(void)rnd(w);
	w->crawls = xcalloc(conf->crawls, sizeof(*w->crawls));
	w->tokens = conf->rate / 6.0;
	assert_true(conf->sets <= NAMES);
	for (uint32_t i = 0; i < conf->crawls; i++) {
		w->crawls[i].set = (uint16_t)(i % conf->sets);
		push(w, &w->triggers[i % conf->sets], i);
	}
	for (unsigned i = 0; i < conf->phase_count; i++) {
		at(w, conf->phases[i].from, TICK_PHASE, conf->phases[i].set);
		at(w, conf->phases[i].to, TICK_PHASE, conf->phases[i].set);
	}
	if (conf->lose > 0)
		at(w, about(w, conf->lose), TICK_LOSE, 0);
	if (conf->restart > 0)
		at(w, about(w, conf->restart), TICK_RESTART, 0);
	new_keeper(w);
	grant(w);
	return w;
}

/* Until then, or until all is done. */
static void
world_run(struct world *w, int64_t until)
{
	while (w->done < w->conf.crawls && w->event_count > 0 && w->events[0].at <= until) {
		struct w_event e = next_event(w);

		w->now = e.at;
		happens(w, &e);
		if (w->event_count == 0 || w->events[0].at > w->now || e.tick != TICK_DUE)
			grant(w);
		world_check(w);
	}
	if (w->now < until && w->done < w->conf.crawls)
		w->now = until;
	assert_false(w->banned);
}

static void
world_free(struct world *w)
{
	free(w->crawls);
	free(w->calls);
	free(w->events);
	free(w->refusals);
	free(w);
}
