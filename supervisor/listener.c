/*
 * listener.c - binding, or taking over from systemd. Nobody accepts here.
 */
#include "supervisor/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"

#define LISTENER_BACKLOG  4096
#define LISTENER_GIVEN_FD 3	/* the first of LISTEN_FDS */
#define LISTENER_GIVEN_MAX 16

union address {
	struct sockaddr		any;
	struct sockaddr_in	v4;
	struct sockaddr_in6	v6;
	struct sockaddr_un	local;
};

void
listener_init(struct listener *l)
{
	*l = (struct listener){ .tcp = -1, .local = -1 };
}

/* ---- sockets from systemd ---- */

static int
listener_given_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != getpid())
		return 0;
	return (int)strtol(count, NULL, 10);
}

static void
url_write(char url[LISTENER_URL_SIZE], const union address *a)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (a->any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof(text));
		(void)snprintf(url, LISTENER_URL_SIZE, "http://[%s]:%u", text, ntohs(a->v6.sin6_port));
	} else {
		(void)inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof(text));
		(void)snprintf(url, LISTENER_URL_SIZE, "http://%s:%u", text, ntohs(a->v4.sin_port));
	}
}

static int
listener_adopt_one(struct listener *l, int fd, struct why *why)
{
	union address a = { 0 };
	socklen_t size = sizeof(a), flag_size = sizeof(int);
	int listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &flag_size) < 0 || !listening ||
	    getsockname(fd, &a.any, &size) < 0)
		return why_set(why, EINVAL, "descriptor %d from systemd is no listening socket: "
		    "the socket unit needs ListenStream= and Accept=no", fd);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (a.any.sa_family == AF_UNIX && l->local < 0) {
		l->local = fd;
		l->local_given = true;
		return 0;
	}
	if ((a.any.sa_family == AF_INET || a.any.sa_family == AF_INET6) && l->tcp < 0) {
		l->tcp = fd;
		l->tcp_given = true;
		url_write(l->url, &a);
		return 0;
	}
	return why_set(why, EINVAL, "descriptor %d from systemd is one too many: the socket unit may "
	    "have one TCP and one Unix socket", fd);
}

int
listener_adopt(struct listener *l, struct why *why)
{
	int count = listener_given_count(), r = 0;

	if (count > LISTENER_GIVEN_MAX)
		return why_set(why, EINVAL, "LISTEN_FDS=%d is more than trawld takes", count);
	for (int i = 0; i < count && r == 0; i++)
		r = listener_adopt_one(l, LISTENER_GIVEN_FD + i, why);
	return r;
}

/* ---- our own ---- */

static int
address_of(const struct conf *conf, union address *ret, socklen_t *ret_size)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, conf->bind_address, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t)conf->port);
		*ret_size = sizeof(ret->v4);
		return 0;
	}
	if (inet_pton(AF_INET6, conf->bind_address, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)conf->port);
		*ret_size = sizeof(ret->v6);
		return 0;
	}
	return -EINVAL;
}

bool
listener_is_elsewhere(const struct listener *l, const struct conf *conf, struct why *why)
{
	char url[LISTENER_URL_SIZE];
	union address a;
	socklen_t size;
	size_t same;

	if (!l->tcp_given || address_of(conf, &a, &size) < 0)
		return false;
	url_write(url, &a);
	same = conf->port == 0 ? (size_t)(strrchr(url, ':') - url) + 1 : sizeof(url);	/* PORT=0 is any */
	if (strncmp(url, l->url, same) == 0)
		return false;
	(void)why_set(why, EINVAL, "the socket from systemd listens on %s, and BIND_ADDRESS=%s PORT=%lld are not "
	    "used: change ListenStream= of the socket unit (systemctl edit trawld.socket, then restart it), or "
	    "set them to the same", l->url, conf->bind_address, (long long)conf->port);
	return true;
}

static int
bind_failed(const struct conf *conf, int error, struct why *why)
{
	const char *advice = "see BIND_ADDRESS and PORT";

	if (error == EADDRINUSE)
		advice = "another program listens there: end it, or set PORT to a free one";
	else if (error == EADDRNOTAVAIL)
		advice = "this machine has no such address: set BIND_ADDRESS to one that it has";
	else if (error == EACCES)
		advice = "ports below 1024 are not for every user: set PORT to 1024 or more";
	return why_set(why, error, "cannot listen on %s port %lld: %s; %s", conf->bind_address,
	    (long long)conf->port, strerror(error), advice);
}

int
listener_bind_tcp(const struct conf *conf, int *ret_fd, char ret_url[LISTENER_URL_SIZE],
    struct why *why)
{
	scoped_fd fd = -1;
	union address a;
	socklen_t size;
	int on = 1;

	if (address_of(conf, &a, &size) < 0)
		return bind_failed(conf, EINVAL, why);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return bind_failed(conf, errno, why);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.any, size) < 0 || listen(fd, LISTENER_BACKLOG) < 0 ||
	    getsockname(fd, &a.any, &size) < 0)
		return bind_failed(conf, errno, why);
	url_write(ret_url, &a);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The mode counts from the moment the name appears. */
static int
bind_private(int fd, const struct sockaddr_un *address, mode_t mask)
{
	mode_t before = umask(mask);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	(void)umask(before);
	return r;
}

int
listener_bind_path(const char *path, int type, mode_t mask, int *ret_fd, struct why *why)
{
	scoped_fd fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	scoped_fd dir = -1;
	struct sockaddr_un address;
	int r;

	if (fd < 0)
		return why_set(why, errno, "cannot make %s: %s", path, strerror(errno));
	(void)unlink(path);
	r = fs_unix_address(path, &address, &dir);
	if (r == 0)
		r = bind_private(fd, &address, mask);
	if (r == 0 && listen(fd, LISTENER_BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		return why_set(why, -r, "cannot make %s: %s", path, strerror(-r));
	*ret_fd = take_fd(&fd);
	return 0;
}

int
listener_bind_local(struct listener *l, const struct conf *conf, struct why *why)
{
	(void)snprintf(l->local_path, sizeof(l->local_path), "%s/api.sock", conf->data_dir);
	return listener_bind_path(l->local_path, SOCK_STREAM, 0117, &l->local, why);
}

void
listener_let_go(struct listener *l)
{
	if (l->local_given || l->local < 0)
		return;
	(void)close(l->local);
	l->local = -1;
}

void
listener_close(struct listener *l)
{
	if (l->tcp >= 0)
		(void)close(l->tcp);
	if (l->local >= 0) {
		(void)close(l->local);
		if (!l->local_given)
			(void)unlink(l->local_path);
	}
	l->tcp = l->local = -1;
}
