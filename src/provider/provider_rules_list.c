/*
 * provider_rules_list.c - the rules of the rows in providers.c, in its order.
 */
#include "provider/provider_rules.h"

#include <stddef.h>

#include "provider/brightdata_platform.h"

const struct provider_rules *const provider_rules_table[] = { &brightdata_rules, NULL };
