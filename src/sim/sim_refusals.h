/*
 * sim_refusals.h - the answers 429 of the last five minutes, the most that ever fell
 * into any five minutes, and the ban that too many of them bring. Pure; times are
 * virtual and never go back.
 *
 * refusals_add() counts exactly as long as no five minutes hold more than
 * REFUSALS_MAX; beyond that the numbers stay there and "saturated" says so.
 */
#ifndef SIM_REFUSALS_H
#define SIM_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#define REFUSALS_MAX 8192u
#define REFUSALS_WINDOW_MS 300000
#define BAN_ANSWERS 25		/* within the window get a caller banned */

struct refusals {
	int64_t		times[REFUSALS_MAX];	/* a ring */
	uint64_t	first, next;		/* in the window: first .. next-1, modulo the size */
	uint64_t	since_lift;		/* answers since a ban was lifted last */
	uint64_t	most;			/* in any window */
	uint64_t	bans;
	bool		banned;
	bool		saturated;
};

/* True when this answer brings a ban; with bans false it is counted only. */
bool refusals_add(struct refusals *, int64_t now_ms, bool bans);
/* Those within the five minutes that end now. */
uint64_t refusals_recent(struct refusals *, int64_t now_ms);
/* Ends a ban; what was refused before does not count towards the next one. */
void refusals_lift(struct refusals *);

#endif
