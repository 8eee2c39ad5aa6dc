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
	bool		 version, help;
};

extern const struct cli trawld_cli;

/* --help and --version end the process here, and so does a wrong command line. */
void options_read(struct options *, int argc, char **argv);

/* File, environment and secret files, in that order, into a fresh conf. With check
 * also what only the whole can tell. On failure there is nothing to release. */
int options_load(const struct options *, bool check, struct conf *ret_conf, struct why *why);

#endif
