/*
 * peer.h - one connection to another process of the set, on the loop.
 *
 * Each side's first frame is HELLO (sent by peer_new); any other first frame, an
 * unknown or forbidden type, a body that does not decode: the peer is closed with
 * one log line, and nothing of the bad message has been acted on. The receiver
 * lives on.
 *
 * A HELLO of another version on the keeper's word ends this process with
 * EXIT_STATUS_VERSION; on anyone else's it costs the sender the connection.
 *
 * Who may say what is the rules table of the receiver, indexed by message type:
 * the roles that may send it (1 << ROLE_x, or-ed) and its handler. The far end's
 * role is the one the supervisor named.
 *
 * Sending: peer_send() stages the frame; it leaves when the loop next runs, or,
 * after peer_hold(true), not before peer_flush(). The keeper holds all its peers
 * so that nothing leaves before the commit that it depends on.
 *
 * Bounds: a peer whose unsent bytes pass PEER_OUT_MAX is closed (it does not
 * read); one whose unread bytes pass PEER_IN_HIGH is not read until handled.
 */
#ifndef IPC_PEER_H
#define IPC_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "ipc/inherit.h"
#include "ipc/msg.h"
#include "ipc/wire.h"

#define PEER_IN_HIGH (1u << 20)
#define PEER_OUT_MAX (64u << 20)

struct peer;

/* Decodes in, acts, returns 0; -EBADMSG costs the peer its connection. A handler may
 * not free the peer it was called for; it returns -EPROTO instead. */
typedef int ipc_handler_fn(struct peer *, struct wire_in *, void *arg);

struct ipc_rule {
	unsigned	 senders;	/* 1 << enum role, or-ed; 0: nobody may send this */
	ipc_handler_fn	*handler;
};

struct peer_events {
	/* The far end's HELLO was right; messages may follow. May be NULL. */
	void (*on_open)(struct peer *, void *arg);
	/* The connection is gone; the peer is freed right after this call. */
	void (*on_closed)(struct peer *, void *arg);
};

/* Takes fd (nonblocking from then on). who: the far end as the supervisor named it.
 * rules has MSG_TYPE_COUNT rows. */
struct peer *peer_new(struct event_base *, int fd, enum role own_role,
    const struct inherit_message *who, const struct ipc_rule *rules,
    const struct peer_events *, void *arg);
void peer_free(struct peer *);		/* without on_closed; in a callback: right after it */

enum role peer_role(const struct peer *);
unsigned peer_instance(const struct peer *);
unsigned peer_generation(const struct peer *);
int peer_pid(const struct peer *);
bool peer_is_open(const struct peer *);	/* HELLO seen */

/* A place for the owner's own struct. */
void peer_set_data(struct peer *, void *data);
void *peer_data(const struct peer *);

/* The frame in out (finished here). */
void peer_send(struct peer *, struct wire_out *out);
void peer_hold(struct peer *, bool hold);
void peer_flush(struct peer *);
void peer_discard(struct peer *);	/* what is held and has not been flushed */
/* Read nothing more from it until it is resumed; not even its end is noticed. */
void peer_pause(struct peer *, bool pause);
size_t peer_unsent(const struct peer *);

#endif
