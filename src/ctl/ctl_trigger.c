/*
 * ctl_trigger.c - starts a crawl. Makes the request body from options or takes it
 * from a file; whether it is right is the daemon's to say. Every try of one run
 * bears the same Idempotency-Key.
 */
#include "ctl/ctl.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "ctl/ctl_body.h"

#define TRIGGER_PATIENCE_MS 30000
#define TRIGGER_TIMEOUT_MS  (10 * 60 * 1000)	/* the daemon itself waits TRIGGER_WAIT_SECONDS */

/* A key may find a crawl that is further on: the answer's own words then. */
static void
print_progress(struct ctl *ctl, const struct ctl_reply *reply)
{
	char background[32];

	ctl_member_text(background, sizeof(background), reply->doc, "background_processing.status");
	if (reply->status == 202)
		ctl_field(ctl, "status", "accepted; the provider has not answered yet", COLOUR_NONE);
	else if (strcmp(background, "completed") == 0)
		ctl_field_of(ctl, "status", reply->doc, "message");
	else
		ctl_field(ctl, "status", "triggered", COLOUR_NONE);
	ctl_field_of(ctl, "waiting for", reply->doc, "waiting_for");
}

/* What the answer says, and what to do now. */
static void
print_triggered(struct ctl *ctl, const struct ctl_reply *reply)
{
	char id[64];

	ctl_field_of(ctl, "crawl", reply->doc, "crawl_id");
	ctl_field_of(ctl, "snapshot", reply->doc, "snapshot_id");
	print_progress(ctl, reply);
	if (ctl->args->value[OPT_WAIT] != NULL)
		return;
	(void)fflush(stdout);
	ctl_say(ctl, "next: trawlctl%s wait %s", ctl->target.told,
	    ctl_member_text(id, sizeof(id), reply->doc, "crawl_id"));
}

static int
take_answer(struct ctl *ctl, const struct ctl_reply *reply)
{
	const char *id = json_text(reply->doc, "crawl_id");
	bool wait = ctl->args->value[OPT_WAIT] != NULL;
	struct uuid parsed;

	if (reply->status < 200 || reply->status > 299)
		return ctl_refused(ctl, reply, "trigger the crawl");
	if (id == NULL || uuid_parse(id, &parsed) < 0) {
		ctl_say(ctl, "the daemon answered HTTP %d without a crawl_id", reply->status);
		return CTL_FAILED;
	}
	if (!ctl->json)
		print_triggered(ctl, reply);
	else if (!wait)
		ctl_reply_print(reply);
	else
		ctl_say(ctl, "crawl %s is triggered", id);
	return wait ? ctl_wait_for(ctl, id) : EX_OK;
}

/* The key of this run; false when the one given cannot be a header's value. */
static bool
choose_key(struct ctl *ctl, char *dst, size_t size)
{
	const char *given = ctl->args->value[OPT_IDEMPOTENCY_KEY];
	struct uuid_maker maker = { 0 };
	struct uuid key;
	bool visible = true;

	if (given == NULL) {
		key = uuid_make(&maker, &clock_system);
		(void)uuid_format(dst, &key);
		return true;
	}
	for (const char *p = given; *p != '\0'; p++)
		visible = visible && isgraph((unsigned char)*p) && *p != '"';
	return visible && given[0] != '\0' && str_copy(dst, size, given) == 0;
}

int
ctl_trigger(struct ctl *ctl)
{
	scoped_free char *body = NULL;
	char key[129];
	struct ctl_question question = {
		.method = "POST", .path = "/api/v1/crawl/trigger", .idempotency_key = key,
		.timeout_ms = TRIGGER_TIMEOUT_MS, .patience_ms = TRIGGER_PATIENCE_MS,
	};
	struct ctl_reply reply;
	struct why why;
	int64_t timeout_ms, interval_ms;
	int status;

	if (ctl_wait_times(ctl, &timeout_ms, &interval_ms) != EX_OK)
		return EX_USAGE;	/* before the crawl is there */
	if (ctl_body_make(ctl->args, &body, &question.body_len, &why) < 0) {
		ctl_say(ctl, "%s", why.text);
		return EX_USAGE;
	}
	if (!choose_key(ctl, key, sizeof(key))) {
		ctl_say(ctl, "--idempotency-key: 1 to 128 visible ASCII characters without quotes are allowed");
		return EX_USAGE;
	}
	question.body = body;
	ctl_catch_interrupt(ctl);
	status = ctl_ask(ctl, &question, &reply);
	if (status != EX_OK) {
		ctl_say(ctl, "whether the crawl was accepted is not known; the same command with --idempotency-key %s"
		    " asks again without making a second one", key);
		return status;
	}
	status = take_answer(ctl, &reply);
	ctl_reply_done(&reply);
	return status;
}
