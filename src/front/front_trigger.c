/*
 * front_trigger.c - POST /api/v1/crawl/trigger: the request read and checked, an id
 * made, the crawl given to the keeper, and the wait until it is on disk and, within
 * TRIGGER_WAIT_SECONDS, until the provider has answered.
 *
 * The id is made here, so that asking a new keeper again makes the same crawl.
 */
#include "front/front.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/why.h"

/* application/json, with or without parameters. */
static bool
type_is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	if (type == NULL || strncasecmp(type, json, len) != 0)
		return false;
	type += len;
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

/* Bare, or between quotes as a structured field. */
static bool
key_read(char dst[IDEMPOTENCY_KEY_SIZE], const char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < 0x21 || value[i] > 0x7e || value[i] == '"')
			return false;
	}
	return str_copy_n(dst, IDEMPOTENCY_KEY_SIZE, value, len) == 0;
}

/* ---- answers ---- */

static void
write_answer(struct call *call, const struct crawl *crawl, const char *status, const char *message,
    const char *background)
{
	struct json_out *json = front_begin(call);
	bool enabled = call->front->conf->background_polling_enabled;

	json_out_member(json, "status", status);
	json_out_member(json, "message", message);
	json_out_member(json, "crawl_id", call->crawl_text);
	json_out_member(json, "snapshot_id", crawl->snapshot_id[0] != '\0' ? crawl->snapshot_id : NULL);
	front_member_now(call, "timestamp");
	json_out_key(json, "background_processing");
	json_out_open(json);
	json_out_member_bool(json, "enabled", enabled);
	json_out_member(json, "status", enabled ? "started" : "disabled");
	front_members_polling(call);
	json_out_member(json, "message", enabled ? background :
	    "Background polling is disabled - ask for the status, then download by hand");
	json_out_close(json);
}

static void
answer_with_place(struct call *call, int status)
{
	char place[UUID_TEXT_SIZE + 32];

	(void)snprintf(place, sizeof(place), "/api/v1/crawl/%s/status", call->crawl_text);
	front_header(call, "Location", place);
	front_send(call, status);
}

static void
answer_accepted(struct call *call)
{
	static const struct crawl none;

	write_answer(call, &none, "accepted", "Crawl accepted; the provider has not answered yet",
	    "Background polling starts when the provider has answered - crawl will auto-download when ready");
	answer_with_place(call, 202);
}

static void
answer_triggered(struct call *call, const struct crawl *crawl)
{
	write_answer(call, crawl, "success", "Crawl triggered successfully",
	    "Background polling started - crawl will auto-download when ready");
	answer_with_place(call, 200);
}

/* ---- the question ---- */

static void
trigger_put(struct call *call, struct wire_out *out)
{
	call->create->request = call->token;
	msg_crawl_create_put(out, call->create);
}

static void
trigger_on_answer(struct call *call, const struct msg_crawl_answer *answer)
{
	const struct crawl *crawl = &answer->view.crawl;

	if (answer->error != ERROR_NONE) {
		/* Ours was not made, so its id means nothing to the client. */
		call->crawl_text[0] = '\0';
		front_fail_as(call, answer);
		return;
	}
	/* With an Idempotency-Key it may be an earlier request's crawl. */
	call->acknowledged = true;
	if (!answer->has_view) {	/* ours is on disk; another answer follows */
		if (call->front->draining)
			answer_accepted(call);
		return;
	}
	call->crawl_id = crawl->id;
	(void)uuid_format(call->crawl_text, &call->crawl_id);
	if (crawl->snapshot_id[0] != '\0')
		answer_triggered(call, crawl);
	else if (crawl->state == CRAWL_FAILED || crawl->state == CRAWL_CANCELED)
		front_fail_crawl(call, crawl);
	else if (!answer->more || call->front->draining)
		answer_accepted(call);
}

static void
trigger_on_late(struct call *call, bool away)
{
	int64_t now = front_now(call->front);

	if (call->acknowledged) {
		answer_accepted(call);
	} else if (!away && !call->front->draining && now - call->begun_ms < FRONT_KEEPER_MS) {
		call->late_ms = call->begun_ms + FRONT_KEEPER_MS;
	} else {
		front_fail(call, ERROR_UNAVAILABLE, "%s; whether the crawl was kept is not known. Its status "
		    "tells, and the same request with an Idempotency-Key is safe to repeat.",
		    away ? "The job store is restarting" : "The job store did not answer in time");
	}
}

static const struct question trigger_question = {
	.put = trigger_put,
	.on_answer = trigger_on_answer,
	.on_late = trigger_on_late,
};

void
front_on_trigger(struct call *call)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(call->request);
	const char *key = evhttp_find_header(headers, "Idempotency-Key");
	struct evbuffer *body = evhttp_request_get_input_buffer(call->request);
	int64_t wait_ms = call->front->conf->trigger_wait_ms;
	struct why why = { "" };

	if (!type_is_json(evhttp_find_header(headers, "Content-Type"))) {
		front_fail(call, ERROR_UNSUPPORTED_MEDIA_TYPE,
		    "The body must be sent with Content-Type: application/json.");
		return;
	}
	call->create = xcalloc(1, sizeof(*call->create));
	if (key != NULL && !key_read(call->create->idempotency_key, key)) {
		front_fail(call, ERROR_INVALID_REQUEST,
		    "The Idempotency-Key must be 1 to %d visible ASCII characters.", IDEMPOTENCY_KEY_SIZE - 1);
		return;
	}
	if (trigger_request_read((const char *)evbuffer_pullup(body, -1), evbuffer_get_length(body),
	    &call->create->body, &why) < 0) {
		front_fail(call, ERROR_INVALID_REQUEST, "%s", why.text);
		return;
	}
	call->crawl_id = uuid_make(&call->front->maker, call->front->clock);
	(void)uuid_format(call->crawl_text, &call->crawl_id);
	call->create->crawl_id = call->crawl_id;
	(void)str_copy(call->create->request_id, sizeof(call->create->request_id), call->request_id);
	call->create->wait = wait_ms > 0;
	front_ask(call, &trigger_question, wait_ms > 0 ? wait_ms : FRONT_KEEPER_MS);
}
