/*
 * sim_post_text.c - posts of LinkedIn, X and Reddit.
 */
#include <stdio.h>
#include <string.h>

#include "sim/sim_post_shapes.h"

const char *const linkedin_keys[] = { "url", "id", "user_id", "post_text", "date_posted", "images",
	"videos", "num_likes", "num_comments", "post_type", NULL };
static const char *const linkedin_absent[] = { "title", "headline", "embedded_links",
	"external_link_data", NULL };
static const char *const repost_keys[] = { "repost_attachments", "repost_date", "repost_id",
	"repost_text", "repost_url", "repost_user_id", NULL };

static void
linkedin_media(struct post *post, struct json_out *o)
{
	static const unsigned kinds[] = { 17, 35, 40, 7, 1 };
	unsigned kind = part_pick(post, kinds);
	unsigned images = kind == 1 ? 1 : kind == 2 ? 2 + random_below(&post->random, 8) : 0;
	unsigned videos = kind == 3;

	part_media_urls(post, o, "images", images, ".jpg");
	part_media_urls(post, o, "videos", videos, ".m3u8");
	post->media = images + videos;
	if (kind == 4) {
		part_media_url(post, o, "document_cover_image", ".jpg");
		json_out_member_int(o, "document_page_count", 12);
		post->media++;
	}
}

void
post_linkedin(struct post *post, struct json_out *o)
{
	char handle[64];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 19);
	(void)snprintf(post->url, sizeof post->url, "https://www.linkedin.com/posts/%s_activity-%s",
	    handle, post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "id", post->id);
	json_out_member(o, "user_id", handle);
	part_text(post, o, "post_text", 10 + random_below(&post->random, 90));
	json_out_member_time(o, "date_posted", post->posted_ms);
	part_count(post, o, "num_likes", 9000);
	part_count(post, o, "num_comments", 900);
	linkedin_media(post, o);
	json_out_key(o, "repost");
	json_out_open(o);
	part_nulls(o, repost_keys);
	json_out_close(o);
	json_out_member(o, "post_type", "post");
	part_nulls(o, linkedin_absent);
}

const char *const x_keys[] = { "id", "url", "user_posted", "description", "date_posted", "photos",
	"videos", "likes", "views", NULL };
static const char *const x_absent[] = { "tagged_users", "hashtags", "parent_post_details", NULL };
static const char *const quoted_keys[] = { "data_posted", "description", "photos", "post_id",
	"profile_id", "profile_name", "url", "videos", NULL };

/* Older records hold addresses, newer ones objects. */
static void
x_videos(struct post *post, unsigned count, struct json_out *o)
{
	if (count == 0 || random_chance(&post->random, 40)) {
		part_media_urls(post, o, "videos", count, ".mp4");
		return;
	}
	json_out_key(o, "videos");
	json_out_open_array(o);
	while (count-- > 0) {
		json_out_open(o);
		part_media_url(post, o, "video_url", ".mp4");
		json_out_member_int(o, "duration", 1000 + random_below(&post->random, 90000));
		json_out_close(o);
	}
	json_out_close_array(o);
}

void
post_x(struct post *post, struct json_out *o)
{
	static const unsigned photo_weights[] = { 45, 44, 5, 2, 4 };
	unsigned photos = part_pick(post, photo_weights);
	unsigned videos = photos == 0 ? random_chance(&post->random, 38) :
	    random_chance(&post->random, 2);
	bool numeric = random_chance(&post->random, 30);
	char handle[64];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 19);
	if (numeric)
		(void)snprintf(post->url, sizeof post->url, "https://twitter.com/%u/status/%s",
		    random_below(&post->random, 1000000000), post->id);
	else
		(void)snprintf(post->url, sizeof post->url, "https://x.com/%s/status/%s", handle,
		    post->id);
	json_out_member(o, "id", post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "user_posted", handle);
	if (photos && random_chance(&post->random, 10)) {
		json_out_key(o, "description");
		json_out_null(o);
	} else {
		part_text(post, o, "description", 3 + random_below(&post->random, 30));
	}
	json_out_member_time(o, "date_posted", post->posted_ms);
	part_media_urls(post, o, "photos", photos, ".jpg");
	x_videos(post, videos, o);
	part_media_urls(post, o, "external_image_urls",
	    photos == 0 && random_chance(&post->random, 40), ".jpg");
	part_count(post, o, "likes", 90000);
	part_count(post, o, "views", 900000);
	part_count(post, o, "reposts", 9000);
	json_out_key(o, "quoted_post");
	json_out_open(o);
	part_nulls(o, quoted_keys);
	json_out_close(o);
	part_nulls(o, x_absent);
	post->media = photos + videos;
}

const char *const reddit_keys[] = { "post_id", "url", "user_posted", "title", "description",
	"num_upvotes", "num_comments", "date_posted", "photos", "videos", NULL };

/* A picture in a comment is not the post's. */
static void
reddit_comments(struct post *post, struct json_out *o)
{
	json_out_key(o, "comments");
	json_out_open_array(o);
	for (uint32_t i = random_below(&post->random, 3); i > 0; i--) {
		json_out_open(o);
		part_text(post, o, "comment", 8);
		part_media_urls(post, o, "photos", random_below(&post->random, 2), ".jpg");
		json_out_close(o);
	}
	json_out_close_array(o);
}

void
post_reddit(struct post *post, struct json_out *o)
{
	static const unsigned kinds[] = { 50, 30, 10, 10 };
	unsigned kind = part_pick(post, kinds);
	unsigned photos = kind == 2 ? 2 + random_below(&post->random, 6) : kind == 1;
	char handle[64], id[32];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 7);
	(void)snprintf(id, sizeof id, "t3_%s", post->id);
	(void)snprintf(post->url, sizeof post->url, "https://www.reddit.com/r/%s/comments/%s/",
	    handle, post->id);
	json_out_member(o, "post_id", id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "user_posted", "someone");
	part_text(post, o, "title", 5 + random_below(&post->random, 8));
	part_text(post, o, "description", 5 + random_below(&post->random, 80));
	part_count(post, o, "num_upvotes", 90000);
	part_count(post, o, "num_comments", 900);
	json_out_member_time(o, "date_posted", post->posted_ms);
	json_out_member(o, "community_name", handle);
	part_media_urls(post, o, "photos", photos, ".jpg");
	part_media_urls(post, o, "videos", kind == 3, ".mp4");
	reddit_comments(post, o);
	post->media = photos + (kind == 3);
}
