/*
 * providers.c - which providers there are. Apart from everything else, so that a test can link
 * another list. Their rules stand in provider_rules_list.c, in the same order.
 */
#include "provider/brightdata.h"
#include "provider/provider.h"

const struct provider *const provider_table[] = { &provider_brightdata, NULL };
