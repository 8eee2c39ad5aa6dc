/*
 * front_room.h - room for one more when all places are taken. Who has least to lose goes
 * first: a client that never asked, and then one that asks nothing now. A connection on
 * which anything is under way stays.
 *
 * One is found at the head of its list, never searched for, and goes in the same turn, so
 * a place is free before the next client comes.
 */
#ifndef FRONT_FRONT_ROOM_H
#define FRONT_FRONT_ROOM_H

#include "front/front_conn.h"

/* Does nothing while there is room. */
void room_make(struct guard *);

#endif
