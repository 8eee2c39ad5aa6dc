/*
 * request.h - what a client asks for: the body of POST /api/v1/crawl/trigger,
 * read strictly, and the input row that the provider gets for it. Pure.
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

/* Reads the body. -EINVAL with a sentence that names the member: unknown or
 * duplicate member, wrong type, a platform or date that does not exist, a start
 * after the end, no url, a URL that is not http(s) or not one of the platform's hosts,
 * a discovery without num_of_posts (it would collect without bound). Only url is
 * required: the platform is that of its host. */
int trigger_request_read(const char *json, size_t len, struct trigger_request *ret,
    struct why *why);

/* The rules of one request, for one that did not come through trigger_request_read
 * just now: the keeper asks again, because a front is believed in nothing. -EINVAL. */
int trigger_request_check(const struct trigger_request *, struct why *why);

/* The same request? That is what an idempotency key promises. */
bool trigger_request_equal(const struct trigger_request *, const struct trigger_request *);

/* Writes the request as a JSON object in our own terms: all ten members, dates as
 * YYYY-MM-DD, null for what was not given. */
void trigger_request_write(struct json_out *, const struct trigger_request *);

/* Writes the provider's input row as one JSON object: only the fields that the
 * platform's data set takes, dates in its form, what was not given left out. */
void trigger_request_write_input(struct json_out *, const struct trigger_request *);

/* discover_by for this request, NULL for a plain URL collection; and the value of
 * limit_per_input in the query, 0 for none (used where the row has no field for it). */
const char *trigger_request_discover_by(const struct trigger_request *);
uint32_t trigger_request_query_limit(const struct trigger_request *);

#endif
