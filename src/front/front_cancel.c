/*
 * front_cancel.c - POST /api/v1/crawl/{crawl_id}/cancel: stops a crawl. The keeper
 * answers when it has noted the wish; the provider is told afterwards.
 */
#include "front/front.h"

static void
cancel_put(struct call *call, struct wire_out *out)
{
	front_put_ref(call, out, MSG_CRAWL_CANCEL);
}

static void
cancel_on_answer(struct call *call, const struct msg_crawl_answer *answer)
{
	const struct crawl *crawl = &answer->view.crawl;
	struct json_out *json;

	if (answer->error == ERROR_CONFLICT && answer->has_view) {
		front_fail(call, ERROR_CONFLICT, "The crawl cannot be canceled any more. %s",
		    front_state_sentence(crawl));
		return;
	}
	if (answer->error != ERROR_NONE) {
		front_fail_as(call, answer);
		return;
	}
	if (answer->more)
		return;
	json = front_begin(call);
	json_out_member(json, "status", "success");
	json_out_member(json, "message", crawl->state == CRAWL_CANCELED ? "Crawl canceled" :
	    crawl_is_terminal(crawl->state) ? "The crawl had ended already" :
	    "Cancellation noted; the crawl is being stopped");
	json_out_member(json, "crawl_id", call->crawl_text);
	json_out_member(json, "snapshot_id", crawl->snapshot_id[0] != '\0' ? crawl->snapshot_id : NULL);
	json_out_member(json, "crawl_status", crawl_api_status(crawl->state));
	front_member_now(call, "timestamp");
	front_send(call, 200);
}

static const struct question cancel_question = {
	.put = cancel_put,
	.on_answer = cancel_on_answer,
	.on_late = front_fail_away,
};

void
front_on_cancel(struct call *call)
{
	front_ask(call, &cancel_question, FRONT_KEEPER_MS);
}
