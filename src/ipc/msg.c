/*
 * msg.c - the bodies of the messages, one put and one get each, member by member
 * in the order of the struct. It owns nothing; whether a message makes sense at
 * this moment is its receiver's business.
 */
#include "ipc/msg.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static_assert((EVENT_BODY_MAX + EVENT_ATTRIBUTES_MAX + 64) * EVENT_BATCH_MAX + 8 <= WIRE_BODY_MAX,
    "a full batch is one frame");

const char *
msg_name(unsigned type)
{
	static const char *const names[MSG_TYPE_COUNT] = {
		[MSG_HELLO] = "HELLO",
		[MSG_CRAWL_CREATE] = "CRAWL_CREATE",
		[MSG_CRAWL_READ] = "CRAWL_READ",
		[MSG_CRAWL_FETCH] = "CRAWL_FETCH",
		[MSG_CRAWL_CANCEL] = "CRAWL_CANCEL",
		[MSG_FORGET] = "FORGET",
		[MSG_HEALTH_READ] = "HEALTH_READ",
		[MSG_BACKUP] = "BACKUP",
		[MSG_CRAWL_ANSWER] = "CRAWL_ANSWER",
		[MSG_HEALTH_ANSWER] = "HEALTH_ANSWER",
		[MSG_BACKUP_ANSWER] = "BACKUP_ANSWER",
		[MSG_POLLER_STATE] = "POLLER_STATE",
		[MSG_TASK] = "TASK",
		[MSG_TASK_PROGRESS] = "TASK_PROGRESS",
		[MSG_TASK_RETURNED] = "TASK_RETURNED",
		[MSG_TRIGGER_DONE] = "TRIGGER_DONE",
		[MSG_POLL_DONE] = "POLL_DONE",
		[MSG_DOWNLOAD_DONE] = "DOWNLOAD_DONE",
		[MSG_STORE_DONE] = "STORE_DONE",
		[MSG_CANCEL_DONE] = "CANCEL_DONE",
		[MSG_TRIGGER_KEPT] = "TRIGGER_KEPT",
		[MSG_TELL_AGAIN] = "TELL_AGAIN",
		[MSG_RELEASED] = "RELEASED",
		[MSG_TRIGGER_OPEN] = "TRIGGER_OPEN",
		[MSG_SEARCH] = "SEARCH",
		[MSG_SEARCH_PAGE] = "SEARCH_PAGE",
		[MSG_SEARCH_WANTED] = "SEARCH_WANTED",
		[MSG_SEARCH_INPUT] = "SEARCH_INPUT",
		[MSG_SEARCH_DONE] = "SEARCH_DONE",
		[MSG_CRAWL_RETRY] = "CRAWL_RETRY",
		[MSG_EVENT_BATCH] = "EVENT_BATCH",
		[MSG_EVENT_ACK] = "EVENT_ACK",
	};

	return type < MSG_TYPE_COUNT ? names[type] : "unknown";
}

/* ---- parts that several messages share ---- */

static void
enum_put(struct wire_out *out, unsigned value)
{
	assert(value <= UINT8_MAX);
	wire_put_u8(out, (uint8_t)value);
}

static void
request_put(struct wire_out *out, const struct trigger_request *r)
{
	enum_put(out, r->platform);
	wire_put_text(out, r->dataset_id);
	wire_put_text(out, r->competitor);
	wire_put_text(out, r->brand);
	wire_put_text(out, r->category);
	wire_put_text(out, r->url);
	wire_put_text(out, r->start_date);
	wire_put_text(out, r->end_date);
	wire_put_bool(out, r->include_profile_data);
	wire_put_u32(out, r->num_of_posts);
}

static void
request_get(struct wire_in *in, struct trigger_request *r)
{
	r->platform = wire_get_enum(in, PLATFORM_COUNT);
	wire_get_text(in, r->dataset_id, sizeof(r->dataset_id));
	wire_get_text(in, r->competitor, sizeof(r->competitor));
	wire_get_text(in, r->brand, sizeof(r->brand));
	wire_get_text(in, r->category, sizeof(r->category));
	wire_get_text(in, r->url, sizeof(r->url));
	wire_get_text(in, r->start_date, sizeof(r->start_date));
	wire_get_text(in, r->end_date, sizeof(r->end_date));
	r->include_profile_data = wire_get_bool(in);
	r->num_of_posts = wire_get_u32(in);
}

static void
crawl_put(struct wire_out *out, const struct crawl *c)
{
	wire_put_uuid(out, &c->id);
	enum_put(out, c->state);
	wire_put_u32(out, c->version);
	wire_put_i64(out, c->created_ms);
	wire_put_i64(out, c->updated_ms);
	wire_put_i64(out, c->triggered_ms);
	wire_put_i64(out, c->ready_ms);
	wire_put_i64(out, c->finished_ms);
	wire_put_i64(out, c->intent_ms);
	wire_put_i64(out, c->failing_ms);
	wire_put_i64(out, c->due_ms);
	wire_put_u64(out, c->lease);
	wire_put_u32(out, c->triggers);
	wire_put_u32(out, c->looks);
	wire_put_u32(out, c->polls);
	wire_put_u32(out, c->failures);
	wire_put_u32(out, c->unsound);
	wire_put_u32(out, c->crashes);
	wire_put_bool(out, c->cancel_wanted);
	wire_put_bool(out, c->fetch_wanted);
	wire_put_text(out, c->snapshot_id);
	wire_put_text(out, c->object_path);
	wire_put_u64(out, c->provider_records);
	wire_put_u64(out, c->posts);
	wire_put_u64(out, c->media);
	wire_put_u64(out, c->errors);
	wire_put_u64(out, c->others);
	wire_put_u64(out, c->size_bytes);
	wire_put_u32(out, c->crc32c);
	wire_put_bytes(out, c->sha256, sizeof(c->sha256));
	enum_put(out, c->error);
	enum_put(out, c->stage);
	wire_put_text(out, c->error_text);
	wire_put_text(out, c->note);
}

static void
crawl_get(struct wire_in *in, struct crawl *c)
{
	wire_get_uuid(in, &c->id);
	c->state = wire_get_enum(in, CRAWL_STATE_COUNT);
	c->version = wire_get_u32(in);
	c->created_ms = wire_get_i64(in);
	c->updated_ms = wire_get_i64(in);
	c->triggered_ms = wire_get_i64(in);
	c->ready_ms = wire_get_i64(in);
	c->finished_ms = wire_get_i64(in);
	c->intent_ms = wire_get_i64(in);
	c->failing_ms = wire_get_i64(in);
	c->due_ms = wire_get_i64(in);
	c->lease = wire_get_u64(in);
	c->triggers = wire_get_u32(in);
	c->looks = wire_get_u32(in);
	c->polls = wire_get_u32(in);
	c->failures = wire_get_u32(in);
	c->unsound = wire_get_u32(in);
	c->crashes = wire_get_u32(in);
	c->cancel_wanted = wire_get_bool(in);
	c->fetch_wanted = wire_get_bool(in);
	wire_get_text(in, c->snapshot_id, sizeof(c->snapshot_id));
	wire_get_text(in, c->object_path, sizeof(c->object_path));
	c->provider_records = wire_get_u64(in);
	c->posts = wire_get_u64(in);
	c->media = wire_get_u64(in);
	c->errors = wire_get_u64(in);
	c->others = wire_get_u64(in);
	c->size_bytes = wire_get_u64(in);
	c->crc32c = wire_get_u32(in);
	wire_get_bytes(in, c->sha256, sizeof(c->sha256));
	c->error = wire_get_enum(in, ERROR_CODE_COUNT);
	c->stage = wire_get_enum(in, STAGE_COUNT);
	wire_get_text(in, c->error_text, sizeof(c->error_text));
	wire_get_text(in, c->note, sizeof(c->note));
}

static void
view_put(struct wire_out *out, const struct crawl_view *v)
{
	crawl_put(out, &v->crawl);
	wire_put_text(out, v->object_url);
	wire_put_text(out, v->waiting_for);
	wire_put_i64(out, v->waiting_until_ms);
	request_put(out, &v->request);
}

static void
view_get(struct wire_in *in, struct crawl_view *v)
{
	crawl_get(in, &v->crawl);
	wire_get_text(in, v->object_url, sizeof(v->object_url));
	wire_get_text(in, v->waiting_for, sizeof(v->waiting_for));
	v->waiting_until_ms = wire_get_i64(in);
	request_get(in, &v->request);
}

void
msg_verdict_set(struct msg_verdict *v, const struct verdict *said)
{
	v->outcome = said->outcome;
	v->error = said->error;
	v->retry_after_ms = said->retry_after_ms;
	v->http_status = said->http_status;
	v->date_ms = said->date_ms;
	memcpy(v->text, said->text, sizeof(v->text));
}

static void
verdict_put(struct wire_out *out, const struct msg_verdict *v)
{
	wire_put_u64(out, v->lease);
	wire_put_uuid(out, &v->crawl_id);
	enum_put(out, v->outcome);
	enum_put(out, v->error);
	wire_put_i64(out, v->retry_after_ms);
	wire_put_u32(out, v->http_status);
	wire_put_i64(out, v->date_ms);
	wire_put_text(out, v->text);
}

static void
verdict_get(struct wire_in *in, struct msg_verdict *v)
{
	v->lease = wire_get_u64(in);
	wire_get_uuid(in, &v->crawl_id);
	v->outcome = wire_get_enum(in, OUTCOME_COUNT);
	v->error = wire_get_enum(in, ERROR_CODE_COUNT);
	v->retry_after_ms = wire_get_i64(in);
	v->http_status = wire_get_u32(in);
	v->date_ms = wire_get_i64(in);
	wire_get_text(in, v->text, sizeof(v->text));
}

/* A count of what follows; more than max is a failure and 0. */
static uint32_t
count_get(struct wire_in *in, uint32_t max)
{
	uint32_t count = wire_get_u32(in);

	if (count > max) {
		in->failed = true;
		return 0;
	}
	return count;
}

/* ---- both ways ---- */

void
msg_hello_put(struct wire_out *out, const struct msg_hello *m)
{
	wire_begin(out, MSG_HELLO);
	wire_put_u32(out, m->version);
	wire_put_u32(out, m->role);
	wire_put_u32(out, m->instance);
	wire_put_u32(out, m->generation);
}

int
msg_hello_get(struct wire_in *in, struct msg_hello *m)
{
	m->version = wire_get_u32(in);
	m->role = wire_get_u32(in);
	m->instance = wire_get_u32(in);
	m->generation = wire_get_u32(in);
	return wire_end(in);
}

/* ---- front and keeper ---- */

void
msg_crawl_create_put(struct wire_out *out, const struct msg_crawl_create *m)
{
	wire_begin(out, MSG_CRAWL_CREATE);
	wire_put_u64(out, m->request);
	wire_put_uuid(out, &m->crawl_id);
	wire_put_text(out, m->request_id);
	wire_put_bool(out, m->wait);
	wire_put_text(out, m->idempotency_key);
	request_put(out, &m->body);
}

int
msg_crawl_create_get(struct wire_in *in, struct msg_crawl_create *m)
{
	m->request = wire_get_u64(in);
	wire_get_uuid(in, &m->crawl_id);
	wire_get_text(in, m->request_id, sizeof(m->request_id));
	m->wait = wire_get_bool(in);
	wire_get_text(in, m->idempotency_key, sizeof(m->idempotency_key));
	request_get(in, &m->body);
	return wire_end(in);
}

void
msg_crawl_read_put(struct wire_out *out, const struct msg_crawl_read *m)
{
	wire_begin(out, MSG_CRAWL_READ);
	wire_put_u64(out, m->request);
	wire_put_uuid(out, &m->crawl_id);
	wire_put_bool(out, m->refresh);
}

int
msg_crawl_read_get(struct wire_in *in, struct msg_crawl_read *m)
{
	m->request = wire_get_u64(in);
	wire_get_uuid(in, &m->crawl_id);
	m->refresh = wire_get_bool(in);
	return wire_end(in);
}

void
msg_crawl_ref_put(struct wire_out *out, enum msg_type type, const struct msg_crawl_ref *m)
{
	assert(type == MSG_CRAWL_FETCH || type == MSG_CRAWL_CANCEL || type == MSG_CRAWL_RETRY);
	wire_begin(out, type);
	wire_put_u64(out, m->request);
	wire_put_uuid(out, &m->crawl_id);
	wire_put_text(out, m->request_id);
}

int
msg_crawl_ref_get(struct wire_in *in, struct msg_crawl_ref *m)
{
	m->request = wire_get_u64(in);
	wire_get_uuid(in, &m->crawl_id);
	wire_get_text(in, m->request_id, sizeof(m->request_id));
	return wire_end(in);
}

void
msg_forget_put(struct wire_out *out, const struct msg_forget *m)
{
	wire_begin(out, MSG_FORGET);
	wire_put_u64(out, m->request);
}

int
msg_forget_get(struct wire_in *in, struct msg_forget *m)
{
	m->request = wire_get_u64(in);
	return wire_end(in);
}

void
msg_health_read_put(struct wire_out *out, const struct msg_health_read *m)
{
	wire_begin(out, MSG_HEALTH_READ);
	wire_put_u64(out, m->request);
}

int
msg_health_read_get(struct wire_in *in, struct msg_health_read *m)
{
	m->request = wire_get_u64(in);
	return wire_end(in);
}

void
msg_crawl_answer_put(struct wire_out *out, const struct msg_crawl_answer *m)
{
	wire_begin(out, MSG_CRAWL_ANSWER);
	wire_put_u64(out, m->request);
	enum_put(out, m->error);
	wire_put_bool(out, m->existed);
	wire_put_bool(out, m->more);
	wire_put_bool(out, m->has_view);
	if (m->has_view)
		view_put(out, &m->view);
}

int
msg_crawl_answer_get(struct wire_in *in, struct msg_crawl_answer *m)
{
	m->request = wire_get_u64(in);
	m->error = wire_get_enum(in, ERROR_CODE_COUNT);
	m->existed = wire_get_bool(in);
	m->more = wire_get_bool(in);
	m->has_view = wire_get_bool(in);
	if (m->has_view)
		view_get(in, &m->view);
	return wire_end(in);
}

void
msg_health_answer_put(struct wire_out *out, const struct msg_health_answer *m)
{
	wire_begin(out, MSG_HEALTH_ANSWER);
	wire_put_u64(out, m->request);
	wire_put_bool(out, m->store_ok);
	wire_put_bool(out, m->disk_low);
	wire_put_bool(out, m->disk_read_only);
	wire_put_u64(out, m->disk_free);
	wire_put_u64(out, m->disk_reserve);
	for (unsigned i = 0; i < CRAWL_STATE_COUNT; i++)
		wire_put_u32(out, m->counts[i]);
	wire_put_u32(out, m->pollers);
	wire_put_u32(out, m->publishers);
	wire_put_u64(out, m->outbox);
	wire_put_i64(out, m->outbox_age_ms);
	wire_put_i64(out, m->oldest_due_ms);
	enum_put(out, m->provider);
	wire_put_i64(out, m->provider_until_ms);
	wire_put_u32(out, m->provider_calls);
	wire_put_u32(out, m->provider_calls_max);
	wire_put_u32(out, m->provider_refusals);
	wire_put_text(out, m->last_error);
}

int
msg_health_answer_get(struct wire_in *in, struct msg_health_answer *m)
{
	m->request = wire_get_u64(in);
	m->store_ok = wire_get_bool(in);
	m->disk_low = wire_get_bool(in);
	m->disk_read_only = wire_get_bool(in);
	m->disk_free = wire_get_u64(in);
	m->disk_reserve = wire_get_u64(in);
	for (unsigned i = 0; i < CRAWL_STATE_COUNT; i++)
		m->counts[i] = wire_get_u32(in);
	m->pollers = wire_get_u32(in);
	m->publishers = wire_get_u32(in);
	m->outbox = wire_get_u64(in);
	m->outbox_age_ms = wire_get_i64(in);
	m->oldest_due_ms = wire_get_i64(in);
	m->provider = wire_get_enum(in, PROVIDER_STATE_COUNT);
	m->provider_until_ms = wire_get_i64(in);
	m->provider_calls = wire_get_u32(in);
	m->provider_calls_max = wire_get_u32(in);
	m->provider_refusals = wire_get_u32(in);
	wire_get_text(in, m->last_error, sizeof(m->last_error));
	return wire_end(in);
}

void
msg_backup_put(struct wire_out *out, const struct msg_backup *m)
{
	wire_begin(out, MSG_BACKUP);
	wire_put_u64(out, m->request);
	wire_put_text(out, m->request_id);
}

int
msg_backup_get(struct wire_in *in, struct msg_backup *m)
{
	m->request = wire_get_u64(in);
	wire_get_text(in, m->request_id, sizeof(m->request_id));
	return wire_end(in);
}

void
msg_backup_answer_put(struct wire_out *out, const struct msg_backup_answer *m)
{
	wire_begin(out, MSG_BACKUP_ANSWER);
	wire_put_u64(out, m->request);
	enum_put(out, m->error);
	wire_put_text(out, m->text);
	wire_put_text(out, m->path);
	wire_put_u64(out, m->size_bytes);
	wire_put_u64(out, m->crawls);
	wire_put_i64(out, m->time_ms);
}

int
msg_backup_answer_get(struct wire_in *in, struct msg_backup_answer *m)
{
	m->request = wire_get_u64(in);
	m->error = wire_get_enum(in, ERROR_CODE_COUNT);
	wire_get_text(in, m->text, sizeof(m->text));
	wire_get_text(in, m->path, sizeof(m->path));
	m->size_bytes = wire_get_u64(in);
	m->crawls = wire_get_u64(in);
	m->time_ms = wire_get_i64(in);
	return wire_end(in);
}

/* ---- poller and keeper ---- */

void
msg_poller_state_put(struct wire_out *out, const struct msg_poller_state *m)
{
	wire_begin(out, MSG_POLLER_STATE);
	wire_put_u32(out, m->calls);
	wire_put_u32(out, m->transfers);
}

int
msg_poller_state_get(struct wire_in *in, struct msg_poller_state *m)
{
	m->calls = wire_get_u32(in);
	m->transfers = wire_get_u32(in);
	return wire_end(in);
}

void
msg_task_put(struct wire_out *out, const struct msg_task *m)
{
	wire_begin(out, MSG_TASK);
	wire_put_u64(out, m->lease);
	enum_put(out, m->kind);
	wire_put_i64(out, m->valid_boot_ms);
	crawl_put(out, &m->crawl);
	request_put(out, &m->request);
}

int
msg_task_get(struct wire_in *in, struct msg_task *m)
{
	m->lease = wire_get_u64(in);
	m->kind = wire_get_enum(in, TASK_KIND_COUNT);
	m->valid_boot_ms = wire_get_i64(in);
	crawl_get(in, &m->crawl);
	request_get(in, &m->request);
	return wire_end(in);
}

void
msg_task_progress_put(struct wire_out *out, const struct msg_task_progress *m)
{
	wire_begin(out, MSG_TASK_PROGRESS);
	wire_put_u64(out, m->lease);
	wire_put_uuid(out, &m->crawl_id);
	wire_put_u64(out, m->bytes);
}

int
msg_task_progress_get(struct wire_in *in, struct msg_task_progress *m)
{
	m->lease = wire_get_u64(in);
	wire_get_uuid(in, &m->crawl_id);
	m->bytes = wire_get_u64(in);
	return wire_end(in);
}

void
msg_trigger_ref_put(struct wire_out *out, enum msg_type type, const struct msg_trigger_ref *m)
{
	assert(type == MSG_TRIGGER_KEPT || type == MSG_TRIGGER_OPEN);
	wire_begin(out, type);
	wire_put_u64(out, m->lease);
	wire_put_uuid(out, &m->crawl_id);
}

int
msg_trigger_ref_get(struct wire_in *in, struct msg_trigger_ref *m)
{
	m->lease = wire_get_u64(in);
	wire_get_uuid(in, &m->crawl_id);
	return wire_end(in);
}

void
msg_task_returned_put(struct wire_out *out, const struct msg_task_returned *m)
{
	wire_begin(out, MSG_TASK_RETURNED);
	wire_put_u64(out, m->lease);
	wire_put_uuid(out, &m->crawl_id);
}

int
msg_task_returned_get(struct wire_in *in, struct msg_task_returned *m)
{
	m->lease = wire_get_u64(in);
	wire_get_uuid(in, &m->crawl_id);
	return wire_end(in);
}

void
msg_tell_again_put(struct wire_out *out, const struct msg_tell_again *m)
{
	wire_begin(out, MSG_TELL_AGAIN);
	wire_put_u32(out, m->nothing);
}

int
msg_tell_again_get(struct wire_in *in, struct msg_tell_again *m)
{
	m->nothing = wire_get_u32(in);
	return wire_end(in);
}

void
msg_released_put(struct wire_out *out, const struct msg_released *m)
{
	wire_begin(out, MSG_RELEASED);
	wire_put_u32(out, m->nothing);
}

int
msg_released_get(struct wire_in *in, struct msg_released *m)
{
	m->nothing = wire_get_u32(in);
	return wire_end(in);
}

void
msg_trigger_done_put(struct wire_out *out, const struct msg_trigger_done *m)
{
	wire_begin(out, MSG_TRIGGER_DONE);
	verdict_put(out, &m->verdict);
	wire_put_text(out, m->snapshot_id);
}

int
msg_trigger_done_get(struct wire_in *in, struct msg_trigger_done *m)
{
	verdict_get(in, &m->verdict);
	wire_get_text(in, m->snapshot_id, sizeof(m->snapshot_id));
	return wire_end(in);
}

void
msg_poll_done_put(struct wire_out *out, const struct msg_poll_done *m)
{
	wire_begin(out, MSG_POLL_DONE);
	verdict_put(out, &m->verdict);
	wire_put_text(out, m->word);
	wire_put_u64(out, m->records);
}

int
msg_poll_done_get(struct wire_in *in, struct msg_poll_done *m)
{
	verdict_get(in, &m->verdict);
	wire_get_text(in, m->word, sizeof(m->word));
	m->records = wire_get_u64(in);
	return wire_end(in);
}

void
msg_download_done_put(struct wire_out *out, const struct msg_download_done *m)
{
	wire_begin(out, MSG_DOWNLOAD_DONE);
	verdict_put(out, &m->verdict);
	wire_put_u64(out, m->size_bytes);
	wire_put_u64(out, m->posts);
	wire_put_u64(out, m->media);
	wire_put_u64(out, m->errors);
	wire_put_u64(out, m->others);
	wire_put_u32(out, m->crc32c);
	wire_put_bytes(out, m->sha256, sizeof(m->sha256));
}

int
msg_download_done_get(struct wire_in *in, struct msg_download_done *m)
{
	verdict_get(in, &m->verdict);
	m->size_bytes = wire_get_u64(in);
	m->posts = wire_get_u64(in);
	m->media = wire_get_u64(in);
	m->errors = wire_get_u64(in);
	m->others = wire_get_u64(in);
	m->crc32c = wire_get_u32(in);
	wire_get_bytes(in, m->sha256, sizeof(m->sha256));
	return wire_end(in);
}

void
msg_store_done_put(struct wire_out *out, const struct msg_store_done *m)
{
	wire_begin(out, MSG_STORE_DONE);
	verdict_put(out, &m->verdict);
}

int
msg_store_done_get(struct wire_in *in, struct msg_store_done *m)
{
	verdict_get(in, &m->verdict);
	return wire_end(in);
}

void
msg_cancel_done_put(struct wire_out *out, const struct msg_cancel_done *m)
{
	wire_begin(out, MSG_CANCEL_DONE);
	verdict_put(out, &m->verdict);
}

int
msg_cancel_done_get(struct wire_in *in, struct msg_cancel_done *m)
{
	verdict_get(in, &m->verdict);
	return wire_end(in);
}

/* ---- a search ---- */

void
msg_search_put(struct wire_out *out, const struct msg_search *m)
{
	wire_begin(out, MSG_SEARCH);
	wire_put_u64(out, m->lease);
	wire_put_text(out, m->dataset_id);
	wire_put_i64(out, m->from_ms);
	wire_put_i64(out, m->to_ms);
	wire_put_u32(out, m->calls);
}

int
msg_search_get(struct wire_in *in, struct msg_search *m)
{
	m->lease = wire_get_u64(in);
	wire_get_text(in, m->dataset_id, sizeof(m->dataset_id));
	m->from_ms = wire_get_i64(in);
	m->to_ms = wire_get_i64(in);
	m->calls = wire_get_u32(in);
	return wire_end(in);
}

static void
search_job_put(struct wire_out *out, const struct search_job *job)
{
	wire_put_text(out, job->snapshot_id);
	wire_put_i64(out, job->created_ms);
}

static void
search_job_get(struct wire_in *in, struct search_job *job)
{
	wire_get_text(in, job->snapshot_id, sizeof(job->snapshot_id));
	job->created_ms = wire_get_i64(in);
}

void
msg_search_page_put(struct wire_out *out, const struct msg_search_page *m)
{
	assert(m->count <= SEARCH_PAGE_MAX);
	wire_begin(out, MSG_SEARCH_PAGE);
	wire_put_u64(out, m->lease);
	wire_put_u32(out, m->count);
	for (uint32_t i = 0; i < m->count; i++)
		search_job_put(out, &m->jobs[i]);
}

int
msg_search_page_get(struct wire_in *in, struct msg_search_page *m)
{
	m->lease = wire_get_u64(in);
	m->count = count_get(in, SEARCH_PAGE_MAX);
	for (uint32_t i = 0; i < m->count; i++)
		search_job_get(in, &m->jobs[i]);
	return wire_end(in);
}

void
msg_search_wanted_put(struct wire_out *out, const struct msg_search_wanted *m)
{
	assert(m->count <= SEARCH_PAGE_MAX);
	wire_begin(out, MSG_SEARCH_WANTED);
	wire_put_u64(out, m->lease);
	wire_put_u32(out, m->count);
	for (uint32_t i = 0; i < m->count; i++)
		wire_put_bool(out, m->wanted[i]);
}

int
msg_search_wanted_get(struct wire_in *in, struct msg_search_wanted *m)
{
	m->lease = wire_get_u64(in);
	m->count = count_get(in, SEARCH_PAGE_MAX);
	for (uint32_t i = 0; i < m->count; i++)
		m->wanted[i] = wire_get_bool(in);
	return wire_end(in);
}

void
msg_search_input_put(struct wire_out *out, const struct msg_search_input *m)
{
	wire_begin(out, MSG_SEARCH_INPUT);
	wire_put_u64(out, m->lease);
	search_job_put(out, &m->job);
	wire_put_bool(out, m->readable);
	wire_put_bytes(out, m->digest, sizeof(m->digest));
}

int
msg_search_input_get(struct wire_in *in, struct msg_search_input *m)
{
	m->lease = wire_get_u64(in);
	search_job_get(in, &m->job);
	m->readable = wire_get_bool(in);
	wire_get_bytes(in, m->digest, sizeof(m->digest));
	return wire_end(in);
}

void
msg_search_done_put(struct wire_out *out, const struct msg_search_done *m)
{
	wire_begin(out, MSG_SEARCH_DONE);
	verdict_put(out, &m->verdict);
	wire_put_u32(out, m->jobs);
	wire_put_u32(out, m->unreadable);
	wire_put_u32(out, m->limited);
}

int
msg_search_done_get(struct wire_in *in, struct msg_search_done *m)
{
	verdict_get(in, &m->verdict);
	m->jobs = wire_get_u32(in);
	m->unreadable = wire_get_u32(in);
	m->limited = wire_get_u32(in);
	return wire_end(in);
}

/* ---- keeper and publisher ---- */

static void
event_put(struct wire_out *out, const struct msg_event *e)
{
	wire_put_u64(out, e->event.seq);
	wire_put_uuid(out, &e->event.id);
	wire_put_uuid(out, &e->event.crawl_id);
	enum_put(out, e->event.type);
	wire_put_i64(out, e->event.time_ms);
	wire_put_blob(out, e->attributes, e->attributes_len);
	wire_put_blob(out, e->body, e->body_len);
}

static void
event_get(struct wire_in *in, struct msg_event *e)
{
	size_t len;

	e->event.seq = wire_get_u64(in);
	wire_get_uuid(in, &e->event.id);
	wire_get_uuid(in, &e->event.crawl_id);
	e->event.type = wire_get_enum(in, EVENT_TYPE_COUNT);
	e->event.time_ms = wire_get_i64(in);
	wire_get_blob(in, &e->attributes, &len, EVENT_ATTRIBUTES_MAX);
	e->attributes_len = (uint32_t)len;
	wire_get_blob(in, &e->body, &len, EVENT_BODY_MAX);
	e->body_len = (uint32_t)len;
}

void
msg_event_batch_put(struct wire_out *out, const struct msg_event_batch *m)
{
	assert(m->count <= EVENT_BATCH_MAX);
	wire_begin(out, MSG_EVENT_BATCH);
	wire_put_u32(out, m->count);
	for (uint32_t i = 0; i < m->count; i++)
		event_put(out, &m->events[i]);
}

int
msg_event_batch_get(struct wire_in *in, struct msg_event_batch *m)
{
	m->count = count_get(in, EVENT_BATCH_MAX);
	for (uint32_t i = 0; i < m->count; i++)
		event_get(in, &m->events[i]);
	return wire_end(in);
}

void
msg_event_ack_put(struct wire_out *out, const struct msg_event_ack *m)
{
	wire_begin(out, MSG_EVENT_ACK);
	wire_put_u64(out, m->seq);
}

int
msg_event_ack_get(struct wire_in *in, struct msg_event_ack *m)
{
	m->seq = wire_get_u64(in);
	return wire_end(in);
}

char *
spool_name(char dst[SPOOL_NAME_SIZE], const struct uuid *crawl_id, uint64_t lease)
{
	char id[UUID_TEXT_SIZE];

	(void)uuid_format(id, crawl_id);
	if (lease == 0)
		(void)snprintf(dst, SPOOL_NAME_SIZE, "%s.snapshot", id);
	else
		(void)snprintf(dst, SPOOL_NAME_SIZE, "%s.%016" PRIx64 ".part", id, lease);
	return dst;
}

/* What is read is written again and compared: one way of writing a name, no other. */
enum spool_kind
spool_name_read(const char *name, struct uuid *ret_crawl_id, uint64_t *ret_lease)
{
	char id[UUID_TEXT_SIZE], again[SPOOL_NAME_SIZE];
	const char *rest;

	*ret_lease = 0;
	if (str_copy_n(id, sizeof(id), name, strnlen(name, sizeof(id) - 1)) < 0 || uuid_parse(id, ret_crawl_id) < 0 ||
	    strncmp(uuid_format(id, ret_crawl_id), name, sizeof(id) - 1) != 0)
		return SPOOL_FOREIGN;
	rest = name + sizeof(id) - 1;
	if (strcmp(rest, ".part") == 0)
		return SPOOL_PART;
	if (rest[0] == '.')
		*ret_lease = strtoull(rest + 1, NULL, 16);
	if (strcmp(spool_name(again, ret_crawl_id, *ret_lease), name) != 0)
		return SPOOL_FOREIGN;
	return *ret_lease == 0 ? SPOOL_WHOLE : SPOOL_PART;
}
