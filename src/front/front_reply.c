/*
 * front_reply.c - answers: the JSON that is written and the headers around it, the
 * one error body, and the whole answer for what the guard refused.
 *
 * One JSON buffer is reused for all answers; front_begin to front_send is one
 * stretch without anything between.
 */
#include "front/front.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define RETRY_SECONDS "2"	/* trawld itself is away */
#define MESSAGE_SIZE  (ERROR_TEXT_SIZE + 256)

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" }, { 202, "Accepted" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
	{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
	{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
	{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" }, { 422, "Unprocessable Content" }, { 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
	{ 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
};

const char *
front_phrase(int status)
{
	for (size_t i = 0; i < countof(phrases); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "Answer";
}

struct json_out *
front_begin(struct call *call)
{
	struct json_out *json = &call->front->json;

	json_out_clear(json);
	json_out_open(json);
	return json;
}

void
front_header(struct call *call, const char *name, const char *value)
{
	(void)evhttp_add_header(evhttp_request_get_output_headers(call->request), name, value);
}

void
front_send(struct call *call, int status)
{
	struct json_out *json = &call->front->json;
	struct guard_conn *conn = call->conn;
	struct evhttp_request *request = call->request;
	char length[24];
	const char *text;
	size_t len;

	json_out_close(json);
	text = json_out_text(json, &len);
	front_header(call, "Content-Type", "application/json");
	front_header(call, "X-Request-Id", call->request_id);
	if (call->head_only) {
		(void)snprintf(length, sizeof(length), "%zu", len);
		front_header(call, "Content-Length", length);
	} else {
		(void)evbuffer_add(evhttp_request_get_output_buffer(request), text, len);
	}
	log_debug(LOG_FIELDS(.crawl = call->crawl_text[0] != '\0' ? &call->crawl_id : NULL,
	    .request_id = call->request_id), "answered %d", status);
	call_end(call);
	guard_answer(conn, request, status, front_phrase(status));
}

static void
write_error(struct json_out *json, enum error_code code, const char *suggestion, const char *message,
    const char *crawl_id, const char *request_id)
{
	json_out_member(json, "status", "error");
	json_out_member(json, "message", message);
	if (crawl_id[0] != '\0')
		json_out_member(json, "crawl_id", crawl_id);
	json_out_member(json, "error_code", error_info(code)->name);
	json_out_member(json, "recovery_suggestion", suggestion);
	json_out_member(json, "request_id", request_id);
}

/* Clients obey Retry-After by themselves: only what is free to repeat has it. */
static void
fail(struct call *call, enum error_code code, bool retryable, const char *suggestion, const char *message)
{
	int status = error_info(code)->http_status;

	if (retryable && status == 503)
		front_header(call, "Retry-After", RETRY_SECONDS);
	write_error(front_begin(call), code, suggestion, message, call->crawl_text, call->request_id);
	front_send(call, status);
}

void
front_fail(struct call *call, enum error_code code, const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	fail(call, code, error_info(code)->retryable, error_info(code)->suggestion, message);
}

void
front_fail_advised(struct call *call, enum error_code code, bool retryable, const char *suggestion,
    const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	fail(call, code, retryable, suggestion, message);
}

void
front_fail_away(struct call *call, bool away)
{
	front_fail(call, ERROR_UNAVAILABLE, away ? "The job store is restarting." :
	    "The job store did not answer in time.");
}

static const char *const state_sentences[CRAWL_STATE_COUNT] = {
	[CRAWL_ACCEPTED] = "The crawl waits to be triggered.",
	[CRAWL_TRIGGERING] = "The crawl is being triggered.",
	[CRAWL_RECONCILING] = "Whether the provider started the crawl is being found out.",
	[CRAWL_POLLING] = "The provider is still collecting.",
	[CRAWL_READY] = "The snapshot is ready and waits for its download.",
	[CRAWL_DOWNLOADING] = "The snapshot is being downloaded.",
	[CRAWL_STORING] = "The snapshot is being stored.",
	[CRAWL_COMPLETED] = "The crawl is completed.",
	[CRAWL_FAILED] = "The crawl failed.",
	[CRAWL_CANCELED] = "The crawl was canceled.",
};

const char *
front_state_sentence(const struct crawl *crawl)
{
	return state_sentences[crawl->state];
}

/* What the keeper's refusals mean to a client. */
static const char *const refusals[ERROR_CODE_COUNT] = {
	[ERROR_CONFLICT] = "What was asked does not fit the state that the crawl is in.",
	[ERROR_IDEMPOTENCY_MISMATCH] = "This Idempotency-Key came with another request before.",
	[ERROR_UNAVAILABLE] = "The job store cannot take this at the moment.",
	[ERROR_INTERNAL] = "The job store failed over this request.",
	[ERROR_STORAGE_ERROR] = "The job store cannot be written.",
	[ERROR_DISK_FULL] = "The disk has too little room.",
	[ERROR_DISK_READ_ONLY] = "The disk is read-only.",
};

void
front_fail_as(struct call *call, const struct msg_crawl_answer *answer)
{
	const struct crawl *crawl = &answer->view.crawl;

	if (answer->has_view && crawl->error != ERROR_NONE && answer->error == crawl->error)
		front_fail_crawl(call, crawl);
	else if (answer->error == ERROR_NOT_FOUND)
		front_fail(call, ERROR_NOT_FOUND, "There is no crawl with the id %s.", call->crawl_text);
	else if (answer->error == ERROR_NOT_READY && answer->has_view)
		front_fail(call, ERROR_NOT_READY, "%s", front_state_sentence(crawl));
	else
		front_fail(call, answer->error, "%s", refusals[answer->error] != NULL ?
		    refusals[answer->error] : "The request was refused.");
}

enum error_code
front_crawl_error(const struct crawl *crawl)
{
	return crawl->error != ERROR_NONE ? crawl->error :
	    crawl->state == CRAWL_CANCELED ? ERROR_CANCELED : ERROR_INTERNAL;
}

void
front_fail_crawl(struct call *call, const struct crawl *crawl)
{
	front_fail(call, front_crawl_error(crawl), "%s", crawl->error_text[0] != '\0' ? crawl->error_text :
	    crawl->state == CRAWL_CANCELED ? "The crawl was canceled." : "The crawl failed.");
}

/* ---- refused by the guard ---- */

/* Any other status is an INVALID_REQUEST. */
static const struct refused {
	int status;
	enum error_code code;
	const char *suggestion;		/* NULL: the code's own */
} refused[] = {
	{ 413, ERROR_PAYLOAD_TOO_LARGE, NULL },
	{ 429, ERROR_RATE_LIMITED, "Close connections that are not in use, or send several requests over one." },
	{ 431, ERROR_HEADERS_TOO_LARGE, NULL },
};

static const struct refused *
refused_with(int status)
{
	static const struct refused other = { .code = ERROR_INVALID_REQUEST };

	for (size_t i = 0; i < countof(refused); i++) {
		if (refused[i].status == status)
			return &refused[i];
	}
	return &other;
}

void
front_on_refused(int status, const char *reason, struct evbuffer *out, void *arg)
{
	struct front *front = arg;
	struct json_out *json = &front->json;
	struct uuid id = uuid_make(&front->maker, front->clock);
	const struct refused *as = refused_with(status);
	char request_id[UUID_TEXT_SIZE];
	const char *text;
	size_t len;

	(void)uuid_format(request_id, &id);
	json_out_clear(json);
	json_out_open(json);
	write_error(json, as->code, as->suggestion != NULL ? as->suggestion : error_info(as->code)->suggestion,
	    reason, "", request_id);
	json_out_close(json);
	text = json_out_text(json, &len);
	(void)evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n",
	    status, front_phrase(status), len, request_id);
	(void)evbuffer_add(out, text, len);
	log_debug(LOG_FIELDS(.request_id = request_id), "refused with %d: %s", status, reason);
}

/* ---- members that several answers have ---- */

void
front_member_now(struct call *call, const char *key)
{
	json_out_member_time(&call->front->json, key, clock_wall_ms(call->front->clock));
}

/* Whole numbers as such: clients read 30, not 30.000. */
static void
member_in(struct json_out *json, const char *key, int64_t ms, int64_t unit_ms, int decimals)
{
	if (ms % unit_ms == 0) {
		json_out_member_int(json, key, ms / unit_ms);
		return;
	}
	json_out_key(json, key);
	json_out_number(json, (double)ms / (double)unit_ms, decimals);
}

void
front_member_seconds(struct json_out *json, const char *key, int64_t ms)
{
	member_in(json, key, ms, 1000, 3);
}

void
front_member_minutes(struct json_out *json, const char *key, int64_t ms)
{
	member_in(json, key, ms, 60000, 2);
}

void
front_members_polling(struct call *call)
{
	const struct conf *conf = call->front->conf;

	front_member_seconds(&call->front->json, "poll_interval_seconds", conf->background_poll_interval_ms);
	front_member_minutes(&call->front->json, "max_polling_time_minutes",
	    conf->background_poll_interval_ms * conf->background_max_polls);
}
