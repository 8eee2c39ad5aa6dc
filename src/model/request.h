/*
 * request.h - what a client asks for: the body of POST /api/v1/crawl/trigger,
 * read strictly. Pure. A provider has more rules, and makes its input of it (provider/provider.h).
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_out.h"
#include "base/timefmt.h"
#include "model/platform.h"

struct why;

#define REQUEST_DATASET_SIZE	65	/* [A-Za-z0-9_-]{1,64} */
#define REQUEST_LABEL_SIZE	257	/* competitor, brand, category: UTF-8, no control characters */
#define REQUEST_URL_SIZE	2049
#define REQUEST_POSTS_MAX	1000000

struct trigger_request {
	enum platform_id platform;
	char	dataset_id[REQUEST_DATASET_SIZE];
	char	competitor[REQUEST_LABEL_SIZE];
	char	brand[REQUEST_LABEL_SIZE];
	char	category[REQUEST_LABEL_SIZE];
	char	url[REQUEST_URL_SIZE];
	char	start_date[DATE_TEXT_SIZE];	/* "YYYY-MM-DD" or "" */
	char	end_date[DATE_TEXT_SIZE];
	bool	include_profile_data;
	uint32_t num_of_posts;			/* 0: not given */
};

/* Reads the body, by the rules that hold at any provider: provider_request_read() is for clients'.
 * -EINVAL with a sentence that names the member: unknown or
 * duplicate member, wrong type, a platform or date that does not exist, a start
 * after the end, no url, a URL that is not http(s) or not one of the platform's hosts.
 * Only url is required: the platform is that of its host. dataset_id stays as it was given, any text. */
int trigger_request_read(const char *json, size_t len, struct trigger_request *ret,
    struct why *why);

/* These rules, for a request that did not come through trigger_request_read just now. -EINVAL. */
int trigger_request_check(const struct trigger_request *, struct why *why);

/* The same request? That is what an idempotency key promises. */
bool trigger_request_equal(const struct trigger_request *, const struct trigger_request *);

/* Writes the request as a JSON object in our own terms: all ten members, dates as
 * YYYY-MM-DD, null for what was not given. */
void trigger_request_write(struct json_out *, const struct trigger_request *);

#endif
