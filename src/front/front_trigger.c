/*
 * front_trigger.c - POST /api/v1/crawl/trigger: the request read and checked, an id
 * made, the crawl given to the keeper, and the wait until it is on disk and, within
 * TRIGGER_WAIT_SECONDS, until the provider has answered; else a look at why it has not.
 *
 * The id is made here, so that asking a new keeper again makes the same crawl.
 */
#include "front/front.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/why.h"

#define LOOK_MS 500	/* how long a 202 waits for what holds the crawl */

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

/* What a client hears of the crawl that its request made, or that its key made before. */
struct words {
	int		 status;	/* of HTTP; 0: an error, the crawl's own */
	const char	*status_word;
	const char	*message;
	const char	*background;	/* also with polling disabled, when there is nothing left to do */
};

#define ACCEPTED  202, "accepted"
#define TRIGGERED 200, "success"

static const char not_answered[] = "Crawl accepted; the provider has not answered yet";
static const char starts_later[] =
    "Background polling starts when the provider has answered - crawl will auto-download when ready";

static const struct words words[CRAWL_STATE_COUNT] = {
	[CRAWL_ACCEPTED] = { ACCEPTED, not_answered, starts_later },
	[CRAWL_TRIGGERING] = { ACCEPTED, not_answered, starts_later },
	[CRAWL_RECONCILING] = { ACCEPTED, "Crawl accepted; whether the provider has started it is being found out",
	    "Background polling starts when the provider's job is found or made - crawl will auto-download when ready" },
	[CRAWL_POLLING] = { TRIGGERED, "Crawl triggered successfully",
	    "Background polling started - crawl will auto-download when ready" },
	[CRAWL_READY] = { TRIGGERED, "Crawl triggered successfully; its snapshot is ready",
	    "The snapshot is ready - crawl will auto-download" },
	[CRAWL_DOWNLOADING] = { TRIGGERED, "Crawl triggered successfully; its snapshot is being downloaded",
	    "The snapshot is being downloaded" },
	[CRAWL_STORING] = { TRIGGERED, "Crawl triggered successfully; its snapshot is being stored",
	    "The snapshot is being stored" },
	[CRAWL_COMPLETED] = { TRIGGERED, "Crawl completed already; its status tells where the data are",
	    "Nothing is left to do - the crawl's status tells where the data are" },
};

/* "started" is the word for a job that was just made, and stays it for who asks again. */
static const char *
background_word(const struct crawl *crawl, bool enabled)
{
	return enabled && crawl->state == CRAWL_POLLING ? "started" :
	    crawl_background_status(crawl->state, crawl->error, enabled);
}

static void
write_answer(struct call *call, const struct crawl *crawl, const char *waiting_for)
{
	struct json_out *json = front_begin(call);
	const struct words *w = &words[crawl->state];
	bool enabled = call->front->conf->background_polling_enabled;
	bool by_hand = !enabled && !crawl_is_terminal(crawl->state);

	json_out_member(json, "status", w->status_word);
	json_out_member(json, "message", w->message);
	json_out_member(json, "crawl_id", call->crawl_text);
	json_out_member(json, "snapshot_id", crawl->snapshot_id[0] != '\0' ? crawl->snapshot_id : NULL);
	front_member_now(call, "timestamp");
	if (waiting_for[0] != '\0')
		json_out_member(json, "waiting_for", waiting_for);
	json_out_key(json, "background_processing");
	json_out_open(json);
	json_out_member_bool(json, "enabled", enabled);
	json_out_member(json, "status", background_word(crawl, enabled));
	front_members_polling(call);
	json_out_member(json, "message", by_hand ?
	    "Background polling is disabled - ask for the status, then download by hand" : w->background);
	json_out_close(json);
}

static void
answer_about(struct call *call, const struct crawl *crawl, const char *waiting_for)
{
	char place[UUID_TEXT_SIZE + 32];

	write_answer(call, crawl, waiting_for);
	(void)snprintf(place, sizeof(place), "/api/v1/crawl/%s/status", call->crawl_text);
	front_header(call, "Location", place);
	front_send(call, words[crawl->state].status);
}

/* On disk; more is not known. */
static void
answer_kept(struct call *call)
{
	static const struct crawl kept = { .state = CRAWL_ACCEPTED };

	answer_about(call, &kept, "");
}

/* The key's crawl has ended already: another of the same key never starts. */
static void
fail_existing(struct call *call, const struct crawl *crawl)
{
	enum error_code code = front_crawl_error(crawl);
	const char *text = crawl->error_text;
	size_t len = strlen(text);
	char go_on[UUID_TEXT_SIZE + 80] = "";

	if (crawl->state == CRAWL_FAILED && error_info(code)->reopens)
		(void)snprintf(go_on, sizeof(go_on), " To go on with it: POST /api/v1/crawl/%s/retry.", call->crawl_text);
	if (len > 0 && text[len - 1] == '.')
		len--;
	front_fail(call, code, "The crawl made with this Idempotency-Key %s%s%.*s.%s A new crawl takes another key.",
	    crawl->state == CRAWL_CANCELED ? "was canceled" : "failed", len > 0 ? ": " : "", (int)len, text, go_on);
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
			answer_kept(call);
		return;
	}
	call->crawl_id = crawl->id;
	(void)uuid_format(call->crawl_text, &call->crawl_id);
	if (words[crawl->state].status == 0 && answer->existed)
		fail_existing(call, crawl);
	else if (words[crawl->state].status == 0)
		front_fail_crawl(call, crawl);
	else if (words[crawl->state].status == 200 || !answer->more || call->front->draining)
		answer_about(call, crawl, answer->view.waiting_for);
}

/* ---- the wait is over ---- */

static void
look_put(struct call *call, struct wire_out *out)
{
	struct msg_crawl_read read = { .request = call->token, .crawl_id = call->crawl_id };

	msg_crawl_read_put(out, &read);
}

static void
look_on_answer(struct call *call, const struct msg_crawl_answer *answer)
{
	if (answer->error == ERROR_NONE && answer->has_view)
		trigger_on_answer(call, answer);
	else
		answer_kept(call);
}

static void
look_on_late(struct call *call, bool away)
{
	(void)away;
	answer_kept(call);
}

static const struct question look_question = {
	.put = look_put,
	.on_answer = look_on_answer,
	.on_late = look_on_late,
};

/* What came with the first answer, if anything, is as old as the wait: the crawl may
 * have begun to wait for something since. */
static void
look(struct call *call)
{
	front_forget(call);
	front_ask(call, &look_question, front_now(call->front) - call->begun_ms + LOOK_MS);
}

/* Without a key the same request would make a second crawl, if the first was kept. */
static void
fail_unknown(struct call *call, bool away)
{
	static const char with_key[] =
	    "Send the same request again with the same Idempotency-Key in a few seconds: that makes no second crawl.";
	static const char without_key[] =
	    "Look at the status first (GET /api/v1/crawl/{crawl_id}/status): the crawl may be there. Only if it is not, "
	    "send the request again; with an Idempotency-Key it is safe to repeat.";
	bool has_key = call->create->idempotency_key[0] != '\0';

	front_fail_advised(call, ERROR_UNAVAILABLE, has_key, has_key ? with_key : without_key,
	    "%s; whether the crawl was kept is not known.",
	    away ? "The job store is restarting" : "The job store did not answer in time");
}

static void
trigger_on_late(struct call *call, bool away)
{
	int64_t now = front_now(call->front);

	if (call->acknowledged && (away || call->front->draining))
		answer_kept(call);
	else if (call->acknowledged)
		look(call);
	else if (!away && !call->front->draining && now - call->begun_ms < FRONT_KEEPER_MS)
		call->late_ms = call->begun_ms + FRONT_KEEPER_MS;
	else
		fail_unknown(call, away);
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
	if (provider_request_read(call->front->rules, (const char *)evbuffer_pullup(body, -1),
	    evbuffer_get_length(body), &call->create->body, &why) < 0) {
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
