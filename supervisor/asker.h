/*
 * asker.h - "trawld --reload": asks the daemon of a data directory to reload and
 * waits for how it ends.
 *
 * DATA_DIR/reload.sock (SOCK_SEQPACKET, for the daemon's user alone): to connect is to
 * ask. The one packet that comes back is a struct asker_answer, when the reload that
 * began after the asking is through. End-of-file without one: the daemon is gone.
 */
#ifndef SUPERVISOR_ASKER_H
#define SUPERVISOR_ASKER_H

#include <stdint.h>

#define ASKER_VERSION	1	/* raise with any change below */
#define ASKER_TEXT_SIZE 1280

struct asker_answer {
	uint32_t version;
	int32_t	 exit_status;		/* of trawld --reload */
	char	 text[ASKER_TEXT_SIZE];	/* NUL-terminated */
};

struct options;
struct supervisor;

/* The asking side: checks the configuration, asks, waits, prints; the exit status. */
int asker_run(const struct options *);

/* The daemon's side. Without the socket it goes on: SIGHUP does the same. */
void askers_listen(struct supervisor *);
void askers_close(struct supervisor *);
void askers_tick(struct supervisor *);	/* now and then */
/* A reload begins: whoever has asked by now is answered when it ends. */
void askers_attach(struct supervisor *);
void askers_answer(struct supervisor *, int exit_status, const char *text);
/* There will be no more reloads. */
void askers_dismiss(struct supervisor *, const char *text);

#endif
