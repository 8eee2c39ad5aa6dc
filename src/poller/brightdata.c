/*
 * brightdata.c - builds the URLs, and reads answers by tables: first rule that
 * fits wins. The provider's own words are gathered in brightdata_text.c; what an input
 * means is model/input.h's.
 */
#include "poller/brightdata.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "model/input.h"

#define DAY_MS 86400000
#define TEXT_MESSAGE_MAX 512	/* bytes */

/* ---- where to ask ---- */

static char *
checked(char *url, int written)
{
	/* The base is bounded by its option, ids by their form. */
	assert(written > 0 && written < BRIGHTDATA_URL_SIZE);
	(void)written;
	return url;
}

char *
brightdata_trigger_url(char dst[BRIGHTDATA_URL_SIZE], const char *base,
    const struct trigger_request *request)
{
	const char *by = trigger_request_discover_by(request);
	uint32_t limit = trigger_request_query_limit(request);
	char limit_text[48] = "";

	if (limit > 0)
		(void)snprintf(limit_text, sizeof(limit_text), "&limit_per_input=%" PRIu32, limit);
	return checked(dst, snprintf(dst, BRIGHTDATA_URL_SIZE,
	    "%s/datasets/v3/trigger?dataset_id=%s&include_errors=true%s%s%s",
	    base, request->dataset_id, by != NULL ? "&type=discover_new&discover_by=" : "",
	    by != NULL ? by : "", limit_text));
}

void
brightdata_trigger_body(struct json_out *o, const struct trigger_request *request)
{
	json_out_open_array(o);
	trigger_request_write_input(o, request);
	json_out_close_array(o);
}

char *
brightdata_snapshot_url(char dst[BRIGHTDATA_URL_SIZE], const char *base, enum brightdata_page page,
    const char *snapshot_id)
{
	static const struct {
		const char *before, *after;
	} paths[] = {
		[BRIGHTDATA_PROGRESS] = { "progress", "" },
		/* An array: cut anywhere it is no JSON any more; lines cut at a line end would be. */
		[BRIGHTDATA_DATA] = { "snapshot", "?format=json" },
		[BRIGHTDATA_INPUT] = { "snapshot", "/input" },
		[BRIGHTDATA_CANCEL] = { "snapshot", "/cancel" },
	};

	return checked(dst, snprintf(dst, BRIGHTDATA_URL_SIZE, "%s/datasets/v3/%s/%s%s", base,
	    paths[page].before, snapshot_id, paths[page].after));
}

char *
brightdata_list_url(char dst[BRIGHTDATA_URL_SIZE], const char *base, const char *dataset_id,
    int64_t from_ms, unsigned skip, unsigned limit)
{
	struct date from = date_of(from_ms > DAY_MS ? from_ms - DAY_MS : 0);

	return checked(dst, snprintf(dst, BRIGHTDATA_URL_SIZE,
	    "%s/datasets/v3/snapshots?dataset_id=%s&from_date=%04d-%02d-%02d&trigger_type=API&limit=%u&skip=%u", base,
	    dataset_id, from.year, from.month, from.day, limit, skip));
}

/* ---- refusals ---- */

#define ANY	   0
#define CLIENT	   4	/* 400 to 499 */

struct rule {
	int		 status;	/* exact, or a class: 3 for 3xx, 4 for 4xx; ANY */
	const char	*words;		/* must stand in the body, letter case ignored; NULL: no matter */
	enum outcome	 outcome;
	enum error_code	 error;
};

/* The same for every call. A redirect, and a proxy that wants to know who asks, need a person, too. */
#define REFUSED \
	{ 3, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 407, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 401, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 402, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 403, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 400, "Customer is not active", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 400, "Account is suspended", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }

static const struct rule trigger_rules[] = {
	REFUSED,
	{ 408, NULL, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_TIMEOUT },
	{ 429, "too many running jobs", OUTCOME_BUSY, ERROR_RATE_LIMITED },
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ 404, "<html", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH },
	{ CLIENT, NULL, OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED },
	/* 5xx, anything else: a job may have been made. */
	{ ANY, NULL, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static const struct rule progress_rules[] = {
	REFUSED,
	{ 404, "<html", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
	{ 404, NULL, OUTCOME_RETRY, ERROR_NOT_FOUND },
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

/* OUTCOME_OK here: finished without a row. */
static const struct rule data_rules[] = {
	REFUSED,
	{ 400, "expired", OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED },
	{ 400, "is empty", OUTCOME_OK, ERROR_NONE },
	{ 400, "building", OUTCOME_WAIT, ERROR_NONE },
	{ 400, "not ready", OUTCOME_WAIT, ERROR_NONE },
	{ 404, "<html", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
	{ 404, NULL, OUTCOME_RETRY, ERROR_NOT_FOUND },
	{ 409, NULL, OUTCOME_WAIT, ERROR_NONE },
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	/* Paid for: another 4xx is tried again within the limits before it counts. */
	{ CLIENT, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_REJECTED },
	{ ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static const struct rule cancel_rules[] = {
	REFUSED,
	{ 400, "not running", OUTCOME_OK, ERROR_NONE },	/* it ended by itself: the next poll tells how */
	{ 404, "<html", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
	{ 404, NULL, OUTCOME_FAILED, ERROR_NOT_FOUND },
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

/* The list and the inputs. */
static const struct rule look_rules[] = {
	REFUSED,
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static bool
has_words(const char *body, size_t len, const char *words)
{
	size_t n = strlen(words);

	for (size_t at = 0; at + n <= len; at++) {
		size_t i = 0;

		while (i < n &&
		    tolower((unsigned char)body[at + i]) == tolower((unsigned char)words[i]))
			i++;
		if (i == n)
			return true;
	}
	return false;
}

static bool
rule_fits(const struct rule *rule, const struct http_answer *answer)
{
	if (rule->status != ANY && rule->status != answer->status &&
	    rule->status != answer->status / 100)
		return false;
	return rule->words == NULL || has_words(answer->body, answer->body_len, rule->words);
}

static void
say(struct msg_verdict *verdict, enum outcome outcome, enum error_code error, const char *text)
{
	verdict->outcome = outcome;
	verdict->error = error;
	str_printable(verdict->text, sizeof(verdict->text), text, strlen(text));
}

int64_t
brightdata_wait_ms(const struct http_answer *answer)
{
	return answer->retry_after_ms > BRIGHTDATA_WAIT_MAX_MS ?
	    BRIGHTDATA_WAIT_MAX_MS : answer->retry_after_ms;
}

static int64_t
longer_ms(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- what is not the API's ---- */

static bool
is_success(const struct http_answer *answer)
{
	return answer->status >= 200 && answer->status <= 299;
}

static int
read_doc(const char *body, size_t len, json_t **ret)
{
	const char *doc = brightdata_skip(body, &len);

	return json_read(doc, len, ret, NULL);
}

/* Where the API has JSON or, of what it does not know, plain text. */
static bool
is_page(const struct http_answer *answer)
{
	size_t len = answer->body_len;
	const char *body = brightdata_skip(answer->body, &len);

	if (answer->status == 404)
		return has_words(body, len, "<html");
	return is_success(answer) && len > 0 && *body == '<';
}

/* False: it may well be the API that answered. */
static bool
say_stranger(const struct http_answer *answer, enum outcome outcome, enum error_code error,
    struct msg_verdict *verdict)
{
	char text[ERROR_TEXT_SIZE];

	if (answer->status / 100 == 3)
		(void)snprintf(text, sizeof(text), "HTTP %d: BRIGHTDATA_BASE_URL answers with a redirect to %.*s: it is not the "
		    "API's address", answer->status, (int)strcspn(answer->location, "?#"), answer->location);
	else if (is_page(answer))
		(void)snprintf(text, sizeof(text), "HTTP %d: BRIGHTDATA_BASE_URL answers with a page of HTML: it is not the "
		    "API's address, or a gateway is in the way", answer->status);
	else
		return false;
	say(verdict, outcome, error, text);
	verdict->http_status = 0;
	return true;
}

/* A success whose body is not what it should be. */
static void
say_unusable(const struct http_answer *answer, enum outcome outcome, struct msg_verdict *verdict, const char *text)
{
	verdict->retry_after_ms = 0;
	if (!say_stranger(answer, outcome, ERROR_BRIGHTDATA_UNAVAILABLE, verdict))
		say(verdict, outcome, ERROR_BRIGHTDATA_UNAVAILABLE, text);
}

bool
brightdata_is_whole(const char *body, size_t len)
{
	scoped_json *doc = NULL;

	return read_doc(body, len, &doc) == 0 && (json_is_object(doc) || json_is_array(doc));
}

bool
brightdata_is_whole_anyway(const char *body, size_t len)
{
	(void)body, (void)len;
	return true;
}

/* ---- by the tables ---- */

/* Of what the API does not find it says what it is. */
static bool
is_foreign_404(const struct http_answer *answer)
{
	static const char *const things[] = { "dataset", "collector", "snapshot" };

	for (size_t i = 0; i < countof(things); i++)
		if (has_words(answer->body, answer->body_len, things[i]))
			return false;
	return answer->status == 404;
}

static void
read_by_rules(const struct http_answer *answer, const struct rule *rule,
    struct msg_verdict *verdict)
{
	char words[ERROR_TEXT_SIZE - 80], text[ERROR_TEXT_SIZE];

	while (!rule_fits(rule, answer))
		rule++;		/* each table ends with ANY */
	brightdata_text(answer, words, sizeof(words));
	(void)snprintf(text, sizeof(text), "HTTP %d: %s%s", answer->status, words,
	    is_foreign_404(answer) ? " (is BRIGHTDATA_BASE_URL the API's address?)" : "");
	if (!say_stranger(answer, rule->outcome, rule->error, verdict))
		say(verdict, rule->outcome, rule->error, text);
	verdict->retry_after_ms = answer->retry_after_ms;
	if (rule->outcome == OUTCOME_WAIT)
		verdict->retry_after_ms = longer_ms(brightdata_wait_ms(answer),
		    brightdata_text_wait_ms(text, strlen(text)));
}

void
brightdata_note_answer(const struct http_answer *answer, struct msg_verdict *verdict)
{
	verdict->http_status = answer->verdict == NET_ANSWERED ? (uint32_t)answer->status : 0;
	verdict->date_ms = answer->date_ms;
}

/* Where each reader begins. No whole answer came; broken is what that means when the request may have left. */
static bool
read_broken(const struct http_answer *answer, enum outcome broken, struct msg_verdict *verdict)
{
	brightdata_note_answer(answer, verdict);
	if (answer->verdict == NET_ANSWERED)
		return false;
	say(verdict, answer->verdict == NET_NOT_SENT ? OUTCOME_RETRY : broken,
	    answer->verdict == NET_TIMEOUT ?
	    ERROR_BRIGHTDATA_TIMEOUT : ERROR_BRIGHTDATA_UNAVAILABLE, answer->error);
	verdict->retry_after_ms = 0;
	return true;
}

/* ---- the calls ---- */

void
brightdata_read_trigger(const struct http_answer *answer, struct msg_trigger_done *done)
{
	scoped_json *doc = NULL;
	const char *id;

	done->snapshot_id[0] = '\0';
	if (read_broken(answer, OUTCOME_UNKNOWN, &done->verdict))
		return;
	if (!is_success(answer)) {
		read_by_rules(answer, trigger_rules, &done->verdict);
		return;
	}
	/* Only snapshot_id: a member called id would be a record's. */
	if (read_doc(answer->body, answer->body_len, &doc) < 0 ||
	    (id = json_text(doc, "snapshot_id")) == NULL || snapshot_id_check(id) < 0) {
		say_unusable(answer, OUTCOME_UNKNOWN, &done->verdict, "the answer to the trigger says success but holds no snapshot_id");
		return;
	}
	(void)str_copy(done->snapshot_id, sizeof(done->snapshot_id), id);
	say(&done->verdict, OUTCOME_OK, ERROR_NONE, "");
}

enum word_meaning { WORD_UNKNOWN, WORD_RUNNING, WORD_READY, WORD_FAILED, WORD_CANCELED };

static enum word_meaning
word_meaning(const char *word)
{
	static const struct {
		const char *word;
		enum word_meaning meaning;
	} words[] = {
		{ "starting", WORD_RUNNING },	{ "running", WORD_RUNNING },	{ "closing", WORD_RUNNING },
		{ "building", WORD_RUNNING },	{ "collecting", WORD_RUNNING },	{ "digesting", WORD_RUNNING },
		{ "pending", WORD_RUNNING },	{ "queued", WORD_RUNNING },	{ "scheduled", WORD_RUNNING },
		{ "validating", WORD_RUNNING },	{ "delivering", WORD_RUNNING },	{ "paused", WORD_RUNNING },
		{ "rolling_back", WORD_RUNNING },
		{ "ready", WORD_READY },	{ "done", WORD_READY },		{ "completed", WORD_READY },
		{ "failed", WORD_FAILED },	{ "error", WORD_FAILED },
		{ "canceled", WORD_CANCELED },	{ "cancelled", WORD_CANCELED },
	};

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].meaning;
	if (strncmp(word, "pending_", 8) == 0 || strncmp(word, "queued_for_", 11) == 0)
		return WORD_RUNNING;
	return WORD_UNKNOWN;
}

/* Lower case, printable, cut to fit: enough to look it up and to show it. */
static void
word_copy(char *dst, size_t size, const char *word)
{
	str_printable(dst, size, word, strlen(word));
	for (; *dst != '\0'; dst++)
		*dst = (char)tolower((unsigned char)*dst);
}

/* A job that the provider calls failed. Two of its reasons mean "finished, no rows",
 * one means that only the provider's own delivery failed: the download decides. */
static void
read_failed(const json_t *doc, struct msg_verdict *verdict, uint64_t *records)
{
	static const struct {
		const char *words;
		bool empty;
	} finished[] = {
		{ "Snapshot is empty", true },
		{ "No data found in discovery", true },
		{ "Failed to deliver snapshot", false },
	};
	char text[ERROR_TEXT_SIZE];

	brightdata_text_of(doc, text, sizeof(text));
	say(verdict, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED,
	    text[0] != '\0' ? text : "the provider says failed and gives no reason");
	for (size_t i = 0; i < countof(finished); i++) {
		if (!has_words(text, strlen(text), finished[i].words))
			continue;
		say(verdict, OUTCOME_OK, ERROR_NONE, text);
		if (finished[i].empty)
			*records = 0;
		return;
	}
}

bool
brightdata_read_progress(const struct http_answer *answer, struct msg_poll_done *done)
{
	struct msg_verdict *verdict = &done->verdict;
	scoped_json *doc = NULL;
	const char *status;
	enum word_meaning meaning;
	int64_t records;

	done->word[0] = '\0';
	done->records = UINT64_MAX;
	if (read_broken(answer, OUTCOME_RETRY, verdict))
		return false;
	if (answer->status != 200) {
		read_by_rules(answer, progress_rules, verdict);
		return false;
	}
	if (read_doc(answer->body, answer->body_len, &doc) < 0 ||
	    (status = json_text(doc, "status")) == NULL) {
		say_unusable(answer, OUTCOME_RETRY, verdict, "the progress answer holds no status");
		return false;
	}
	word_copy(done->word, sizeof(done->word), status);
	records = json_int(doc, "records", 0, INT64_MAX, -1);
	if (records >= 0)
		done->records = (uint64_t)records;
	verdict->retry_after_ms = 0;
	meaning = word_meaning(done->word);
	if (meaning == WORD_READY)
		say(verdict, OUTCOME_OK, ERROR_NONE, "");
	else if (meaning == WORD_FAILED)
		read_failed(doc, verdict, &done->records);
	else if (meaning == WORD_CANCELED)
		say(verdict, OUTCOME_CANCELED, ERROR_CANCELED,
		    "the provider says the job was canceled");
	else {
		say(verdict, OUTCOME_WAIT, ERROR_NONE, "");
		verdict->retry_after_ms = brightdata_wait_ms(answer);
	}
	return meaning == WORD_UNKNOWN;
}

/* ---- downloads ---- */

static bool
holds_objects(const json_t *array)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
		if (json_is_object(item))
			return true;
	return false;
}

/* A record has one of these, an envelope has an array of records; a message has neither. */
static bool
is_record(json_t *object)
{
	static const char *const keys[] = {
		"input", "discovery_input", "timestamp", "url", "id", "post_id", "video_id", "shortcode", "pk",
		"error_code", "warning", "warning_code",
	};
	const char *name;
	json_t *value;

	for (size_t i = 0; i < countof(keys); i++)
		if (json_object_get(object, keys[i]) != NULL)
			return true;
	json_object_foreach(object, name, value)
		if (holds_objects(value))
			return true;
	return false;
}

/* Of an error alone nobody can say whether it is a row or a message: it is what progress lets expect. */
static bool
is_refusal(const json_t *doc, uint64_t counted)
{
	if (json_object_get(doc, "validation_errors") != NULL)
		return true;
	return json_object_get(doc, "error") != NULL && counted > 0 && counted != UINT64_MAX;
}

static bool
read_json_message(const char *body, size_t len, uint64_t counted, struct msg_verdict *verdict)
{
	scoped_json *doc = NULL;
	char word[32], text[ERROR_TEXT_SIZE];
	enum word_meaning meaning;

	if (json_read(body, len, &doc, NULL) < 0 || !json_is_object(doc) || is_record(doc))
		return false;
	brightdata_text_of(doc, text, sizeof(text));
	if (json_text(doc, "status") == NULL || json_text(doc, "message") == NULL) {
		if (!is_refusal(doc, counted))
			return false;
		say(verdict, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, text);
		return true;
	}
	word_copy(word, sizeof(word), json_text(doc, "status"));
	meaning = word_meaning(word);
	if (meaning == WORD_FAILED)
		say(verdict, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, text);
	else if (meaning == WORD_CANCELED)
		say(verdict, OUTCOME_CANCELED, ERROR_CANCELED, text);
	else
		say(verdict, OUTCOME_WAIT, ERROR_NONE, text);
	if (verdict->outcome == OUTCOME_WAIT)
		verdict->retry_after_ms = brightdata_text_wait_ms(text, strlen(text));
	return true;
}

static bool
read_text_message(const char *body, size_t len, struct msg_verdict *verdict, bool *ret_empty)
{
	static const struct rule words[] = {
		{ ANY, "building", OUTCOME_WAIT, ERROR_NONE },
		{ ANY, "not ready", OUTCOME_WAIT, ERROR_NONE },
		{ ANY, "snapshot is expired", OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED },
		{ ANY, "snapshot is empty", OUTCOME_OK, ERROR_NONE },
	};
	char text[256];

	/* A sentence, not data that may hold one. */
	if (len > TEXT_MESSAGE_MAX || memchr(body, '{', len) != NULL || memchr(body, '[', len) != NULL)
		return false;
	for (size_t i = 0; i < countof(words); i++) {
		if (!has_words(body, len, words[i].words))
			continue;
		say(verdict, words[i].outcome, words[i].error,
		    str_printable(text, sizeof(text), body, len));
		*ret_empty = words[i].outcome == OUTCOME_OK;
		if (words[i].outcome == OUTCOME_WAIT)
			verdict->retry_after_ms = brightdata_text_wait_ms(body, len);
		return true;
	}
	return false;
}

bool
brightdata_read_message(const char *body, size_t len, uint64_t counted, struct msg_verdict *verdict, bool *ret_empty)
{
	*ret_empty = false;
	body = brightdata_skip(body, &len);
	if (len == 0 || *body == '[' || *body == '<')
		return false;
	verdict->retry_after_ms = 0;
	if (*body == '{')
		return read_json_message(body, len, counted, verdict);
	return read_text_message(body, len, verdict, ret_empty);
}

void
brightdata_read_data(const struct http_answer *answer, struct msg_verdict *verdict, bool *ret_empty)
{
	*ret_empty = false;
	if (read_broken(answer, OUTCOME_RETRY, verdict)) {
		if (answer->verdict == NET_DAMAGED)
			verdict->error = ERROR_INVALID_DATA;
		return;
	}
	if (is_success(answer)) {
		verdict->retry_after_ms = 0;
		if (!brightdata_read_message(answer->body, answer->body_len, UINT64_MAX, verdict, ret_empty))
			say(verdict, OUTCOME_WAIT, ERROR_NONE, "the snapshot is not ready yet");
		verdict->retry_after_ms = longer_ms(verdict->retry_after_ms, brightdata_wait_ms(answer));
		return;
	}
	read_by_rules(answer, data_rules, verdict);
	*ret_empty = verdict->outcome == OUTCOME_OK;
}

void
brightdata_read_cancel(const struct http_answer *answer, struct msg_verdict *verdict)
{
	if (read_broken(answer, OUTCOME_RETRY, verdict))
		return;
	if (is_success(answer))
		say(verdict, OUTCOME_OK, ERROR_NONE, "");
	else
		read_by_rules(answer, cancel_rules, verdict);
}

/* ---- looking back ---- */

/* False: passed over. A job of unknown age stays a candidate: its input decides. */
static bool
take_job(const json_t *row, int64_t from_ms, int64_t to_ms, struct search_job *job)
{
	const char *id = json_text(row, "id"), *created = json_text(row, "created");

	if (id == NULL || snapshot_id_check(id) < 0)
		return false;
	job->created_ms = INT64_MIN;
	if (created != NULL && time_parse(created, &job->created_ms) == 0 &&
	    (job->created_ms < from_ms || job->created_ms > to_ms))
		return false;
	(void)str_copy(job->snapshot_id, sizeof(job->snapshot_id), id);
	return true;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct search_job *)a)->snapshot_id, ((const struct search_job *)b)->snapshot_id);
}

static int
oldest_first(const void *a, const void *b)
{
	const struct search_job *x = a, *y = b;

	return x->created_ms < y->created_ms ? -1 : x->created_ms > y->created_ms;
}

static void
keep_each_once(struct brightdata_list *list)
{
	unsigned kept = 0;

	if (list->count == 0)
		return;
	qsort(list->jobs, list->count, sizeof(list->jobs[0]), by_id);
	for (unsigned i = 1; i < list->count; i++)
		if (by_id(&list->jobs[kept], &list->jobs[i]) != 0)
			list->jobs[++kept] = list->jobs[i];
	list->count = kept + 1;
	qsort(list->jobs, list->count, sizeof(list->jobs[0]), oldest_first);
}

bool
brightdata_read_list(const struct http_answer *answer, int64_t from_ms, int64_t to_ms,
    struct brightdata_list *ret, struct msg_verdict *verdict)
{
	scoped_json *doc = NULL;
	const json_t *row;
	size_t i;

	*ret = (struct brightdata_list){ NULL, 0, 0 };
	if (read_broken(answer, OUTCOME_RETRY, verdict))
		return false;
	if (answer->status != 200) {
		read_by_rules(answer, look_rules, verdict);
		return false;
	}
	if (read_doc(answer->body, answer->body_len, &doc) < 0 || !json_is_array(doc)) {
		say_unusable(answer, OUTCOME_RETRY, verdict, "the list of jobs is not a JSON array");
		return false;
	}
	say(verdict, OUTCOME_OK, ERROR_NONE, "");
	verdict->retry_after_ms = 0;
	ret->rows = (unsigned)json_array_size(doc);
	if (ret->rows > 0)
		ret->jobs = xcalloc(ret->rows, sizeof(ret->jobs[0]));
	json_array_foreach(doc, i, row)
		ret->count += take_job(row, from_ms, to_ms, &ret->jobs[ret->count]);
	keep_each_once(ret);
	return true;
}

/* A message is an object, too, and in no input's place: the answer may be another later. */
static int
digest_of(const struct http_answer *answer, uint8_t digest[SHA256_SIZE])
{
	struct msg_verdict message;

	size_t len = answer->body_len;
	const char *body = brightdata_skip(answer->body, &len);

	if (read_json_message(body, len, 1, &message))
		return -EBADMSG;
	return input_digest(answer->body, answer->body_len, digest);
}

enum brightdata_reading
brightdata_read_input(const struct http_answer *answer, uint8_t ret_digest[SHA256_SIZE],
    struct msg_verdict *verdict)
{
	bool too_long = answer->verdict == NET_STOPPED && answer->status == 200;

	memset(ret_digest, 0, SHA256_SIZE);
	if (read_broken(answer, OUTCOME_RETRY, verdict) && !too_long)
		return BRIGHTDATA_UNANSWERED;
	if (!too_long && answer->status != 200) {
		read_by_rules(answer, look_rules, verdict);
		return (answer->status == 400 || answer->status == 404) && verdict->outcome == OUTCOME_RETRY ?
		    BRIGHTDATA_UNREADABLE : BRIGHTDATA_UNANSWERED;
	}
	if (!too_long && digest_of(answer, ret_digest) == -EBADMSG) {
		say_unusable(answer, OUTCOME_RETRY, verdict,
		    "the input of a job is neither text with a header line nor JSON");
		return BRIGHTDATA_UNREADABLE;
	}
	say(verdict, OUTCOME_OK, ERROR_NONE, "");
	verdict->retry_after_ms = 0;
	return BRIGHTDATA_READ;
}
