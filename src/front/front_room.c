/* front_room.c - see front_room.h. */
#include "front/front_room.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "front/front_accept.h"
#include "front/front_deadline.h"
#include "model/log_kind.h"

#define SLOW_LEAST_MS	1000	/* what a client gets at least to send a request, and to take an answer */
#define ROOM_LOOKS	16	/* connections looked at for one to close; those before have bytes unread */
#define FULL_TOLD_MS	60000	/* how often that all connections are taken is logged */

/* The lists that make room, in this order. */
static const struct room_rule {
	enum conn_wait wait;
	int64_t least_ms;	/* how long one must have waited */
	bool asks_nothing;	/* but may be about to */
} rules[] = {
	{ WAIT_TOLD, 0, false },
	{ WAIT_UNASKED, FIRST_REQUEST_MS, true },
	{ WAIT_IDLE, 0, true },
	{ WAIT_SLOW, SLOW_LEAST_MS, false },
};

bool
room_may_close(const struct guard_conn *conn, int64_t now)
{
	for (size_t i = 0; i < countof(rules); i++) {
		if (conn->wait == rules[i].wait)
			return rules[i].asks_nothing && now - conn->since_ms >= rules[i].least_ms &&
			    !conn_has_unread(conn);
	}
	return false;
}

/* The first of the list that may go. One that has bytes unread goes to the end: it leaves
 * the list as soon as they are read. */
static struct guard_conn *
room_find(struct guard *guard, const struct room_rule *rule, int64_t now)
{
	struct guard_conn *conn;

	for (unsigned i = 0; i < ROOM_LOOKS && (conn = TAILQ_FIRST(&guard->waits[rule->wait])) != NULL; i++) {
		if (now - conn->since_ms < rule->least_ms)
			return NULL;
		if (!rule->asks_nothing || !conn_has_unread(conn))
			return conn;
		conn_wait(conn, rule->wait, now);
	}
	return NULL;
}

static void
room_tell(struct guard *guard, int64_t now)
{
	if (guard->room.told_ms != 0 && now - guard->room.told_ms < FULL_TOLD_MS)
		return;
	log_as(KIND_CONNECTIONS_FULL, NULL, "all %u connections are taken; %" PRIu64 " that nothing was asked on "
	    "and %" PRIu64 " whose clients were slow made room for others", guard->count, guard->room.silent,
	    guard->room.slow);
	guard->room.told_ms = now;
	guard->room.silent = guard->room.slow = 0;
}

void
room_make(struct guard *guard)
{
	struct guard_conn *conn = NULL;
	size_t i;
	int64_t now;

	if (guard->stopping || !accept_is_full(guard))
		return;
	now = guard_now(guard);
	guard->accept.short_of_files = false;
	for (i = 0; i < countof(rules) && (conn = room_find(guard, &rules[i], now)) == NULL; i++)
		;
	if (conn != NULL) {
		guard->room.silent += rules[i].asks_nothing;
		guard->room.slow += rules[i].wait == WAIT_SLOW;
		deadline_end(conn, "The request took too long to arrive while all connections were taken.");
	}
	room_tell(guard, now);
}
