/*
 * limits.h - what the system lets the whole set do.
 */
#ifndef SUPERVISOR_LIMITS_H
#define SUPERVISOR_LIMITS_H

#include "conf/conf.h"

struct why;

/* Sets modes and limits that every process of the set inherits. */
void limits_set(void);
/* Refuses a configuration that asks for more processes than the limit on descriptors lets
 * start: callers would wait at a port behind which nothing ever gets ready. */
int limits_check(const struct conf *, struct why *why);

#endif
