/*
 * front_route.c - which handler a request goes to: one table of method, path and
 * handler. Query strings are ignored. HEAD is taken where GET is: the same answer
 * without its body.
 */
#include "front/front.h"

#include <string.h>

#include "base/mem.h"

#define GET_OR_HEAD (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)
#define CRAWL_PREFIX "/api/v1/crawl/"

struct route {
	unsigned	  methods;	/* enum evhttp_cmd_type, or-ed */
	const char	 *allow;	/* the same for the Allow header */
	const char	 *path;		/* whole, */
	const char	 *suffix;	/* or NULL and this: CRAWL_PREFIX, an id, the suffix */
	front_handler_fn *handler;
};

static const struct route routes[] = {
	{ GET_OR_HEAD, "GET, HEAD", "/health", NULL, front_on_health },
	{ EVHTTP_REQ_POST, "POST", "/api/v1/crawl/trigger", NULL, front_on_trigger },
	{ GET_OR_HEAD, "GET, HEAD", NULL, "/status", front_on_status },
	{ EVHTTP_REQ_POST, "POST", "/api/v1/admin/backup", NULL, front_on_backup },
	{ EVHTTP_REQ_POST, "POST", NULL, "/download", front_on_download },
	{ EVHTTP_REQ_POST, "POST", NULL, "/cancel", front_on_cancel },
	{ EVHTTP_REQ_POST, "POST", NULL, "/retry", front_on_retry },
};

static bool
text_is(const char *p, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(p, text, len) == 0;
}

/* ret_id: the path's segment in place of the crawl id, NULL when there is none. */
static const struct route *
route_find(const char *path, size_t len, const char **ret_id, size_t *ret_id_len)
{
	size_t prefix = strlen(CRAWL_PREFIX);
	const char *id = NULL, *rest = NULL;

	if (len > prefix && memcmp(path, CRAWL_PREFIX, prefix) == 0) {
		id = path + prefix;
		rest = memchr(id, '/', len - prefix);
	}
	for (size_t i = 0; i < countof(routes); i++) {
		const struct route *route = &routes[i];

		*ret_id = NULL;
		if (route->path != NULL && text_is(path, len, route->path))
			return route;
		if (route->path == NULL && rest != NULL &&
		    text_is(rest, (size_t)(path + len - rest), route->suffix)) {
			*ret_id = id;
			*ret_id_len = (size_t)(rest - id);
			return route;
		}
	}
	return NULL;
}

static bool
request_id_is_fit(const char *id)
{
	size_t len = id != NULL ? strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-") : 0;

	return len > 0 && len < REQUEST_ID_SIZE && id[len] == '\0';
}

static void
call_name(struct call *call, const char *request_id)
{
	struct uuid made;

	if (request_id_is_fit(request_id)) {
		(void)str_copy(call->request_id, sizeof(call->request_id), request_id);
		return;
	}
	made = uuid_make(&call->front->maker, call->front->clock);
	(void)uuid_format(call->request_id, &made);
}

/* Only text that is an id is looked up, and only its own form goes into answers. */
static bool
call_take_crawl_id(struct call *call, const char *id, size_t len)
{
	char text[UUID_TEXT_SIZE];

	if (str_copy_n(text, sizeof(text), id, len) < 0 || uuid_parse(text, &call->crawl_id) < 0)
		return false;
	(void)uuid_format(call->crawl_text, &call->crawl_id);
	return true;
}

static void
call_route(struct call *call)
{
	const char *uri = evhttp_request_get_uri(call->request), *id;
	char shown[128];
	size_t len = strcspn(uri, "?"), id_len;
	enum evhttp_cmd_type method = evhttp_request_get_command(call->request);
	const struct route *route = route_find(uri, len, &id, &id_len);

	call->head_only = method == EVHTTP_REQ_HEAD;
	if (route == NULL) {
		front_fail(call, ERROR_NOT_FOUND, "There is nothing at the path \"%s\".",
		    str_printable(shown, sizeof(shown), uri, len));
	} else if ((route->methods & (unsigned)method) == 0) {
		front_header(call, "Allow", route->allow);
		front_fail(call, ERROR_METHOD_NOT_ALLOWED, "This path takes %s only.", route->allow);
	} else if (id != NULL && !call_take_crawl_id(call, id, id_len)) {
		front_fail(call, ERROR_NOT_FOUND, "\"%s\" is not a crawl id: that is a UUID.",
		    str_printable(shown, sizeof(shown), id, id_len));
	} else {
		route->handler(call);
	}
}

void
front_on_request(struct guard_conn *conn, struct evhttp_request *request, void *arg)
{
	struct front *front = arg;
	struct call spare = { .front = front, .conn = conn, .request = request };
	struct call *call = call_new(front, conn, request);
	const char *id = evhttp_find_header(evhttp_request_get_input_headers(request), "X-Request-Id");

	if (call == NULL) {
		call_name(&spare, id);
		front_fail(&spare, ERROR_UNAVAILABLE, "This server already works on %d requests.", FRONT_CALLS);
		return;
	}
	call_name(call, id);
	call_route(call);
}
