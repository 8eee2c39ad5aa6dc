/*
 * answer.h - what the readers of all providers share: the broken call, the body that is JSON or words,
 * and refusals told by a table of status and words. Pure.
 */
#ifndef PROVIDER_ANSWER_H
#define PROVIDER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/http_answer.h"
#include "base/json.h"
#include "model/verdict.h"

#define ANSWER_WAIT_MAX_MS 120000	/* no "try again in" is believed beyond that */

/* Past white space and a byte order mark. */
const char *answer_skip(const char *body, size_t *len);
bool answer_is_success(const struct http_answer *);	/* 2xx */
bool answer_has_words(const char *body, size_t len, const char *words);	/* letter case ignored */
/* The body as JSON; -EINVAL. */
int answer_doc(const char *body, size_t len, json_t **ret);
/* The pause that Retry-After asks for, within reason. */
int64_t answer_wait_ms(const struct http_answer *);

/* For provider_call.is_whole: an object or array that ends as it began; and where the status alone counts. */
bool answer_is_whole(const char *body, size_t len);
bool answer_is_whole_anyway(const char *body, size_t len);

/* ---- verdicts ---- */

/* What every verdict says of the answer it was made of: http_status and date_ms. All
 * readers of an http_answer do it; a body that was streamed has no reader. */
void answer_note(const struct http_answer *, struct verdict *);
/* outcome, error, and text made printable. */
void answer_say(struct verdict *, enum outcome, enum error_code, const char *text);
/* Where each reader begins: notes the answer. True when no whole one came, and the verdict is made; broken
 * is the outcome when the request may have left. */
bool answer_is_broken(const struct http_answer *, enum outcome broken, struct verdict *);

/* ---- refusals ---- */

#define ANSWER_ANY    0
#define ANSWER_CLIENT 4			/* 400 to 499 */

struct answer_rule {
	int		 status;	/* exact, or a class: 3 for 3xx, 4 for 4xx; ANSWER_ANY */
	const char	*words;		/* must stand in the body, letter case ignored; NULL: no matter */
	enum outcome	 outcome;
	enum error_code	 error;
};

/* The first that fits; the table ends with ANSWER_ANY without words. */
const struct answer_rule *answer_rule_for(const struct answer_rule *, const struct http_answer *);

#endif
