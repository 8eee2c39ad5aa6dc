/*
 * sim_post_shapes.h - the generators: one a shape of row, as platforms have them.
 */
#ifndef SIM_POST_SHAPES_H
#define SIM_POST_SHAPES_H

#include "sim/sim_post_parts.h"

typedef void post_write_fn(struct post *, struct json_out *);

post_write_fn post_facebook, post_instagram, post_tiktok, post_youtube, post_linkedin, post_x,
    post_reddit, post_comment, post_profile, post_vacancy;

/* Content keys, NULL-terminated, for error rows that carry them as null. */
extern const char *const facebook_keys[], *const instagram_keys[], *const tiktok_keys[],
    *const youtube_keys[], *const linkedin_keys[], *const x_keys[], *const reddit_keys[],
    *const comment_keys[], *const profile_keys[], *const vacancy_keys[];

#endif
