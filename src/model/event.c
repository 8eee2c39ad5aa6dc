/*
 * event.c - writes the body and the attributes of an event. The body keeps the
 * member names, values and order of the service before trawld; a label that the
 * request did not give is null there, too.
 */
#include "model/event.h"

#include <assert.h>

#include "base/mem.h"

#define EVENT_SOURCE "data-ingestion-service"

typedef void data_fn(struct json_out *, const struct crawl *, const struct trigger_request *,
    const char *object_url);

static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void
write_ids(struct json_out *o, const struct crawl *crawl)
{
	char id[UUID_TEXT_SIZE];

	json_out_member(o, "crawl_id", uuid_format(id, &crawl->id));
	if (crawl->snapshot_id[0] != '\0')
		json_out_member(o, "snapshot_id", crawl->snapshot_id);
}

static void
write_labels(struct json_out *o, const struct trigger_request *request)
{
	json_out_member(o, "platform", platform_of(request->platform)->name);
	json_out_member(o, "competitor", text_or_null(request->competitor));
	json_out_member(o, "brand", text_or_null(request->brand));
	json_out_member(o, "category", text_or_null(request->category));
}

static void
write_triggered(struct json_out *o, const struct crawl *crawl,
    const struct trigger_request *request, const char *object_url)
{
	(void)object_url;
	write_ids(o, crawl);
	write_labels(o, request);
	json_out_member(o, "status", "triggered");
}

static void
write_crawl_metadata(struct json_out *o, const struct crawl *crawl,
    const struct trigger_request *request)
{
	char created[TIME_TEXT_SIZE];

	time_format(created, crawl->created_ms);
	json_out_key(o, "crawl_metadata");
	json_out_open(o);
	json_out_member(o, "dataset_id", request->dataset_id);
	json_out_member_int(o, "num_posts", (int64_t)crawl->posts);
	json_out_key(o, "crawl_date");
	json_out_string_n(o, created, DATE_TEXT_SIZE - 1);
	json_out_close(o);
}

static void
write_completed(struct json_out *o, const struct crawl *crawl,
    const struct trigger_request *request, const char *object_url)
{
	char crc[CRC32C_TEXT_SIZE], warning[CRAWL_WARNING_SIZE];

	write_ids(o, crawl);
	json_out_member(o, "gcs_path", object_url);
	json_out_member_int(o, "post_count", (int64_t)crawl->posts);
	json_out_member_int(o, "media_count", (int64_t)crawl->media);
	write_labels(o, request);
	json_out_member(o, "status", "completed");
	write_crawl_metadata(o, crawl, request);
	json_out_member_int(o, "error_count", (int64_t)crawl->errors);
	json_out_member_int(o, "other_count", (int64_t)crawl->others);
	json_out_key(o, "expected_records");
	if (crawl->provider_records != UINT64_MAX)
		json_out_int(o, (int64_t)crawl->provider_records);
	else
		json_out_null(o);
	if (crawl_warning(crawl, warning) != NULL)
		json_out_member(o, "warning", warning);
	json_out_member_int(o, "size_bytes", (int64_t)crawl->size_bytes);
	json_out_member(o, "crc32c", crc32c_format(crc, crawl->crc32c));
}

static void
write_failed(struct json_out *o, const struct crawl *crawl, const struct trigger_request *request,
    const char *object_url)
{
	(void)request;
	(void)object_url;
	write_ids(o, crawl);
	json_out_member(o, "error_message", crawl->error_text);
	json_out_member(o, "error_code", error_info(crawl->error)->name);
	json_out_member(o, "stage", crawl_stage_name(crawl->stage));
	json_out_member(o, "status", "failed");
}

static const struct event_row {
	const char *name;
	const char *ce_type;
	data_fn	   *write_data;
} rows[EVENT_TYPE_COUNT] = {
	[EVENT_CRAWL_TRIGGERED] = {
		"crawl-triggered", "io.trawld.crawl-triggered", write_triggered },
	[EVENT_INGESTION_COMPLETED] = {
		"data-ingestion-completed", "io.trawld.data-ingestion-completed", write_completed },
	[EVENT_CRAWL_FAILED] = {
		"crawl-failed", "io.trawld.crawl-failed", write_failed },
};

static const struct event_row *
event_row(enum event_type type)
{
	assert((unsigned)type < countof(rows) && rows[type].name != NULL);
	return &rows[type];
}

const char *
event_type_name(enum event_type type)
{
	return event_row(type)->name;
}

void
event_write_body(struct json_out *o, const struct event *event, const struct crawl *crawl,
    const struct trigger_request *request, const char *object_url)
{
	json_out_open(o);
	json_out_member(o, "event_type", event_type_name(event->type));
	json_out_member_time(o, "timestamp", event->time_ms);
	json_out_member(o, "source", EVENT_SOURCE);
	json_out_key(o, "data");
	json_out_open(o);
	event_row(event->type)->write_data(o, crawl, request, object_url);
	json_out_close(o);
	json_out_close(o);
}

void
event_write_attributes(struct json_out *o, const struct event *event)
{
	char text[UUID_TEXT_SIZE];

	json_out_open(o);
	json_out_member(o, "ce-id", uuid_format(text, &event->id));
	json_out_member(o, "ce-source", "/" EVENT_SOURCE);
	json_out_member(o, "ce-specversion", "1.0");
	json_out_member(o, "ce-type", event_row(event->type)->ce_type);
	json_out_member_time(o, "ce-time", event->time_ms);
	json_out_member(o, "ce-subject", uuid_format(text, &event->crawl_id));
	json_out_member(o, "content-type", "application/json");
	json_out_close(o);
}
