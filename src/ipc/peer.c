/*
 * peer.c - frames over one stream: HELLO, who may say what, sending held or at
 * once. It owns the descriptor and what waits to leave; what a message means is
 * the handler's, and what a lost peer means is its owner's.
 *
 * A peer can end in the midst of its own callback (a bad frame), so one rule
 * holds everywhere: after peer_close() the function returns and touches nothing.
 */
#include "ipc/peer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"

#define PEER_MAGIC	0x70656572u
#define PEER_GULP	(256u << 10)	/* bytes read or written at a time */

struct peer {
	uint32_t		 magic;
	enum role		 own_role;
	struct inherit_message	 who;
	const struct ipc_rule	*rules;
	struct peer_events	 events;
	void			*arg, *data;
	struct bufferevent	*stream;
	struct evbuffer		*staged;	/* held frames */
	struct event		*overflow;	/* closes from the loop what peer_send() found too full */
	bool			 open, held;
	bool			 choked;	/* overflow is on its way: nothing more is sent */
	bool			 busy;		/* frames are being handled */
	bool			 freed;		/* by its owner while busy: ends after that */
};

static struct peer *
peer_of(void *arg)
{
	struct peer *peer = arg;

	assert(peer && peer->magic == PEER_MAGIC);
	return peer;
}

static void
peer_destroy(struct peer *peer)
{
	peer->magic = 0;
	event_free(peer->overflow);
	bufferevent_free(peer->stream);
	evbuffer_free(peer->staged);
	free(peer);
}

/* The connection is over: the owner is told, the peer freed. */
static void
peer_close(struct peer *peer)
{
	if (!peer->freed && peer->events.on_closed) {
		peer->busy = true;	/* an owner that frees it here is not mistaken */
		peer->events.on_closed(peer, peer->arg);
	}
	peer_destroy(peer);
}

/* ---- receiving ---- */

/* Generations count from 1; 0 says that the far end was not told its own. */
static bool
peer_is_as_named(const struct peer *peer, const struct msg_hello *hello)
{
	if (hello->role != peer->who.role)
		return false;
	return hello->generation == 0 || (hello->generation == peer->who.generation &&
	    hello->instance == peer->who.instance);
}

/* A version that differs on the keeper's word means programs of two packages run
 * side by side. The child leaves, not the keeper: whatever a child claims, it
 * cannot end the keeper. */
static int
peer_take_hello(struct peer *peer, struct wire_in *in, const char **ret_reason)
{
	struct msg_hello hello;

	*ret_reason = "broken body";
	if (msg_hello_get(in, &hello) < 0)
		return -EBADMSG;
	if (hello.version != IPC_VERSION) {
		if (peer->who.role == ROLE_KEEPER)
			fatal_as(EXIT_STATUS_VERSION, KIND_VERSION_MIXED, "the keeper speaks protocol %u, this program %u: "
			    "all programs of trawld must be of one version", hello.version,
			    IPC_VERSION);
		*ret_reason = "another version of the protocol";
		return -EPROTO;
	}
	*ret_reason = "it is not who the supervisor named";
	if (!peer_is_as_named(peer, &hello))
		return -EPROTO;
	peer->open = true;
	if (peer->events.on_open)
		peer->events.on_open(peer, peer->arg);
	return 0;
}

static int
peer_take_frame(struct peer *peer, unsigned type, struct wire_in *in, const char **ret_reason)
{
	int r;

	if (!peer->open) {
		*ret_reason = "not HELLO first";
		return type == MSG_HELLO ? peer_take_hello(peer, in, ret_reason) : -EPROTO;
	}
	*ret_reason = "unknown type";
	if (type >= MSG_TYPE_COUNT)
		return -EPROTO;
	*ret_reason = "not allowed from it";
	if (!(peer->rules[type].senders & 1u << peer->who.role) || !peer->rules[type].handler)
		return -EPROTO;
	r = peer->rules[type].handler(peer, in, peer->arg);
	*ret_reason = r == -EBADMSG ? "broken body" : "refused by its handler";
	return r;
}

static uint32_t
number_at(const uint8_t *p, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)p[i] << (8 * i);
	return value;
}

static int
peer_refuse(const struct peer *peer, unsigned type, const char *reason)
{
	log_as(KIND_PEER_REFUSED, NULL, "connection to %s[%u] closed: %s (type %u): %s",
	    role_name(peer->who.role), peer->who.instance, msg_name(type), type, reason);
	return -EPROTO;
}

/* One whole frame: 1; not yet whole: 0; a bad one: negative, and the line is logged. */
static int
peer_take_one(struct peer *peer, struct evbuffer *input)
{
	const char *reason = "";
	struct wire_in body;
	unsigned type;
	uint8_t *p;
	size_t len;

	if (evbuffer_get_length(input) < WIRE_HEADER_SIZE)
		return 0;
	p = evbuffer_pullup(input, WIRE_HEADER_SIZE);
	len = number_at(p, 4);
	type = number_at(p + 4, 2);
	if (len > WIRE_BODY_MAX)
		return peer_refuse(peer, type, "longer than any message may be");
	if (number_at(p + 6, 2) != 0)
		return peer_refuse(peer, type, "no frame header");
	if (evbuffer_get_length(input) < WIRE_HEADER_SIZE + len)
		return 0;
	p = evbuffer_pullup(input, (ev_ssize_t)(WIRE_HEADER_SIZE + len));
	body = (struct wire_in){ .p = p + WIRE_HEADER_SIZE, .left = len };
	if (peer_take_frame(peer, type, &body, &reason) != 0)
		return peer_refuse(peer, type, reason);
	(void)evbuffer_drain(input, WIRE_HEADER_SIZE + len);
	return 1;
}

/* All whole frames. False: the peer is at its end and gone, the caller returns. */
static bool
peer_take_all(struct peer *peer, struct evbuffer *input)
{
	int r = 1;

	peer->busy = true;
	while (r > 0 && !peer->freed)
		r = peer_take_one(peer, input);
	peer->busy = false;
	if (r >= 0 && !peer->freed)
		return true;
	peer_close(peer);
	return false;
}

static void
peer_on_read(struct bufferevent *stream, void *arg)
{
	(void)peer_take_all(peer_of(arg), bufferevent_get_input(stream));
}

/* A write that failed says that the far end is gone, not that it said nothing
 * before: what it sent (a paid job's id, maybe) is still in the socket. */
static bool
peer_take_rest(struct peer *peer)
{
	struct evbuffer *rest = evbuffer_new();
	int fd = bufferevent_getfd(peer->stream);
	bool lives = true;

	if (!rest)
		return true;
	(void)evbuffer_add_buffer(rest, bufferevent_get_input(peer->stream));
	while (lives && evbuffer_read(rest, fd, PEER_GULP) > 0)
		lives = peer_take_all(peer, rest);
	evbuffer_free(rest);
	return lives;
}

static void
peer_on_event(struct bufferevent *stream, short what, void *arg)
{
	struct peer *peer = peer_of(arg);
	int error = what & BEV_EVENT_ERROR ? EVUTIL_SOCKET_ERROR() : 0;

	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
		return;
	(void)bufferevent_disable(stream, EV_READ | EV_WRITE);
	log_debug(NULL, "connection to %s[%u] ended: %s", role_name(peer->who.role), peer->who.instance,
	    error ? strerror(error) : "end of file");
	if (what & BEV_EVENT_WRITING && !peer_take_rest(peer))
		return;
	peer_close(peer);
}

static void
peer_on_overflow(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = peer_of(arg);

	(void)fd;
	(void)what;
	log_as(KIND_PEER_SLOW, NULL, "connection to %s[%u] closed: it does not read, %zu bytes wait",
	    role_name(peer->who.role), peer->who.instance, peer_unsent(peer));
	peer_close(peer);
}

/* ---- making, sending ---- */

/* Straight into the new socket, which is empty: so the far end gets to know our
 * version even when we close at once. */
static void
peer_say_hello(struct peer *peer, int fd)
{
	struct msg_hello hello = {
		.version = IPC_VERSION,
		.role = peer->own_role,
		.instance = inherit_own_instance(&peer->who),
		.generation = inherit_own_generation(&peer->who),
	};
	struct wire_out out;
	ssize_t n;

	wire_init(&out);
	msg_hello_put(&out, &hello);
	wire_finish(&out);
	n = send(fd, out.p, out.len, MSG_NOSIGNAL);
	if (n < 0)
		n = 0;
	if ((size_t)n < out.len)
		(void)bufferevent_write(peer->stream, out.p + n, out.len - (size_t)n);
	wire_done(&out);
}

struct peer *
peer_new(struct event_base *base, int fd, enum role own_role, const struct inherit_message *who,
    const struct ipc_rule *rules, const struct peer_events *events, void *arg)
{
	struct peer *peer = xcalloc(1, sizeof(*peer));

	peer->magic = PEER_MAGIC;
	peer->own_role = own_role;
	peer->who = *who;
	peer->rules = rules;
	peer->events = *events;
	peer->arg = arg;
	(void)evutil_make_socket_nonblocking(fd);
	peer->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	peer->staged = evbuffer_new();
	peer->overflow = event_new(base, -1, 0, peer_on_overflow, peer);
	if (!peer->stream || !peer->staged || !peer->overflow || who->role >= ROLE_COUNT)
		fatal(EXIT_STATUS_FAILURE, &log_kind_no_memory, "no connection to %s: out of memory",
		    role_name(who->role));
	bufferevent_setcb(peer->stream, peer_on_read, NULL, peer_on_event, peer);
	bufferevent_setwatermark(peer->stream, EV_READ, 0, PEER_IN_HIGH);
	(void)bufferevent_set_max_single_read(peer->stream, PEER_GULP);
	(void)bufferevent_set_max_single_write(peer->stream, PEER_GULP);
	(void)bufferevent_enable(peer->stream, EV_READ | EV_WRITE);
	peer_say_hello(peer, fd);
	return peer;
}

void
peer_free(struct peer *peer)
{
	if (!peer)
		return;
	if (peer->busy)
		peer->freed = true;
	else
		peer_destroy(peer_of(peer));
}

enum role
peer_role(const struct peer *peer)
{
	return peer->who.role;
}

unsigned
peer_instance(const struct peer *peer)
{
	return peer->who.instance;
}

unsigned
peer_generation(const struct peer *peer)
{
	return peer->who.generation;
}

int
peer_pid(const struct peer *peer)
{
	return peer->who.pid;
}

bool
peer_is_open(const struct peer *peer)
{
	return peer->open;
}

void
peer_set_data(struct peer *peer, void *data)
{
	peer->data = data;
}

void *
peer_data(const struct peer *peer)
{
	return peer->data;
}

void
peer_send(struct peer *peer, struct wire_out *out)
{
	wire_finish(out);
	if (peer->choked)
		return;
	if (peer->held)
		(void)evbuffer_add(peer->staged, out->p, out->len);
	else
		(void)bufferevent_write(peer->stream, out->p, out->len);
	if (peer_unsent(peer) > PEER_OUT_MAX) {
		peer->choked = true;
		event_active(peer->overflow, EV_TIMEOUT, 0);
	}
}

void
peer_hold(struct peer *peer, bool hold)
{
	peer->held = hold;
	if (!hold)
		peer_flush(peer);
}

void
peer_flush(struct peer *peer)
{
	if (evbuffer_get_length(peer->staged) > 0)
		(void)bufferevent_write_buffer(peer->stream, peer->staged);
}

void
peer_discard(struct peer *peer)
{
	(void)evbuffer_drain(peer->staged, evbuffer_get_length(peer->staged));
}

void
peer_pause(struct peer *peer, bool pause)
{
	if (pause)
		(void)bufferevent_disable(peer->stream, EV_READ);
	else
		(void)bufferevent_enable(peer->stream, EV_READ);
}

size_t
peer_unsent(const struct peer *peer)
{
	return evbuffer_get_length(peer->staged) +
	    evbuffer_get_length(bufferevent_get_output(peer->stream));
}
