/*
 * sim_query.c - query strings against rule tables. Which rules a call has stands
 * with the call.
 */
#include "sim/sim_query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/timefmt.h"
#include "sim/sim_words.h"

#define DAY_MS 86400000

static int
number_parse(const char *text, int64_t *ret)
{
	char *end;
	long long n;

	if (!*text || strchr(" \t\n+", *text))
		return -EINVAL;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int
date_time_parse(const char *text, bool end_of_day, int64_t *ret)
{
	struct date d;
	char whole[TIME_TEXT_SIZE + 8];

	if (date_parse(text, &d) < 0)
		return time_parse(text, ret);
	(void)snprintf(whole, sizeof whole, "%.10sT00:00:00Z", text);
	if (time_parse(whole, ret) < 0)
		return -EINVAL;
	if (end_of_day)
		*ret += DAY_MS - 1;
	return 0;
}

/* "a|b" as "a, b". */
static void
words_format(char *dst, size_t size, const char *words)
{
	size_t n = 0;

	for (; *words && n + 3 < size; words++) {
		if (*words == '|') {
			dst[n++] = ',';
			dst[n++] = ' ';
		} else {
			dst[n++] = *words;
		}
	}
	dst[n] = '\0';
}

/* Writes what is wrong with value after the quoted name; false when nothing is. */
static bool
value_fault(const struct query_rule *rule, const char *value, char *dst, size_t size)
{
	char words[200];
	int64_t n;

	dst[0] = '\0';
	switch (rule->kind) {
	case QUERY_TEXT:
		if (!*value)
			(void)snprintf(dst, size, "is not allowed to be empty");
		break;
	case QUERY_NUMBER:
		if (number_parse(value, &n) < 0)
			(void)snprintf(dst, size, "must be a number");
		else if (n < rule->min)
			(void)snprintf(dst, size, "must be greater than or equal to %" PRId64,
			    rule->min);
		else if (n > rule->max)
			(void)snprintf(dst, size, "must be less than or equal to %" PRId64,
			    rule->max);
		break;
	case QUERY_BOOL:
		if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
			(void)snprintf(dst, size, "must be a boolean");
		break;
	case QUERY_WORD:
		words_format(words, sizeof words, rule->words);
		if (!words_have(rule->words, value))
			(void)snprintf(dst, size, "must be one of [%s]", words);
		break;
	case QUERY_DATE:
		if (date_time_parse(value, false, &n) < 0)
			(void)snprintf(dst, size, "must be a valid date");
		break;
	}
	return dst[0] != '\0';
}

static void
add_fault(struct json_out *errors, const char *name, const char *text)
{
	char line[600];

	(void)snprintf(line, sizeof line, "\"%.200s\" %s", name, text);
	json_out_string(errors, line);
}

static const struct query_rule *
rule_find(const struct query_rule *rules, const char *name)
{
	for (; rules->name; rules++)
		if (strcmp(rules->name, name) == 0)
			return rules;
	return NULL;
}

unsigned
query_check(const struct query_rule *rules, const struct evkeyvalq *query, struct json_out *errors)
{
	const struct evkeyval *kv;
	char text[300];
	unsigned faults = 0;

	for (const struct query_rule *r = rules; r->name; r++) {
		if (r->required && !query_text(query, r->name)) {
			add_fault(errors, r->name, "is required");
			faults++;
		}
	}
	for (kv = query->tqh_first; kv; kv = kv->next.tqe_next) {
		const struct query_rule *r = rule_find(rules, kv->key);

		if (!r) {
			add_fault(errors, kv->key, "is not allowed");
			faults++;
		} else if (value_fault(r, kv->value, text, sizeof text)) {
			add_fault(errors, kv->key, text);
			faults++;
		}
	}
	return faults;
}

const char *
query_text(const struct evkeyvalq *query, const char *name)
{
	return evhttp_find_header(query, name);
}

int64_t
query_number(const struct evkeyvalq *query, const char *name, int64_t fallback)
{
	const char *value = query_text(query, name);
	int64_t n;

	return value && number_parse(value, &n) == 0 ? n : fallback;
}

bool
query_bool(const struct evkeyvalq *query, const char *name)
{
	const char *value = query_text(query, name);

	return value && strcasecmp(value, "true") == 0;
}

int64_t
query_time(const struct evkeyvalq *query, const char *name, bool end_of_day, int64_t fallback)
{
	const char *value = query_text(query, name);
	int64_t ms;

	return value && date_time_parse(value, end_of_day, &ms) == 0 ? ms : fallback;
}
