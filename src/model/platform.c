/*
 * platform.c - the table of platforms and their media rules. A rule sees one
 * record's watched members, in the order of its row's watch[]; whether the record
 * is a post at all is record.c's question.
 */
#include "model/platform.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

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
	return platform_member_holds(&m[TIKTOK_VIDEO_URL]) || platform_member_holds(&m[TIKTOK_CDN_URL]) ||
	    word_is(&m[TIKTOK_TYPE], "video");
}

enum { YOUTUBE_ID, YOUTUBE_SHORTCODE };

/* The record is the video, also when its short-lived video_url is missing. */
static uint64_t
youtube_media(const struct json_member *m)
{
	return platform_member_holds(&m[YOUTUBE_ID]);
}

enum { LINKEDIN_ID, LINKEDIN_IMAGES, LINKEDIN_VIDEOS, LINKEDIN_DOCUMENT };

static uint64_t
linkedin_media(const struct json_member *m)
{
	uint64_t images = items(&m[LINKEDIN_IMAGES]);
	bool document = images == 0 && platform_member_holds(&m[LINKEDIN_DOCUMENT]);

	return images + items(&m[LINKEDIN_VIDEOS]) + document;
}

enum { PHOTOS_VIDEOS_ID, PHOTOS_VIDEOS_PHOTOS, PHOTOS_VIDEOS_VIDEOS };

static uint64_t
photos_and_videos(const struct json_member *m)
{
	return items(&m[PHOTOS_VIDEOS_PHOTOS]) + items(&m[PHOTOS_VIDEOS_VIDEOS]);
}

static const struct platform platforms[PLATFORM_COUNT] = {
	[PLATFORM_FACEBOOK] = {
		.name = "facebook",
		.dataset_id = "gd_lkaxegm826bjpoo9m5",
		.hosts = { "facebook.com", "fb.com", "fb.watch" },
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES | INPUT_PROFILE_DATA,
		.dates = DATE_US,
		.watch = { "post_id", "attachments" },
		.ids = 1,
		.count_media = facebook_media,
	},
	[PLATFORM_INSTAGRAM] = {
		.name = "instagram",
		.dataset_id = "gd_lk5ns7kz21pck8jpis",
		.discover_by = "url",
		.hosts = { "instagram.com", "instagr.am" },
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES,
		.dates = DATE_US,
		.watch = { "post_id", "shortcode", "pk", "post_content", "content_type", "videos", "photos" },
		.ids = 3,
		.count_media = instagram_media,
	},
	[PLATFORM_TIKTOK] = {
		.name = "tiktok",
		.dataset_id = "gd_lu702nij2f790tmv9h",
		.discover_by = "profile_url",
		.hosts = { "tiktok.com" },
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES,
		.dates = DATE_US,
		.watch = { "post_id", "carousel_images", "video_url", "cdn_url", "post_type" },
		.ids = 1,
		.count_media = tiktok_media,
	},
	[PLATFORM_YOUTUBE] = {
		.name = "youtube",
		.dataset_id = "gd_lk56epmy2i5g7lzu0k",
		.discover_by = "url",
		.hosts = { "youtube.com", "youtu.be" },
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES,
		.dates = DATE_US,
		.watch = { "video_id", "shortcode" },
		.ids = 2,
		.count_media = youtube_media,
	},
	[PLATFORM_LINKEDIN] = {
		.name = "linkedin",
		.dataset_id = "gd_lyy3tktm25m4avu764",
		.discover_by = "company_url",
		.discover_by_profile = "profile_url",
		.hosts = { "linkedin.com", "lnkd.in" },
		.inputs = INPUT_URL | INPUT_LIMIT | INPUT_DATES,
		.dates = DATE_ISO,
		.watch = { "id", "images", "videos", "document_cover_image" },
		.ids = 1,
		.count_media = linkedin_media,
	},
	[PLATFORM_X] = {
		.name = "x",
		.dataset_id = "gd_lwxkxvnf1cynvib9co",
		.discover_by = "profile_url",
		.hosts = { "x.com", "twitter.com" },
		.inputs = INPUT_URL | INPUT_DATES,
		.dates = DATE_ISO,
		.watch = { "id", "photos", "videos" },
		.ids = 1,
		.count_media = photos_and_videos,
	},
	[PLATFORM_REDDIT] = {
		.name = "reddit",
		.dataset_id = "gd_lvz8ah06191smkebj4",
		.discover_by = "subreddit_url",
		.hosts = { "reddit.com", "redd.it" },
		.inputs = INPUT_URL,
		.dates = DATE_NONE,
		.watch = { "post_id", "photos", "videos" },
		.ids = 1,
		.count_media = photos_and_videos,
	},
};

const struct platform *
platform_of(enum platform_id id)
{
	assert((unsigned)id < countof(platforms));
	return &platforms[id];
}

int
platform_find(const char *name, enum platform_id *ret)
{
	if (strcasecmp(name, "twitter") == 0)
		name = platforms[PLATFORM_X].name;
	for (unsigned i = 0; i < countof(platforms); i++) {
		if (strcasecmp(name, platforms[i].name) == 0) {
			*ret = (enum platform_id)i;
			return 0;
		}
	}
	return -ENOENT;
}

/* The host, or one below it; a dot at the end is the root's. */
static bool
is_at(const char *host, size_t len, const char *domain)
{
	size_t n = strlen(domain);

	if (len > 0 && host[len - 1] == '.')
		len--;
	if (len < n || strncasecmp(host + len - n, domain, n) != 0)
		return false;
	return len == n || host[len - n - 1] == '.';
}

int
platform_find_host(const char *host, size_t len, enum platform_id *ret)
{
	for (unsigned i = 0; i < countof(platforms); i++) {
		for (unsigned j = 0; j < countof(platforms[i].hosts) && platforms[i].hosts[j] != NULL; j++) {
			if (is_at(host, len, platforms[i].hosts[j])) {
				*ret = (enum platform_id)i;
				return 0;
			}
		}
	}
	return -ENOENT;
}

char *
platform_hosts(enum platform_id id, char *dst, size_t size)
{
	const char *const *hosts = platform_of(id)->hosts;
	size_t used = 0;

	dst[0] = '\0';
	for (unsigned i = 0; i < countof(platforms[0].hosts) && hosts[i] != NULL && used < size; i++) {
		bool last = i + 1 == countof(platforms[0].hosts) || hosts[i + 1] == NULL;

		used += (size_t)snprintf(dst + used, size - used, "%s%s", i == 0 ? "" : last ? " or " : ", ", hosts[i]);
	}
	return dst;
}

/* All that is known of a text is its beginning, which is enough to tell a blank one. */
static bool
is_blank(const struct json_member *m)
{
	return m->length < sizeof(m->head) && strspn(m->head, " \t\r\n") == m->length;
}

static bool
is_not_zero(const char *number)
{
	const char *telling = strpbrk(number, "123456789eE");

	return telling != NULL && isdigit((unsigned char)*telling);
}

/* A zero as error or id is a way to say that there is none. */
bool
platform_member_holds(const struct json_member *m)
{
	switch (m->kind) {
	case JSON_STRING_VALUE:
		return !is_blank(m);
	case JSON_ARRAY_VALUE:
	case JSON_OBJECT_VALUE:
		return m->length > 0;
	case JSON_NUMBER_VALUE:
		return is_not_zero(m->head);
	case JSON_BOOL_VALUE:
		return m->is_true;
	default:
		return false;
	}
}

bool
platform_member_is_id(const struct json_member *m)
{
	static const char *const none[] = { "null", "none", "undefined", "nan", "n/a", "false" };

	if ((m->kind != JSON_STRING_VALUE && m->kind != JSON_NUMBER_VALUE) || !platform_member_holds(m))
		return false;
	for (size_t i = 0; i < countof(none); i++)
		if (strcasecmp(m->head, none[i]) == 0)
			return false;
	return true;
}
