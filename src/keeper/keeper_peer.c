/*
 * keeper_peer.c - connections: the table of who may say what, and what it means
 * when one comes or goes. Owns the list of peers; the bytes are ipc/peer.h's.
 */
#include "keeper/keeper.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define FRONT	  (1u << ROLE_FRONT)
#define POLLER	  (1u << ROLE_POLLER)
#define PUBLISHER (1u << ROLE_PUBLISHER)

static const struct ipc_rule rules[MSG_TYPE_COUNT] = {
	[MSG_CRAWL_CREATE]   = { FRONT, keeper_on_crawl_create },
	[MSG_CRAWL_READ]     = { FRONT, keeper_on_crawl_read },
	[MSG_CRAWL_FETCH]    = { FRONT, keeper_on_crawl_fetch },
	[MSG_CRAWL_RETRY]    = { FRONT, keeper_on_crawl_retry },
	[MSG_CRAWL_CANCEL]   = { FRONT, keeper_on_crawl_cancel },
	[MSG_FORGET]	     = { FRONT, keeper_on_forget },
	[MSG_HEALTH_READ]    = { FRONT, keeper_on_health_read },
	[MSG_BACKUP]	     = { FRONT, keeper_on_backup },
	[MSG_POLLER_STATE]   = { POLLER, keeper_on_poller_state },
	[MSG_TASK_PROGRESS]  = { POLLER, keeper_on_task_progress },
	[MSG_TASK_RETURNED]  = { POLLER, keeper_on_task_returned },
	[MSG_TRIGGER_DONE]   = { POLLER, keeper_on_trigger_done },
	[MSG_POLL_DONE]	     = { POLLER, keeper_on_poll_done },
	[MSG_DOWNLOAD_DONE]  = { POLLER, keeper_on_download_done },
	[MSG_STORE_DONE]     = { POLLER, keeper_on_store_done },
	[MSG_TRIGGER_OPEN]   = { POLLER, keeper_on_trigger_open },
	[MSG_SEARCH_PAGE]    = { POLLER, keeper_on_search_page },
	[MSG_SEARCH_INPUT]   = { POLLER, keeper_on_search_input },
	[MSG_SEARCH_DONE]    = { POLLER, keeper_on_search_done },
	[MSG_CANCEL_DONE]    = { POLLER, keeper_on_cancel_done },
	[MSG_EVENT_ACK]	     = { PUBLISHER, keeper_on_event_ack },
};

static void
on_open(struct peer *peer, void *arg)
{
	struct keeper *k = arg;

	log_debug(NULL, "%s[%u] connected, pid %d", role_name(peer_role(peer)), peer_instance(peer),
	    peer_pid(peer));
	keeper_wake(k);		/* a publisher may be given what waits */
}

static void
drop(struct keeper *k, struct keeper_peer *p)
{
	DL_DELETE(k->peers, p);
	free(p);
}

static void
on_closed(struct peer *peer, void *arg)
{
	struct keeper_peer *p = peer_data(peer);
	struct keeper *k = arg;

	keeper_lease_lost(k, p);
	keeper_watch_drop(k, p);
	keeper_backup_drop(k, p);
	keeper_outbox_lost(k, p);
	drop(k, p);
	keeper_wake(k);
}

void
keeper_peer_add(struct keeper *k, const struct inherit_message *who, int fd)
{
	static const struct peer_events events = { on_open, on_closed };
	struct keeper_peer *p = xcalloc(1, sizeof(*p));

	p->keeper = k;
	p->serial = ++k->last_serial;
	p->role = (enum role)who->role;
	p->peer = peer_new(k->base, fd, ROLE_KEEPER, who, rules, &events, k);
	peer_set_data(p->peer, p);
	peer_hold(p->peer, true);
	if (k->suspended && p->role != ROLE_FRONT)
		peer_pause(p->peer, true);
	DL_APPEND(k->peers, p);
}

unsigned
keeper_peer_count(const struct keeper *k, enum role role)
{
	unsigned count = 0;

	for (const struct keeper_peer *p = k->peers; p != NULL; p = p->next)
		count += p->role == role && peer_is_open(p->peer);
	return count;
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	while (k->peers != NULL) {
		struct keeper_peer *p = k->peers;

		keeper_lease_forget(k, p);
		keeper_watch_drop(k, p);
		keeper_backup_drop(k, p);
		peer_free(p->peer);
		drop(k, p);
	}
	keeper_search_free(k);
	keeper_prune_free(k);
	keeper_backup_free(k);
	event_free(k->turn);
	event_free(k->turn_now);
	event_free(k->due);
	event_free(k->tick);
	wire_done(&k->out);
	json_out_done(&k->json);
	json_out_done(&k->json2);
	store_close(k->store);
	if (k->data_dir_fd >= 0)
		(void)close(k->data_dir_fd);
	free(k);
}
