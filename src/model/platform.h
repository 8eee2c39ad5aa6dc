/*
 * platform.h - what trawld knows about each social platform: its name and where its pages are.
 * How a provider crawls it, and what records it makes of it, is the provider's row
 * (provider/provider.h). Pure.
 */
#ifndef MODEL_PLATFORM_H
#define MODEL_PLATFORM_H

#include <stddef.h>

/* Numbers lie in the store: rows are only ever added at the end. */
enum platform_id {
	PLATFORM_FACEBOOK,
	PLATFORM_INSTAGRAM,
	PLATFORM_TIKTOK,
	PLATFORM_YOUTUBE,
	PLATFORM_LINKEDIN,
	PLATFORM_X,
	PLATFORM_REDDIT,
	PLATFORM_COUNT
};

/* Their names, for messages and for help. */
#define PLATFORM_NAMES "facebook, instagram, tiktok, youtube, linkedin, x, reddit"

struct platform {
	const char	*name;		/* "facebook" */
	const char	*hosts[4];	/* where its pages are: these and what lies below them (www., m., de-de.) */
};

const struct platform *platform_of(enum platform_id id);	/* asserts the range */
/* By name in any letter case; "twitter" is X. -ENOENT. */
int platform_find(const char *name, enum platform_id *ret);

/* By the host of a page's address. -ENOENT. */
int platform_find_host(const char *host, size_t len, enum platform_id *ret);
/* "facebook.com, fb.com or fb.watch" */
char *platform_hosts(enum platform_id, char *dst, size_t size);

#endif
