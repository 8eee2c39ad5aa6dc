/*
 * test-ipc-peer.c - connections over real socket pairs: HELLO first, who may say
 * what, frames in any slicing, and that whatever comes costs the sender alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/peer.h"

#define TURNS 2000

/* One connection: the keeper's end is a peer, the far end is the test's, raw. */
struct world {
	struct event_base *base;
	struct peer	*peer;
	int		 far;
	unsigned	 opened, closed, acks;
	uint64_t	 last_seq;
	int		 answer;	/* what the handler returns */
	bool		 echo, free_in_handler, free_in_open;
};

static int
on_ack(struct peer *peer, struct wire_in *in, void *arg)
{
	struct world *w = arg;
	struct msg_event_ack m;

	if (msg_event_ack_get(in, &m) < 0)
		return -EBADMSG;
	w->acks++;
	w->last_seq = m.seq;
	if (w->echo) {
		struct wire_out out;

		wire_init(&out);
		msg_event_ack_put(&out, &m);
		peer_send(peer, &out);
		wire_done(&out);
	}
	if (w->free_in_handler) {
		peer_free(peer);
		w->peer = NULL;
	}
	return w->answer;
}

static void
on_open(struct peer *peer, void *arg)
{
	struct world *w = arg;

	assert_true(peer_is_open(peer));
	w->opened++;
	if (w->free_in_open) {
		peer_free(peer);
		w->peer = NULL;
	}
}

static void
on_closed(struct peer *peer, void *arg)
{
	struct world *w = arg;

	assert_ptr_equal(peer, w->peer);
	w->closed++;
	w->peer = NULL;
}

static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
	[MSG_EVENT_ACK] = { 1 << ROLE_PUBLISHER, on_ack },
	[MSG_FORGET] = { 1 << ROLE_FRONT, on_ack },
};
static const struct peer_events events = { on_open, on_closed };

static struct world *
world_new(void)
{
	const struct inherit_message who = { .role = ROLE_PUBLISHER, .instance = 3, .generation = 9,
	    .pid = 4711, .arg = inherit_self(0, 5) };
	struct world *w = xcalloc(1, sizeof(*w));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w->base = loop_new();
	w->far = fds[1];
	(void)fcntl(w->far, F_SETFL, O_NONBLOCK);
	w->peer = peer_new(w->base, fds[0], ROLE_KEEPER, &who, rules, &events, w);
	return w;
}

static void
world_free(struct world *w)
{
	peer_free(w->peer);
	if (w->far >= 0)
		(void)close(w->far);
	event_base_free(w->base);
	free(w);
}

static void
turn(struct world *w)
{
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void
turns(struct world *w)
{
	for (unsigned i = 0; i < 5; i++)
		turn(w);
}

static void
say(struct world *w, const void *p, size_t len)
{
	const char *at = p;

	for (unsigned i = 0; len > 0 && i < TURNS; i++) {
		ssize_t n = send(w->far, at, len, MSG_NOSIGNAL);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
		turn(w);
	}
}

static void
frame_hello(struct wire_out *out, uint32_t version, enum role role, uint32_t instance,
    uint32_t generation)
{
	struct msg_hello m = { version, role, instance, generation };

	msg_hello_put(out, &m);
	wire_finish(out);
}

static void
say_hello(struct world *w)
{
	struct wire_out out;

	wire_init(&out);
	frame_hello(&out, IPC_VERSION, ROLE_PUBLISHER, 3, 9);
	say(w, out.p, out.len);
	wire_done(&out);
}

static size_t
frame_ack(uint8_t *dst, uint64_t seq)
{
	struct msg_event_ack m = { seq };
	struct wire_out out;
	size_t len;

	wire_init(&out);
	msg_event_ack_put(&out, &m);
	wire_finish(&out);
	len = out.len;
	memcpy(dst, out.p, len);
	wire_done(&out);
	return len;
}

static struct world *
world_open(void)
{
	struct world *w = world_new();

	say_hello(w);
	turns(w);
	assert_int_equal(w->opened, 1);
	return w;
}

static void
assert_cut_off(struct world *w)
{
	char rest[4096];
	ssize_t n;

	turns(w);
	assert_int_equal(w->closed, 1);
	assert_null(w->peer);
	while ((n = recv(w->far, rest, sizeof(rest), 0)) > 0)
		;
	assert_true(n == 0 || errno == ECONNRESET);
}

static size_t
hear(struct world *w, uint8_t *dst, size_t size)
{
	ssize_t n;

	turns(w);
	n = recv(w->far, dst, size, 0);
	return n > 0 ? (size_t)n : 0;
}

/* ---- HELLO ---- */

static void
test_hello_goes_out_first_with_who_we_are(void **state)
{
	struct world *w = world_new();
	uint8_t got[256];
	struct wire_out out;
	size_t len = hear(w, got, sizeof(got));

	(void)state;
	wire_init(&out);
	frame_hello(&out, IPC_VERSION, ROLE_KEEPER, 0, 5);
	assert_int_equal(len, out.len);
	assert_memory_equal(got, out.p, len);
	wire_done(&out);
	world_free(w);
}

static void
test_right_hello_opens(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_true(peer_is_open(w->peer));
	assert_int_equal(peer_role(w->peer), ROLE_PUBLISHER);
	assert_int_equal(peer_instance(w->peer), 3);
	assert_int_equal(peer_generation(w->peer), 9);
	assert_int_equal(peer_pid(w->peer), 4711);
	assert_int_equal(w->closed, 0);
	world_free(w);
}

static void
test_wrong_hellos_cost_the_connection(void **state)
{
	static const struct { uint32_t version; enum role role; uint32_t instance, generation; } cases[] = {
		{ IPC_VERSION + 1, ROLE_PUBLISHER, 3, 9 },
		{ IPC_VERSION, ROLE_POLLER, 3, 9 },
		{ IPC_VERSION, ROLE_PUBLISHER, 2, 9 },
		{ IPC_VERSION, ROLE_PUBLISHER, 3, 8 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(cases); i++) {
		struct world *w = world_new();
		struct wire_out out;

		wire_init(&out);
		frame_hello(&out, cases[i].version, cases[i].role, cases[i].instance, cases[i].generation);
		say(w, out.p, out.len);
		assert_cut_off(w);
		assert_int_equal(w->opened, 0);
		wire_done(&out);
		world_free(w);
	}
}

static void
test_another_first_frame_costs_the_connection(void **state)
{
	struct world *w = world_new();
	uint8_t frame[64];

	(void)state;
	say(w, frame, frame_ack(frame, 1));
	assert_cut_off(w);
	assert_int_equal(w->acks, 0);
	world_free(w);
}

static void
test_a_second_hello_costs_the_connection(void **state)
{
	struct world *w = world_open();

	(void)state;
	say_hello(w);
	assert_cut_off(w);
	world_free(w);
}

/* ---- who may say what ---- */

static void
test_forbidden_and_unknown_types_cost_the_connection(void **state)
{
	static const unsigned types[] = { MSG_FORGET, MSG_TASK, MSG_TYPE_COUNT, 0xffff };

	(void)state;
	for (unsigned i = 0; i < countof(types); i++) {
		struct world *w = world_open();
		struct wire_out out;

		wire_init(&out);
		wire_begin(&out, types[i]);
		wire_put_u64(&out, 1);
		wire_finish(&out);
		say(w, out.p, out.len);
		assert_cut_off(w);
		assert_int_equal(w->acks, 0);
		wire_done(&out);
		world_free(w);
	}
}

static void
test_a_broken_body_costs_the_connection(void **state)
{
	struct world *w = world_open();
	struct wire_out out;

	(void)state;
	wire_init(&out);
	wire_begin(&out, MSG_EVENT_ACK);
	wire_put_u32(&out, 1);
	wire_finish(&out);
	say(w, out.p, out.len);
	assert_cut_off(w);
	assert_int_equal(w->acks, 0);
	wire_done(&out);
	world_free(w);
}

static void
test_a_handler_that_refuses_ends_the_connection(void **state)
{
	struct world *w = world_open();
	uint8_t frames[128];
	size_t len;

	(void)state;
	w->answer = -EPROTO;
	len = frame_ack(frames, 1);
	len += frame_ack(frames + len, 2);
	say(w, frames, len);
	assert_cut_off(w);
	assert_int_equal(w->acks, 1);
	world_free(w);
}

static void
test_an_owner_may_free_within_a_callback(void **state)
{
	uint8_t frames[128];
	struct world *w;
	size_t len;

	(void)state;
	len = frame_ack(frames, 1);
	len += frame_ack(frames + len, 2);
	w = world_open();
	w->free_in_handler = true;
	say(w, frames, len);
	turns(w);
	assert_int_equal(w->acks, 1);
	assert_int_equal(w->closed, 0);
	world_free(w);
	w = world_new();
	w->free_in_open = true;
	say_hello(w);
	turns(w);
	assert_int_equal(w->opened, 1);
	assert_int_equal(w->closed, 0);
	world_free(w);
}

/* ---- frames ---- */

static void
test_oversize_frames_cost_the_connection_before_their_bytes(void **state)
{
	struct world *w = world_open();
	uint8_t header[WIRE_HEADER_SIZE] = { 1, 0, 0x0c, 0, MSG_EVENT_ACK, 0, 0, 0 };

	(void)state;
	assert_true((1u | 0x0cu << 16) == WIRE_BODY_MAX + 1);
	say(w, header, sizeof(header));
	assert_cut_off(w);
	world_free(w);
}

static void
test_a_header_with_bits_that_must_be_zero_is_refused(void **state)
{
	struct world *w = world_open();
	uint8_t frame[64];
	size_t len = frame_ack(frame, 1);

	(void)state;
	frame[7] = 1;
	say(w, frame, len);
	assert_cut_off(w);
	assert_int_equal(w->acks, 0);
	world_free(w);
}

static void
test_several_frames_in_one_write_are_handled_in_one_turn(void **state)
{
	struct world *w = world_open();
	uint8_t frames[1024];
	size_t len = 0;

	(void)state;
	for (uint64_t seq = 1; seq <= 20; seq++)
		len += frame_ack(frames + len, seq);
	assert_int_equal(send(w->far, frames, len, 0), len);
	turn(w);
	assert_int_equal(w->acks, 20);
	assert_int_equal(w->last_seq, 20);
	world_free(w);
}

static void
test_one_frame_in_many_writes_is_handled_once(void **state)
{
	struct world *w = world_open();
	uint8_t frame[64];
	size_t len = frame_ack(frame, 77);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(w->acks, 0);
		assert_int_equal(send(w->far, frame + i, 1, 0), 1);
		turn(w);
	}
	assert_int_equal(w->acks, 1);
	assert_int_equal(w->last_seq, 77);
	world_free(w);
}

static void
test_garbage_costs_the_connection_only(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct world *w = round % 2 ? world_open() : world_new();
		uint8_t bytes[2048];

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(seed >> 56) & (round % 3 ? 0xff : 0x07);
		}
		say(w, bytes, sizeof(bytes));
		turns(w);
		assert_int_equal(w->acks, 0);
		world_free(w);
	}
}

/* ---- the end ---- */

static void
test_end_of_file_is_told_once(void **state)
{
	struct world *w = world_open();

	(void)state;
	(void)close(w->far);
	w->far = -1;
	turns(w);
	assert_int_equal(w->closed, 1);
	world_free(w);
}

static void
test_last_words_are_heard_before_the_end(void **state)
{
	struct world *w = world_open();
	uint8_t frame[64];

	(void)state;
	assert_true(send(w->far, frame, frame_ack(frame, 5), 0) > 0);
	(void)close(w->far);
	w->far = -1;
	turns(w);
	assert_int_equal(w->acks, 1);
	assert_int_equal(w->closed, 1);
	world_free(w);
}

/* The write fails in the same turn in which the last words would be read. */
static void
test_last_words_are_heard_when_our_write_fails(void **state)
{
	struct world *w = world_open();
	struct msg_event_ack m = { 1 };
	struct wire_out out;
	uint8_t frame[64];

	(void)state;
	wire_init(&out);
	msg_event_ack_put(&out, &m);
	peer_send(w->peer, &out);
	assert_true(send(w->far, frame, frame_ack(frame, 6), 0) > 0);
	(void)close(w->far);
	w->far = -1;
	turns(w);
	assert_int_equal(w->acks, 1);
	assert_int_equal(w->last_seq, 6);
	assert_int_equal(w->closed, 1);
	wire_done(&out);
	world_free(w);
}

/* ---- sending ---- */

static void
send_ack(struct world *w, uint64_t seq)
{
	struct msg_event_ack m = { seq };
	struct wire_out out;

	wire_init(&out);
	msg_event_ack_put(&out, &m);
	peer_send(w->peer, &out);
	wire_done(&out);
}

static void
test_answers_leave_by_themselves(void **state)
{
	struct world *w = world_open();
	uint8_t got[256], frame[64];
	size_t len;

	(void)state;
	(void)hear(w, got, sizeof(got));
	w->echo = true;
	len = frame_ack(frame, 12);
	say(w, frame, len);
	assert_int_equal(hear(w, got, sizeof(got)), len);
	assert_memory_equal(got, frame, len);
	assert_int_equal(peer_unsent(w->peer), 0);
	world_free(w);
}

static void
test_held_frames_leave_with_flush_and_in_order(void **state)
{
	struct world *w = world_open();
	uint8_t got[256], wanted[128];
	size_t len;

	(void)state;
	(void)hear(w, got, sizeof(got));
	peer_hold(w->peer, true);
	send_ack(w, 1);
	send_ack(w, 2);
	assert_int_equal(hear(w, got, sizeof(got)), 0);
	assert_true(peer_unsent(w->peer) > 0);
	peer_flush(w->peer);
	len = frame_ack(wanted, 1);
	len += frame_ack(wanted + len, 2);
	assert_int_equal(hear(w, got, sizeof(got)), len);
	assert_memory_equal(got, wanted, len);
	send_ack(w, 3);
	assert_int_equal(hear(w, got, sizeof(got)), 0);
	peer_hold(w->peer, false);
	assert_int_equal(hear(w, got, sizeof(got)), frame_ack(wanted, 3));
	world_free(w);
}

static void
test_a_peer_that_does_not_read_is_closed_not_buffered_for_ever(void **state)
{
	static uint8_t big[700 << 10];
	struct world *w = world_open();
	struct wire_out out;
	unsigned sent = 0;

	(void)state;
	wire_init(&out);
	for (; w->peer && peer_unsent(w->peer) <= PEER_OUT_MAX && sent < 200; sent++) {
		wire_begin(&out, MSG_EVENT_BATCH);
		wire_put_bytes(&out, big, sizeof(big));
		peer_send(w->peer, &out);
	}
	assert_int_equal(w->closed, 0);		/* never from within peer_send() */
	send_ack(w, 1);
	turns(w);
	assert_int_equal(w->closed, 1);
	wire_done(&out);
	world_free(w);
}

static void
test_owner_data_is_kept(void **state)
{
	struct world *w = world_new();
	int mine;

	(void)state;
	assert_null(peer_data(w->peer));
	peer_set_data(w->peer, &mine);
	assert_ptr_equal(peer_data(w->peer), &mine);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello_goes_out_first_with_who_we_are),
		cmocka_unit_test(test_right_hello_opens),
		cmocka_unit_test(test_wrong_hellos_cost_the_connection),
		cmocka_unit_test(test_another_first_frame_costs_the_connection),
		cmocka_unit_test(test_a_second_hello_costs_the_connection),
		cmocka_unit_test(test_forbidden_and_unknown_types_cost_the_connection),
		cmocka_unit_test(test_a_broken_body_costs_the_connection),
		cmocka_unit_test(test_a_handler_that_refuses_ends_the_connection),
		cmocka_unit_test(test_an_owner_may_free_within_a_callback),
		cmocka_unit_test(test_oversize_frames_cost_the_connection_before_their_bytes),
		cmocka_unit_test(test_a_header_with_bits_that_must_be_zero_is_refused),
		cmocka_unit_test(test_several_frames_in_one_write_are_handled_in_one_turn),
		cmocka_unit_test(test_one_frame_in_many_writes_is_handled_once),
		cmocka_unit_test(test_garbage_costs_the_connection_only),
		cmocka_unit_test(test_end_of_file_is_told_once),
		cmocka_unit_test(test_last_words_are_heard_before_the_end),
		cmocka_unit_test(test_last_words_are_heard_when_our_write_fails),
		cmocka_unit_test(test_answers_leave_by_themselves),
		cmocka_unit_test(test_held_frames_leave_with_flush_and_in_order),
		cmocka_unit_test(test_a_peer_that_does_not_read_is_closed_not_buffered_for_ever),
		cmocka_unit_test(test_owner_data_is_kept),
	};

	(void)signal(SIGPIPE, SIG_IGN);	/* as control_start() does for a role */
	log_open("test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
