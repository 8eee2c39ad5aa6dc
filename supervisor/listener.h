/*
 * listener.h - the listening sockets: one for TCP, one in the data directory for
 * programs of this machine. The supervisor owns them, so that callers wait in the
 * backlog while fronts come and go.
 */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#include "conf/conf.h"

struct why;

#define LISTENER_URL_SIZE 96

struct listener {
	int	tcp, local;		/* -1: none */
	bool	tcp_given, local_given;	/* by systemd: not ours to replace or unlink */
	char	url[LISTENER_URL_SIZE];	/* http://ADDRESS:PORT with the port that it is */
	char	local_path[1100];
};

void listener_init(struct listener *);
/* Takes what systemd passed (LISTEN_PID, LISTEN_FDS), so that it is not opened again. */
int listener_adopt(struct listener *, struct why *why);
/* A TCP socket from systemd counts, whatever PORT and BIND_ADDRESS say: true when they say
 * something else, and why tells what to do. */
bool listener_is_elsewhere(const struct listener *, const struct conf *, struct why *why);
/* A TCP socket on BIND_ADDRESS:PORT; changes nothing on failure. -EADDRINUSE and others. */
int listener_bind_tcp(const struct conf *, int *ret_fd, char ret_url[LISTENER_URL_SIZE],
    struct why *why);
/* DATA_DIR/api.sock; the caller holds the data directory's lock, so one that lies there is stale. */
int listener_bind_local(struct listener *, const struct conf *, struct why *why);
/* A nonblocking Unix socket of that type, listening at path, with no more rights than mask
 * leaves. Whatever lies there is stale, see above. */
int listener_bind_path(const char *path, int type, mode_t mask, int *ret_fd, struct why *why);
/* Closes the local one if it is ours, and leaves its name: the directory has gone. */
void listener_let_go(struct listener *);
/* Closes both, and unlinks what we made. */
void listener_close(struct listener *);

#endif
