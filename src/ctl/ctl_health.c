/*
 * ctl_health.c - asks how the daemon is: one line, then what it checked.
 */
#include "ctl/ctl.h"

#include <string.h>

#define ASK_TIMEOUT_MS 15000

/* A check that is an object, as one line: its members one after the other. */
static void
print_check(struct ctl *ctl, const char *name, const json_t *value)
{
	char line[1024] = "", text[256];
	size_t len = 0;
	const char *member;
	json_t *item;

	json_object_foreach((json_t *)value, member, item) {
		(void)item;
		ctl_member_text(text, sizeof(text), value, member);
		if (text[0] == '\0' || len >= sizeof(line))
			continue;
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %s", len > 0 ? ", " : "", member, text);
	}
	ctl_field(ctl, name, line, COLOUR_NONE);
}

/* "2 polling, 1 downloading": what is not zero. */
static void
print_counts(struct ctl *ctl, const json_t *crawls)
{
	char line[512] = "";
	size_t len = 0;
	const char *state;
	json_t *count;

	json_object_foreach((json_t *)crawls, state, count) {
		if (json_integer_value(count) > 0 && len < sizeof(line))
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%lld %s", len > 0 ? ", " : "",
			    (long long)json_integer_value(count), state);
	}
	ctl_field(ctl, "crawls", line[0] != '\0' ? line : "none", COLOUR_NONE);
}

/* "cannot be reached; ..., until TIME; 1 of 16 calls in flight, 3 refused ..." */
static void
print_provider(struct ctl *ctl, const json_t *doc)
{
	char check[128], until[64], calls[32], most[32], refusals[32], line[400];

	ctl_member_text(check, sizeof(check), doc, "checks.provider");
	ctl_member_text(until, sizeof(until), doc, "provider.until");
	ctl_member_text(calls, sizeof(calls), doc, "provider.calls_in_flight");
	ctl_member_text(most, sizeof(most), doc, "provider.calls_max");
	ctl_member_text(refusals, sizeof(refusals), doc, "provider.refusals_in_5_minutes");
	(void)snprintf(line, sizeof(line), "%s%s%s; %s of %s calls in flight, %s refused for too many in 5 minutes",
	    check, until[0] != '\0' ? ", until " : "", until, calls, most, refusals);
	ctl_field(ctl, "provider", line, COLOUR_NONE);
}

static void
print_checks(struct ctl *ctl, const json_t *doc)
{
	const json_t *checks = ctl_member(doc, "checks");
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)checks, name, value) {
		if (strcmp(name, "provider") == 0 && ctl_member(doc, "provider") != NULL)
			print_provider(ctl, doc);
		else if (json_is_object(value))
			print_check(ctl, name, value);
		else
			ctl_field_of(ctl, name, checks, name);
	}
}

static void
print_health(struct ctl *ctl, const json_t *doc)
{
	char status[64], service[64], active[32], most[32];

	ctl_member_text(status, sizeof(status), doc, "status");
	ctl_member_text(service, sizeof(service), doc, "service");
	ctl_member_text(active, sizeof(active), doc, "background_tasks.active_count");
	ctl_member_text(most, sizeof(most), doc, "background_tasks.max_workers");
	printf("%s%s%s: %s, %s crawls active, %s workers\n", ctl_paint(ctl, ctl_status_colour(status)), status,
	    ctl_paint(ctl, COLOUR_NONE), service, active, most);
	print_checks(ctl, doc);
	if (ctl_member(doc, "crawls") != NULL)
		print_counts(ctl, ctl_member(doc, "crawls"));
	ctl_field_of(ctl, "outbox", doc, "outbox.events");
	ctl_field_of(ctl, "last error", doc, "last_error");
}

int
ctl_health(struct ctl *ctl)
{
	struct ctl_question question = {
		.method = "GET", .path = "/health", .timeout_ms = ASK_TIMEOUT_MS, .any_status = true,
	};
	struct ctl_reply reply;
	const char *word;
	int status = ctl_ask(ctl, &question, &reply);

	if (status != EX_OK)
		return status;
	word = json_text(reply.doc, "status");
	status = reply.status == 200 && word != NULL && strcmp(word, "healthy") == 0 ? EX_OK : CTL_FAILED;
	if (ctl->json && word != NULL)
		ctl_reply_print(&reply);
	else if (word != NULL && strcmp(word, "error") != 0)
		print_health(ctl, reply.doc);
	else
		status = ctl_refused(ctl, &reply, "ask for the daemon's health");
	ctl_reply_done(&reply);
	return status;
}
