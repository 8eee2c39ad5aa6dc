/*
 * answer.c - the part of reading an answer that is no provider's own.
 */
#include "provider/answer.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

const char *
answer_skip(const char *body, size_t *len)
{
	static const char mark[] = "\xEF\xBB\xBF";

	for (;;) {
		if (*len > 0 && *body != '\0' && strchr(" \t\r\n", *body) != NULL) {
			body++;
			--*len;
		} else if (*len >= strlen(mark) && memcmp(body, mark, strlen(mark)) == 0) {
			body += strlen(mark);
			*len -= strlen(mark);
		} else {
			return body;
		}
	}
}

bool
answer_is_success(const struct http_answer *answer)
{
	return answer->status >= 200 && answer->status <= 299;
}

bool
answer_has_words(const char *body, size_t len, const char *words)
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

int
answer_doc(const char *body, size_t len, json_t **ret)
{
	const char *doc = answer_skip(body, &len);

	return json_read(doc, len, ret, NULL);
}

int64_t
answer_wait_ms(const struct http_answer *answer)
{
	return answer->retry_after_ms > ANSWER_WAIT_MAX_MS ? ANSWER_WAIT_MAX_MS : answer->retry_after_ms;
}

bool
answer_is_whole(const char *body, size_t len)
{
	scoped_json *doc = NULL;

	return answer_doc(body, len, &doc) == 0 && (json_is_object(doc) || json_is_array(doc));
}

bool
answer_is_whole_anyway(const char *body, size_t len)
{
	(void)body, (void)len;
	return true;
}

/* ---- verdicts ---- */

void
answer_note(const struct http_answer *answer, struct verdict *verdict)
{
	verdict->http_status = answer->verdict == NET_ANSWERED ? (uint32_t)answer->status : 0;
	verdict->date_ms = answer->date_ms;
}

void
answer_say(struct verdict *verdict, enum outcome outcome, enum error_code error, const char *text)
{
	verdict->outcome = outcome;
	verdict->error = error;
	str_printable(verdict->text, sizeof(verdict->text), text, strlen(text));
}

bool
answer_is_broken(const struct http_answer *answer, enum outcome broken, struct verdict *verdict)
{
	answer_note(answer, verdict);
	if (answer->verdict == NET_ANSWERED)
		return false;
	answer_say(verdict, answer->verdict == NET_NOT_SENT ? OUTCOME_RETRY : broken,
	    answer->verdict == NET_TIMEOUT ?
	    ERROR_BRIGHTDATA_TIMEOUT : ERROR_BRIGHTDATA_UNAVAILABLE, answer->error);
	verdict->retry_after_ms = 0;
	return true;
}

/* ---- refusals ---- */

static bool
rule_fits(const struct answer_rule *rule, const struct http_answer *answer)
{
	if (rule->status != ANSWER_ANY && rule->status != answer->status &&
	    rule->status != answer->status / 100)
		return false;
	return rule->words == NULL || answer_has_words(answer->body, answer->body_len, rule->words);
}

const struct answer_rule *
answer_rule_for(const struct answer_rule *rules, const struct http_answer *answer)
{
	while (!rule_fits(rules, answer))
		rules++;
	return rules;
}
