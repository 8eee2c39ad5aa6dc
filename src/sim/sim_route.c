/*
 * sim_route.c - from a request to its handler: the table of routes, the key, the
 * ban, and the faults that stand before or in place of an answer.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "sim/sim.h"
#include "sim/sim_body.h"

#define KEY_SHAPE_MIN 16	/* shorter tokens are not even taken for a key */

static const struct route {
	enum evhttp_cmd_type	 method;
	const char		*before, *after;	/* of the id in the path; after NULL: no id */
	enum sim_call_kind	 kind;
	call_fn			*handle;
} routes[] = {
	{ EVHTTP_REQ_POST, "/datasets/v3/trigger", NULL, CALL_TRIGGER, sim_on_trigger },
	{ EVHTTP_REQ_GET, "/datasets/v3/progress/", "", CALL_PROGRESS, sim_on_progress },
	{ EVHTTP_REQ_GET, "/datasets/v3/snapshot/", "", CALL_SNAPSHOT, sim_on_snapshot },
	{ EVHTTP_REQ_GET, "/datasets/v3/snapshot/", "/parts", CALL_OTHER, sim_on_parts },
	{ EVHTTP_REQ_GET, "/datasets/v3/snapshot/", "/input", CALL_INPUT, sim_on_input },
	{ EVHTTP_REQ_POST, "/datasets/v3/snapshot/", "/cancel", CALL_CANCEL, sim_on_cancel },
	{ EVHTTP_REQ_GET, "/datasets/v3/snapshots", NULL, CALL_LIST, sim_on_list },
	{ EVHTTP_REQ_GET, "/datasets/v3/log/", "", CALL_LOG, sim_on_log },
	{ EVHTTP_REQ_GET, "/datasets/list", NULL, CALL_OTHER, sim_on_datasets },
};

/* An answer that a delay puts off. evhttp does not read meanwhile, so that the client has
 * left is seen by an event of our own. */
struct held {
	struct held		*next;
	struct sim		*sim;
	struct evhttp_request	*req;
	struct event		*timer, *closed;
	bool			 left;
};

static bool
route_fits(const struct route *route, const char *path, char *id, size_t size)
{
	size_t before = strlen(route->before), len;

	id[0] = '\0';
	if (!route->after)
		return strcmp(path, route->before) == 0;
	if (strncmp(path, route->before, before) != 0)
		return false;
	path += before;
	len = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	if (len == 0 || len > 64 || len >= size || strcmp(path + len, route->after) != 0)
		return false;
	memcpy(id, path, len);
	id[len] = '\0';
	return true;
}

static const struct route *
route_find(enum evhttp_cmd_type method, const char *path, char *id, size_t size)
{
	for (size_t i = 0; i < countof(routes); i++)
		if (routes[i].method == method && route_fits(&routes[i], path, id, size))
			return &routes[i];
	return NULL;
}

/* What the provider says to this Authorization header; NULL: welcome. */
static const char *
key_fault(const struct sim *sim, const char *header)
{
	const char *token;

	if (!header)
		return "Credentials are missing";
	if (strncasecmp(header, "Basic", 5) == 0)
		return "Basic auth is not allowed";
	if (strncasecmp(header, "Bearer ", 7) != 0)
		return "Auth method is not supported";
	for (token = header + 7; *token == ' '; token++)
		;
	if (!*token)
		return "Auth method is not supported";
	if (!sim->key || strcmp(sim->key, token) == 0)
		return NULL;
	return strlen(token) < KEY_SHAPE_MIN ? "Auth method is not supported" :
	    "Invalid credentials";
}

/* 401 and 404 as the OpenAPI text has them, when asked for. */
static void
jsonify_error(struct call *call)
{
	struct answer *a = &call->answer;
	struct json_out o;
	size_t len = evbuffer_get_length(a->body);

	if (!call->sim->set.error_json || (a->status != 401 && a->status != 404))
		return;
	json_out_init(&o);
	json_out_open(&o);
	json_out_key(&o, "error");
	json_out_string_n(&o, (const char *)evbuffer_pullup(a->body, -1), len);
	json_out_close(&o);
	answer_json(a, a->status, &o);
}

/* The usual answer, with all that it changes in the ledger. */
static void
call_carry_out(struct call *call, const struct route *route)
{
	const char *fault = key_fault(call->sim,
	    evhttp_find_header(evhttp_request_get_input_headers(call->req), "Authorization"));

	if (!route)
		answer_text(&call->answer, 404, "Not found");
	else if (fault)
		answer_text(&call->answer, 401, fault);
	else
		route->handle(call);
	jsonify_error(call);
}

static const char *
not_found_text(enum sim_call_kind kind)
{
	switch (kind) {
	case CALL_TRIGGER:
	case CALL_LIST:
		return "dataset does not exist";
	case CALL_OTHER:
		return "Not found";
	default:
		return "Snapshot does not exist";
	}
}

static void
answer_garbage(struct call *call)
{
	struct answer *a = &call->answer;

	if (call->kind == CALL_SNAPSHOT && a->body && a->status == 200) {
		body_break(a->body);
		a->download[0] = '\0';
		return;
	}
	answer_text(a, 200, "<<< this is not JSON {]");
	a->type = "application/json; charset=utf-8";
}

/* Puts the fault's answer in the place of the usual one. */
static void
fault_answer(struct call *call, const struct fault *fault)
{
	struct answer *a = &call->answer;

	switch (fault->kind) {
	case FAULT_STATUS:
		answer_text(a, (int)fault->status, fault->body ? fault->body :
		    fault->status == 500 ? "Internal server error" : "");
		break;
	case FAULT_HTML:
		answer_text(a, 502, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
		    "<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
		    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n");
		break;
	case FAULT_NOT_FOUND:
		answer_text(a, 404, not_found_text(call->kind));
		jsonify_error(call);
		break;
	case FAULT_RATE_LIMIT:
		answer_text(a, 429, "Too many requests");
		break;
	case FAULT_BUILDING:
		answer_building(a, &call->sim->set);
		break;
	case FAULT_GARBAGE:
		answer_garbage(call);
		break;
	default:
		return;
	}
	a->retry_after = fault->retry_after;
}

/* Did the client miss that a job was started? */
static bool
loses_answer(const struct fault *fault, const struct answer *a)
{
	switch (fault->kind) {
	case FAULT_NONE:
	case FAULT_DELAY:
	case FAULT_DRIP:
		return false;
	case FAULT_RESET_BODY:
	case FAULT_TRUNCATE:
		return (uint64_t)fault->bytes < evbuffer_get_length(a->body);
	default:
		return true;
	}
}

static void
note_lost(struct call *call, const struct fault *fault)
{
	struct sim *sim = call->sim;
	struct job *job;

	if (!call->answer.started[0] || !loses_answer(fault, &call->answer))
		return;
	job = jobs_find(&sim->jobs, call->answer.started, &sim->set, sim_clock_now(&sim->clock));
	if (job)
		job->answer_lost = true;
}

/* Carries out what the fault lets through and answers; ends the request. */
static void
call_run(struct call *call, const struct route *route, const struct fault *fault)
{
	struct sim *sim = call->sim;

	if (!fault || fault->effect)
		call_carry_out(call, route);
	if (fault) {
		note_lost(call, fault);
		fault_answer(call, fault);
	}
	if (fault && (fault->kind == FAULT_RESET || fault->kind == FAULT_LOST))
		wire_reset(sim, call->req);
	else if (fault && fault->kind == FAULT_HANG)
		wire_hang(sim, call->req);
	else
		wire_send(sim, call->req, &call->answer, fault);
	answer_done(&call->answer);
}

/* False when the query string cannot be read. */
static bool
call_init(struct call *call, struct sim *sim, struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;

	memset(call, 0, sizeof *call);
	call->sim = sim;
	call->req = req;
	call->query_text = query ? query : "";
	return evhttp_parse_query_str(call->query_text, &call->query) == 0;
}

static const char *
path_of(struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	return path ? path : "";
}

static void
request_answer(struct sim *sim, struct evhttp_request *req, const struct fault *fault)
{
	const struct route *route;
	struct call call;
	bool readable = call_init(&call, sim, req);

	route = route_find(evhttp_request_get_command(req), path_of(req), call.id,
	    sizeof call.id);
	call.kind = route ? route->kind : CALL_OTHER;
	if (readable) {
		call_run(&call, route, fault);
	} else {
		answer_text(&call.answer, 400, "Bad request");
		wire_send(sim, req, &call.answer, NULL);
	}
	evhttp_clear_headers(&call.query);
}

static void
held_free(struct held *held)
{
	event_free(held->timer);
	event_free(held->closed);
	free(held);
}

static void
held_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct held *held = arg, **at;

	(void)fd;
	(void)what;
	for (at = &held->sim->held; *at != held; at = &(*at)->next)
		;
	*at = held->next;
	(void)event_del(held->closed);
	if (held->left)
		wire_open(held->sim, held->req);
	request_answer(held->sim, held->req, NULL);
	held_free(held);
}

static void
held_on_closed(evutil_socket_t fd, short what, void *arg)
{
	struct held *held = arg;

	(void)fd;
	(void)what;
	held->left = true;
	wire_left(held->sim, held->req);
}

static void
request_hold(struct sim *sim, struct evhttp_request *req, int64_t ms)
{
	struct held *held = xcalloc(1, sizeof *held);
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(
	    evhttp_request_get_connection(req)));

	held->sim = sim;
	held->req = req;
	held->timer = evtimer_new(sim->base, held_on_timer, held);
	held->closed = event_new(sim->base, fd, EV_CLOSED, held_on_closed, held);
	(void)event_add(held->closed, NULL);
	held->next = sim->held;
	sim->held = held;
	loop_timer_in(held->timer, ms);
}

void
sim_drop_held(struct sim *sim)
{
	struct held *next;

	for (struct held *held = sim->held; held; held = next) {
		next = held->next;
		held_free(held);
	}
	sim->held = NULL;
}

static void
refuse_banned(struct sim *sim, struct evhttp_request *req)
{
	struct answer answer = { .body = NULL };

	if (sim->set.block == BLOCK_RESET) {
		wire_reset(sim, req);
		return;
	}
	answer_text(&answer, 403, "Forbidden");
	wire_send(sim, req, &answer, NULL);
}

static void
on_control(struct sim *sim, struct evhttp_request *req, const char *path)
{
	struct call call;

	if (!call_init(&call, sim, req))
		evhttp_clear_headers(&call.query);
	sim_on_control(sim, req, path, &call.query);
	evhttp_clear_headers(&call.query);
}

void
sim_on_request(struct evhttp_request *req, void *arg)
{
	struct sim *sim = arg;
	const char *path = path_of(req);
	const struct route *route;
	const struct fault *fault;
	enum sim_call_kind kind;
	char id[72];

	if (strncmp(path, "/_sim/", 6) == 0) {
		on_control(sim, req, path + 6);
		return;
	}
	route = route_find(evhttp_request_get_command(req), path, id, sizeof id);
	kind = route ? route->kind : CALL_OTHER;
	sim->stats.calls[kind]++;
	wire_open(sim, req);
	if (sim->open > sim->stats.most_open)
		sim->stats.most_open = sim->open;
	if (sim->refusals.banned) {
		refuse_banned(sim, req);
		return;
	}
	fault = fault_take(&sim->faults, kind);
	if (fault)
		log_plain(LOG_LEVEL_INFO, "fault set for call=%s strikes", call_names[kind]);
	if (fault && fault->kind == FAULT_DELAY)
		request_hold(sim, req, fault->ms);
	else
		request_answer(sim, req, fault);
}
