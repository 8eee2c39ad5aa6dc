/*
 * options.h - the command line of trawld, and the configuration that follows from it.
 */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <stdbool.h>

#include "base/cli.h"
#include "conf/conf.h"

struct why;

struct options {
	const char	*config;	/* NULL: the default file, if there is one */
	bool		 check_config, print_config, reload;
	const char	*restore;	/* NULL: not asked for */
	bool		 version, help;
};

extern const struct cli trawld_cli;

/* --help and --version end the process here, and so does a wrong command line. */
void options_read(struct options *, int argc, char **argv);

/* How far a configuration is read. */
enum options_depth {
	OPTIONS_SETTINGS,	/* the file and the environment */
	OPTIONS_SECRETS,	/* and the files that hold secrets */
	OPTIONS_WHOLE		/* and what only all of it together can tell is right */
};

/* Into a fresh conf. On failure there is nothing to release. */
int options_load(const struct options *, enum options_depth, struct conf *ret_conf, struct why *why);

#endif
