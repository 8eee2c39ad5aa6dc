/*
 * provider_request.c - the rules of a request: those that hold everywhere, and the provider's.
 */
#include "provider/provider_rules.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

static int
check(const struct provider_rules *rules, const struct trigger_request *request, struct why *why)
{
	const char *name = platform_of(request->platform)->name;

	if (rules->dataset_id(request->platform) == NULL)
		return why_set(why, EINVAL, "url: pages of %s are not crawled by %s, the provider that is configured", name,
		    rules->name);
	return rules->check(request, why);
}

int
provider_request_check(const struct provider_rules *rules, const struct trigger_request *request, struct why *why)
{
	int rc = trigger_request_check(request, why);

	return rc < 0 ? rc : check(rules, request, why);
}

int
provider_request_read(const struct provider_rules *rules, const char *json, size_t len, struct trigger_request *ret,
    struct why *why)
{
	struct trigger_request request;
	const char *usual;
	int rc = trigger_request_read(json, len, &request, why);

	if (rc < 0)
		return rc;
	usual = rules->dataset_id(request.platform);
	if (request.dataset_id[0] == '\0' && usual != NULL)
		(void)str_copy(request.dataset_id, sizeof(request.dataset_id), usual);
	rc = check(rules, &request, why);
	if (rc == 0)
		*ret = request;
	return rc;
}
