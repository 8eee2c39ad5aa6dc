/*
 * ctl_status.c - shows a crawl as the API tells it, and asks for its cancellation or
 * for another try.
 */
#include "ctl/ctl.h"

#define ASK_TIMEOUT_MS 30000

static void
print_noted(struct ctl *ctl, const json_t *doc)
{
	ctl_field_of(ctl, "crawl", doc, "crawl_id");
	ctl_field_of(ctl, "status", doc, "crawl_status");
	ctl_field_of(ctl, "message", doc, "message");
}

/* Asks about the operand's crawl and prints what comes. */
static int
ask_and_print(struct ctl *ctl, const char *method, const char *tail, const char *attempted,
    void (*print)(struct ctl *, const json_t *))
{
	char path[128];
	struct ctl_question question = { .method = method, .path = path, .timeout_ms = ASK_TIMEOUT_MS };
	struct ctl_reply reply;
	int status = ctl_crawl_path(ctl, path, sizeof(path), tail);

	if (status == EX_OK)
		status = ctl_ask(ctl, &question, &reply);
	if (status != EX_OK)
		return status;
	if (reply.status < 200 || reply.status > 299)
		status = ctl_refused(ctl, &reply, attempted);
	else if (!ctl->json)
		print(ctl, reply.doc);
	else if (ctl->args->value[OPT_WAIT] == NULL)	/* else the crawl's end is the one document */
		ctl_reply_print(&reply);
	ctl_reply_done(&reply);
	return status;
}

int
ctl_status(struct ctl *ctl)
{
	return ask_and_print(ctl, "GET", "/status", "ask for the crawl's status", ctl_status_print);
}

int
ctl_cancel(struct ctl *ctl)
{
	return ask_and_print(ctl, "POST", "/cancel", "cancel the crawl", print_noted);
}

int
ctl_retry(struct ctl *ctl)
{
	int64_t timeout_ms, interval_ms;
	int status;

	if (ctl_wait_times(ctl, &timeout_ms, &interval_ms) != EX_OK)
		return EX_USAGE;	/* before anything is asked for */
	status = ask_and_print(ctl, "POST", "/retry", "retry the crawl", print_noted);
	if (status != EX_OK)
		return status;
	if (ctl->args->value[OPT_WAIT] != NULL)
		return ctl_wait(ctl);
	if (!ctl->json)
		ctl_say(ctl, "next: trawlctl%s wait %s", ctl->target.told, ctl->args->operand);
	return EX_OK;
}
