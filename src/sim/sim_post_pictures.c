/*
 * sim_post_pictures.c - posts of Facebook and Instagram. How many attachments of
 * which type follows what was counted in real samples.
 */
#include <stdio.h>
#include <string.h>

#include "sim/sim_post_shapes.h"

const char *const facebook_keys[] = { "url", "post_id", "user_url", "user_username_raw", "content",
	"date_posted", "hashtags", "num_comments", "num_shares", "attachments", "post_type", NULL };
static const char *const facebook_absent[] = { "page_intro", "page_category",
	"page_external_website", "original_post", "other_posts_url", "has_handshake",
	"sponsor_name", "following", "post_external_image", NULL };

enum attachment { ATTACHED_PHOTO, ATTACHED_VIDEO, ATTACHED_LINK };

static void
facebook_attachment(struct post *post, enum attachment kind, struct json_out *o)
{
	static const char *const types[] = { "Photo", "Video", "GenericAttachmentMedia" };
	char number[24];

	json_out_open(o);
	(void)snprintf(number, sizeof number, "%llu",
	    (unsigned long long)(random_next(&post->random) % 10000000000000000u));
	json_out_member(o, "id", number);
	json_out_member(o, "type", types[kind]);
	part_media_url(post, o, "url", ".jpg");
	if (kind == ATTACHED_VIDEO) {
		(void)snprintf(number, sizeof number, "%u",
		    3000 + random_below(&post->random, 180000));
		json_out_member(o, "video_length", number);
		part_media_url(post, o, "video_url", ".mp4");
	}
	json_out_close(o);
}

/* A shared post has its media in original_post only. */
static void
facebook_attachments(struct post *post, bool shared, bool video, struct json_out *o)
{
	static const unsigned weights[] = { 3, 95, 1, 1 };
	static const unsigned kinds[] = { 85, 0, 15 };
	unsigned n = part_pick(post, weights);
	enum attachment kind = video ? ATTACHED_VIDEO : ATTACHED_PHOTO;

	if (n == 3)
		n = 4 + random_below(&post->random, 2);
	if (shared)
		n = 0;
	if (video && n == 0)
		n = 1;
	if (n == 1 && !video)
		kind = (enum attachment)part_pick(post, kinds);
	json_out_key(o, "attachments");
	json_out_open_array(o);
	for (unsigned i = 0; i < n; i++)
		facebook_attachment(post, kind, o);
	json_out_close_array(o);
	post->media = n;
	if (kind == ATTACHED_LINK) {
		json_out_member(o, "post_external_link", "https://example.org/story");
		json_out_member(o, "post_external_title", "A story elsewhere");
	}
	if (n > 0 && kind == ATTACHED_PHOTO)
		part_media_url(post, o, "post_image", ".jpg");
}

static void
facebook_profile_data(struct post *post, const char *handle, struct json_out *o)
{
	json_out_member(o, "page_name", handle);
	json_out_member(o, "profile_handle", handle);
	part_media_url(post, o, "avatar_image_url", ".jpg");
	part_media_url(post, o, "header_image", ".jpg");
	part_media_url(post, o, "page_logo", ".jpg");
	part_count(post, o, "page_likes", 9000000);
	part_count(post, o, "page_followers", 9000000);
	json_out_member_bool(o, "page_is_verified", true);
}

static void
facebook_likes(struct post *post, struct json_out *o)
{
	bool array = random_chance(&post->random, 20);

	json_out_key(o, "num_likes_type");
	if (array)
		json_out_open_array(o);
	json_out_open(o);
	json_out_member(o, "type", "Like");
	json_out_member_int(o, "num", random_below(&post->random, 9000));
	json_out_close(o);
	if (array)
		json_out_close_array(o);
}

void
post_facebook(struct post *post, struct json_out *o)
{
	static const unsigned types[] = { 60, 35, 5 };
	static const char *const type_words[] = { "Post", "Reel", "Post shared" };
	unsigned type = part_pick(post, types);
	char handle[64], user_url[120];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 16);
	(void)snprintf(user_url, sizeof user_url, "https://www.facebook.com/%s", handle);
	(void)snprintf(post->url, sizeof post->url, "%s/posts/%s", user_url, post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "post_id", post->id);
	json_out_member(o, "user_url", user_url);
	json_out_member(o, "user_username_raw", handle);
	part_text(post, o, "content", 5 + random_below(&post->random, 60));
	json_out_member_time(o, "date_posted", post->posted_ms);
	json_out_key(o, "hashtags");
	json_out_open_array(o);
	json_out_close_array(o);
	part_count(post, o, "num_comments", 2000);
	part_count(post, o, "num_shares", 900);
	facebook_likes(post, o);
	part_count(post, o, "likes", 9000);
	facebook_attachments(post, type == 2, type == 1, o);
	facebook_profile_data(post, handle, o);
	json_out_member(o, "shortcode", post->id);
	part_count(post, o, "video_view_count", 100000);
	json_out_member(o, "post_type", type_words[type]);
	part_nulls(o, facebook_absent);
}

const char *const instagram_keys[] = { "url", "post_id", "shortcode", "user_posted", "description",
	"date_posted", "likes", "photos", "videos", "post_content", "content_type", NULL };

static void
instagram_content(struct post *post, unsigned count, bool video, struct json_out *o)
{
	char id[24];

	json_out_key(o, "post_content");
	json_out_open_array(o);
	for (unsigned i = 0; i < count; i++) {
		bool moves = video || random_chance(&post->random, 15);

		json_out_open(o);
		json_out_member_int(o, "index", i);
		json_out_member(o, "type", moves ? "Video" : "Photo");
		part_media_url(post, o, "url", moves ? ".mp4" : ".jpg");
		(void)snprintf(id, sizeof id, "%d%09u", 31, random_below(&post->random, 1000000000));
		json_out_member(o, "id", id);
		json_out_close(o);
	}
	json_out_close_array(o);
}

/* Reels, pictures, carousels; what is not there is left out, not null. */
static void
instagram_media(struct post *post, struct json_out *o)
{
	static const unsigned kinds[] = { 40, 35, 25 };
	unsigned kind = part_pick(post, kinds);
	static const char *const words[] = { "Reel", "Image", "Carousel" };
	unsigned n = kind == 2 ? 2 + random_below(&post->random, 9) : 1;
	bool listed = kind == 2 || random_chance(&post->random, 70);

	json_out_member(o, "content_type", words[kind]);
	json_out_member(o, "product_type", kind == 0 ? "clips" : "feed");
	if (listed)
		instagram_content(post, n, kind == 0, o);
	if (kind == 0) {
		part_media_urls(post, o, "videos", 1, ".mp4");
		part_count(post, o, "video_view_count", 900000);
	}
	/* a reel's photos are its cover */
	part_media_urls(post, o, "photos", kind == 0 ? 1 : n, ".jpg");
	part_media_url(post, o, "thumbnail", ".jpg");
	json_out_member_int(o, "photos_number", kind == 0 ? 0 : n);
	post->media = n;
}

void
post_instagram(struct post *post, struct json_out *o)
{
	char handle[64];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 19);
	(void)snprintf(post->url, sizeof post->url, "https://www.instagram.com/p/C%.10s", post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "post_id", post->id);
	json_out_member(o, "shortcode", post->url + strlen("https://www.instagram.com/p/"));
	json_out_member(o, "user_posted", handle);
	part_text(post, o, "description", 4 + random_below(&post->random, 50));
	json_out_member_time(o, "date_posted", post->posted_ms);
	part_count(post, o, "likes", 90000);
	part_count(post, o, "num_comments", 900);
	instagram_media(post, o);
}
