/*
 * fuzz-msg.c - any bytes as the body of any message (the first byte is the type).
 * What is taken must be written as the same bytes again: then nothing was lost,
 * and no two bodies mean the same.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CODEC(name) \
	static void put_##name(struct wire_out *o, const void *m) { msg_##name##_put(o, m); } \
	static int get_##name(struct wire_in *i, void *m) { return msg_##name##_get(i, m); }

CODEC(hello)
CODEC(crawl_create)
CODEC(crawl_read)
CODEC(forget)
CODEC(health_read)
CODEC(crawl_answer)
CODEC(health_answer)
CODEC(backup)
CODEC(backup_answer)
CODEC(poller_state)
CODEC(task)
CODEC(task_progress)
CODEC(task_returned)
CODEC(tell_again)
CODEC(released)
CODEC(trigger_done)
CODEC(poll_done)
CODEC(download_done)
CODEC(store_done)
CODEC(cancel_done)
CODEC(search)
CODEC(search_page)
CODEC(search_wanted)
CODEC(search_input)
CODEC(search_done)
CODEC(event_batch)
CODEC(event_ack)

/* Messages that share a body. */
#define PUT_REF(name, ref, type) \
	static void put_##name(struct wire_out *o, const void *m) { msg_##ref##_put(o, type, m); }
#define GET_REF(ref) \
	static int get_##ref(struct wire_in *i, void *m) { return msg_##ref##_get(i, m); }

GET_REF(crawl_ref)
PUT_REF(crawl_fetch, crawl_ref, MSG_CRAWL_FETCH)
PUT_REF(crawl_cancel, crawl_ref, MSG_CRAWL_CANCEL)
PUT_REF(crawl_retry, crawl_ref, MSG_CRAWL_RETRY)
GET_REF(trigger_ref)
PUT_REF(trigger_kept, trigger_ref, MSG_TRIGGER_KEPT)
PUT_REF(trigger_open, trigger_ref, MSG_TRIGGER_OPEN)

#define ROW(type, name) [type] = { put_##name, get_##name, sizeof(struct msg_##name) }
#define ROW_REF(type, name, ref) [type] = { put_##name, get_##ref, sizeof(struct msg_##ref) }

static const struct {
	void (*put)(struct wire_out *, const void *);
	int (*get)(struct wire_in *, void *);
	size_t size;
} rows[MSG_TYPE_COUNT] = {
	ROW(MSG_HELLO, hello),
	ROW(MSG_CRAWL_CREATE, crawl_create),
	ROW(MSG_CRAWL_READ, crawl_read),
	ROW_REF(MSG_CRAWL_FETCH, crawl_fetch, crawl_ref),
	ROW_REF(MSG_CRAWL_CANCEL, crawl_cancel, crawl_ref),
	ROW_REF(MSG_CRAWL_RETRY, crawl_retry, crawl_ref),
	ROW(MSG_FORGET, forget),
	ROW(MSG_HEALTH_READ, health_read),
	ROW(MSG_CRAWL_ANSWER, crawl_answer),
	ROW(MSG_HEALTH_ANSWER, health_answer),
	ROW(MSG_BACKUP, backup),
	ROW(MSG_BACKUP_ANSWER, backup_answer),
	ROW(MSG_POLLER_STATE, poller_state),
	ROW(MSG_TASK, task),
	ROW_REF(MSG_TRIGGER_KEPT, trigger_kept, trigger_ref),
	ROW_REF(MSG_TRIGGER_OPEN, trigger_open, trigger_ref),
	ROW(MSG_TASK_PROGRESS, task_progress),
	ROW(MSG_TASK_RETURNED, task_returned),
	ROW(MSG_TELL_AGAIN, tell_again),
	ROW(MSG_RELEASED, released),
	ROW(MSG_TRIGGER_DONE, trigger_done),
	ROW(MSG_POLL_DONE, poll_done),
	ROW(MSG_DOWNLOAD_DONE, download_done),
	ROW(MSG_STORE_DONE, store_done),
	ROW(MSG_CANCEL_DONE, cancel_done),
	ROW(MSG_SEARCH, search),
	ROW(MSG_SEARCH_PAGE, search_page),
	ROW(MSG_SEARCH_WANTED, search_wanted),
	ROW(MSG_SEARCH_INPUT, search_input),
	ROW(MSG_SEARCH_DONE, search_done),
	ROW(MSG_EVENT_BATCH, event_batch),
	ROW(MSG_EVENT_ACK, event_ack),
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scoped_free void *m = NULL;
	struct wire_out out;
	struct wire_in in;
	unsigned type;

	if (size == 0 || size - 1 > WIRE_BODY_MAX)
		return 0;
	type = data[0] % MSG_TYPE_COUNT;
	in = (struct wire_in){ data + 1, size - 1, false };
	m = xcalloc(1, rows[type].size);
	if (rows[type].get(&in, m) != 0)
		return 0;
	wire_init(&out);
	rows[type].put(&out, m);
	wire_finish(&out);
	if (out.len - WIRE_HEADER_SIZE != size - 1 ||
	    memcmp(out.p + WIRE_HEADER_SIZE, data + 1, size - 1) != 0)
		abort();
	wire_done(&out);
	return 0;
}
