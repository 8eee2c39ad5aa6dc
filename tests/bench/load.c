/*
 * load.c - drives HTTP load at one address and prints the rate as JSON.
 *
 *   load --port N [--path P] [--body TEXT] [--header "N: v"] [--connections C]
 *        [--requests N] [--fresh]
 *
 * One thread, epoll, plain sockets: it must cost less than what it measures.
 * --fresh opens a new connection for each request. An answer that is not 2xx, or
 * is cut, is an error and is counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 65536

struct connection {
	int	 fd;
	size_t	 sent, got;
	double	 began;
	char	 in[ANSWER_MAX];
};

static struct sockaddr_in address;
static char *request;
static size_t request_len;
static bool fresh;
static unsigned long wanted, begun, done, errors;
static double *latency;
static int epoll_fd;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
connection_open(struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
		die("connect");
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		die("epoll_ctl");
}

static void
connection_close(struct connection *c)
{
	struct linger no = { .l_onoff = 1 };

	if (c->fd < 0)
		return;
	/* Reset instead of TIME_WAIT, or the ports of this machine run out. */
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &no, sizeof(no));
	close(c->fd);
	c->fd = -1;
}

static void connection_write(struct connection *);

/* The next request on this connection, while there are any. */
static void
connection_next(struct connection *c)
{
	if (begun == wanted) {
		connection_close(c);
		return;
	}
	begun++;
	c->sent = c->got = 0;
	c->began = now();
	if (fresh)
		connection_close(c);
	if (c->fd < 0)
		connection_open(c);
	connection_write(c);
}

static void
connection_write(struct connection *c)
{
	while (c->sent < request_len) {
		ssize_t n = send(c->fd, request + c->sent, request_len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
			return;
		if (n < 0)
			return;		/* the read side reports it */
		c->sent += (size_t)n;
	}
}

static void
connection_finish(struct connection *c, bool ok)
{
	latency[done++] = now() - c->began;
	if (!ok) {
		errors++;
		if (errors == 1)
			fprintf(stderr, "load: first bad answer: %.200s\n", c->got ? c->in : "(cut)");
		connection_close(c);
	}
	connection_next(c);
}

/* Length of a whole answer at the start of in[], 0 when it is not whole yet. */
static size_t
answer_length(struct connection *c)
{
	char *end, *length;

	c->in[c->got] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (end == NULL)
		return 0;
	length = strcasestr(c->in, "content-length:");
	if (length == NULL || length > end)
		return 0;
	return (size_t)(end + 4 - c->in) + strtoul(length + 15, NULL, 10);
}

static void
connection_read(struct connection *c)
{
	for (;;) {
		ssize_t n = recv(c->fd, c->in + c->got, ANSWER_MAX - 1 - c->got, 0);
		size_t whole;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			connection_finish(c, false);
			return;
		}
		c->got += (size_t)n;
		whole = answer_length(c);
		if (whole != 0 && c->got >= whole) {
			connection_finish(c, strncmp(c->in, "HTTP/1.1 2", 10) == 0);
			return;
		}
		if (c->got == ANSWER_MAX - 1) {
			connection_finish(c, false);
			return;
		}
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", 1, 0, 'p' }, { "path", 1, 0, 'a' }, { "body", 1, 0, 'b' },
		{ "header", 1, 0, 'h' }, { "connections", 1, 0, 'c' }, { "requests", 1, 0, 'n' },
		{ "fresh", 0, 0, 'f' }, { 0 },
	};
	const char *path = "/", *body = NULL, *header = NULL;
	unsigned connections = 64;
	int option, port = 0;
	struct connection *all;
	double start, seconds;

	wanted = 10000;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p': port = atoi(optarg); break;
		case 'a': path = optarg; break;
		case 'b': body = optarg; break;
		case 'h': header = optarg; break;
		case 'c': connections = (unsigned)atoi(optarg); break;
		case 'n': wanted = strtoul(optarg, NULL, 10); break;
		case 'f': fresh = true; break;
		default: return 64;
		}
	}
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (asprintf(&request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s%s",
	    body ? "POST" : "GET", path, port, header ? header : "", header ? "\r\n" : "",
	    body ? "Content-Type: application/json\r\n" : "",
	    fresh ? "Connection: close\r\n" : "") < 0)
		die("asprintf");
	if (body != NULL) {
		char *whole;

		if (asprintf(&whole, "%sContent-Length: %zu\r\n\r\n%s", request, strlen(body), body) < 0)
			die("asprintf");
		request = whole;
	} else if (asprintf(&request, "%s\r\n", request) < 0) {
		die("asprintf");
	}
	request_len = strlen(request);
	if (connections > wanted)
		connections = (unsigned)wanted;
	latency = calloc(wanted + 1, sizeof(*latency));
	all = calloc(connections, sizeof(*all));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	start = now();
	for (unsigned i = 0; i < connections; i++) {
		all[i].fd = -1;
		connection_next(&all[i]);
	}
	while (done < wanted) {
		struct epoll_event events[256];
		int n = epoll_wait(epoll_fd, events, 256, 30000);

		if (n == 0) {
			fprintf(stderr, "load: no answer for 30 s after %lu of %lu\n", done, wanted);
			return 1;
		}
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->fd >= 0 && c->sent < request_len)
				connection_write(c);
			if (c->fd >= 0)
				connection_read(c);
		}
	}
	seconds = now() - start;
	qsort(latency, wanted, sizeof(*latency), compare);
	printf("{\"requests\":%lu,\"errors\":%lu,\"seconds\":%.3f,\"rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
	    wanted, errors, seconds, (double)wanted / seconds,
	    latency[wanted / 2] * 1e3, latency[wanted * 99 / 100] * 1e3);
	return errors ? 1 : 0;
}
