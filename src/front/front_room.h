/*
 * front_room.h - room for one more when all places are taken. Who has least to lose goes
 * first: a refusal that is told, a client that never asked, one that asks nothing now,
 * and then the one that has kept its place longest while its request comes in, or the
 * answer goes out, piece by piece. A request that is with its owner stays, and a stream.
 *
 * One is found at the head of its list, never searched for. It goes in the same turn, so a
 * place is free before the next client comes; a slow one as soon as it is told why.
 */
#ifndef FRONT_FRONT_ROOM_H
#define FRONT_FRONT_ROOM_H

#include "front/front_conn.h"

/* Does nothing while there is room. */
void room_make(struct guard *);
/* Nothing is asked on it, and it had its time to ask; nothing is on its way. */
bool room_may_close(const struct guard_conn *, int64_t now);

#endif
