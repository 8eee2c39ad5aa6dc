/*
 * The publisher between a keeper that this test plays and a sink that it holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "ipc/peer.h"
#include "publisher/publisher.h"

struct fixture {
	struct event_base *base;
	struct publisher *publisher;
	struct peer	*keeper;	/* our end */
	struct wire_out	 out;
	/* The sink. */
	struct event_sink sink;
	event_sink_done_fn *on_done;	/* a put is under way */
	void		*arg;
	unsigned	 puts, cancels, frees;
	uint64_t	 seqs[EVENT_BATCH_MAX];
	unsigned	 count;
	/* What came back. */
	uint64_t	 acked;
	unsigned	 acks;
	bool		 closed, drained;
};

static void
sink_put(struct event_sink *sink, const struct msg_event_batch *batch, event_sink_done_fn *on_done, void *arg)
{
	struct fixture *f = containerof(sink, struct fixture, sink);

	assert_null(f->on_done);
	f->puts++;
	f->on_done = on_done;
	f->arg = arg;
	f->count = batch->count;
	for (unsigned i = 0; i < batch->count; i++) {
		f->seqs[i] = batch->events[i].event.seq;
		assert_int_equal(batch->events[i].body_len, 7);
		assert_memory_equal(batch->events[i].body, "{\"n\":1}", 7);
	}
}

static void
sink_cancel(struct event_sink *sink)
{
	struct fixture *f = containerof(sink, struct fixture, sink);

	f->cancels += f->on_done != NULL;
	f->on_done = NULL;
}

static void
sink_free(struct event_sink *sink)
{
	containerof(sink, struct fixture, sink)->frees++;
}

static void
sink_ends(struct fixture *f, int err)
{
	event_sink_done_fn *on_done = f->on_done;
	struct why why = { "the sink is full" };

	assert_non_null(on_done);
	f->on_done = NULL;
	on_done(err, &why, f->arg);
}

static ipc_handler_fn keeper_on_ack;

static int
keeper_on_ack(struct peer *peer, struct wire_in *in, void *arg)
{
	struct fixture *f = arg;
	struct msg_event_ack ack;
	int rc = msg_event_ack_get(in, &ack);

	(void)peer;
	f->acked = ack.seq;
	f->acks++;
	return rc;
}

static void
keeper_on_closed(struct peer *peer, void *arg)
{
	struct fixture *f = arg;

	(void)peer;
	f->closed = true;
	f->keeper = NULL;
}

static void
connect_keeper(struct fixture *f)
{
	static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
		[MSG_EVENT_ACK] = { 1u << ROLE_PUBLISHER, keeper_on_ack },
	};
	static const struct peer_events events = { NULL, keeper_on_closed };
	struct inherit_message keeper = { .role = ROLE_KEEPER }, publisher = { .role = ROLE_PUBLISHER };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	f->closed = false;
	publisher_attach(f->publisher, &keeper, fd[0]);
	f->keeper = peer_new(f->base, fd[1], ROLE_KEEPER, &publisher, rules, &events, f);
}

static int
setup(void **state)
{
	static const struct event_sink_ops ops = { sink_put, sink_cancel, sink_free };
	struct fixture *f = xcalloc(1, sizeof(*f));

	log_open("test", LOG_LEVEL_ERROR);
	f->base = loop_new();
	f->sink.ops = &ops;
	f->publisher = publisher_new(f->base, &f->sink);
	wire_init(&f->out);
	connect_keeper(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	publisher_free(f->publisher);
	assert_int_equal(f->frees, 1);
	if (f->keeper != NULL)
		peer_free(f->keeper);
	wire_done(&f->out);
	event_base_free(f->base);
	free(f);
	return 0;
}

static void
turn_until(struct fixture *f, const unsigned *counter, unsigned value)
{
	int64_t begin = clock_mono_ms(&clock_system);
	struct timeval tick = { 0, 20000 };

	while (*counter < value) {
		if (clock_mono_ms(&clock_system) - begin > 20000)
			fail_msg("waited in vain");
		(void)event_base_loopexit(f->base, &tick);
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	}
}

static void
turn_until_flag(struct fixture *f, const bool *flag)
{
	int64_t begin = clock_mono_ms(&clock_system);
	struct timeval tick = { 0, 20000 };

	while (!*flag) {
		if (clock_mono_ms(&clock_system) - begin > 20000)
			fail_msg("waited in vain");
		(void)event_base_loopexit(f->base, &tick);
		(void)event_base_loop(f->base, EVLOOP_ONCE);
	}
}

static void
send_batch(struct fixture *f, uint64_t first, uint32_t count)
{
	static struct msg_event_batch batch;

	batch.count = count;
	for (uint32_t i = 0; i < count; i++)
		batch.events[i] = (struct msg_event){
			.event = { .seq = first + i, .type = EVENT_CRAWL_TRIGGERED },
			.attributes = "{}", .attributes_len = 2, .body = "{\"n\":1}", .body_len = 7,
		};
	msg_event_batch_put(&f->out, &batch);
	peer_send(f->keeper, &f->out);
}

static void
test_a_batch_is_acknowledged_when_the_sink_has_it(void **state)
{
	struct fixture *f = *state;

	send_batch(f, 11, 3);
	turn_until(f, &f->puts, 1);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->seqs[0], 11);
	assert_int_equal(f->acks, 0);
	sink_ends(f, 0);
	turn_until(f, &f->acks, 1);
	assert_int_equal(f->acked, 13);
	send_batch(f, 14, EVENT_BATCH_MAX);
	turn_until(f, &f->puts, 2);
	sink_ends(f, 0);
	turn_until(f, &f->acks, 2);
	assert_int_equal(f->acked, 13 + EVENT_BATCH_MAX);
}

static void
test_a_failing_sink_is_tried_again_with_the_same_batch(void **state)
{
	struct fixture *f = *state;

	send_batch(f, 1, 2);
	turn_until(f, &f->puts, 1);
	log_set_level(LOG_LEVEL_ERROR);
	sink_ends(f, -ENOSPC);
	assert_int_equal(f->acks, 0);
	turn_until(f, &f->puts, 2);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->seqs[1], 2);
	sink_ends(f, 0);
	turn_until(f, &f->acks, 1);
	assert_int_equal(f->acked, 2);
}

static void
test_a_failing_sink_is_tried_at_once_when_the_keeper_says_so(void **state)
{
	static const struct msg_tell_again again;
	struct fixture *f = *state;
	int64_t begin;

	log_set_level(LOG_LEVEL_ERROR);
	send_batch(f, 1, 2);
	for (unsigned failures = 0; failures < 3; failures++) {	/* the next pause is one of seconds */
		turn_until(f, &f->puts, failures + 1);
		sink_ends(f, -EROFS);
	}
	begin = clock_mono_ms(&clock_system);
	msg_tell_again_put(&f->out, &again);
	peer_send(f->keeper, &f->out);
	turn_until(f, &f->puts, 4);
	assert_in_range(clock_mono_ms(&clock_system) - begin, 0, 500);
	msg_tell_again_put(&f->out, &again);		/* while a put is under way it says nothing new */
	peer_send(f->keeper, &f->out);
	sink_ends(f, 0);
	turn_until(f, &f->acks, 1);
	assert_int_equal(f->acked, 2);
	assert_int_equal(f->puts, 4);
}

static void
test_a_lost_keeper_drops_the_batch_and_the_next_one_gives_it_again(void **state)
{
	struct fixture *f = *state;

	send_batch(f, 1, 2);
	turn_until(f, &f->puts, 1);
	peer_free(f->keeper);
	turn_until(f, &f->cancels, 1);
	connect_keeper(f);
	send_batch(f, 1, 2);
	turn_until(f, &f->puts, 2);
	sink_ends(f, 0);
	turn_until(f, &f->acks, 1);
	assert_int_equal(f->acked, 2);
}

static void
test_a_second_batch_or_an_empty_one_costs_the_connection(void **state)
{
	struct fixture *f = *state;

	send_batch(f, 1, 2);
	send_batch(f, 3, 2);
	turn_until_flag(f, &f->closed);
	assert_int_equal(f->puts, 1);
	assert_int_equal(f->cancels, 1);
	connect_keeper(f);
	send_batch(f, 1, 0);
	turn_until_flag(f, &f->closed);
	assert_int_equal(f->puts, 1);
}

static void
on_drained(void *arg)
{
	struct fixture *f = arg;

	assert_false(f->drained);
	f->drained = true;
}

static void
test_draining_lets_the_acknowledgement_leave(void **state)
{
	struct fixture *f = *state;

	send_batch(f, 1, 1);
	turn_until(f, &f->puts, 1);
	sink_ends(f, 0);
	publisher_drain(f->publisher, on_drained, f);
	publisher_drain(f->publisher, on_drained, f);
	turn_until_flag(f, &f->drained);
	turn_until(f, &f->acks, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_batch_is_acknowledged_when_the_sink_has_it),
		TEST(test_a_failing_sink_is_tried_again_with_the_same_batch),
		TEST(test_a_failing_sink_is_tried_at_once_when_the_keeper_says_so),
		TEST(test_a_lost_keeper_drops_the_batch_and_the_next_one_gives_it_again),
		TEST(test_a_second_batch_or_an_empty_one_costs_the_connection),
		TEST(test_draining_lets_the_acknowledgement_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
