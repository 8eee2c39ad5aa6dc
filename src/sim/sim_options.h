/*
 * sim_options.h - the command line of trawl-sim. One table drives reading, the
 * checks, --help, the manual page and the completions.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cli.h"
#include "sim/sim_settings.h"

struct why;

struct sim_options {
	const char		*bind;
	int64_t			 port;
	const char		*records;	/* NULL: generated */
	int64_t			 repeat;
	const char		*seed_text;	/* NULL: random */
	uint64_t		 seed;		/* the same, read */
	const char		*key;		/* NULL: any */
	bool			 quiet, exit_with_parent;
	bool			 help, version;	/* asked for: print and leave */
	struct sim_settings	 set;
};

extern const struct cli sim_cli;

/* Fills all of it, defaults included; strings point into argv. -EINVAL with a
 * reason that names the option. */
int sim_options_read(struct sim_options *, int argc, char **argv, struct why *why);

#endif
