/*
 * bare.c - the ceilings of the bench, each alone:
 *
 *   bare http BYTES         evhttp that answers every request with BYTES of JSON; prints its port
 *   bare commit GROUP N     N crawls into the job store, GROUP to a commit; prints the rate
 *   bare yajl FILE REPEAT   FILE parsed REPEAT times; prints bytes a second
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "base/why.h"
#include "keeper/store.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
on_request(struct evhttp_request *request, void *arg)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(request);
	const char *text = arg;

	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
	evbuffer_add(out, text, strlen(text));
	evhttp_send_reply(request, 200, "OK", NULL);
}

static int
bare_http(size_t bytes)
{
	struct event_base *base = loop_new();
	struct evhttp *http = evhttp_new(base);
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	struct evhttp_bound_socket *bound;
	char *text = xcalloc(bytes + 1, 1);

	memset(text, 'x', bytes);
	text[0] = text[bytes - 1] = '"';
	evhttp_set_gencb(http, on_request, text);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	if (bound == NULL)
		return 1;
	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}

static int
bare_commit(unsigned group, unsigned count)
{
	struct uuid_maker maker = { 0 };
	struct trigger_request request = { .platform = PLATFORM_FACEBOOK,
		.dataset_id = "gd_lkaxegm826bjpoo9m5", .competitor = "acme", .brand = "acme brand",
		.category = "snacks", .url = "https://www.facebook.com/acme", .start_date = "2024-12-01",
		.end_date = "2024-12-24", .include_profile_data = true, .num_of_posts = 10 };
	struct store *store;
	struct why why;
	double start;

	if (store_open("bench.db", &clock_system, NULL, &store, &why) < 0) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	start = now();
	for (unsigned i = 0; i < count; i++) {
		struct crawl crawl = { .state = CRAWL_ACCEPTED, .version = 1 };

		crawl.id = uuid_make(&maker, &clock_system);
		crawl.created_ms = crawl.updated_ms = crawl.due_ms = clock_wall_ms(&clock_system);
		if (store_crawl_add(store, &crawl, &request, "", &why) < 0 ||
		    ((i + 1) % group == 0 && store_commit(store, &why) < 0)) {
			fprintf(stderr, "%s\n", why.text);
			return 1;
		}
	}
	printf("%.1f\n", count / (now() - start));
	store_close(store);
	return 0;
}

static int
on_value(void *arg)
{
	(void)arg;
	return 1;
}

static int
on_bool(void *arg, int value)
{
	(void)arg;
	(void)value;
	return 1;
}

static int
on_number(void *arg, const char *p, size_t len)
{
	(void)arg;
	(void)p;
	(void)len;
	return 1;
}

static int
on_text(void *arg, const unsigned char *p, size_t len)
{
	(void)arg;
	(void)p;
	(void)len;
	return 1;
}

static int
bare_yajl(const char *path, unsigned repeat)
{
	static const yajl_callbacks callbacks = { on_value, on_bool, NULL, NULL, on_number, on_text,
		on_value, on_text, on_value, on_value, on_value };
	FILE *file = fopen(path, "r");
	double start;
	char *text;
	long size;

	if (file == NULL || fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0)
		return 1;
	rewind(file);
	text = xmalloc((size_t)size + 1);
	if (fread(text, 1, (size_t)size, file) != (size_t)size)
		return 1;
	start = now();
	for (unsigned i = 0; i < repeat; i++) {
		yajl_handle parser = yajl_alloc(&callbacks, NULL, NULL);

		yajl_config(parser, yajl_allow_multiple_values, 1);
		for (long at = 0; at < size; at += 65536) {
			size_t part = (size_t)(size - at < 65536 ? size - at : 65536);

			if (yajl_parse(parser, (unsigned char *)text + at, part) != yajl_status_ok)
				return 1;
		}
		if (yajl_complete_parse(parser) != yajl_status_ok)
			return 1;
		yajl_free(parser);
	}
	printf("%.0f\n", (double)size * repeat / (now() - start));
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "http") == 0)
		return bare_http((size_t)atol(argv[2]));
	if (argc == 4 && strcmp(argv[1], "commit") == 0)
		return bare_commit((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
	if (argc == 4 && strcmp(argv[1], "yajl") == 0)
		return bare_yajl(argv[2], (unsigned)atoi(argv[3]));
	fprintf(stderr, "usage: bare http BYTES | commit GROUP COUNT | yajl FILE REPEAT\n");
	return 64;
}
