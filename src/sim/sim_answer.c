/*
 * sim_answer.c - the few shapes the provider's answers have: plain text that is
 * called HTML, and JSON.
 */
#include <stdio.h>
#include <string.h>

#include "sim/sim.h"
#include "sim/sim_query.h"

static void
answer_start(struct answer *a, int status, const char *type)
{
	a->status = status;
	a->type = type;
	a->encoding = NULL;
	a->retry_after = NULL;
	a->chunked = false;
	a->capped = NULL;
	a->started[0] = a->download[0] = '\0';
	if (!a->body)
		a->body = evbuffer_new();
	(void)evbuffer_drain(a->body, evbuffer_get_length(a->body));
}

void
answer_text(struct answer *a, int status, const char *text)
{
	answer_start(a, status, "text/html; charset=utf-8");
	(void)evbuffer_add(a->body, text, strlen(text));
}

void
answer_json(struct answer *a, int status, struct json_out *o)
{
	size_t len;
	const char *text = json_out_text(o, &len);

	answer_start(a, status, "application/json; charset=utf-8");
	(void)evbuffer_add(a->body, text, len);
	json_out_done(o);
}

static void
answer_query_faults(struct answer *a, struct json_out *errors)
{
	struct json_out o;
	size_t len;
	const char *text = json_out_text(errors, &len);

	json_out_init(&o);
	json_out_open(&o);
	json_out_key(&o, "validation_errors");
	json_out_raw(&o, text, len);
	json_out_close(&o);
	answer_json(a, 400, &o);
}

bool
call_check_query(struct call *call, const struct query_rule *rules)
{
	struct json_out errors;
	unsigned faults;

	json_out_init(&errors);
	json_out_open_array(&errors);
	faults = query_check(rules, &call->query, &errors);
	json_out_close_array(&errors);
	if (faults)
		answer_query_faults(&call->answer, &errors);
	json_out_done(&errors);
	return faults == 0;
}

void
answer_wait(struct answer *a, int status, const char *word, const char *message)
{
	struct json_out o;

	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "status", word);
	json_out_member(&o, "message", message);
	json_out_close(&o);
	answer_json(a, status, &o);
}

void
answer_building(struct answer *a, const struct sim_settings *set)
{
	char message[80];

	if (set->building_text) {
		answer_text(a, set->not_ready_status,
		    "Snapshot is building. Try again in a few minutes");
		return;
	}
	(void)snprintf(message, sizeof message, "Snapshot is building, try again in %ds",
	    set->building_seconds);
	answer_wait(a, set->not_ready_status, "building", message);
}

void
answer_done(struct answer *a)
{
	if (a->body)
		evbuffer_free(a->body);
	a->body = NULL;
}
