/*
 * sim_options.h - the command line of trawl-sim. One table drives reading, the
 * checks and --help.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim_settings.h"

struct why;

struct sim_options {
	const char		*bind;
	int64_t			 port;
	const char		*records;	/* NULL: generated */
	int64_t			 repeat;
	uint64_t		 seed;
	bool			 seed_given;
	const char		*key;		/* NULL: any */
	bool			 quiet, exit_with_parent;
	bool			 help, version;	/* asked for: print and leave */
	struct sim_settings	 set;
};

/* Fills all of it, defaults included; strings point into argv. -EINVAL with a
 * reason that names the option. */
int options_read(struct sim_options *, int argc, char **argv, struct why *why);
void options_print_help(void);

#endif
