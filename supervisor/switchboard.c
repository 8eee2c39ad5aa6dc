/*
 * switchboard.c - makes the connections between the keeper and everyone else. It
 * keeps none of them: each end belongs to the child that it was sent to.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/log_kind.h"
#include "supervisor/supervisor.h"

static int
pair_make(struct child *keeper, struct child *other)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = child_send_peer(keeper, other, ends[0]);
	if (r == 0)
		r = child_send_peer(other, keeper, ends[1]);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return r;
}

/* One that cannot be connected is of no use, and a new one gets a new try. A child
 * that is ending just now reads nothing; its end is reaped next. */
static void
connect_two(struct child *keeper, struct child *other)
{
	int r = pair_make(keeper, other);

	if (r == 0 || r == -EPIPE || r == -ECONNRESET)
		return;
	log_as(KIND_CHILD_UNCONNECTED, NULL, "%s cannot be connected to the keeper: %s", child_name(other), strerror(-r));
	child_kill(other, "it has no connection to the keeper");
}

void
switchboard_connect(struct supervisor *sup, struct child *c)
{
	struct child *keeper = keeper_child(sup);

	if (!keeper)
		return;
	if (c != keeper) {
		connect_two(keeper, c);
		return;
	}
	/* Those that leave report what they finish, so they are connected, too. */
	for (unsigned i = 0; i < sup->place_count; i++)
		for (struct child *other = sup->places[i].children; other; other = other->next)
			if (other->service->role != ROLE_KEEPER)
				connect_two(keeper, other);
}
