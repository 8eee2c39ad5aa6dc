/*
 * sim_post_video.c - posts of TikTok and YouTube.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sim_post_shapes.h"

#define BIG_TRANSCRIPT (500u << 10)

const char *const tiktok_keys[] = { "url", "post_id", "description", "create_time", "digg_count",
	"share_count", "video_url", "carousel_images", "post_type", NULL };

static void
tiktok_media(struct post *post, struct json_out *o)
{
	bool carousel = random_chance(&post->random, 10);

	post->media = carousel ? 2 + random_below(&post->random, 19) : 1;
	json_out_member(o, "post_type", "video");
	if (carousel) {
		part_media_urls(post, o, "carousel_images", post->media, ".webp");
		return;
	}
	part_media_url(post, o, "video_url", ".mp4");
	part_media_url(post, o, "cdn_url", ".mp4");
	json_out_member_int(o, "video_duration", 5 + random_below(&post->random, 170));
}

void
post_tiktok(struct post *post, struct json_out *o)
{
	char handle[64], text[24];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 19);
	(void)snprintf(post->url, sizeof post->url, "https://www.tiktok.com/%s/video/%s", handle,
	    post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "post_id", post->id);
	part_text(post, o, "description", 3 + random_below(&post->random, 25));
	json_out_member_time(o, "create_time", post->posted_ms);
	part_count(post, o, "digg_count", 900000);
	(void)snprintf(text, sizeof text, "%u", random_below(&post->random, 9000));
	json_out_member(o, "share_count", text);
	part_count(post, o, "collect_count", 9000);
	part_count(post, o, "comment_count", 9000);
	part_count(post, o, "play_count", 9000000);
	tiktok_media(post, o);
	part_media_url(post, o, "preview_image", ".jpg");
	json_out_key(o, "music");
	json_out_open(o);
	json_out_member(o, "title", "original sound");
	json_out_close(o);
	json_out_member(o, "profile_username", handle);
}

const char *const youtube_keys[] = { "url", "video_id", "shortcode", "title", "youtuber",
	"video_url", "video_length", "likes", "views", "date_posted", "transcript", NULL };
static const char *const youtube_absent[] = { "chapters", "related_videos", "live_status", NULL };

/* Plain speech, with an emoji every so often, each at another offset. */
static void
youtube_transcript(struct post *post, struct json_out *o)
{
	static const char speech[] = "and so we went on to the next part of it ";
	size_t want = post->big ? BIG_TRANSCRIPT : 500 + random_below(&post->random, 6000);
	size_t n = 0, room = want + 64;
	char *text = xmalloc(room);

	while (n < want) {
		uint32_t cut = 1 + random_below(&post->random, sizeof speech - 1);

		memcpy(text + n, speech, cut);
		n += cut;
		memcpy(text + n, "\xf0\x9f\x8e\xac", 4);
		n += 4;
	}
	json_out_key(o, "transcript");
	json_out_string_n(o, text, n);
	free(text);
}

static void
youtube_recommended(struct post *post, struct json_out *o)
{
	json_out_key(o, "recommended_videos");
	json_out_open_array(o);
	for (uint32_t i = random_below(&post->random, 4); i > 0; i--) {
		json_out_open(o);
		part_text(post, o, "title", 4);
		part_media_url(post, o, "thumbnail", ".jpg");
		json_out_close(o);
	}
	json_out_close_array(o);
}

void
post_youtube(struct post *post, struct json_out *o)
{
	char handle[64];

	part_handle(post, handle, sizeof handle);
	part_make_id(post, 11);
	(void)snprintf(post->url, sizeof post->url, "https://www.youtube.com/watch?v=%s", post->id);
	json_out_member(o, "url", post->url);
	json_out_member(o, "video_id", post->id);
	json_out_member(o, "shortcode", post->id);
	part_text(post, o, "title", 3 + random_below(&post->random, 8));
	json_out_member(o, "youtuber", handle);
	if (random_chance(&post->random, 10)) {
		json_out_key(o, "video_url");
		json_out_null(o);
	} else {
		part_media_url(post, o, "video_url", ".mp4");
	}
	json_out_member_int(o, "video_length", 30 + random_below(&post->random, 5000));
	part_count(post, o, "likes", 90000);
	part_count(post, o, "views", 9000000);
	part_count(post, o, "num_comments", 9000);
	json_out_member_time(o, "date_posted", post->posted_ms);
	part_text(post, o, "description", 10 + random_below(&post->random, 60));
	part_media_url(post, o, "preview_image", ".jpg");
	youtube_transcript(post, o);
	youtube_recommended(post, o);
	json_out_member(o, "post_type", "post");
	json_out_member_bool(o, "is_age_restricted", false);
	part_nulls(o, youtube_absent);
	post->media = 1;
}
