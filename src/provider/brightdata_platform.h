/*
 * brightdata_platform.h - how Bright Data crawls each platform.
 */
#ifndef PROVIDER_BRIGHTDATA_PLATFORM_H
#define PROVIDER_BRIGHTDATA_PLATFORM_H

#include <stdint.h>

#include "base/json_out.h"
#include "provider/provider_rules.h"

extern const struct provider_rules brightdata_rules;

/* The input row as one JSON object: only the fields that the platform's data set takes, dates in
 * its form, what was not given left out. */
void brightdata_write_input(struct json_out *, const struct trigger_request *);
/* discover_by for this request, NULL for a plain URL collection; and the value of
 * limit_per_input in the query, 0 for none (used where the row has no field for it). */
const char *brightdata_discover_by(const struct trigger_request *);
uint32_t brightdata_query_limit(const struct trigger_request *);

#endif
