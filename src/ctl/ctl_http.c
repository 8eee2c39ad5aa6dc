/*
 * ctl_http.c - one call to the daemon at a time: started, then the loop runs until
 * it has ended. Owns the patience with a daemon that is away for a moment, and
 * the words for one that stays away. What an answer means is the commands'.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "base/uuid.h"

static const struct backoff retry_pause = { 250, 2000 };

/* One try. */
struct attempt {
	struct ctl		*ctl;
	struct ctl_reply	*reply;
	enum net_verdict	 verdict;
	int64_t			 retry_after_ms;
	bool			 done;
	char			 error[256];
};

static void
attempt_on_done(const struct http_answer *answer, void *arg)
{
	struct attempt *attempt = arg;

	attempt->done = true;
	attempt->verdict = answer->verdict;
	attempt->retry_after_ms = answer->retry_after_ms;
	(void)snprintf(attempt->error, sizeof(attempt->error), "%s", answer->error);
	attempt->reply->status = answer->status;
	if (answer->verdict == NET_ANSWERED) {
		attempt->reply->body = xmalloc(answer->body_len + 1);
		if (answer->body_len > 0)
			memcpy(attempt->reply->body, answer->body, answer->body_len);
		attempt->reply->body[answer->body_len] = '\0';
		attempt->reply->body_len = answer->body_len;
	}
	(void)event_base_loopbreak(attempt->ctl->base);
}

/* Runs one try to its end; false when interrupted. */
static bool
attempt_run(struct attempt *attempt, const struct ctl_question *question)
{
	struct ctl *ctl = attempt->ctl;
	char url[2 * CTL_URL_SIZE], key[160];
	const char *headers[4] = { "Accept: application/json" };
	struct http_request request = {
		.method = question->method,
		.url = url,
		.unix_socket = ctl->target.socket[0] != '\0' ? ctl->target.socket : NULL,
		.headers = headers,
		.body = question->body,
		.body_len = question->body_len,
		.fresh = true,
		.timeout_ms = question->timeout_ms,
		.body_max = JSON_DOC_MAX,
	};
	struct http_call *call;
	unsigned n = 1;

	(void)snprintf(url, sizeof(url), "%s%s", ctl->target.url, question->path);
	if (question->body != NULL)
		headers[n++] = "Content-Type: application/json";
	if (question->idempotency_key != NULL) {
		(void)snprintf(key, sizeof(key), "Idempotency-Key: %s", question->idempotency_key);
		headers[n++] = key;
	}
	headers[n] = NULL;
	call = http_call_start(ctl->net, &request, attempt_on_done, attempt);
	while (!attempt->done && !ctl->interrupted)
		(void)event_base_loop(ctl->base, EVLOOP_ONCE);
	if (!attempt->done)
		http_call_cancel(call);
	return attempt->done;
}

/* trawld's own "not now": it restarts or is full. The provider's troubles have other codes. */
static bool
is_unavailable(const struct ctl_reply *reply)
{
	const char *code = json_text(reply->doc, "error_code");

	return reply->status == 503 && (code == NULL || strcmp(code, "UNAVAILABLE") == 0);
}

static void
where(const struct ctl *ctl, char *dst, size_t size)
{
	if (ctl->target.socket[0] != '\0')
		(void)snprintf(dst, size, "the socket %s", ctl->target.socket);
	else
		(void)snprintf(dst, size, "%s", ctl->target.url);
}

static int
unreachable(struct ctl *ctl, const struct attempt *attempt)
{
	char place[CTL_URL_SIZE + 16];

	where(ctl, place, sizeof(place));
	ctl_say(ctl, "no answer from trawld at %s: %s", place, attempt->error);
	if (ctl->target.closed[0] != '\0')
		ctl_say(ctl, "%s is not for this user: run trawlctl as root or as a user of its group",
		    ctl->target.closed);
	ctl_say(ctl, "is it running? See: systemctl status trawld. Is it elsewhere? Give --daemon URL, --socket PATH,"
	    " or set TRAWLD_URL");
	return EX_UNAVAILABLE;
}

static int
not_trawld(struct ctl *ctl, const struct ctl_reply *reply)
{
	char place[CTL_URL_SIZE + 16];

	where(ctl, place, sizeof(place));
	ctl_say(ctl, "%s answered HTTP %d, but not with a JSON object: this is not a trawld", place, reply->status);
	ctl_say(ctl, "give the daemon's address with --daemon URL or --socket PATH, or set TRAWLD_URL");
	return EX_UNAVAILABLE;
}

/* Reads the body; false when it is no JSON object. */
static bool
reply_read(struct ctl_reply *reply)
{
	json_t *doc;

	if (json_read(reply->body, reply->body_len, &doc, NULL) < 0)
		return false;
	reply->doc = doc;
	return json_is_object(doc);
}

static void
tell_retry(struct ctl *ctl, const struct attempt *attempt, int64_t patience_ms)
{
	char place[CTL_URL_SIZE + 16], text[32];

	where(ctl, place, sizeof(place));
	ctl_say(ctl, "%s: %s; trying again for up to %s", place,
	    attempt->verdict == NET_ANSWERED ? "trawld is not available at the moment" : attempt->error,
	    duration_format(text, sizeof(text), patience_ms));
}

/* How one try ended: EX_OK, a final status, or EX_TEMPFAIL: worth another try. */
static int
judge(struct ctl *ctl, const struct ctl_question *question, struct attempt *attempt)
{
	struct ctl_reply *reply = attempt->reply;

	if (attempt->verdict == NET_STOPPED)
		return not_trawld(ctl, reply);
	if (attempt->verdict != NET_ANSWERED)
		return EX_TEMPFAIL;
	if (!reply_read(reply))
		return reply->status == 502 || reply->status == 503 ? EX_TEMPFAIL : not_trawld(ctl, reply);
	return is_unavailable(reply) && !question->any_status ? EX_TEMPFAIL : EX_OK;
}

int
ctl_ask(struct ctl *ctl, const struct ctl_question *question, struct ctl_reply *ret)
{
	int64_t begin = clock_mono_ms(&clock_system), spent;
	int64_t pause;

	for (unsigned n = 1;; n++) {
		struct ctl_reply reply = { 0 };
		struct attempt attempt = { .ctl = ctl, .reply = &reply };
		int status = CTL_INTERRUPTED;

		if (attempt_run(&attempt, question))
			status = judge(ctl, question, &attempt);
		spent = clock_mono_ms(&clock_system) - begin;
		pause = backoff_pause_ms(&retry_pause, n, random_u64());
		if (attempt.retry_after_ms > pause)
			pause = attempt.retry_after_ms;
		if (status == EX_TEMPFAIL && attempt.verdict == NET_TIMEOUT && question->timeout_ends)
			return EX_TEMPFAIL;
		if (status == EX_TEMPFAIL && spent + pause < question->patience_ms) {
			if (n == 1)
				tell_retry(ctl, &attempt, question->patience_ms);
			ctl_reply_done(&reply);
			if (!ctl_sleep(ctl, pause))
				return CTL_INTERRUPTED;
			continue;
		}
		if (status == EX_TEMPFAIL && reply.doc != NULL)
			status = EX_OK;		/* out of patience: the refusal is the answer */
		else if (status == EX_TEMPFAIL)
			status = attempt.verdict == NET_ANSWERED ? not_trawld(ctl, &reply) : unreachable(ctl, &attempt);
		if (status == EX_OK)
			*ret = reply;
		else
			ctl_reply_done(&reply);
		return status;
	}
}

void
ctl_reply_done(struct ctl_reply *reply)
{
	json_decref(reply->doc);
	free(reply->body);
	*reply = (struct ctl_reply){ 0 };
}

void
ctl_reply_print(const struct ctl_reply *reply)
{
	size_t len = reply->body_len;

	while (len > 0 && (reply->body[len - 1] == '\n' || reply->body[len - 1] == '\r'))
		len--;
	(void)fwrite(reply->body, 1, len, stdout);
	putchar('\n');
}

int
ctl_refused(struct ctl *ctl, const struct ctl_reply *reply, const char *attempted)
{
	char code[64], message[1024], advice[1024], request[128];

	if (ctl->json)
		ctl_reply_print(reply);
	ctl_member_text(code, sizeof(code), reply->doc, "error_code");
	ctl_member_text(message, sizeof(message), reply->doc, "message");
	ctl_member_text(advice, sizeof(advice), reply->doc, "recovery_suggestion");
	ctl_member_text(request, sizeof(request), reply->doc, "request_id");
	ctl_say(ctl, "cannot %s: %s (%s%sHTTP %d)", attempted, message[0] != '\0' ? message : "refused without a reason",
	    code, code[0] != '\0' ? ", " : "", reply->status);
	if (advice[0] != '\0')
		ctl_say(ctl, "what to do: %s", advice);
	if (request[0] != '\0')
		ctl_say(ctl, "in the daemon's log this is request %s", request);
	return CTL_FAILED;
}

static void
sleep_on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	*(bool *)arg = true;
}

bool
ctl_sleep(struct ctl *ctl, int64_t ms)
{
	bool over = false;
	struct event *timer = evtimer_new(ctl->base, sleep_on_timer, &over);

	(void)fflush(stdout);
	loop_timer_in(timer, ms);
	while (!over && !ctl->interrupted)
		(void)event_base_loop(ctl->base, EVLOOP_ONCE);
	event_free(timer);
	return !ctl->interrupted;
}

static void
interrupt_on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)fd, (void)what;
	ctl->interrupted = true;
	(void)event_base_loopbreak(ctl->base);
}

void
ctl_catch_interrupt(struct ctl *ctl)
{
	if (ctl->on_sigint != NULL)
		return;
	ctl->on_sigint = evsignal_new(ctl->base, SIGINT, interrupt_on_signal, ctl);
	(void)event_add(ctl->on_sigint, NULL);
}
