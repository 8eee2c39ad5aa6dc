/*
 * brightdata_record.c - the records of Bright Data's data sets: what proves a post, and what
 * media are on each platform. A rule sees one record's watched members, in the order of its form's
 * watch[]; whether the record is a post at all is model/record.h's question.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "provider/brightdata.h"

/* Items of an array; whatever else stands there counts nothing. */
static uint64_t
items(const struct json_member *m)
{
	return m->kind == JSON_ARRAY_VALUE ? m->length : 0;
}

static bool
word_is(const struct json_member *m, const char *word)
{
	return m->kind == JSON_STRING_VALUE && strcasecmp(m->head, word) == 0;
}

enum { FACEBOOK_ID, FACEBOOK_ATTACHMENTS };

static uint64_t
facebook_media(const struct json_member *m)
{
	return items(&m[FACEBOOK_ATTACHMENTS]);
}

enum { INSTAGRAM_ID, INSTAGRAM_SHORTCODE, INSTAGRAM_PK, INSTAGRAM_CONTENT, INSTAGRAM_TYPE, INSTAGRAM_VIDEOS, INSTAGRAM_PHOTOS };

/* A reel's photos hold its cover frame, so they are not looked at there. */
static uint64_t
instagram_media(const struct json_member *m)
{
	uint64_t content = items(&m[INSTAGRAM_CONTENT]);
	uint64_t videos = items(&m[INSTAGRAM_VIDEOS]);

	if (content > 0)
		return content;
	if (videos > 0)
		return videos;
	if (word_is(&m[INSTAGRAM_TYPE], "reel") || word_is(&m[INSTAGRAM_TYPE], "video"))
		return 1;
	return items(&m[INSTAGRAM_PHOTOS]);
}

enum { TIKTOK_ID, TIKTOK_CAROUSEL, TIKTOK_VIDEO_URL, TIKTOK_CDN_URL, TIKTOK_TYPE };

static uint64_t
tiktok_media(const struct json_member *m)
{
	uint64_t carousel = items(&m[TIKTOK_CAROUSEL]);

	if (carousel > 0)
		return carousel;
	return record_member_holds(&m[TIKTOK_VIDEO_URL]) || record_member_holds(&m[TIKTOK_CDN_URL]) ||
	    word_is(&m[TIKTOK_TYPE], "video");
}

enum { YOUTUBE_ID, YOUTUBE_SHORTCODE };

/* The record is the video, also when its short-lived video_url is missing. */
static uint64_t
youtube_media(const struct json_member *m)
{
	return record_member_holds(&m[YOUTUBE_ID]);
}

enum { LINKEDIN_ID, LINKEDIN_IMAGES, LINKEDIN_VIDEOS, LINKEDIN_DOCUMENT };

static uint64_t
linkedin_media(const struct json_member *m)
{
	uint64_t images = items(&m[LINKEDIN_IMAGES]);
	bool document = images == 0 && record_member_holds(&m[LINKEDIN_DOCUMENT]);

	return images + items(&m[LINKEDIN_VIDEOS]) + document;
}

enum { PHOTOS_VIDEOS_ID, PHOTOS_VIDEOS_PHOTOS, PHOTOS_VIDEOS_VIDEOS };

static uint64_t
photos_and_videos(const struct json_member *m)
{
	return items(&m[PHOTOS_VIDEOS_PHOTOS]) + items(&m[PHOTOS_VIDEOS_VIDEOS]);
}

#define TROUBLES \
	.errors = { "error", "error_code" }, \
	.warnings = { "warning", "warning_code" }

static const struct record_form forms[PLATFORM_COUNT] = {
	[PLATFORM_FACEBOOK] = {
		TROUBLES,
		.watch = { "post_id", "attachments" },
		.ids = 1,
		.count_media = facebook_media,
	},
	[PLATFORM_INSTAGRAM] = {
		TROUBLES,
		.watch = { "post_id", "shortcode", "pk", "post_content", "content_type", "videos", "photos" },
		.ids = 3,
		.count_media = instagram_media,
	},
	[PLATFORM_TIKTOK] = {
		TROUBLES,
		.watch = { "post_id", "carousel_images", "video_url", "cdn_url", "post_type" },
		.ids = 1,
		.count_media = tiktok_media,
	},
	[PLATFORM_YOUTUBE] = {
		TROUBLES,
		.watch = { "video_id", "shortcode" },
		.ids = 2,
		.count_media = youtube_media,
	},
	[PLATFORM_LINKEDIN] = {
		TROUBLES,
		.watch = { "id", "images", "videos", "document_cover_image" },
		.ids = 1,
		.count_media = linkedin_media,
	},
	[PLATFORM_X] = {
		TROUBLES,
		.watch = { "id", "photos", "videos" },
		.ids = 1,
		.count_media = photos_and_videos,
	},
	[PLATFORM_REDDIT] = {
		TROUBLES,
		.watch = { "post_id", "photos", "videos" },
		.ids = 1,
		.count_media = photos_and_videos,
	},
};

const struct record_form *
brightdata_record_form(enum platform_id platform)
{
	assert((unsigned)platform < countof(forms));
	return &forms[platform];
}
