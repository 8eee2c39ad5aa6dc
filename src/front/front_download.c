/*
 * front_download.c - POST /api/v1/crawl/{crawl_id}/download: by hand what background
 * processing does by itself, and the wait for its end, BACKGROUND_DOWNLOAD_TIMEOUT
 * long. The download itself goes on whether or not its client waits.
 */
#include "front/front.h"

#include "base/timefmt.h"

static void
download_answer(struct call *call, const struct crawl_view *view)
{
	const struct crawl *crawl = &view->crawl;
	struct json_out *json = front_begin(call);

	json_out_member(json, "status", "success");
	json_out_member(json, "message", "Data downloaded successfully");
	json_out_member(json, "crawl_id", call->crawl_text);
	json_out_member(json, "snapshot_id", crawl->snapshot_id);
	json_out_member(json, "gcs_path", view->object_url[0] != '\0' ? view->object_url : NULL);
	json_out_member_int(json, "post_count", (int64_t)crawl->posts);
	json_out_member_int(json, "media_count", (int64_t)crawl->media);
	front_member_now(call, "timestamp");
	front_send(call, 200);
}

static void
download_put(struct call *call, struct wire_out *out)
{
	front_put_ref(call, out, MSG_CRAWL_FETCH);
}

static void
download_on_answer(struct call *call, const struct msg_crawl_answer *answer)
{
	const struct crawl *crawl = &answer->view.crawl;

	if (answer->error != ERROR_NONE)
		front_fail_as(call, answer);
	else if (answer->more)	/* begun, or begun again after a failure: its end follows */
		return;
	else if (crawl->state == CRAWL_COMPLETED)
		download_answer(call, &answer->view);
	else if (crawl_is_terminal(crawl->state))
		front_fail_crawl(call, crawl);
	else
		front_fail(call, ERROR_NOT_READY, "%s", front_state_sentence(crawl));
}

static void
download_on_late(struct call *call, bool away)
{
	char waited[64];

	if (away) {
		front_fail_away(call, away);
		return;
	}
	front_fail(call, ERROR_NOT_READY, "The download has not ended within %s; it goes on, and the crawl's "
	    "status tells when it is completed.",
	    duration_format(waited, sizeof(waited), front_now(call->front) - call->begun_ms));
}

static const struct question download_question = {
	.put = download_put,
	.on_answer = download_on_answer,
	.on_late = download_on_late,
};

void
front_on_download(struct call *call)
{
	front_ask(call, &download_question, call->front->conf->background_download_timeout_ms);
}
