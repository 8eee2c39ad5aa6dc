/*
 * ctl_wait.c - waits for a crawl's end by asking for its status again and again. The
 * crawl goes on without it, through restarts of the daemon too; so each way out
 * before the end says how to wait again.
 */
#include "ctl/ctl.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/timefmt.h"

#define WAIT_TIMEOUT_MS	 (2 * 3600 * 1000)
#define WAIT_INTERVAL_MS 2000
#define WAIT_PATIENCE_MS 60000
#define ASK_TIMEOUT_MS	 30000
#define REDRAW_MS	 1000
#define YEAR_MS		 (366LL * 24 * 3600 * 1000)

struct wait {
	struct ctl	*ctl;
	const char	*crawl_id;
	int64_t		 begin_ms;	/* monotonic */
	int64_t		 timeout_ms;
	int64_t		 interval_ms;
	bool		 ended;		/* and the end has been printed */
	char		 told[320];	/* the state last told of */
};

static int
read_duration(struct ctl *ctl, enum ctl_option_id option, const char *name, int64_t *value)
{
	const char *text = ctl->args->value[option];
	char shown[80];
	int64_t ms;

	if (text == NULL)
		return EX_OK;
	if (duration_parse(text, &ms) == 0 && ms >= 1 && ms <= YEAR_MS) {
		*value = ms;
		return EX_OK;
	}
	ctl_say(ctl, "%s: \"%s\" is not a time like 90s, 5m or 2h", name,
	    str_printable(shown, sizeof(shown), text, strlen(text)));
	return EX_USAGE;
}

/* "processing, waiting for ..." */
static void
describe(const json_t *doc, char *dst, size_t size)
{
	char status[32], reason[280];

	ctl_member_text(status, sizeof(status), doc, "status");
	ctl_member_text(reason, sizeof(reason), doc, "waiting_for");
	if (reason[0] != '\0')
		(void)snprintf(dst, size, "%s (%s)", status, reason);
	else
		(void)snprintf(dst, size, "%s", status);
}

/* ", until ...": that it moves on is no news, so it is not part of the description. */
static const char *
describe_until(const json_t *doc, char *dst, size_t size)
{
	char at[64];

	ctl_member_text(at, sizeof(at), doc, "waiting_until");
	(void)snprintf(dst, size, at[0] != '\0' ? ", until %s" : "%s", at);
	return dst;
}

static void
tell_state(struct wait *wait, const json_t *doc)
{
	int64_t since_ms = clock_mono_ms(&clock_system) - wait->begin_ms;
	char text[sizeof(wait->told)], until[80], elapsed[32];

	describe(doc, text, sizeof(text));
	describe_until(doc, until, sizeof(until));
	duration_format(elapsed, sizeof(elapsed), since_ms - since_ms % 1000);
	if (since_ms < 1000)
		(void)str_copy(elapsed, sizeof(elapsed), "0 s");
	ctl_progress(wait->ctl, "%s: %s%s", elapsed, text, until);
	if (!wait->ctl->motion && strcmp(text, wait->told) != 0)
		ctl_say(wait->ctl, "%s: %s%s, after %s", wait->crawl_id, text, until, elapsed);
	(void)str_copy(wait->told, sizeof(wait->told), text);
}

static void
tell_resume(struct wait *wait, const char *what)
{
	ctl_say(wait->ctl, "%s; the crawl goes on. To wait again: trawlctl%s wait %s", what, wait->ctl->target.told,
	    wait->crawl_id);
}

/* The time of one pause, with the moving line kept alive. EX_OK: ask again. */
static int
pause_between(struct wait *wait, const json_t *doc)
{
	int64_t now = clock_mono_ms(&clock_system), until = now + wait->interval_ms;
	int64_t end = wait->begin_ms + wait->timeout_ms;

	while (now < until && now < end) {
		int64_t left = until < end ? until - now : end - now;

		if (!ctl_sleep(wait->ctl, wait->ctl->motion && left > REDRAW_MS ? REDRAW_MS : left))
			return CTL_INTERRUPTED;
		tell_state(wait, doc);
		now = clock_mono_ms(&clock_system);
	}
	return now < end ? EX_OK : EX_TEMPFAIL;
}

/* A daemon without background polling leaves the download to us. */
static bool
is_by_hand(const json_t *doc)
{
	return json_is_false(ctl_member(doc, "background_processing.enabled")) &&
	    json_is_true(ctl_member(doc, "ready_for_download"));
}

/* True when there is nothing more to wait for; *ret_status is how it ended. */
static bool
has_ended(struct wait *wait, const struct ctl_reply *reply, int *ret_status)
{
	const char *status = json_text(reply->doc, "status");

	if (strcmp(status, "completed") == 0)
		*ret_status = EX_OK;
	else if (strcmp(status, "failed") == 0 || strcmp(status, "canceled") == 0)
		*ret_status = CTL_FAILED;
	else if (is_by_hand(reply->doc))
		*ret_status = EX_TEMPFAIL;
	else
		return false;
	wait->ended = true;
	return true;
}

static void
print_end(struct wait *wait, const struct ctl_reply *reply)
{
	struct ctl *ctl = wait->ctl;

	ctl_progress_end(ctl);
	if (ctl->json)
		ctl_reply_print(reply);
	else
		ctl_status_print(ctl, reply->doc);
	if (is_by_hand(reply->doc))
		ctl_say(ctl, "the snapshot is ready, and this daemon does not download by itself; next: trawlctl%s download %s",
		    ctl->target.told, wait->crawl_id);
}

/* One question and the pause after it. True to go on, else *ret_status is the outcome. */
static bool
wait_round(struct wait *wait, const struct ctl_question *question, int *ret_status)
{
	struct ctl *ctl = wait->ctl;
	struct ctl_reply reply;

	*ret_status = ctl_ask(ctl, question, &reply);
	if (*ret_status != EX_OK)
		return false;
	if (reply.status != 200 || json_text(reply.doc, "status") == NULL) {
		*ret_status = ctl_refused(ctl, &reply, "ask for the crawl's status");
	} else if (has_ended(wait, &reply, ret_status)) {
		print_end(wait, &reply);
	} else {
		tell_state(wait, reply.doc);
		*ret_status = pause_between(wait, reply.doc);
		if (*ret_status == EX_TEMPFAIL && ctl->json)
			ctl_reply_print(&reply);
		ctl_reply_done(&reply);
		return *ret_status == EX_OK;
	}
	ctl_reply_done(&reply);
	return false;
}

static int
wait_loop(struct wait *wait, const char *path)
{
	struct ctl_question question = { .method = "GET", .path = path, .timeout_ms = ASK_TIMEOUT_MS };
	int64_t left;
	int status;

	do {
		left = wait->begin_ms + wait->timeout_ms - clock_mono_ms(&clock_system);
		question.patience_ms = left < WAIT_PATIENCE_MS ? left : WAIT_PATIENCE_MS;
	} while (wait_round(wait, &question, &status));
	return status;
}

int
ctl_wait_times(struct ctl *ctl, int64_t *ret_timeout_ms, int64_t *ret_interval_ms)
{
	*ret_timeout_ms = WAIT_TIMEOUT_MS;
	*ret_interval_ms = WAIT_INTERVAL_MS;
	if (read_duration(ctl, OPT_TIMEOUT, "--timeout", ret_timeout_ms) != EX_OK)
		return EX_USAGE;
	return read_duration(ctl, OPT_INTERVAL, "--interval", ret_interval_ms);
}

int
ctl_wait_for(struct ctl *ctl, const char *crawl_id)
{
	struct wait wait = { .ctl = ctl, .crawl_id = crawl_id, .begin_ms = clock_mono_ms(&clock_system) };
	char path[128], text[64], elapsed[32];
	int status;

	if (ctl_wait_times(ctl, &wait.timeout_ms, &wait.interval_ms) != EX_OK)
		return EX_USAGE;
	ctl_catch_interrupt(ctl);
	(void)snprintf(path, sizeof(path), "/api/v1/crawl/%s/status", crawl_id);
	status = wait_loop(&wait, path);
	if (wait.ended)
		return status;
	(void)snprintf(text, sizeof(text), "not ended after %s",
	    duration_format(elapsed, sizeof(elapsed), wait.timeout_ms));
	if (status == EX_TEMPFAIL)
		tell_resume(&wait, text);
	else if (status == CTL_INTERRUPTED || status == EX_UNAVAILABLE)
		tell_resume(&wait, "stopped waiting");
	return status;
}

int
ctl_wait(struct ctl *ctl)
{
	char path[128];

	if (ctl_crawl_path(ctl, path, sizeof(path), "") != EX_OK)
		return EX_USAGE;
	return ctl_wait_for(ctl, strrchr(path, '/') + 1);
}
