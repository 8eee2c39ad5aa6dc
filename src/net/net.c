/* net.c - the pool of idle handles. Owned by struct net, which net_loop.c makes. */
#include "net/net.h"

#include "base/log.h"

#define EXIT_FAILURE_STATUS 1

CURL *
net_take_handle(struct net *net, bool fresh)
{
	CURL *easy;

	if (!fresh && net->pooled > 0)
		return net->pool[--net->pooled];
	easy = curl_easy_init();
	if (easy == NULL)
		fatal(EXIT_FAILURE_STATUS, &log_kind_no_memory, "out of memory for an HTTP call");
	return easy;
}

void
net_give_handle(struct net *net, CURL *easy, bool fresh)
{
	if (fresh || net->pooled == NET_POOL) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	net->pool[net->pooled++] = easy;
}
