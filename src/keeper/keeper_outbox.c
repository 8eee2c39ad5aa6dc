/*
 * keeper_outbox.c - events on their way out. keeper_step() adds them in the
 * transaction of their state; after the commit the oldest go to the publisher, one
 * batch at a time; when it says that they are at their sink, its cursor moves behind them.
 *
 * A batch that is not acknowledged (the publisher or we died) is read again from the
 * store: same ids, same bytes, same order.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <stdio.h>

#include "base/why.h"

void
keeper_outbox_add(struct keeper *k, struct job *job, enum event_type type)
{
	struct event event = { .crawl_id = job->crawl.id, .type = type, .time_ms = job->crawl.updated_ms };
	char url[sizeof(k->answer.view.object_url)];
	const char *attributes, *body;
	size_t attributes_len, body_len;
	struct why why;

	if (!k->conf->event_publishing_enabled)
		return;
	event.id = uuid_make(&k->event_ids, k->clock);
	keeper_object_url(k, &job->crawl, url, sizeof(url));
	json_out_clear(&k->json);
	json_out_clear(&k->json2);
	event_write_body(&k->json, &event, &job->crawl, keeper_request_of(k, job), url[0] != '\0' ? url : NULL);
	event_write_attributes(&k->json2, &event);
	body = json_out_text(&k->json, &body_len);
	attributes = json_out_text(&k->json2, &attributes_len);
	keeper_must(k, store_event_add(k->store, &event, attributes, attributes_len, body, body_len, &why), &why);
}

static struct keeper_peer *
find_publisher(struct keeper *k)
{
	for (struct keeper_peer *p = k->peers; p != NULL; p = p->next) {
		if (p->role == ROLE_PUBLISHER && peer_is_open(p->peer))
			return p;
	}
	return NULL;
}

void
keeper_outbox_send(struct keeper *k)
{
	struct keeper_peer *publisher = find_publisher(k);
	struct msg_event_batch batch;
	uint64_t cursor;
	struct why why;

	if (k->batch_to != NULL || publisher == NULL)
		return;
	keeper_must(k, store_sink_cursor(k->store, SINK_FILE, &cursor, &why), &why);
	keeper_must(k, store_events_after(k->store, cursor, EVENT_BATCH_MAX, &batch, &why), &why);
	if (batch.count == 0)
		return;
	k->batch_to = publisher;
	k->batch_seq = batch.events[batch.count - 1].event.seq;
	msg_event_batch_put(&k->out, &batch);
	peer_send(publisher->peer, &k->out);
}

void
keeper_outbox_lost(struct keeper *k, struct keeper_peer *publisher)
{
	if (k->batch_to == publisher)
		k->batch_to = NULL;
}

int
keeper_on_event_ack(struct peer *peer, struct wire_in *in, void *arg)
{
	struct keeper *k = arg;
	struct msg_event_ack m;
	struct why why;

	if (msg_event_ack_get(in, &m) < 0)
		return -EBADMSG;
	if (k->batch_to != peer_data(peer) || m.seq != k->batch_seq)
		return -EBADMSG;
	keeper_must(k, store_sink_move(k->store, SINK_FILE, m.seq, &why), &why);
	k->batch_to = NULL;
	k->changes++;
	keeper_wake(k);
	return 0;
}
