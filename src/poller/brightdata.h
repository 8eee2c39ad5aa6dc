/*
 * brightdata.h - Bright Data's Web Scraper API in our terms: where to ask, and what
 * an answer means. Pure: no socket, no file, no clock, so every answer that the
 * provider is known to give stands as a row in a test.
 *
 * The readers take a whole http_answer, whatever its verdict, and fill the part
 * of the result that the provider decides: outcome, error, retry_after_ms, text
 * (printable, for people). lease and crawl_id stay as they were.
 *
 * Most errors are plain text, some JSON: the status decides, then words in the
 * body. Words that end a crawl are a closed list; unknown ones mean waiting.
 *
 * What the API never answers, a redirect or a page of HTML where JSON belongs, comes from
 * something else: then BRIGHTDATA_BASE_URL is wrong, or a gateway is in the way. Such an answer
 * is none of the provider's (http_status 0), and the text says what to look at.
 */
#ifndef POLLER_BRIGHTDATA_H
#define POLLER_BRIGHTDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_out.h"
#include "ipc/msg.h"
#include "model/request.h"
#include "net/http_call.h"

#define BRIGHTDATA_URL_SIZE	1024
#define BRIGHTDATA_ANSWER_MAX	(64u << 10)	/* of every answer but lists and data */
#define BRIGHTDATA_LIST_MAX	JSON_DOC_MAX
#define BRIGHTDATA_LIST_LIMIT	4000		/* jobs a page: 260 bytes each fill LIST_MAX */
#define BRIGHTDATA_LIST_USUAL	1000		/* the provider's own page, should it not heed our limit */
#define BRIGHTDATA_WAIT_MAX_MS	120000		/* no "try again in" is believed beyond that */

/* ---- where to ask; base has no trailing slash; each returns dst ---- */

enum brightdata_page { BRIGHTDATA_PROGRESS, BRIGHTDATA_DATA, BRIGHTDATA_INPUT, BRIGHTDATA_CANCEL };

char *brightdata_trigger_url(char dst[BRIGHTDATA_URL_SIZE], const char *base,
    const struct trigger_request *);
/* An array with the one input row. */
void brightdata_trigger_body(struct json_out *, const struct trigger_request *);
char *brightdata_snapshot_url(char dst[BRIGHTDATA_URL_SIZE], const char *base,
    enum brightdata_page, const char *snapshot_id);
/* The jobs of a data set from the day before from_ms on; no status filter, because
 * canceled jobs cannot be asked for by it. */
char *brightdata_list_url(char dst[BRIGHTDATA_URL_SIZE], const char *base, const char *dataset_id,
    int64_t from_ms, unsigned skip, unsigned limit);

/* ---- what an answer means ---- */

/* What every verdict says of the answer it was made of: http_status and date_ms. All
 * readers of an http_answer do it; a body that was streamed has no reader. */
void brightdata_note_answer(const struct http_answer *, struct msg_verdict *);

void brightdata_read_trigger(const struct http_answer *, struct msg_trigger_done *);

/* Also word and records. Returns true when the word is in no table. */
bool brightdata_read_progress(const struct http_answer *, struct msg_poll_done *);

/* An answer to a download whose body was collected, not streamed: any status but 200,
 * or a broken call. OK with *ret_empty: finished, no rows and no body. */
void brightdata_read_data(const struct http_answer *, struct msg_verdict *, bool *ret_empty);

/* The whole body of a 200 that does not begin an array and is at most
 * BRIGHTDATA_ANSWER_MAX long: a message instead of data? False: it is data, good or
 * bad (a page of HTML is bad data), and nothing is filled. counted: records that progress
 * told of, UINT64_MAX when it did not; a lone error is a row where none were. */
bool brightdata_read_message(const char *body, size_t len, uint64_t counted, struct msg_verdict *,
    bool *ret_empty);

/* An answer without an end of its own (http_request.is_whole): an object or array that
 * ends as it began. */
bool brightdata_is_whole(const char *body, size_t len);
/* The same for a call of which the status alone counts. */
bool brightdata_is_whole_anyway(const char *body, size_t len);

void brightdata_read_cancel(const struct http_answer *, struct msg_verdict *);

struct brightdata_list {
	struct search_job *jobs;	/* NULL for none; the caller frees it */
	unsigned	 count;
	unsigned	 rows;		/* that the page held */
};

/* One page of the list: the jobs created in [from_ms, to_ms] or at no known time, each
 * once, oldest first. False: not a list, and the verdict says why. */
bool brightdata_read_list(const struct http_answer *, int64_t from_ms, int64_t to_ms,
    struct brightdata_list *ret, struct msg_verdict *);

enum brightdata_reading {
	BRIGHTDATA_READ,		/* the digest holds: zeros for an input that we never send */
	BRIGHTDATA_UNREADABLE,		/* the provider cannot tell it, of this one job */
	BRIGHTDATA_UNANSWERED,		/* nothing about the job: the verdict says why */
};

/* What a job was given. */
enum brightdata_reading brightdata_read_input(const struct http_answer *,
    uint8_t ret_digest[SHA256_SIZE], struct msg_verdict *);

/* ---- shared by the files of this module ---- */

/* Past white space and a byte order mark. */
const char *brightdata_skip(const char *body, size_t *len);
/* The pause that the answer's Retry-After asks for, within reason. */
int64_t brightdata_wait_ms(const struct http_answer *);
/* What the provider said, in one printable line: validation errors as "field: reason;
 * ...", a JSON error's text, plain text; a page of HTML is only named. */
void brightdata_text(const struct http_answer *, char *dst, size_t size);
/* The same for a document that was read already. */
void brightdata_text_of(const json_t *doc, char *dst, size_t size);
/* "try again in 30s", "Try again in 2 minutes": the pause, 1 s to BRIGHTDATA_WAIT_MAX_MS;
 * 0 when the text names none. */
int64_t brightdata_text_wait_ms(const char *text, size_t len);

#endif
