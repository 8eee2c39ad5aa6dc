/*
 * front_life.c - the beginning and end of a front: its parts put together, the
 * sweep that all deadlines hang on, the drain.
 *
 * A drain stops accepting, lets what is begun finish, and ends when the last
 * connection is gone or after FRONT_DRAIN_MS. A trigger that only waits for the
 * provider is answered at once: its crawl is safe.
 */
#include "front/front.h"

#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"

static void
front_drain_step(struct front *front)
{
	int64_t since = front_now(front) - front->drain_ms;
	void (*on_drained)(void *) = front->on_drained;

	if (since >= FRONT_DRAIN_ANSWER_MS)
		front_pending_give_up(front);
	if (on_drained == NULL || (guard_connections(front->guard) > 0 && since < FRONT_DRAIN_MS))
		return;
	front->on_drained = NULL;
	on_drained(front->arg);
}

static void
front_on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct front *front = arg;

	(void)fd;
	(void)what;
	loop_timer_in(front->sweep, FRONT_SWEEP_MS);
	front_pending_sweep(front);
	guard_sweep(front->guard);
	if (front->draining)
		front_drain_step(front);
}

static void
front_on_gone(struct guard_conn *conn, void *arg)
{
	(void)arg;
	if (guard_data(conn) != NULL)
		call_end(guard_data(conn));
}

struct front *
front_new(struct event_base *base, const struct conf *conf, const struct clock *clock,
    const struct guard_limits *limits)
{
	static const struct guard_events events = {
		.on_request = front_on_request,
		.on_gone = front_on_gone,
		.on_refused = front_on_refused,
	};
	struct front *front = xcalloc(1, sizeof(*front));

	front->base = base;
	front->conf = conf;
	front->rules = provider_rules_table[0];
	front->clock = clock;
	front->keeper_lost_ms = front_now(front);
	json_out_init(&front->json);
	wire_init(&front->out);
	front_pending_init(front);
	front->guard = guard_new(base, clock, limits, &events, front);
	front->sweep = evtimer_new(base, front_on_sweep, front);
	if (front->sweep == NULL)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no memory for a timer");
	loop_timer_in(front->sweep, FRONT_SWEEP_MS);
	return front;
}

void
front_free(struct front *front)
{
	if (front == NULL)
		return;
	if (front->keeper != NULL)
		peer_free(front->keeper);
	front->keeper = NULL;
	guard_free(front->guard);
	event_free(front->sweep);
	front_pending_done(front);
	json_out_done(&front->json);
	wire_done(&front->out);
	free(front);
}

int
front_listen(struct front *front, int fd)
{
	return guard_listen(front->guard, fd);
}

void
front_set_keeper(struct front *front, const struct inherit_message *who, int fd)
{
	if (front->keeper != NULL)
		peer_free(front->keeper);
	front->keeper = peer_new(front->base, fd, ROLE_FRONT, who, front_rules, &front_keeper_events, front);
}

void
front_drain(struct front *front, void (*on_drained)(void *arg), void *arg)
{
	if (front->draining)
		return;
	front->draining = true;
	front->drain_ms = front_now(front);
	front->on_drained = on_drained;
	front->arg = arg;
	guard_stop(front->guard);
	front_pending_hurry(front);
	log_as(KIND_FRONT_DRAINING, NULL, "draining: %u connections are open", guard_connections(front->guard));
	loop_timer_in(front->sweep, 0);
}
