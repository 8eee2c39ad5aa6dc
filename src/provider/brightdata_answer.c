/*
 * brightdata_answer.c - what Bright Data's answers mean, by tables: the first rule that fits wins.
 *
 * Most errors are plain text, some JSON: the status decides, then words in the body. Words that end
 * a crawl are a closed list; unknown ones mean waiting. The provider's own words are gathered in
 * brightdata_text.c; what an input means is input.h's.
 *
 * What the API never answers, a redirect or a page of HTML where JSON belongs, comes from
 * something else: then BRIGHTDATA_BASE_URL is wrong, or a gateway is in the way.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "provider/answer.h"
#include "provider/brightdata.h"
#include "provider/input.h"

#define TEXT_MESSAGE_MAX 512	/* bytes */
#define LIST_USUAL	 1000	/* the provider's own page, should it not heed our limit */

/* ---- refusals ---- */

/* The same for every call. A redirect, and a proxy that wants to know who asks, need a person, too. */
#define REFUSED \
	{ 3, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 407, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 401, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 402, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 403, NULL, OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 400, "Customer is not active", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }, \
	{ 400, "Account is suspended", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH }

static const struct answer_rule trigger_rules[] = {
	REFUSED,
	{ 408, NULL, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_TIMEOUT },
	{ 429, "too many running jobs", OUTCOME_BUSY, ERROR_RATE_LIMITED },
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ 404, "<html", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH },
	{ ANSWER_CLIENT, NULL, OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED },
	/* 5xx, anything else: a job may have been made. */
	{ ANSWER_ANY, NULL, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static const struct answer_rule progress_rules[] = {
	REFUSED,
	{ 404, "<html", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
	{ 404, NULL, OUTCOME_RETRY, ERROR_NOT_FOUND },
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ ANSWER_ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

/* OUTCOME_OK here: finished without a row. */
static const struct answer_rule data_rules[] = {
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
	{ ANSWER_CLIENT, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_REJECTED },
	{ ANSWER_ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static const struct answer_rule cancel_rules[] = {
	REFUSED,
	{ 400, "not running", OUTCOME_OK, ERROR_NONE },	/* it ended by itself: the next poll tells how */
	{ 404, "<html", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
	{ 404, NULL, OUTCOME_FAILED, ERROR_NOT_FOUND },
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ ANSWER_ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

/* The list and the inputs. */
static const struct answer_rule look_rules[] = {
	REFUSED,
	{ 429, NULL, OUTCOME_LIMITED, ERROR_RATE_LIMITED },
	{ ANSWER_ANY, NULL, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
};

static int64_t
longer_ms(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- what is not the API's ---- */

/* Where the API has JSON or, of what it does not know, plain text. */
static bool
is_page(const struct http_answer *answer)
{
	size_t len = answer->body_len;
	const char *body = answer_skip(answer->body, &len);

	if (answer->status == 404)
		return answer_has_words(body, len, "<html");
	return answer_is_success(answer) && len > 0 && *body == '<';
}

/* False: it may well be the API that answered. */
static bool
say_stranger(const struct http_answer *answer, enum outcome outcome, enum error_code error,
    struct verdict *verdict)
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
	answer_say(verdict, outcome, error, text);
	verdict->http_status = 0;
	return true;
}

/* A success whose body is not what it should be. */
static void
say_unusable(const struct http_answer *answer, enum outcome outcome, struct verdict *verdict, const char *text)
{
	verdict->retry_after_ms = 0;
	if (!say_stranger(answer, outcome, ERROR_BRIGHTDATA_UNAVAILABLE, verdict))
		answer_say(verdict, outcome, ERROR_BRIGHTDATA_UNAVAILABLE, text);
}

/* ---- by the tables ---- */

/* Of what the API does not find it says what it is. */
static bool
is_foreign_404(const struct http_answer *answer)
{
	static const char *const things[] = { "dataset", "collector", "snapshot" };

	for (size_t i = 0; i < countof(things); i++)
		if (answer_has_words(answer->body, answer->body_len, things[i]))
			return false;
	return answer->status == 404;
}

static void
read_by_rules(const struct http_answer *answer, const struct answer_rule *rules,
    struct verdict *verdict)
{
	const struct answer_rule *rule = answer_rule_for(rules, answer);
	char words[ERROR_TEXT_SIZE - 80], text[ERROR_TEXT_SIZE];

	brightdata_text(answer, words, sizeof(words));
	(void)snprintf(text, sizeof(text), "HTTP %d: %s%s", answer->status, words,
	    is_foreign_404(answer) ? " (is BRIGHTDATA_BASE_URL the API's address?)" : "");
	if (!say_stranger(answer, rule->outcome, rule->error, verdict))
		answer_say(verdict, rule->outcome, rule->error, text);
	verdict->retry_after_ms = answer->retry_after_ms;
	if (rule->outcome == OUTCOME_WAIT)
		verdict->retry_after_ms = longer_ms(answer_wait_ms(answer),
		    brightdata_text_wait_ms(text, strlen(text)));
}

/* ---- the calls ---- */

void
brightdata_read_trigger(const struct http_answer *answer, struct verdict *verdict,
    char ret_snapshot_id[SNAPSHOT_ID_SIZE])
{
	scoped_json *doc = NULL;
	const char *id;

	ret_snapshot_id[0] = '\0';
	if (answer_is_broken(answer, OUTCOME_UNKNOWN, verdict))
		return;
	if (!answer_is_success(answer)) {
		read_by_rules(answer, trigger_rules, verdict);
		return;
	}
	/* Only snapshot_id: a member called id would be a record's. */
	if (answer_doc(answer->body, answer->body_len, &doc) < 0 ||
	    (id = json_text(doc, "snapshot_id")) == NULL || snapshot_id_check(id) < 0) {
		say_unusable(answer, OUTCOME_UNKNOWN, verdict, "the answer to the trigger says success but holds no snapshot_id");
		return;
	}
	(void)str_copy(ret_snapshot_id, SNAPSHOT_ID_SIZE, id);
	answer_say(verdict, OUTCOME_OK, ERROR_NONE, "");
	verdict->retry_after_ms = 0;
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
read_failed(const json_t *doc, struct verdict *verdict, uint64_t *records)
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
	answer_say(verdict, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED,
	    text[0] != '\0' ? text : "the provider says failed and gives no reason");
	for (size_t i = 0; i < countof(finished); i++) {
		if (!answer_has_words(text, strlen(text), finished[i].words))
			continue;
		answer_say(verdict, OUTCOME_OK, ERROR_NONE, text);
		if (finished[i].empty)
			*records = 0;
		return;
	}
}

void
brightdata_read_progress(const struct http_answer *answer, struct verdict *verdict, struct provider_progress *progress)
{
	scoped_json *doc = NULL;
	const char *status;
	enum word_meaning meaning;
	int64_t records;

	*progress = (struct provider_progress){ .records = UINT64_MAX };
	if (answer_is_broken(answer, OUTCOME_RETRY, verdict))
		return;
	if (answer->status != 200) {
		read_by_rules(answer, progress_rules, verdict);
		return;
	}
	if (answer_doc(answer->body, answer->body_len, &doc) < 0 ||
	    (status = json_text(doc, "status")) == NULL) {
		say_unusable(answer, OUTCOME_RETRY, verdict, "the progress answer holds no status");
		return;
	}
	word_copy(progress->word, sizeof(progress->word), status);
	records = json_int(doc, "records", 0, INT64_MAX, -1);
	if (records >= 0)
		progress->records = (uint64_t)records;
	verdict->retry_after_ms = 0;
	meaning = word_meaning(progress->word);
	progress->is_new = meaning == WORD_UNKNOWN;
	if (meaning == WORD_READY)
		answer_say(verdict, OUTCOME_OK, ERROR_NONE, "");
	else if (meaning == WORD_FAILED)
		read_failed(doc, verdict, &progress->records);
	else if (meaning == WORD_CANCELED)
		answer_say(verdict, OUTCOME_CANCELED, ERROR_CANCELED,
		    "the provider says the job was canceled");
	else {
		answer_say(verdict, OUTCOME_WAIT, ERROR_NONE, "");
		verdict->retry_after_ms = answer_wait_ms(answer);
	}
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
read_json_message(const char *body, size_t len, uint64_t counted, struct verdict *verdict)
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
		answer_say(verdict, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, text);
		return true;
	}
	word_copy(word, sizeof(word), json_text(doc, "status"));
	meaning = word_meaning(word);
	if (meaning == WORD_FAILED)
		answer_say(verdict, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, text);
	else if (meaning == WORD_CANCELED)
		answer_say(verdict, OUTCOME_CANCELED, ERROR_CANCELED, text);
	else
		answer_say(verdict, OUTCOME_WAIT, ERROR_NONE, text);
	if (verdict->outcome == OUTCOME_WAIT)
		verdict->retry_after_ms = brightdata_text_wait_ms(text, strlen(text));
	return true;
}

static bool
read_text_message(const char *body, size_t len, struct verdict *verdict, bool *ret_empty)
{
	static const struct answer_rule words[] = {
		{ ANSWER_ANY, "building", OUTCOME_WAIT, ERROR_NONE },
		{ ANSWER_ANY, "not ready", OUTCOME_WAIT, ERROR_NONE },
		{ ANSWER_ANY, "snapshot is expired", OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED },
		{ ANSWER_ANY, "snapshot is empty", OUTCOME_OK, ERROR_NONE },
	};
	char text[256];

	/* A sentence, not data that may hold one. */
	if (len > TEXT_MESSAGE_MAX || memchr(body, '{', len) != NULL || memchr(body, '[', len) != NULL)
		return false;
	for (size_t i = 0; i < countof(words); i++) {
		if (!answer_has_words(body, len, words[i].words))
			continue;
		answer_say(verdict, words[i].outcome, words[i].error,
		    str_printable(text, sizeof(text), body, len));
		*ret_empty = words[i].outcome == OUTCOME_OK;
		if (words[i].outcome == OUTCOME_WAIT)
			verdict->retry_after_ms = brightdata_text_wait_ms(body, len);
		return true;
	}
	return false;
}

bool
brightdata_read_message(const char *body, size_t len, uint64_t counted, struct verdict *verdict, bool *ret_empty)
{
	*ret_empty = false;
	body = answer_skip(body, &len);
	if (len == 0 || *body == '[' || *body == '<')
		return false;
	verdict->retry_after_ms = 0;
	if (*body == '{')
		return read_json_message(body, len, counted, verdict);
	return read_text_message(body, len, verdict, ret_empty);
}

void
brightdata_read_data(const struct http_answer *answer, struct verdict *verdict, bool *ret_empty)
{
	*ret_empty = false;
	if (answer_is_broken(answer, OUTCOME_RETRY, verdict)) {
		if (answer->verdict == NET_DAMAGED)
			verdict->error = ERROR_INVALID_DATA;
		return;
	}
	if (answer_is_success(answer)) {
		verdict->retry_after_ms = 0;
		if (!brightdata_read_message(answer->body, answer->body_len, UINT64_MAX, verdict, ret_empty))
			answer_say(verdict, OUTCOME_WAIT, ERROR_NONE, "the snapshot is not ready yet");
		verdict->retry_after_ms = longer_ms(verdict->retry_after_ms, answer_wait_ms(answer));
		return;
	}
	read_by_rules(answer, data_rules, verdict);
	*ret_empty = verdict->outcome == OUTCOME_OK;
}

void
brightdata_read_cancel(const struct http_answer *answer, struct verdict *verdict)
{
	if (answer_is_broken(answer, OUTCOME_RETRY, verdict))
		return;
	if (!answer_is_success(answer)) {
		read_by_rules(answer, cancel_rules, verdict);
		return;
	}
	answer_say(verdict, OUTCOME_OK, ERROR_NONE, "");
	verdict->retry_after_ms = 0;
}

/* ---- looking back ---- */

/* False: passed over. A job of unknown age stays a candidate: its input decides. */
static bool
take_job(const json_t *row, const struct provider_page *page, struct provider_job *job)
{
	const char *id = json_text(row, "id"), *created = json_text(row, "created");

	if (id == NULL || snapshot_id_check(id) < 0)
		return false;
	job->created_ms = INT64_MIN;
	if (created != NULL && time_parse(created, &job->created_ms) == 0 &&
	    (job->created_ms < page->from_ms || job->created_ms > page->to_ms))
		return false;
	(void)str_copy(job->snapshot_id, sizeof(job->snapshot_id), id);
	return true;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct provider_job *)a)->snapshot_id, ((const struct provider_job *)b)->snapshot_id);
}

static int
oldest_first(const void *a, const void *b)
{
	const struct provider_job *x = a, *y = b;

	return x->created_ms < y->created_ms ? -1 : x->created_ms > y->created_ms;
}

static void
keep_each_once(struct provider_list *list)
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
brightdata_read_list(const struct http_answer *answer, const struct provider_page *page,
    struct provider_list *ret, struct verdict *verdict)
{
	scoped_json *doc = NULL;
	const json_t *row;
	size_t i;

	*ret = (struct provider_list){ .jobs = NULL };
	if (answer_is_broken(answer, OUTCOME_RETRY, verdict))
		return false;
	if (answer->status != 200) {
		read_by_rules(answer, look_rules, verdict);
		return false;
	}
	if (answer_doc(answer->body, answer->body_len, &doc) < 0 || !json_is_array(doc)) {
		say_unusable(answer, OUTCOME_RETRY, verdict, "the list of jobs is not a JSON array");
		return false;
	}
	answer_say(verdict, OUTCOME_OK, ERROR_NONE, "");
	verdict->retry_after_ms = 0;
	ret->rows = (unsigned)json_array_size(doc);
	/* A full page of the provider's own size may be less than we asked for, and not the end. */
	ret->is_last = ret->rows == 0 || (ret->rows < page->limit && ret->rows < LIST_USUAL);
	if (ret->rows > 0)
		ret->jobs = xcalloc(ret->rows, sizeof(ret->jobs[0]));
	json_array_foreach(doc, i, row)
		ret->count += take_job(row, page, &ret->jobs[ret->count]);
	keep_each_once(ret);
	return true;
}

/* A message is an object, too, and in no input's place: the answer may be another later. */
static int
digest_of(const struct http_answer *answer, uint8_t digest[SHA256_SIZE])
{
	struct verdict message;

	size_t len = answer->body_len;
	const char *body = answer_skip(answer->body, &len);

	if (read_json_message(body, len, 1, &message))
		return -EBADMSG;
	return input_digest(answer->body, answer->body_len, digest);
}

enum provider_reading
brightdata_read_input(const struct http_answer *answer, uint8_t ret_digest[SHA256_SIZE],
    struct verdict *verdict)
{
	bool too_long = answer->verdict == NET_STOPPED && answer->status == 200;

	memset(ret_digest, 0, SHA256_SIZE);
	if (answer_is_broken(answer, OUTCOME_RETRY, verdict) && !too_long)
		return PROVIDER_UNANSWERED;
	if (!too_long && answer->status != 200) {
		read_by_rules(answer, look_rules, verdict);
		return (answer->status == 400 || answer->status == 404) && verdict->outcome == OUTCOME_RETRY ?
		    PROVIDER_UNREADABLE : PROVIDER_UNANSWERED;
	}
	if (!too_long && digest_of(answer, ret_digest) == -EBADMSG) {
		say_unusable(answer, OUTCOME_RETRY, verdict,
		    "the input of a job is neither text with a header line nor JSON");
		return PROVIDER_UNREADABLE;
	}
	answer_say(verdict, OUTCOME_OK, ERROR_NONE, "");
	verdict->retry_after_ms = 0;
	return PROVIDER_READ;
}

/* ---- limits ---- */

/* "Running jobs: 100>=100". */
bool
brightdata_read_cap(const char *text, unsigned *ret_running, unsigned *ret_cap)
{
	const char *at = strstr(text, "Running jobs:");

	return at != NULL && sscanf(at, "Running jobs: %7u>=%7u", ret_running, ret_cap) == 2;
}
