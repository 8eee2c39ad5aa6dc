/*
 * provider_rules.h - what may be asked of each provider: the part of its row that fronts need, who
 * should not carry the rest. Pure.
 */
#ifndef PROVIDER_PROVIDER_RULES_H
#define PROVIDER_PROVIDER_RULES_H

#include "model/platform.h"
#include "model/request.h"

struct why;

struct provider_rules {
	const char *name;		/* "brightdata": small letters and digits */
	/* The data set that a platform's pages are crawled by when the client names none; NULL: it is not crawled. */
	const char *(*dataset_id)(enum platform_id);
	/* The provider's own rules for a request that is sound otherwise, its dataset_id first, which stands in
	 * URLs. -EINVAL with a sentence that names the member. */
	int (*check)(const struct trigger_request *, struct why *);
};

extern const struct provider_rules *const provider_rules_table[];	/* in the order of provider_table; NULL at the end */

/* Reads the body of a trigger call as trigger_request_read() does, and by the provider's rules: fills in the
 * data set, refuses a platform that the provider does not crawl, and what its check() refuses. -EINVAL. */
int provider_request_read(const struct provider_rules *, const char *json, size_t len, struct trigger_request *ret,
    struct why *);
/* All these rules, for a request that did not come through provider_request_read just now: the keeper asks
 * again, because a front is believed in nothing. -EINVAL. */
int provider_request_check(const struct provider_rules *, const struct trigger_request *, struct why *);

#endif
