/* front_address.c - see front_address.h. */
#include "front/front_address.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "front/front_refuse.h"
#include "front/front_room.h"

#define ADDRESS_LISTS	256	/* connections whose addresses have one hash share a list */
#define PREFIX_BYTES	8	/* of an IPv6 address */

void
address_init(struct guard *guard)
{
	guard->addresses = xcalloc(ADDRESS_LISTS, sizeof(*guard->addresses));
	for (unsigned i = 0; i < ADDRESS_LISTS; i++)
		TAILQ_INIT(&guard->addresses[i]);
}

void
address_done(struct guard *guard)
{
	free(guard->addresses);
}

/* False when it has none, or the client has left already. */
static bool
address_of(const struct guard_conn *conn, struct conn_address *ret)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage all;
	} peer;
	socklen_t len = sizeof(peer);

	memset(ret, 0, sizeof(*ret));
	if (getpeername(bufferevent_getfd(conn->stream), &peer.any, &len) < 0)
		return false;
	if (peer.any.sa_family == AF_INET) {
		memcpy(ret->bytes + 12, &peer.v4.sin_addr, 4);
		return true;
	}
	if (peer.any.sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr))
		memcpy(ret->bytes + 12, peer.v6.sin6_addr.s6_addr + 12, 4);
	else
		memcpy(ret->bytes, &peer.v6.sin6_addr, PREFIX_BYTES);
	return true;
}

/* FNV-1a; who finds many addresses for one list makes only that list longer. */
static struct conn_list *
address_list(const struct guard *guard, const struct conn_address *address)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(address->bytes); i++)
		hash = (hash ^ address->bytes[i]) * 16777619u;
	return &guard->addresses[hash % ADDRESS_LISTS];
}

static void
address_admit_one(struct guard_conn *conn, int64_t now)
{
	struct guard *guard = conn->guard;
	struct guard_conn *other, *silent = NULL;
	unsigned count = 0;

	if (!address_of(conn, &conn->address))
		return;
	conn->same = address_list(guard, &conn->address);
	TAILQ_FOREACH(other, conn->same, same_link) {
		if (memcmp(&other->address, &conn->address, sizeof(conn->address)) != 0 || other->refused)
			continue;
		count++;
		if ((silent == NULL || other->since_ms < silent->since_ms) && room_may_close(other, now))
			silent = other;
	}
	TAILQ_INSERT_TAIL(conn->same, conn, same_link);
	if (count < guard->limits->per_address)
		return;
	if (silent != NULL)
		conn_close(silent);
	else
		refuse(conn, 429, "This address has too many connections open already.");
}

void
address_expect(struct guard_conn *conn)
{
	struct guard *guard = conn->guard;

	conn_wait(conn, guard->limits->per_address != 0 ? WAIT_FRESH : WAIT_UNASKED, guard_now(guard));
	if (guard->limits->per_address != 0)
		guard_turn_soon(guard);
}

void
address_admit(struct guard *guard)
{
	struct guard_conn *conn;

	while ((conn = TAILQ_FIRST(&guard->waits[WAIT_FRESH])) != NULL) {
		conn_wait(conn, WAIT_UNASKED, conn->since_ms);
		address_admit_one(conn, guard_now(guard));
	}
}
