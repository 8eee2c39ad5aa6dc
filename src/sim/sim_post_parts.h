/*
 * sim_post_parts.h - what the generators share: text with emoji, ids,
 * addresses. Each writes one key and its value.
 */
#ifndef SIM_POST_PARTS_H
#define SIM_POST_PARTS_H

#include "sim/sim_post.h"

typedef void post_write_fn(struct post *, struct json_out *);

post_write_fn post_facebook, post_instagram, post_tiktok, post_youtube, post_linkedin, post_x,
    post_reddit, post_comment, post_profile, post_vacancy;

/* Content keys, NULL-terminated, for error rows that carry them as null. */
extern const char *const facebook_keys[], *const instagram_keys[], *const tiktok_keys[],
    *const youtube_keys[], *const linkedin_keys[], *const x_keys[], *const reddit_keys[],
    *const comment_keys[], *const profile_keys[], *const vacancy_keys[];

/* A few words with emoji of four bytes at any offset, raw or escaped. */
void part_text(struct post *, struct json_out *, const char *key, unsigned words);
/* A count: mostly a number, now and then a numeric string or null. */
void part_count(struct post *, struct json_out *, const char *key, uint32_t below);
/* An address on a content server that looks signed. */
void part_media_url(struct post *, struct json_out *, const char *key, const char *suffix);
/* An array of such addresses, or null when there are none. */
void part_media_urls(struct post *, struct json_out *, const char *key, unsigned count,
    const char *suffix);
void part_nulls(struct json_out *, const char *const *keys);
/* post->id becomes a number of so many digits, as text. */
void part_make_id(struct post *, unsigned digits);
/* Last path segment of the submitted address, or the keyword; printable ASCII. */
void part_handle(const struct post *, char *dst, size_t size);
/* One of weights[] (they add up to 100), by its place. */
unsigned part_pick(struct post *, const unsigned *weights);

#endif
