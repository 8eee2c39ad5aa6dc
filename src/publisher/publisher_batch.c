/*
 * publisher_batch.c - EVENT_BATCH, sink, EVENT_ACK: one batch at a time. A sink that
 * fails is tried again with growing pauses; the batch is dropped only with the
 * connection it came on.
 */
#include "publisher/publisher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "ipc/peer.h"
#include "model/log_kind.h"

#define DRAIN_LOOK_MS 10
#define DRAIN_MS      2000

static const struct backoff sink_pause = { 500, 30000 };

struct publisher {
	struct event_base	*base;
	struct event_sink	*sink;
	struct peer		*keeper;	/* NULL: none */
	struct event		*alone;		/* without one for too long */
	struct wire_out		 out;
	char			*body;		/* of the batch under way, which borrows from it; NULL: none */
	struct msg_event_batch	 batch;
	unsigned		 failures;	/* in a row */
	struct event		*again;
	struct event		*drain_turn;
	int64_t			 drain_mono_ms;
	void			(*on_drained)(void *arg);
	void			*drained_arg;
};

/* ---- one batch ---- */

static void
batch_drop(struct publisher *p)
{
	event_sink_cancel(p->sink);
	(void)evtimer_del(p->again);
	free(p->body);
	p->body = NULL;
	p->batch.count = 0;
}

static uint64_t
last_seq(const struct msg_event_batch *batch)
{
	return batch->events[batch->count - 1].event.seq;
}

static void
batch_on_done(int err, const struct why *why, void *arg)
{
	struct publisher *p = arg;
	struct msg_event_ack ack = { last_seq(&p->batch) };
	int64_t pause;

	if (err < 0) {
		pause = backoff_pause_ms(&sink_pause, ++p->failures, random_u64());
		log_as(KIND_EVENTS_WAIT, NULL, "%u events wait: %s; trying again in %" PRId64 " ms",
		    p->batch.count, why->text, pause);
		loop_timer_in(p->again, pause);
		return;
	}
	if (p->failures > 0)
		log_as(KIND_EVENTS_FLOW, NULL, "the event sink works again after %u failures", p->failures);
	p->failures = 0;
	log_debug(NULL, "published %u events up to %" PRIu64, p->batch.count, ack.seq);
	batch_drop(p);
	if (p->keeper == NULL)
		return;
	msg_event_ack_put(&p->out, &ack);
	peer_send(p->keeper, &p->out);
}

static void
batch_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct publisher *p = arg;

	(void)fd, (void)what;
	event_sink_put(p->sink, &p->batch, batch_on_done, p);
}

static ipc_handler_fn publisher_on_batch;

static int
publisher_on_batch(struct peer *peer, struct wire_in *in, void *arg)
{
	struct publisher *p = arg;
	struct wire_in copy = { .left = in->left };
	int rc;

	(void)peer;
	if (p->body != NULL)
		return -EPROTO;		/* one at a time */
	p->body = xmalloc(in->left + 1);
	memcpy(p->body, in->p, in->left);
	copy.p = (const uint8_t *)p->body;
	rc = msg_event_batch_get(&copy, &p->batch);
	if (rc == 0 && p->batch.count == 0)
		rc = -EBADMSG;
	if (rc < 0) {
		free(p->body);
		p->body = NULL;
		return rc;
	}
	batch_on_turn(-1, 0, p);
	return 0;
}

/* The keeper's disk has room again, or can be written; ours is mostly the same. */
static int
publisher_on_tell_again(struct peer *peer, struct wire_in *in, void *arg)
{
	struct publisher *p = arg;
	struct msg_tell_again m;

	(void)peer;
	if (evtimer_pending(p->again, NULL))
		loop_timer_in(p->again, 0);
	return msg_tell_again_get(in, &m);
}

/* ---- the connection ---- */

static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
	[MSG_EVENT_BATCH] = { 1u << ROLE_KEEPER, publisher_on_batch },
	[MSG_TELL_AGAIN] = { 1u << ROLE_KEEPER, publisher_on_tell_again },
};

static void
alone_on_turn(evutil_socket_t fd, short what, void *arg)
{
	const struct publisher *p = arg;

	(void)fd, (void)what;
	if (p->drain_turn == NULL)
		fatal_as(EXIT_STATUS_FAILURE, KIND_KEEPER_MISSED, "no keeper was given for %d s",
		    INHERIT_ALONE_MS / 1000);
}

static void
publisher_on_closed(struct peer *peer, void *arg)
{
	struct publisher *p = arg;

	(void)peer;
	p->keeper = NULL;
	log_as(KIND_KEEPER_GONE, NULL, "the keeper is gone");
	batch_drop(p);
	loop_timer_in(p->alone, INHERIT_ALONE_MS);
}

void
publisher_attach(struct publisher *p, const struct inherit_message *who, int fd)
{
	static const struct peer_events events = { NULL, publisher_on_closed };

	if (who->role != ROLE_KEEPER) {
		(void)close(fd);
		return;
	}
	if (p->keeper != NULL) {
		batch_drop(p);
		peer_free(p->keeper);
	}
	(void)evtimer_del(p->alone);
	p->keeper = peer_new(p->base, fd, ROLE_PUBLISHER, who, rules, &events, p);
}

/* ---- the drain ---- */

static void
drain_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct publisher *p = arg;
	int64_t waited = clock_mono_ms(&clock_system) - p->drain_mono_ms;

	(void)fd, (void)what;
	if (p->keeper != NULL && peer_unsent(p->keeper) > 0 && waited < DRAIN_MS)
		loop_timer_in(p->drain_turn, DRAIN_LOOK_MS);
	else
		p->on_drained(p->drained_arg);
}

void
publisher_drain(struct publisher *p, void (*on_drained)(void *arg), void *arg)
{
	if (p->drain_turn != NULL)
		return;
	p->on_drained = on_drained;
	p->drained_arg = arg;
	p->drain_mono_ms = clock_mono_ms(&clock_system);
	p->drain_turn = evtimer_new(p->base, drain_on_turn, p);
	loop_timer_in(p->drain_turn, 0);
}

/* ---- the whole ---- */

struct publisher *
publisher_new(struct event_base *base, struct event_sink *sink)
{
	struct publisher *p = xcalloc(1, sizeof(*p));

	p->base = base;
	p->sink = sink;
	p->again = evtimer_new(base, batch_on_turn, p);
	p->alone = evtimer_new(base, alone_on_turn, p);
	if (p->again == NULL || p->alone == NULL)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no memory for a timer");
	loop_timer_in(p->alone, INHERIT_ALONE_MS);
	wire_init(&p->out);
	return p;
}

void
publisher_free(struct publisher *p)
{
	if (p == NULL)
		return;
	batch_drop(p);
	if (p->keeper != NULL)
		peer_free(p->keeper);
	if (p->drain_turn != NULL)
		event_free(p->drain_turn);
	event_free(p->again);
	event_free(p->alone);
	event_sink_free(p->sink);
	wire_done(&p->out);
	free(p);
}
