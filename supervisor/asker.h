/*
 * asker.h - "trawld --reload": asks the daemon of a data directory to reload and
 * waits for how it ends.
 *
 * DATA_DIR/reload.sock (SOCK_SEQPACKET, for the daemon's user alone): to connect is to
 * ask. The one packet that comes back is a struct asker_answer, when the reload that
 * began after the asking is through. End-of-file without one: the daemon is gone. The daemon's
 * side is askers.c's.
 */
#ifndef SUPERVISOR_ASKER_H
#define SUPERVISOR_ASKER_H

#include <stddef.h>
#include <stdint.h>

#define ASKER_VERSION	1	/* raise with any change below */
#define ASKER_TEXT_SIZE 1280

struct asker_answer {
	uint32_t version;
	int32_t	 exit_status;		/* of trawld --reload */
	char	 text[ASKER_TEXT_SIZE];	/* NUL-terminated */
};

struct options;

/* The asking side: checks the configuration, asks, waits, prints; the exit status. */
int asker_run(const struct options *);
/* Where the daemon of a data directory listens. Returns dst. */
char *asker_path(char *dst, size_t size, const char *data_dir);

#endif
