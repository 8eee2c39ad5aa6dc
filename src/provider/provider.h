/*
 * provider.h - who crawls for trawld, as a table: what is asked of a provider (requests out), what its
 * answers mean (verdicts in), its limits and its words. One row a provider; brightdata.c holds the first.
 *
 * A poller carries out what a row says, the keeper decides what follows from the verdicts, and neither
 * names a provider. All functions of a row are pure: no socket, no file, no clock, so every answer that a
 * provider is known to give stands as a row in a test. A provider whose API has another shape (other
 * paths, envelopes, status words) is one more row, and nothing else.
 *
 * What every provider is taken to have: a job is made by one call (the trigger), is known by an id
 * (snapshot_id, snapshot_id_check() holds for it), is asked about until its data are ready, and gives them
 * as one JSON text. Jobs of one data set (an actor, a scraper) can be listed, and what a job was given can be
 * read, so that a trigger whose outcome nobody knows is not paid twice. The key goes with each call as a bearer token.
 *
 * ask_   fill a provider_call, whole; base is the API's address without a slash at its end
 * read_  take a whole http_answer, whatever its verdict, and fill the verdict, whole. Where something
 *	  answers that cannot be the API (a redirect, a page of HTML), the verdict's http_status is 0 and its
 *	  text names the option to look at
 */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/http_answer.h"
#include "base/json_out.h"
#include "model/crawl.h"
#include "model/record.h"
#include "model/request.h"
#include "model/verdict.h"
#include "provider/provider_rules.h"

#define PROVIDER_URL_SIZE   1024
#define PROVIDER_WORD_SIZE  32
#define PROVIDER_ANSWER_MAX (64u << 10)	/* of every answer but lists and data */

/* ---- requests out ---- */

struct provider_call {
	const char	*method;		/* "GET", "POST" */
	char		 url[PROVIDER_URL_SIZE];
	size_t		 answer_max;		/* bytes of the answer; of no matter for data */
	/* Asked of a 200 whose end only the end of the connection told. */
	bool		(*is_whole)(const char *body, size_t len);
};

/* A page of the list of a data set's jobs. All times are the provider's. */
struct provider_page {
	const char	*dataset_id;
	int64_t		 from_ms, to_ms;	/* jobs made outside are of no interest */
	unsigned	 skip, limit;		/* rows of the list */
};

/* The body is JSON. */
typedef void provider_ask_trigger_fn(struct provider_call *, const char *base, const struct trigger_request *,
    struct json_out *body);
typedef void provider_ask_fn(struct provider_call *, const char *base, const char *snapshot_id);
typedef void provider_ask_list_fn(struct provider_call *, const char *base, const struct provider_page *);

/* ---- verdicts in ---- */

typedef void provider_read_trigger_fn(const struct http_answer *, struct verdict *,
    char ret_snapshot_id[SNAPSHOT_ID_SIZE]);

struct provider_progress {
	char		 word[PROVIDER_WORD_SIZE];	/* the provider's own, in small letters; "" for none */
	bool		 is_new;	/* the word is in no table: taken as running */
	uint64_t	 records;	/* UINT64_MAX: not told */
};

/* OUTCOME_OK: ready. */
typedef void provider_read_progress_fn(const struct http_answer *, struct verdict *, struct provider_progress *);

/* An answer to a download whose body was collected, not streamed: any status but 200, or a broken
 * call. OK with *ret_empty: finished, no rows and no body. */
typedef void provider_read_data_fn(const struct http_answer *, struct verdict *, bool *ret_empty);

/* The whole body of a 200 that does not begin an array and is at most PROVIDER_ANSWER_MAX long: a message
 * instead of data? False: it is data, good or bad (a page of HTML is bad data), and nothing is filled.
 * Of the verdict only outcome, error, retry_after_ms and text are filled. counted: records that progress told
 * of, UINT64_MAX when it did not; a lone error is a row where none were. */
typedef bool provider_read_message_fn(const char *body, size_t len, uint64_t counted, struct verdict *,
    bool *ret_empty);

typedef void provider_read_cancel_fn(const struct http_answer *, struct verdict *);

struct provider_job {
	char		snapshot_id[SNAPSHOT_ID_SIZE];
	int64_t		created_ms;	/* INT64_MIN: not told */
};

struct provider_list {
	struct provider_job *jobs;	/* NULL for none; the caller frees it */
	unsigned	 count;
	unsigned	 rows;		/* that the page held */
	bool		 is_last;	/* no page follows */
};

/* The jobs of the page that were made in its window or at no known time, each once, oldest first.
 * False: not a list, and the verdict says why. */
typedef bool provider_read_list_fn(const struct http_answer *, const struct provider_page *,
    struct provider_list *ret, struct verdict *);

enum provider_reading {
	PROVIDER_READ,			/* the digest holds: zeros for an input that we never send */
	PROVIDER_UNREADABLE,		/* the provider cannot tell it, of this one job */
	PROVIDER_UNANSWERED,		/* nothing about the job: the verdict says why */
};

/* What a job was given, as the digest that input_digest() gives for the request it was made for. */
typedef enum provider_reading provider_read_input_fn(const struct http_answer *,
    uint8_t ret_digest[SHA256_SIZE], struct verdict *);

/* Of a refusal for the jobs that run in a data set (OUTCOME_BUSY): how many do, and how many may. False: its
 * text does not tell. */
typedef bool provider_read_cap_fn(const char *text, unsigned *ret_running, unsigned *ret_cap);

/* ---- the table ---- */

struct provider_limits {
	unsigned refusals;		/* so many answers 429 ... */
	int64_t	 refusals_ms;		/* ... within such a time block the caller; the keeper's budget keeps below, for all alike */
	unsigned jobs;			/* running in a data set at a time, as it documents */
	int64_t	 build_ms;		/* no longer does it take to make the data of a finished job ready */
	int64_t	 kept_ms;		/* so long at least it keeps them */
	unsigned list_rows;		/* of a page of the list at first: fewer are asked for when they are too long */
};

struct provider {
	const struct provider_rules *rules;	/* its name, and what may be asked of it */
	const char *base_url_option, *key_option;	/* the options that hold its address and its key */
	struct provider_limits limits;

	/* The meaning of what is sent for a request: the same for all that the provider would collect the same for. */
	void (*input_digest)(const struct trigger_request *, uint8_t ret[SHA256_SIZE]);
	/* What the records look like. */
	const struct record_form *(*record_form)(enum platform_id);

	provider_ask_trigger_fn	*ask_trigger;
	provider_ask_fn		*ask_progress, *ask_data, *ask_cancel;
	provider_ask_list_fn	*ask_list;
	provider_ask_fn		*ask_input;

	provider_read_trigger_fn  *read_trigger;
	provider_read_progress_fn *read_progress;
	provider_read_data_fn	  *read_data;
	provider_read_message_fn  *read_message;
	provider_read_cancel_fn	  *read_cancel;
	provider_read_list_fn	  *read_list;
	provider_read_input_fn	  *read_input;
	provider_read_cap_fn	  *read_cap;
};

/* All that are known, NULL at the end (providers.c); the first is asked for every crawl. What may be asked of them is
 * told apart, for who needs no more (provider_rules.h). */
extern const struct provider *const provider_table[];

#endif
