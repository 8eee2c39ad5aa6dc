/*
 * poller_drain.c - how a poller leaves. With little time (the set stops) what can be
 * done again is given back at once, and triggers have the time there is. With much
 * (it is replaced while the set goes on) everything that is begun goes on to its end,
 * searches aside, and only what the time was too short for is given back. Either way results of
 * triggers are waited for until the keeper has them on disk.
 */
#include "base/log.h"
#include "poller/poller.h"

#define LOOK_MS	   10
#define LONG_MS	   10000	/* enough to end what is begun */
#define MARGIN_MS  500		/* for the last messages; at most a tenth of the time */

static bool
is_idle(const struct poller *poller)
{
	return LIST_EMPTY(&poller->jobs) && LIST_EMPTY(&poller->searches);
}

/* A task may have crossed our word that we leave, until the keeper has answered that. */
static bool
is_drained(const struct poller *poller)
{
	return is_idle(poller) && STAILQ_EMPTY(&poller->kept) &&
	    (poller->keeper == NULL || (poller->released && peer_unsent(poller->keeper) == 0));
}

/* The time is up, or nothing more will come: of a keeper that never acknowledged
 * anything no acknowledgement is waited for long, nor its word that no task is on its way. */
static bool
is_time_up(const struct poller *poller, int64_t waited)
{
	return waited >= poller->drain_limit_ms || (waited >= POLLER_DRAIN_MS && is_idle(poller) &&
	    (!poller->acknowledged || STAILQ_EMPTY(&poller->kept)));
}

/* What is given back now still has to reach the keeper. */
static bool
has_said_all(const struct poller *poller, int64_t waited)
{
	return poller->keeper == NULL || peer_unsent(poller->keeper) == 0 ||
	    waited >= poller->drain_limit_ms + poller->drain_margin_ms / 2;
}

static void
leave(struct poller *poller)
{
	if (!LIST_EMPTY(&poller->jobs))
		log_as(KIND_TRIGGERS_LEFT, NULL,
		    "leaving while triggers are unanswered; the keeper will look for their jobs");
	kept_log_lost(poller);
	poller->on_drained(poller->drained_arg);
}

static void
drain_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct poller *poller = arg;
	int64_t waited = clock_mono_ms(poller->clock) - poller->drain_mono_ms;

	(void)fd, (void)what;
	if (is_drained(poller)) {
		leave(poller);
		return;
	}
	if (is_time_up(poller, waited)) {
		poller_give_back(poller);
		if (has_said_all(poller, waited)) {
			leave(poller);
			return;
		}
	}
	loop_timer_in(poller->drain_turn, LOOK_MS);
}

/* From this moment on. */
static void
set_limit(struct poller *poller, int64_t within_ms)
{
	poller->drain_mono_ms = clock_mono_ms(poller->clock);
	poller->drain_margin_ms = within_ms / 10 < MARGIN_MS ? within_ms / 10 : MARGIN_MS;
	poller->drain_limit_ms = within_ms > 0 ? within_ms - poller->drain_margin_ms : POLLER_DRAIN_MS;
	if (within_ms < LONG_MS)
		poller_give_back(poller);
	else
		searches_end(poller);
}

void
poller_hurry(struct poller *poller, int64_t within_ms)
{
	if (poller->draining)
		set_limit(poller, within_ms);
}

void
poller_drain(struct poller *poller, int64_t within_ms, void (*on_drained)(void *arg), void *arg)
{
	if (poller->draining)
		return;
	poller->draining = true;
	poller->on_drained = on_drained;
	poller->drained_arg = arg;
	poller_send_state(poller);
	set_limit(poller, within_ms);
	poller->drain_turn = evtimer_new(poller->base, drain_on_turn, poller);
	loop_timer_in(poller->drain_turn, 0);
}
