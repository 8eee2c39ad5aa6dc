/*
 * front_retry.c - POST /api/v1/crawl/{crawl_id}/retry: goes on with a crawl that
 * failed. The keeper answers when it has noted that; the state that the crawl is in
 * then tells what comes next. What a retry cannot mend is refused with the reason.
 */
#include "front/front.h"

static const char *const begun[CRAWL_STATE_COUNT] = {
	[CRAWL_ACCEPTED] = "The crawl starts from the beginning; it had no job at the provider",
	[CRAWL_RECONCILING] =
	    "The crawl's job is searched for at the provider first; without one it starts from the beginning",
	[CRAWL_POLLING] = "The provider is asked again about the crawl's job; nothing is paid again",
};

/* Why a crawl that failed of this stays as it is. */
static const char *const finals[ERROR_CODE_COUNT] = {
	[ERROR_BRIGHTDATA_REJECTED] = "the provider refused its input",
	[ERROR_SNAPSHOT_FAILED] = "the provider could not collect it",
	[ERROR_SNAPSHOT_EXPIRED] = "the provider no longer keeps its snapshot",
};

static void
retry_put(struct call *call, struct wire_out *out)
{
	front_put_ref(call, out, MSG_CRAWL_RETRY);
}

static void
answer_begun(struct call *call, const struct crawl *crawl)
{
	struct json_out *json = front_begin(call);

	json_out_member(json, "status", "success");
	json_out_member(json, "message", begun[crawl->state] != NULL ? begun[crawl->state] : "The crawl goes on");
	json_out_member(json, "crawl_id", call->crawl_text);
	json_out_member(json, "snapshot_id", crawl->snapshot_id[0] != '\0' ? crawl->snapshot_id : NULL);
	json_out_member(json, "crawl_status", crawl_api_status(crawl->state));
	front_member_now(call, "timestamp");
	front_send(call, 200);
}

static void
answer_final(struct call *call, const struct crawl *crawl)
{
	const struct error_info *info = error_info(crawl->error);
	const char *reason = finals[crawl->error] != NULL ? finals[crawl->error] : info->name;

	if (info->reopens) {
		front_fail(call, ERROR_CONFLICT, "The crawl cannot go on (%s). Trigger a new one.", reason);
		return;
	}
	front_fail_advised(call, ERROR_CONFLICT, false, info->suggestion,
	    "What the crawl failed of cannot be mended by a retry: %s%s%s. Trigger a new crawl.", reason,
	    crawl->error_text[0] != '\0' ? ", " : "", crawl->error_text);
}

static void
answer_conflict(struct call *call, const struct crawl *crawl)
{
	if (crawl->state == CRAWL_FAILED)
		answer_final(call, crawl);
	else if (crawl->state == CRAWL_CANCELED)
		front_fail_advised(call, ERROR_CONFLICT, false, error_info(ERROR_CANCELED)->suggestion,
		    "The crawl was canceled; only one that failed can be retried.");
	else
		front_fail(call, ERROR_CONFLICT, "The crawl has not failed: its status is \"%s\". %s",
		    crawl_api_status(crawl->state), front_state_sentence(crawl));
}

static void
retry_on_answer(struct call *call, const struct msg_crawl_answer *answer)
{
	const struct crawl *crawl = &answer->view.crawl;

	if (answer->error == ERROR_CONFLICT && answer->has_view) {
		/* Asked again of the next keeper: the one before had noted it. */
		if (call->asks > 1 && begun[crawl->state] != NULL)
			answer_begun(call, crawl);
		else
			answer_conflict(call, crawl);
	} else if (answer->error != ERROR_NONE) {
		front_fail_as(call, answer);
	} else if (!answer->more) {
		answer_begun(call, crawl);
	}
}

static const struct question retry_question = {
	.put = retry_put,
	.on_answer = retry_on_answer,
	.on_late = front_fail_away,
};

void
front_on_retry(struct call *call)
{
	front_ask(call, &retry_question, FRONT_KEEPER_MS);
}
