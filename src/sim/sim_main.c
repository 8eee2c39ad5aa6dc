/*
 * sim_main.c - trawl-sim: start, listen, leave. One process, one loop.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "base/why.h"
#include "sim/sim.h"
#include "sim/sim_options.h"

#define BACKLOG 1024
#define HEADERS_MAX (64u << 10)
#define IDLE_SECONDS 300

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
follow_parent(void)
{
	pid_t parent = getppid();

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		fatal(EX_UNAVAILABLE, NULL, "the starting process is gone already");
}

static int
socket_open(const char *host, int64_t port, int *ret_fd, struct why *why)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM }, *found;
	char service[8];
	scoped_fd fd = -1;
	int yes = 1, r;

	(void)snprintf(service, sizeof service, "%d", (int)port);
	if ((r = getaddrinfo(host, service, &hints, &found)) != 0)
		return why_set(why, EINVAL, "--bind takes an IP address, not \"%s\": %s", host,
		    gai_strerror(r));
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	r = fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0 ? errno : 0;
	freeaddrinfo(found);
	if (r)
		return why_set(why, r, "cannot listen on %s port %d: %s", host, (int)port,
		    strerror(r));
	*ret_fd = take_fd(&fd);
	return 0;
}

static void
url_make(struct sim *sim, int fd)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof at;
	char host[INET6_ADDRSTRLEN], port[8];

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port, sizeof port,
	    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		fatal(EX_OSERR, NULL, "cannot learn our own address");
	(void)snprintf(sim->url, sizeof sim->url, at.ss_family == AF_INET6 ?
	    "http://[%s]:%s" : "http://%s:%s", host, port);
}

static void
sim_listen(struct sim *sim, const struct sim_options *options)
{
	struct evconnlistener *listener;
	struct why why;
	int fd = -1;

	if (socket_open(options->bind, options->port, &fd, &why) < 0)
		fatal(EX_UNAVAILABLE, NULL, "%s", why.text);
	url_make(sim, fd);
	sim->http = evhttp_new(sim->base);
	evhttp_set_allowed_methods(sim->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
	    EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
	evhttp_set_max_headers_size(sim->http, HEADERS_MAX);
	evhttp_set_max_body_size(sim->http, SIM_BODY_MAX);
	evhttp_set_timeout(sim->http, IDLE_SECONDS);
	evhttp_set_gencb(sim->http, sim_on_request, sim);
	listener = evconnlistener_new(sim->base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!listener || !evhttp_bind_listener(sim->http, listener))
		fatal(EX_OSERR, NULL, "cannot serve on %s", sim->url);
}

static void
main_on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)event_base_loopbreak(arg);
}

static void
sim_init(struct sim *sim, const struct sim_options *options)
{
	struct why why;
	int r = 0;

	memset(sim, 0, sizeof *sim);
	sim->base = loop_new();
	sim->set = options->set;
	sim->key = options->key;
	sim->seed = options->seed_text ? options->seed : random_u64();
	sim_clock_init(&sim->clock, &clock_system, sim->set.time_scale);
	if (options->records)
		r = sim_file_open(options->records, (uint64_t)options->repeat, &sim->file, &why);
	if (r < 0)
		fatal(EX_NOINPUT, NULL, "%s", why.text);
	if (r > 0)
		log_plain(LOG_LEVEL_WARNING, "%s; it is delivered as it is", why.text);
}

static void
sim_done(struct sim *sim)
{
	sim_drop_held(sim);
	evhttp_free(sim->http);
	faults_clear(&sim->faults);
	jobs_clear(&sim->jobs);
	sim_file_free(sim->file);
	event_base_free(sim->base);
}

static void
sim_run(struct sim *sim)
{
	struct event *term = evsignal_new(sim->base, SIGTERM, main_on_signal, sim->base);
	struct event *interrupt = evsignal_new(sim->base, SIGINT, main_on_signal, sim->base);

	(void)event_add(term, NULL);
	(void)event_add(interrupt, NULL);
	printf("trawl-sim: listening on %s\n", sim->url);
	(void)fflush(stdout);
	log_plain(LOG_LEVEL_INFO, "seed=%llu records=%s ready after %.1f virtual seconds, time scale %.1f",
	    (unsigned long long)sim->seed, sim->file ? "from a file" : "generated",
	    sim->set.ready_after, sim->set.time_scale);
	(void)event_base_dispatch(sim->base);
	event_free(term);
	event_free(interrupt);
}

int
main(int argc, char **argv)
{
	struct sim_options options;
	struct sim sim;
	struct why why;

	log_open("trawl-sim", LOG_LEVEL_INFO);
	log_never_wait();
	log_set_format(LOG_FORMAT_TEXT);	/* its lines are not the daemon's */
	if (sim_options_read(&options, argc, argv, &why) < 0) {
		fprintf(stderr, "trawl-sim: %s\ntrawl-sim: see: trawl-sim --help\n", why.text);
		return EX_USAGE;
	}
	if (options.help || options.version) {
		if (options.help)
			cli_help(stdout, &sim_cli);
		else
			printf("trawl-sim %s\n", TRAWLD_VERSION);
		return 0;
	}
	if (options.quiet)
		log_set_level(LOG_LEVEL_WARNING);
	if (options.exit_with_parent)
		follow_parent();
	(void)signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	sim_init(&sim, &options);
	sim_listen(&sim, &options);
	sim_run(&sim);
	sim_done(&sim);
	return 0;
}
