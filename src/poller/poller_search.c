/*
 * poller_search.c - which jobs does a data set have that nobody knows of? Reads the
 * provider's whole list around a window, page by page, asks the keeper of each part
 * which inputs it wants, and reads those. Whose a job is, is the keeper's to know, and
 * it remembers what it was told: a search that ends early was not in vain.
 *
 * "The whole window was read" lets the keeper pay again, so it is only said when the list
 * came to its end; a single job whose input the provider cannot tell is counted, anything
 * else that could not be read ends the search with that verdict. One call in a row may
 * fail, or two. An answer 429 may not: then no more calls are begun, but those under way
 * are waited for, because each answer 429 must be counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "poller/poller.h"

#define PAGES_MAX   200		/* of the list: 50,000 jobs in rows of 4 KiB */
#define FAILURES_MAX 3		/* in a row */
#define PAUSE_MS    1000	/* after each */
#define IDLE_MS	    600000	/* without any progress */
#define LOOKS_MAX   (POLLER_SEARCH_CALLS / POLLER_SEARCHES)

struct look {			/* the input of one job being read */
	struct search	*search;
	struct http_call *call;
	unsigned	 job;		/* of the part */
};

struct search {
	LIST_ENTRY(search) link;
	struct poller	*poller;
	struct msg_search asked;
	struct event	*idle;		/* no progress for too long */
	struct event	*pause;		/* pending: no call is begun */
	struct http_call *list;
	unsigned	 pages;
	struct provider_page page;	/* that was asked for last, or will be next */
	bool		 listed;	/* a page of the list is at hand; ... */
	bool		 told;		/* ... a part of it was sent to the keeper */
	struct provider_list found;	/* on the page */
	unsigned	 at, part;	/* the part that was sent */
	bool		 waiting;	/* for SEARCH_WANTED */
	bool		 wanted[SEARCH_PAGE_MAX];	/* of the part, not yet read */
	struct look	 looks[LOOKS_MAX];
	unsigned	 looking;
	unsigned	 failures;	/* in a row */
	bool		 ending;	/* done holds the verdict */
	struct msg_search_done done;
};

static void search_go_on(struct search *);

/* ---- the end ---- */

static void
search_free(struct search *s)
{
	http_call_cancel(s->list);
	for (unsigned i = 0; i < LOOKS_MAX; i++)
		http_call_cancel(s->looks[i].call);
	event_free(s->idle);
	event_free(s->pause);
	free(s->found.jobs);
	LIST_REMOVE(s, link);
	s->poller->search_count--;
	free(s);
}

static void
send_done(struct poller *poller, const struct msg_search_done *done)
{
	msg_search_done_put(&poller->out, done);
	poller_send(poller);
}

/* What it came to is told by the keeper's line. */
static void
search_finish(struct search *s)
{
	log_debug(NULL, "searched data set %s: %u jobs of the provider in the window, %u of them with an input "
	    "that cannot be read%s%s", s->asked.dataset_id, s->done.jobs, s->done.unreadable,
	    s->done.verdict.text[0] != '\0' ? ": " : "", s->done.verdict.text);
	send_done(s->poller, &s->done);
	search_free(s);
}

/* Ends with this verdict as soon as what is under way has come home. The first one stays. */
static void
search_end(struct search *s, const struct msg_verdict *verdict)
{
	if (s->ending)
		return;
	s->ending = true;
	s->waiting = false;
	s->done.verdict = *verdict;
}

static struct msg_verdict
retry_verdict(uint64_t lease, enum error_code error, const char *text)
{
	struct msg_verdict verdict = { .lease = lease, .outcome = OUTCOME_RETRY, .error = error };

	(void)str_copy(verdict.text, sizeof(verdict.text), text);
	return verdict;
}

static void
search_end_retry(struct search *s, enum error_code error, const char *text)
{
	struct msg_verdict verdict = retry_verdict(s->asked.lease, error, text);

	search_end(s, &verdict);
}

static void
search_on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct search *s = arg;

	(void)fd, (void)what;
	search_end_retry(s, ERROR_BRIGHTDATA_TIMEOUT, "the search made no progress");
	search_finish(s);
}

/* ---- calls ---- */

/* The call brought what it was for. */
static void
search_succeeded(struct search *s, const struct verdict *verdict)
{
	s->failures = 0;
	if (!s->ending) {
		s->done.verdict = (struct msg_verdict){ .lease = s->asked.lease };
		s->done.verdict.http_status = verdict->http_status;
		s->done.verdict.date_ms = verdict->date_ms;
	}
	loop_timer_in(s->idle, IDLE_MS);
}

static void
search_failed(struct search *s, const struct verdict *verdict)
{
	struct msg_verdict last = { .lease = s->asked.lease };

	if (verdict->outcome == OUTCOME_RETRY && ++s->failures < FAILURES_MAX) {
		loop_timer_in(s->pause, PAUSE_MS);
		return;
	}
	msg_verdict_set(&last, verdict);
	search_end(s, &last);
}

static void
search_count(struct search *s, const struct http_answer *answer)
{
	s->done.limited += answer->verdict == NET_ANSWERED && answer->status == 429;
}

/* ---- inputs ---- */

/* Of the part, as the keeper is told of it. */
static struct search_job
job_at(const struct search *s, unsigned job)
{
	const struct provider_job *found = &s->found.jobs[s->at + job];
	struct search_job ret = { .created_ms = found->created_ms };

	(void)str_copy(ret.snapshot_id, sizeof(ret.snapshot_id), found->snapshot_id);
	return ret;
}

static void
look_on_done(const struct http_answer *answer, void *arg)
{
	struct look *look = arg;
	struct search *s = look->search;
	struct verdict verdict;
	struct msg_search_input input = { .lease = s->asked.lease, .job = job_at(s, look->job) };
	enum provider_reading reading = s->poller->provider->read_input(answer, input.digest, &verdict);

	look->call = NULL;
	s->looking--;
	search_count(s, answer);
	if (reading == PROVIDER_UNANSWERED) {
		s->wanted[look->job] = true;	/* once more */
		search_failed(s, &verdict);
	} else {
		input.readable = reading == PROVIDER_READ;
		s->done.unreadable += !input.readable;
		msg_search_input_put(&s->poller->out, &input);
		poller_send(s->poller);
		search_succeeded(s, &verdict);
	}
	search_go_on(s);
}

static void
look_at(struct search *s, struct look *look, unsigned job)
{
	struct provider_call call;
	struct http_request request;

	s->poller->provider->ask_input(&call, s->poller->base_url, s->found.jobs[s->at + job].snapshot_id);
	request = poller_request(s->poller, &call, POLLER_CALL_MS);
	s->wanted[job] = false;
	s->looking++;
	look->search = s;
	look->job = job;
	look->call = http_call_start(s->poller->net, &request, look_on_done, look);
}

static struct look *
free_look(struct search *s)
{
	unsigned most = s->asked.calls < LOOKS_MAX ? s->asked.calls : LOOKS_MAX;

	if (s->looking >= (most > 0 ? most : 1))
		return NULL;
	for (unsigned i = 0; i < LOOKS_MAX; i++)
		if (s->looks[i].call == NULL)
			return &s->looks[i];
	return NULL;
}

/* True when the part is read. */
static bool
look_on(struct search *s)
{
	struct look *look;

	for (unsigned job = 0; job < s->part; job++) {
		if (!s->wanted[job])
			continue;
		look = free_look(s);
		if (look == NULL)
			return false;
		look_at(s, look, job);
	}
	return s->looking == 0;
}

/* ---- the list ---- */

static void
list_on_done(const struct http_answer *answer, void *arg)
{
	struct search *s = arg;
	struct verdict verdict;

	s->list = NULL;
	search_count(s, answer);
	if (answer->verdict == NET_STOPPED && s->page.limit > 1) {
		s->page.limit /= 2;		/* long rows: the same place again, fewer at a time */
	} else if (!s->poller->provider->read_list(answer, &s->page, &s->found, &verdict)) {
		search_failed(s, &verdict);
	} else {
		s->listed = true;
		s->page.skip += s->found.rows;
		s->done.jobs += s->found.count;
		search_succeeded(s, &verdict);
	}
	search_go_on(s);
}

static void
ask_list(struct search *s)
{
	struct provider_call call;
	struct http_request request;

	if (s->pages++ == PAGES_MAX) {
		search_end_retry(s, ERROR_BRIGHTDATA_UNAVAILABLE, "the provider's list of jobs is too long to read");
		search_finish(s);
		return;
	}
	free(s->found.jobs);
	s->found = (struct provider_list){ .jobs = NULL };
	s->at = s->part = 0;
	s->listed = s->told = false;
	s->poller->provider->ask_list(&call, s->poller->base_url, &s->page);
	request = poller_request(s->poller, &call, POLLER_CALL_MS);
	s->list = http_call_start(s->poller->net, &request, list_on_done, s);
}

/* ---- what is next ---- */

static void
send_part(struct search *s)
{
	struct msg_search_page page = { .lease = s->asked.lease };
	unsigned left;

	s->at += s->part;
	left = s->found.count - s->at;
	s->part = page.count = left < SEARCH_PAGE_MAX ? left : SEARCH_PAGE_MAX;
	for (unsigned i = 0; i < page.count; i++)
		page.jobs[i] = job_at(s, i);
	s->told = s->waiting = true;
	msg_search_page_put(&s->poller->out, &page);
	poller_send(s->poller);
}

/* Of a long list a page without a job of the window is told, too: the search is alive. */
static bool
has_more_to_tell(const struct search *s)
{
	return s->at + s->part < s->found.count || (s->found.count == 0 && !s->told && !s->found.is_last);
}

/* The one place that decides. */
static void
search_go_on(struct search *s)
{
	if (s->list != NULL || s->waiting)
		return;
	if (s->ending) {
		if (s->looking == 0)
			search_finish(s);
		return;
	}
	if (evtimer_pending(s->pause, NULL) || !look_on(s))
		return;
	if (!s->listed)
		ask_list(s);
	else if (has_more_to_tell(s))
		send_part(s);
	else if (s->found.is_last)
		search_finish(s);
	else
		ask_list(s);
}

static void
search_on_pause(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	search_go_on(arg);
}

/* ---- what the keeper says ---- */

static void
search_start(struct poller *poller, const struct msg_search *asked)
{
	struct search *s = xcalloc(1, sizeof(*s));

	s->poller = poller;
	s->asked = *asked;
	s->page = (struct provider_page){ s->asked.dataset_id, asked->from_ms, asked->to_ms, 0, poller->provider->limits.list_rows };
	s->done.verdict = (struct msg_verdict){ .lease = asked->lease };
	s->idle = evtimer_new(poller->base, search_on_idle, s);
	s->pause = evtimer_new(poller->base, search_on_pause, s);
	loop_timer_in(s->idle, IDLE_MS);
	LIST_INSERT_HEAD(&poller->searches, s, link);
	poller->search_count++;
	search_go_on(s);
}

int
poller_on_search(struct peer *peer, struct wire_in *in, void *arg)
{
	struct poller *poller = arg;
	struct msg_search asked;
	struct msg_search_done refused = { .jobs = 0 };
	int rc = msg_search_get(in, &asked);

	(void)peer;
	if (rc < 0)
		return rc;
	if (!poller->draining && poller->search_count < POLLER_SEARCHES) {
		search_start(poller, &asked);
		return 0;
	}
	refused.verdict = retry_verdict(asked.lease, ERROR_UNAVAILABLE, poller->draining ?
	    "this poller leaves" : "this poller makes as many searches as it can");
	send_done(poller, &refused);
	return 0;
}

static struct search *
search_find(struct poller *poller, uint64_t lease)
{
	struct search *s;

	LIST_FOREACH(s, &poller->searches, link)
		if (s->asked.lease == lease)
			return s;
	return NULL;
}

int
poller_on_search_wanted(struct peer *peer, struct wire_in *in, void *arg)
{
	struct msg_search_wanted wanted;
	struct search *s;
	int rc = msg_search_wanted_get(in, &wanted);

	(void)peer;
	if (rc < 0)
		return rc;
	s = search_find(arg, wanted.lease);
	if (s == NULL || !s->waiting)
		return 0;	/* it has ended meanwhile */
	if (wanted.count != s->part)
		return -EBADMSG;
	memcpy(s->wanted, wanted.wanted, s->part * sizeof(s->wanted[0]));
	s->waiting = false;
	loop_timer_in(s->idle, IDLE_MS);
	search_go_on(s);
	return 0;
}

void
searches_end(struct poller *poller)
{
	struct search *s, *next;

	for (s = LIST_FIRST(&poller->searches); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		search_end_retry(s, ERROR_UNAVAILABLE, "this poller leaves");
		search_go_on(s);
	}
}

void
searches_drop(struct poller *poller, bool tell)
{
	while (!LIST_EMPTY(&poller->searches)) {
		struct search *s = LIST_FIRST(&poller->searches);

		if (tell) {
			search_end_retry(s, ERROR_UNAVAILABLE, "this poller leaves");
			send_done(poller, &s->done);
		}
		search_free(s);
	}
}
