/*
 * ctl_download.c - has a crawl's data brought into the object store, tells where
 * they are, and copies an object that is a file on this machine.
 */
#include "ctl/ctl.h"

#include <string.h>

#include "base/timefmt.h"
#include "ctl/ctl_object.h"

#define DOWNLOAD_PATIENCE_MS 60000

static void
print_downloaded(struct ctl *ctl, const json_t *doc)
{
	ctl_field_of(ctl, "crawl", doc, "crawl_id");
	ctl_field_of(ctl, "snapshot", doc, "snapshot_id");
	ctl_field_of(ctl, "object", doc, "gcs_path");
	ctl_field_of(ctl, "posts", doc, "post_count");
	ctl_field_of(ctl, "media", doc, "media_count");
	(void)fflush(stdout);
}

static int
copy_object(struct ctl *ctl, const json_t *doc)
{
	const char *url = json_text(doc, "gcs_path"), *to = ctl->args->value[OPT_OUTPUT];
	struct why why;

	if (url == NULL) {
		ctl_say(ctl, "the crawl has no object any more: it was removed after OBJECTS_KEEP");
		return CTL_FAILED;
	}
	if (ctl_object_copy(url, to, &why) < 0) {
		ctl_say(ctl, "%s", why.text);
		return CTL_FAILED;
	}
	if (strcmp(to, "-") != 0)
		ctl_say(ctl, "copied to %s", to);
	return EX_OK;
}

static int
take_answer(struct ctl *ctl, const struct ctl_reply *reply)
{
	const char *to = ctl->args->value[OPT_OUTPUT];

	if (reply->status != 200)
		return ctl_refused(ctl, reply, "download the crawl's data");
	if (ctl->json)
		ctl_reply_print(reply);
	else if (to == NULL || strcmp(to, "-") != 0)
		print_downloaded(ctl, reply->doc);
	return to != NULL ? copy_object(ctl, reply->doc) : EX_OK;
}

int
ctl_download(struct ctl *ctl)
{
	char path[128], text[32];
	const char *to = ctl->args->value[OPT_OUTPUT];
	struct ctl_question question = {
		.method = "POST", .path = path, .patience_ms = DOWNLOAD_PATIENCE_MS, .timeout_ends = true,
	};
	struct ctl_reply reply;
	int64_t interval_ms;
	int status;

	if (ctl_wait_times(ctl, &question.timeout_ms, &interval_ms) != EX_OK ||
	    ctl_crawl_path(ctl, path, sizeof(path), "/download") != EX_OK)
		return EX_USAGE;
	if (ctl->json && to != NULL && strcmp(to, "-") == 0) {
		ctl_say(ctl, "--json and -o - would mix two documents on standard output; leave one out");
		return EX_USAGE;
	}
	status = ctl_ask(ctl, &question, &reply);
	if (status == EX_TEMPFAIL)
		ctl_say(ctl, "no answer within %s; the download goes on. To ask again: trawlctl%s download %s",
		    duration_format(text, sizeof(text), question.timeout_ms), ctl->target.told, ctl->args->operand);
	if (status != EX_OK)
		return status;
	status = take_answer(ctl, &reply);
	ctl_reply_done(&reply);
	return status;
}
