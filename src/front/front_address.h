/*
 * front_address.h - how many connections one source address may have
 * (guard_limits.per_address). One more than that costs the address the connection of its
 * own that nothing is asked on for longest, or is refused with 429 when it has none.
 *
 * An IPv6 address counts as its /64, which is what one customer has. A Unix socket has no
 * address and is never counted.
 */
#ifndef FRONT_FRONT_ADDRESS_H
#define FRONT_FRONT_ADDRESS_H

#include "front/front_conn.h"

void address_init(struct guard *);
void address_done(struct guard *);
/* A new connection begins to wait: for its address to be looked at, where that is limited. */
void address_expect(struct guard_conn *);
/* Looks at those, in the turn after they were accepted: before, they have no socket. */
void address_admit(struct guard *);

#endif
