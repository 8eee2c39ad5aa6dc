/*
 * front_backup.c - POST /api/v1/admin/backup: has the job store copied while it is in use,
 * and tells where the copy lies when it is durable. The copy goes on whether or not its client
 * waits, and who asks meanwhile gets the same one.
 */
#include "front/front.h"

#include "base/json.h"
#include "base/mem.h"

static void
backup_put(struct call *call, struct wire_out *out)
{
	struct msg_backup backup = { .request = call->token };

	(void)str_copy(backup.request_id, sizeof(backup.request_id), call->request_id);
	msg_backup_put(out, &backup);
}

static void
fail_with(struct call *call, const struct msg_backup_answer *answer)
{
	if (answer->error == ERROR_STORAGE_ERROR)
		front_fail_advised(call, answer->error, false, "Make room in DATA_DIR, or mend what the message names, and "
		    "ask again; crawls are not touched by it.", "The job store was not copied: %s.", answer->text);
	else
		front_fail(call, answer->error, "The job store was not copied: %s.", answer->text);
}

static void
backup_on_backup(struct call *call, const struct msg_backup_answer *answer)
{
	struct json_out *json;

	if (answer->error != ERROR_NONE) {
		fail_with(call, answer);
		return;
	}
	json = front_begin(call);
	json_out_member(json, "status", "success");
	json_out_member(json, "message", "The job store was copied");
	json_out_member(json, "path", answer->path);
	json_out_member_int(json, "size_bytes", (int64_t)answer->size_bytes);
	json_out_member_int(json, "crawls", (int64_t)answer->crawls);
	json_out_member_time(json, "timestamp", answer->time_ms);
	front_send(call, 200);
}

static void
backup_on_late(struct call *call, bool away)
{
	if (away || call->begun_ms + FRONT_BACKUP_MS > front_now(call->front))
		front_fail(call, ERROR_UNAVAILABLE, away ? "The job store is restarting; a copy that was begun is not made." :
		    "This server's process leaves; the copy goes on, and who asks again gets it.");
	else
		front_fail(call, ERROR_UNAVAILABLE, "The copy is not whole yet; it goes on, and who asks again gets it.");
}

static const struct question backup_question = {
	.put = backup_put,
	.on_backup = backup_on_backup,
	.on_late = backup_on_late,
};

/* Nothing, or an object without members: what might be asked for one day is not ignored today. */
static bool
body_is_empty(struct evbuffer *body)
{
	size_t len = evbuffer_get_length(body);
	json_t *doc = NULL;
	bool empty;

	if (len == 0)
		return true;
	empty = json_read((const char *)evbuffer_pullup(body, -1), len, &doc, NULL) == 0 && json_is_object(doc) &&
	    json_object_size(doc) == 0;
	json_decref(doc);
	return empty;
}

void
front_on_backup(struct call *call)
{
	if (body_is_empty(evhttp_request_get_input_buffer(call->request)))
		front_ask(call, &backup_question, FRONT_BACKUP_MS);
	else
		front_fail(call, ERROR_INVALID_REQUEST, "A backup takes no members: send no body, or {}.");
}
