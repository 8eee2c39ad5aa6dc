/*
 * sim_post.h - one row: a post in the shape of its platform, a comment, a profile
 * or a vacancy.
 */
#ifndef SIM_POST_H
#define SIM_POST_H

#include "base/json_out.h"
#include "sim/sim_post_parts.h"

/* Appends the whole record. */
void post_write(struct post *, struct json_out *);
/* "timestamp", "input", "discovery_input" as they stand in each record. */
void post_write_echo(const struct post *, struct json_out *);
/* The data set's content keys, all null (one form of error row). */
void post_write_nulls(const struct post *, struct json_out *);

#endif
