/*
 * front_status.c - GET /api/v1/crawl/{crawl_id}/status. With background polling
 * disabled the provider is asked first; when that takes too long, what is known is
 * told.
 */
#include "front/front.h"

#include "base/mem.h"

#define REFRESH_MS 30000	/* how long the provider may take to be asked */

static bool
crawl_is_downloadable(enum crawl_state state)
{
	return state == CRAWL_READY || state == CRAWL_DOWNLOADING || state == CRAWL_STORING ||
	    state == CRAWL_COMPLETED;
}

/* A text member; null when there is none. */
static void
member_or_null(struct json_out *json, const char *key, const char *text)
{
	json_out_member(json, key, text[0] != '\0' ? text : NULL);
}

static void
write_metadata(struct json_out *json, const struct crawl_view *view)
{
	const struct trigger_request *request = &view->request;
	const struct crawl *crawl = &view->crawl;

	json_out_key(json, "metadata");
	json_out_open(json);
	json_out_member(json, "platform", platform_of(request->platform)->name);
	json_out_member(json, "competitor", request->competitor);
	json_out_member(json, "brand", request->brand);
	json_out_member(json, "category", request->category);
	json_out_member(json, "dataset_id", request->dataset_id);
	json_out_member(json, "url", request->url);
	member_or_null(json, "start_date", request->start_date);
	member_or_null(json, "end_date", request->end_date);
	json_out_member_bool(json, "include_profile_data", request->include_profile_data);
	json_out_key(json, "num_of_posts");
	if (request->num_of_posts > 0)
		json_out_int(json, request->num_of_posts);
	else
		json_out_null(json);
	json_out_member_time(json, "created_at", crawl->created_ms);
	json_out_member_time(json, "updated_at", crawl->updated_ms);
	json_out_member_time(json, "triggered_at", crawl->triggered_ms);
	json_out_member_time(json, "ready_at", crawl->ready_ms);
	json_out_member_time(json, "finished_at", crawl->finished_ms);
	json_out_close(json);
}

/* Polling is given up after so many answers, so this moves while the provider is not asked. */
static int64_t
polling_ends(const struct conf *conf, const struct crawl *crawl, int64_t now)
{
	int64_t left = conf->background_max_polls - (int64_t)crawl->polls;

	return now + (left > 0 ? left : 0) * conf->background_poll_interval_ms;
}

static void
write_background(struct call *call, const struct crawl *crawl)
{
	struct json_out *json = &call->front->json;
	bool enabled = call->front->conf->background_polling_enabled, ended = crawl_is_terminal(crawl->state);
	int64_t now = clock_wall_ms(call->front->clock);
	int64_t until = ended ? crawl->finished_ms : now;
	int64_t elapsed = until > crawl->created_ms ? until - crawl->created_ms : 0;

	json_out_key(json, "background_processing");
	json_out_open(json);
	json_out_member_bool(json, "enabled", enabled);
	json_out_member_bool(json, "active", enabled && !ended);
	json_out_member(json, "status", crawl_background_status(crawl->state, crawl->error, enabled));
	front_members_polling(call);
	json_out_member_time(json, "estimated_completion",
	    enabled && crawl->state == CRAWL_POLLING ? polling_ends(call->front->conf, crawl, now) : 0);
	front_member_minutes(json, "elapsed_minutes", elapsed);
	json_out_close(json);
}

static void
write_completed(struct json_out *json, const struct crawl_view *view)
{
	const struct crawl *crawl = &view->crawl;
	char crc32c[CRC32C_TEXT_SIZE], sha256[SHA256_TEXT_SIZE], warning[CRAWL_WARNING_SIZE];

	json_out_member(json, "gcs_path", view->object_url[0] != '\0' ? view->object_url : NULL);
	json_out_member_int(json, "post_count", (int64_t)crawl->posts);
	json_out_member_int(json, "media_count", (int64_t)crawl->media);
	json_out_member_int(json, "error_count", (int64_t)crawl->errors);
	json_out_member_int(json, "other_count", (int64_t)crawl->others);
	json_out_key(json, "expected_records");
	if (crawl->provider_records != UINT64_MAX)
		json_out_int(json, (int64_t)crawl->provider_records);
	else
		json_out_null(json);
	if (crawl_warning(crawl, warning) != NULL)
		json_out_member(json, "warning", warning);
	json_out_member_int(json, "size_bytes", (int64_t)crawl->size_bytes);
	json_out_member(json, "crc32c", crc32c_format(crc32c, crawl->crc32c));
	json_out_member(json, "sha256", sha256_format(sha256, crawl->sha256));
}

static void
write_ended_badly(struct json_out *json, const struct crawl *crawl)
{
	enum error_code code = front_crawl_error(crawl);

	json_out_member(json, "error_code", error_info(code)->name);
	json_out_member(json, "error_message", crawl->error_text[0] != '\0' ? crawl->error_text :
	    front_state_sentence(crawl));
	json_out_member(json, "stage", crawl_stage_name(crawl->stage));
	json_out_member(json, "recovery_suggestion", error_info(code)->suggestion);
}

/* What holds it at this moment, and what was noted when it last went wrong. */
static void
write_waiting(struct json_out *json, const struct crawl_view *view)
{
	const char *held = view->waiting_for, *note = view->crawl.note;
	char reason[WAITING_SIZE + NOTE_SIZE + 16];

	(void)snprintf(reason, sizeof(reason), "%s%s%s", held, held[0] != '\0' && note[0] != '\0' ? "; before: " : "", note);
	if (reason[0] != '\0')
		json_out_member(json, "waiting_for", reason);
	json_out_member_time(json, "waiting_until", view->waiting_until_ms);
	json_out_member_time(json, "next_check_at", view->crawl.due_ms);
}

static void
status_answer(struct call *call, const struct crawl_view *view)
{
	const struct crawl *crawl = &view->crawl;
	struct json_out *json = front_begin(call);

	json_out_member(json, "crawl_id", call->crawl_text);
	member_or_null(json, "snapshot_id", crawl->snapshot_id);
	json_out_member(json, "status", crawl_api_status(crawl->state));
	json_out_member_bool(json, "ready_for_download", crawl_is_downloadable(crawl->state));
	front_member_now(call, "timestamp");
	write_metadata(json, view);
	write_background(call, crawl);
	if (crawl->state == CRAWL_COMPLETED)
		write_completed(json, view);
	else if (crawl_is_terminal(crawl->state))
		write_ended_badly(json, crawl);
	else
		write_waiting(json, view);
	front_send(call, 200);
}

/* ---- the question ---- */

static void
status_put(struct call *call, struct wire_out *out)
{
	struct msg_crawl_read read = {
		.request = call->token,
		.crawl_id = call->crawl_id,
		.refresh = call->refresh,
	};

	msg_crawl_read_put(out, &read);
}

static void
status_on_answer(struct call *call, const struct msg_crawl_answer *answer)
{
	if (answer->error != ERROR_NONE)
		front_fail_as(call, answer);
	else if (!answer->more)
		status_answer(call, &answer->view);
}

static void status_on_late(struct call *, bool);

static const struct question status_question = {
	.put = status_put,
	.on_answer = status_on_answer,
	.on_late = status_on_late,
};

static void
status_on_late(struct call *call, bool away)
{
	if (away || !call->refresh || call->front->draining) {
		front_fail_away(call, away);
		return;
	}
	call->refresh = false;
	front_ask(call, &status_question, REFRESH_MS + FRONT_KEEPER_MS);
}

void
front_on_status(struct call *call)
{
	call->refresh = !call->front->conf->background_polling_enabled;
	front_ask(call, &status_question, call->refresh ? REFRESH_MS : FRONT_KEEPER_MS);
}
