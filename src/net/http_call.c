/*
 * http_call.c - one HTTP call: sets up a libcurl handle by the rules of the
 * header, takes in what comes, and says at the end how it ended. Owns the call;
 * the loop is net_loop.c's, the handles are net.c's, reading the head is http_head.c's.
 */
#include "net/http_call.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "net/http_coding.h"
#include "net/http_head.h"
#include "net/net.h"

#define CONNECT_TIMEOUT_MS 15000
#define STREAM_BUFFER	   (512L << 10)
#define STALL_RATE	   1024L		/* bytes a second */
#define BODY_FIRST	   1024u
#define AUTHORIZATION	   "Authorization: Bearer "
#define SECRET_MIN	   8	/* what is shorter may stand in any text by chance */

struct http_call {
	LIST_ENTRY(http_call) link;
	struct net	*net;
	CURL		*easy;
	struct curl_slist *headers;
	char		*request_body;
	int		 socket_dir;	/* open while a long socket path is reached through it */
	bool		 fresh;
	size_t		 body_max;
	int		(*on_data)(const void *p, size_t len, void *arg);
	bool		(*may_send)(void *arg);
	bool		(*is_whole)(const char *body, size_t len);
	http_done_fn	*on_done;
	void		*arg;
	bool		 stopped;	/* by on_data or body_max */
	bool		 held_back;	/* by may_send */
	bool		 proxied;
	bool		 ready;		/* its connection stood, through the proxy, too */
	bool		 damaged;	/* its coding is */
	bool		 canceled;	/* from inside on_data: ends without a word */
	bool		 feeding;	/* inside on_data */
	char		*body;
	size_t		 body_len, body_room;
	struct http_head head;
	struct http_coding coding;	/* of the body */
	struct why	 why;		/* of a refused head or a stop */
	char		 curl_error[CURL_ERROR_SIZE];
};

/* ---- what comes in ---- */

static int
call_on_whole_head(struct http_call *call)
{
	if (call->head.unframed && (call->on_data != NULL || call->is_whole == NULL))
		return why_set(&call->why, EPROTO, "the answer has neither a Content-Length nor chunked framing, so its "
		    "end cannot be told");
	return http_coding_named(&call->coding, call->head.content_encoding, &call->why);
}

static size_t
call_on_head(char *line, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;

	bool before = call->head.done;

	if (http_head_line(&call->head, line, size * count, &call->why) < 0)
		return 0;
	if (call->head.done && !before && call_on_whole_head(call) < 0)
		return 0;
	if (call->head.done && call->on_data == NULL &&
	    call->head.content_length > (int64_t)call->body_max) {
		call->stopped = true;
		(void)why_set(&call->why, EFBIG, "the answer is larger than %zu bytes",
		    call->body_max);
		return 0;
	}
	return size * count;
}

static bool
call_collect(struct http_call *call, const char *p, size_t len)
{
	if (len > call->body_max - call->body_len) {
		call->stopped = true;
		(void)why_set(&call->why, EFBIG, "the answer is larger than %zu bytes",
		    call->body_max);
		return false;
	}
	if (call->body_len + len + 1 > call->body_room) {
		size_t room = call->body_room > 0 ? call->body_room : BODY_FIRST;

		while (room < call->body_len + len + 1)
			room *= 2;
		call->body = xrealloc(call->body, room);
		call->body_room = room;
	}
	memcpy(call->body + call->body_len, p, len);
	call->body_len += len;
	call->body[call->body_len] = '\0';
	return true;
}

/* Bytes of the body, whatever they were compressed into. */
static int
call_take(const void *p, size_t len, void *arg)
{
	struct http_call *call = arg;
	int rc;

	if (call->on_data == NULL || call->head.status != 200)
		return call_collect(call, p, len) ? 0 : -ECANCELED;
	call->feeding = true;
	rc = call->on_data(p, len, call->arg);
	call->feeding = false;
	if (rc == 0 && !call->canceled)
		return 0;
	call->stopped = true;
	return why_set(&call->why, ECANCELED, "stopped by the receiver");
}

static size_t
call_on_body(char *p, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	int rc = http_coding_feed(&call->coding, p, size * count, &call->why);

	call->damaged = call->damaged || rc == -EBADMSG;
	return rc == 0 ? size * count : 0;
}

/* All of it is there: by the rules of its coding, too? */
static void
call_end_body(struct http_call *call)
{
	if (http_coding_end(&call->coding, &call->why) == -EBADMSG)
		call->damaged = true;
}

static bool
call_is_whole(struct http_call *call)
{
	if (!call->head.done)
		return false;
	if (!call->head.unframed || call->is_whole(call->body != NULL ? call->body : "", call->body_len))
		return true;
	(void)why_set(&call->why, EPROTO, "the answer's end was the end of the connection, and it is not whole");
	return false;
}

/* ---- the last moment ---- */

/* libcurl has a connection and has not written a byte of the request to it. */
static int
call_on_ready(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct http_call *call = arg;

	(void)to, (void)from, (void)to_port, (void)from_port;
	call->ready = true;
	if (call->may_send == NULL || call->may_send(call->arg))
		return CURL_PREREQFUNC_OK;
	call->held_back = true;
	(void)why_set(&call->why, ECANCELED, "held back before it was sent");
	return CURL_PREREQFUNC_ABORT;
}

/* ---- how it ended ---- */

/* libcurl counts what it handed to the socket or to TLS. It reaches the transfer
 * before it sends, so both at zero proves that nothing left. What it says to a proxy
 * counts, too: then it is the last moment that tells. */
static bool
call_was_sent(const struct http_call *call)
{
	curl_off_t begun = 0;
	long sent = 0;

	if (call->proxied)
		return call->ready;
	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
	(void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &begun);
	return sent > 0 || begun > 0;
}

static enum net_verdict
call_verdict(struct http_call *call, CURLcode result)
{
	if (call->held_back)
		return NET_NOT_SENT;
	if (call->stopped)
		return NET_STOPPED;
	if (call->damaged)
		return NET_DAMAGED;
	if (result == CURLE_OK)
		return call_is_whole(call) ? NET_ANSWERED : NET_BROKEN;
	if (!call_was_sent(call))
		return NET_NOT_SENT;
	return result == CURLE_OPERATION_TIMEDOUT ? NET_TIMEOUT : NET_BROKEN;
}

static void
call_error(const struct http_call *call, CURLcode result, char *dst, size_t size)
{
	const char *text = curl_easy_strerror(result);

	if (call->why.text[0] != '\0')
		text = call->why.text;
	else if (call->curl_error[0] != '\0')
		text = call->curl_error;
	else if (result == CURLE_OK)
		text = "the answer has no head";
	str_printable(dst, size, text, strlen(text));
}

static void
call_free(struct http_call *call)
{
	struct net *net = call->net;

	(void)curl_multi_remove_handle(net->multi, call->easy);
	net_give_handle(net, call->easy, call->fresh);
	for (struct curl_slist *h = call->headers; h != NULL; h = h->next)
		if (strncasecmp(h->data, AUTHORIZATION, strlen(AUTHORIZATION)) == 0)
			mem_wipe(h->data, strlen(h->data));
	curl_slist_free_all(call->headers);
	if (call->socket_dir >= 0)
		(void)close(call->socket_dir);
	LIST_REMOVE(call, link);
	http_coding_done(&call->coding);
	free(call->request_body);
	free(call->body);
	free(call);
}

static const char *
call_bearer(const struct http_call *call)
{
	for (const struct curl_slist *h = call->headers; h != NULL; h = h->next)
		if (strncasecmp(h->data, AUTHORIZATION, strlen(AUTHORIZATION)) == 0)
			return h->data + strlen(AUTHORIZATION);
	return NULL;
}

/* A refusal may repeat the key that it refuses; whoever logs it or tells it on must not
 * have it. Other answers are data and stay as they are. */
static void
call_mask_secret(struct http_call *call)
{
	const char *bearer = call_bearer(call);
	size_t len = bearer != NULL ? strlen(bearer) : 0;
	char *p = call->body;

	if (call->head.status < 400 || len < SECRET_MIN || p == NULL)
		return;
	while ((p = memmem(p, call->body_len - (size_t)(p - call->body), bearer, len)) != NULL) {
		memset(p, '*', len);
		p += len;
	}
}

void
http_call_on_end(struct http_call *call, CURLcode result)
{
	struct http_answer answer;

	if (result == CURLE_OK && !call->canceled)
		call_end_body(call);
	answer = (struct http_answer){
		.verdict = call_verdict(call, result),
		.status = call->head.status,
		.body = call->body != NULL ? call->body : "",
		.body_len = call->body_len,
		.content_length = call->head.content_length,
		.retry_after_ms = http_retry_after_ms(call->head.retry_after,
		    clock_wall_ms(&clock_system)),
		.date_ms = http_date_ms(call->head.date),
	};

	if (!call->canceled) {
		(void)str_copy(answer.content_type, sizeof(answer.content_type),
		    call->head.content_type);
		(void)str_copy(answer.location, sizeof(answer.location), call->head.location);
		if (answer.verdict != NET_ANSWERED)
			call_error(call, result, answer.error, sizeof(answer.error));
		call_mask_secret(call);
		/* Out of libcurl's hands first: on_done may start other calls. */
		(void)curl_multi_remove_handle(call->net->multi, call->easy);
		call->on_done(&answer, call->arg);
	}
	call_free(call);
}

/* ---- setting up ---- */

static void
call_add_header(struct http_call *call, const char *line)
{
	struct curl_slist *longer = curl_slist_append(call->headers, line);

	assert(longer != NULL);
	call->headers = longer;
}

static void
call_set_headers(struct http_call *call, const struct http_request *request)
{
	call_add_header(call, "Accept-Encoding: identity");
	call_add_header(call, "Expect:");
	if (request->body == NULL)
		call_add_header(call, "Content-Type:");
	for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
		call_add_header(call, *line);
	if (request->bearer != NULL) {
		size_t size = strlen(AUTHORIZATION) + strlen(request->bearer) + 1;
		char *line = xmalloc(size);

		(void)snprintf(line, size, "%s%s", AUTHORIZATION, request->bearer);
		call_add_header(call, line);
		mem_wipe(line, size);
		free(line);
	}
	(void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void
call_set_method(struct http_call *call, const struct http_request *request)
{
	CURL *easy = call->easy;

	if (strcmp(request->method, "GET") == 0 && request->body == NULL) {
		(void)curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	if (request->body != NULL) {
		call->request_body = xmalloc(request->body_len + 1);
		memcpy(call->request_body, request->body, request->body_len);
	}
	(void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)(request->body != NULL ? request->body_len : 0));
	(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
	    request->body != NULL ? call->request_body : "");
	if (strcmp(request->method, "POST") != 0)
		(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* libcurl keeps the trusted certificates parsed from call to call (35 ms and some MB
 * each time otherwise), but only when they come from one file and not also from a
 * directory, as Debian's build has it. */
static void
call_set_trust(const struct http_call *call, const char *ca_file)
{
	bool own = ca_file != NULL && ca_file[0] != '\0';

	if (own || call->net->trusts_file)
		(void)curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL);
	if (!own)
		return;
	(void)curl_easy_setopt(call->easy, CURLOPT_CAINFO, ca_file);
	(void)curl_easy_setopt(call->easy, CURLOPT_PROXY_CAINFO, ca_file);
}

/* Ours alone: the environment names none, and no host is an exception. The key goes to the host, not
 * to the proxy, and what the proxy answers for itself is no head of ours. */
static void
call_set_proxy(struct http_call *call, const char *proxy)
{
	call->proxied = proxy != NULL && proxy[0] != '\0';
	(void)curl_easy_setopt(call->easy, CURLOPT_PROXY, call->proxied ? proxy : "");
	(void)curl_easy_setopt(call->easy, CURLOPT_NOPROXY, "");
	(void)curl_easy_setopt(call->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	(void)curl_easy_setopt(call->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

/* Where we talk to, and by which rules only. */
static void
call_set_manners(CURL *easy)
{
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* HTTP/1.1 for all: the framing rules are about it. */
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "trawld/" TRAWLD_VERSION);
}

static void
call_set_times(CURL *easy, const struct http_request *request)
{
	long connect_ms = CONNECT_TIMEOUT_MS;

	/* One call on one connection has its deadline; who waits longer wants to know of a
	 * peer that is gone. */
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, request->fresh ? 0L : 1L);
	if (request->timeout_ms > 0) {
		(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
		if (request->timeout_ms < connect_ms)
			connect_ms = (long)request->timeout_ms;
	}
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	if (request->stall_ms > 0) {
		(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, STALL_RATE);
		(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
		    (long)((request->stall_ms + 999) / 1000));
	}
}

static void
call_set_receivers(struct http_call *call)
{
	CURL *easy = call->easy;

	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)call);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, call_on_head);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, call_on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	if (call->on_data != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, STREAM_BUFFER);
	if (call->may_send != NULL || call->proxied) {
		(void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, call_on_ready);
		(void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
	}
}

static void
call_set_address(struct http_call *call, const struct http_request *request)
{
	(void)curl_easy_setopt(call->easy, CURLOPT_URL, request->url);
	if (call->fresh) {
		(void)curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
		(void)curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
	}
	if (request->unix_socket != NULL) {
		struct sockaddr_un address;
		const char *path = request->unix_socket;

		/* A path that cannot be reached goes to libcurl as it is, which then says so. */
		if (fs_unix_address(path, &address, &call->socket_dir) == 0)
			path = address.sun_path;
		else
			call->socket_dir = -1;
		(void)curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH, path);
	}
}

struct http_call *
http_call_start(struct net *net, const struct http_request *request, http_done_fn *on_done,
    void *arg)
{
	struct http_call *call = xcalloc(1, sizeof(*call));
	CURLMcode added;

	call->net = net;
	call->fresh = request->fresh;
	call->easy = net_take_handle(net, call->fresh);
	call->socket_dir = -1;
	call->body_max = request->body_max;
	call->on_data = request->on_data;
	call->may_send = request->may_send;
	call->is_whole = request->is_whole;
	call->on_done = on_done;
	call->arg = arg;
	http_head_init(&call->head);
	http_coding_init(&call->coding, call_take, call);
	call_set_manners(call->easy);
	call_set_trust(call, request->ca_file);
	call_set_proxy(call, request->proxy);
	call_set_address(call, request);
	call_set_method(call, request);
	call_set_headers(call, request);
	call_set_times(call->easy, request);
	call_set_receivers(call);
	LIST_INSERT_HEAD(&net->calls, call, link);
	/* Only memory could be missing here; from inside on_data it would be our bug. */
	added = curl_multi_add_handle(net->multi, call->easy);
	assert(added == CURLM_OK);
	(void)added;
	return call;
}

void
http_call_cancel(struct http_call *call)
{
	if (call == NULL)
		return;
	if (call->feeding)
		call->canceled = true;	/* libcurl is at work on it; it ends right after on_data */
	else
		call_free(call);
}

int64_t
http_call_content_length(const struct http_call *call)
{
	return call->head.done ? call->head.content_length : -1;
}
