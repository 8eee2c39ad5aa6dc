/*
 * path.c - checks and renders RAW_PATH_TEMPLATE. Every value has a largest size, and
 * the check adds these up: a template that was accepted at start can always be
 * rendered, so that no crawl is paid for and then has nowhere to go.
 */
#include "model/path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "base/why.h"

#define VALUE_SIZE   65		/* of any rendered value */
#define LABEL_MAX    60		/* bytes of a label that are used */
#define SEGMENT_MAX  255	/* NAME_MAX of the usual file systems */

enum value { VALUE_YEAR, VALUE_MONTH, VALUE_DAY, VALUE_PLATFORM, VALUE_COMPETITOR, VALUE_BRAND,
	VALUE_CATEGORY, VALUE_SNAPSHOT_ID, VALUE_CRAWL_ID, VALUE_COUNT };

static const struct placeholder {
	const char *name;
	size_t	    max;	/* bytes it can become */
	bool	    unique;	/* two crawls never share it */
} placeholders[VALUE_COUNT] = {
	[VALUE_YEAR]        = { "year", 4, false },
	[VALUE_MONTH]       = { "month", 2, false },
	[VALUE_DAY]         = { "day", 2, false },
	[VALUE_PLATFORM]    = { "platform", 9, false },
	[VALUE_COMPETITOR]  = { "competitor", LABEL_MAX, false },
	[VALUE_BRAND]       = { "brand", LABEL_MAX, false },
	[VALUE_CATEGORY]    = { "category", LABEL_MAX, false },
	[VALUE_SNAPSHOT_ID] = { "snapshot_id", SNAPSHOT_ID_SIZE - 1, true },
	[VALUE_CRAWL_ID]    = { "crawl_id", UUID_TEXT_SIZE - 1, true },
};

/* p stands at "{"; the placeholder's number, or -EINVAL. *ret_len counts the braces. */
static int
placeholder_at(const char *p, size_t *ret_len)
{
	size_t len = strcspn(p + 1, "{}/");

	if (p[1 + len] != '}')
		return -EINVAL;
	for (int i = 0; i < VALUE_COUNT; i++) {
		if (strlen(placeholders[i].name) == len && memcmp(p + 1, placeholders[i].name, len) == 0) {
			*ret_len = len + 2;
			return i;
		}
	}
	return -EINVAL;
}

/* The bytes that text[len], one part between slashes, can become. */
static int
check_segment(const char *text, size_t len, bool *unique, size_t *ret_max, struct why *why)
{
	size_t max = 0, skip;

	if (len == 0 || (len == 1 && text[0] == '.') || (len == 2 && memcmp(text, "..", 2) == 0))
		return why_set(why, EINVAL, "has an empty, \".\" or \"..\" part between its slashes");
	for (const char *p = text; p < text + len; p += skip) {
		skip = 1;
		if (*p == '{') {
			int value = placeholder_at(p, &skip);

			if (value < 0)
				return why_set(why, EINVAL, "has an unknown placeholder; known are {year} {month} "
				    "{day} {platform} {competitor} {brand} {category} {snapshot_id} {crawl_id}");
			max += placeholders[value].max;
			*unique |= placeholders[value].unique;
		} else if (*p == '}') {
			return why_set(why, EINVAL, "has a \"}\" without \"{\"");
		} else if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '\\') {
			return why_set(why, EINVAL, "must not contain control characters or backslashes");
		} else {
			max++;
		}
	}
	if (max > SEGMENT_MAX)
		return why_set(why, EINVAL, "has a part between slashes that can become %zu bytes long, a file "
		    "name has at most %d", max, SEGMENT_MAX);
	*ret_max = max;
	return 0;
}

int
path_template_check(const char *template, struct why *why)
{
	bool unique = false;
	size_t total = 0;

	if (template[0] == '/')
		return why_set(why, EINVAL, "must not begin with \"/\": it is a path below the storage's root");
	for (const char *p = template;; p++) {
		size_t len = strcspn(p, "/"), max = 0;
		int rc = check_segment(p, len, &unique, &max, why);

		if (rc < 0)
			return rc;
		total += max + 1;
		p += len;
		if (*p == '\0')
			break;
	}
	if (!unique)
		return why_set(why, EINVAL, "must contain {snapshot_id} or {crawl_id}, else two crawls could "
		    "share a path");
	if (total > OBJECT_PATH_SIZE)
		return why_set(why, EINVAL, "can become %zu bytes long, at most %d are allowed", total - 1,
		    OBJECT_PATH_SIZE - 1);
	return 0;
}

/* Controls, spaces and marks that steer how text is shown are no letters: U+0080 to
 * U+00BF, U+2000 to U+206F, U+3000 and U+FE00 to U+FEFF's invisible ones. */
static bool
is_utf8_letter(const unsigned char *p)
{
	if (p[0] == 0xc2)
		return false;
	if (p[0] == 0xe2 && (p[1] == 0x80 || (p[1] == 0x81 && p[2] <= 0xaf)))
		return false;
	if (p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80)
		return false;
	return !(p[0] == 0xef && ((p[1] == 0xb8 && p[2] <= 0x8f) || (p[1] == 0xbb && p[2] == 0xbf)));
}

/* A dot neither begins a value nor follows another: no value, and no two values side
 * by side, make a "." or ".." of a part, nor a hidden file. */
static void
make_safe(char *dst, size_t max, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + strlen(text);
	size_t used = 0;

	while (p < end) {
		int sequence = utf8_sequence(p, (size_t)(end - p));
		size_t len = sequence > 0 ? (size_t)sequence : 1;
		bool keep = sequence > 1 ? is_utf8_letter(p) :
		    sequence == 1 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
		    *p) != NULL;

		if (*p == '.')
			keep = used > 0 && dst[used - 1] != '.';
		if (used + (keep ? len : 1) > max)
			break;
		if (keep)
			memcpy(dst + used, p, len);
		else
			dst[used] = '_';
		used += keep ? len : 1;
		p += len;
	}
	dst[used] = '\0';
	if (used == 0)
		(void)snprintf(dst, VALUE_SIZE, "unknown");
}

static const char *
value_text(enum value value, const struct crawl *crawl, const struct trigger_request *request,
    char buffer[VALUE_SIZE])
{
	struct date date = date_of(crawl->created_ms);

	switch (value) {
	case VALUE_YEAR:
		(void)snprintf(buffer, VALUE_SIZE, "%04d", date.year);
		break;
	case VALUE_MONTH:
		(void)snprintf(buffer, VALUE_SIZE, "%02d", date.month);
		break;
	case VALUE_DAY:
		(void)snprintf(buffer, VALUE_SIZE, "%02d", date.day);
		break;
	case VALUE_PLATFORM:
		return platform_of(request->platform)->name;
	case VALUE_COMPETITOR:
		return request->competitor;
	case VALUE_BRAND:
		return request->brand;
	case VALUE_CATEGORY:
		return request->category;
	case VALUE_SNAPSHOT_ID:
		return crawl->snapshot_id;
	default:
		return uuid_format(buffer, &crawl->id);
	}
	return buffer;
}

int
path_render(char *dst, size_t size, const char *template, const struct crawl *crawl,
    const struct trigger_request *request)
{
	size_t used = 0, skip;

	for (const char *p = template; *p != '\0'; p += skip) {
		char safe[VALUE_SIZE], buffer[VALUE_SIZE];
		int value = *p == '{' ? placeholder_at(p, &skip) : -EINVAL;
		size_t len;

		if (value < 0) {
			safe[0] = *p;
			safe[1] = '\0';
			skip = 1;
		} else {
			make_safe(safe, placeholders[value].max,
			    value_text((enum value)value, crawl, request, buffer));
		}
		len = strlen(safe);
		if (used + len >= size)
			return -ENAMETOOLONG;
		memcpy(dst + used, safe, len);
		used += len;
	}
	if (used >= size)
		return -ENAMETOOLONG;
	dst[used] = '\0';
	return 0;
}
