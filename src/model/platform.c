/*
 * platform.c - the table of platforms.
 */
#include "model/platform.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const struct platform platforms[PLATFORM_COUNT] = {
	[PLATFORM_FACEBOOK]  = { "facebook",  { "facebook.com", "fb.com", "fb.watch" } },
	[PLATFORM_INSTAGRAM] = { "instagram", { "instagram.com", "instagr.am" } },
	[PLATFORM_TIKTOK]    = { "tiktok",    { "tiktok.com" } },
	[PLATFORM_YOUTUBE]   = { "youtube",   { "youtube.com", "youtu.be" } },
	[PLATFORM_LINKEDIN]  = { "linkedin",  { "linkedin.com", "lnkd.in" } },
	[PLATFORM_X]	     = { "x",	      { "x.com", "twitter.com" } },
	[PLATFORM_REDDIT]    = { "reddit",    { "reddit.com", "redd.it" } },
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
