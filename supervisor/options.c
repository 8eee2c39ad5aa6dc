/*
 * options.c - one table makes getopt's list, the help and the effects.
 */
#include "supervisor/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/why.h"
#include "ipc/inherit.h"

static void
take_config(struct options *o, const char *value)
{
	o->config = value;
}

static void
take_check(struct options *o, const char *value)
{
	(void)value;
	o->check_config = true;
}

static void
take_print(struct options *o, const char *value)
{
	(void)value;
	o->print_config = true;
}

static void
show_version(struct options *o, const char *value)
{
	(void)o;
	(void)value;
	(void)puts("trawld " TRAWLD_VERSION);
	exit(EXIT_STATUS_OK);
}

static void show_help(struct options *, const char *);

static const struct {
	const char *name, *value;
	void (*take)(struct options *, const char *value);
	const char *help;
} table[] = {
	{ "config", "FILE", take_config, "Read FILE instead of " CONF_FILE_DEFAULT "." },
	{ "check-config", NULL, take_check, "Check the configuration and leave." },
	{ "print-config", NULL, take_print, "Print every option, its value and where it comes from." },
	{ "version", NULL, show_version, "Print the version." },
	{ "help", NULL, show_help, "Print this." },
};

static void
show_help(struct options *o, const char *value)
{
	char left[40];

	(void)o;
	(void)value;
	(void)puts("usage: trawld [OPTION]...\n"
	    "The crawl ingestion daemon; runs in the foreground until SIGTERM, reloads on SIGHUP.\n");
	for (unsigned i = 0; i < countof(table); i++) {
		(void)snprintf(left, sizeof(left), "--%s%s%s", table[i].name,
		    table[i].value ? " " : "", table[i].value ? table[i].value : "");
		(void)printf("  %-16s %s\n", left, table[i].help);
	}
	(void)puts("\nOptions of the configuration: trawld --print-config, trawld.env(5).");
	exit(EXIT_STATUS_OK);
}

static _Noreturn void
usage_wrong(void)
{
	(void)fputs("trawld: see trawld --help\n", stderr);
	exit(EXIT_STATUS_USAGE);
}

void
options_read(struct options *o, int argc, char **argv)
{
	struct option list[countof(table) + 1];
	int chosen, index = 0;

	*o = (struct options){ 0 };
	memset(list, 0, sizeof(list));
	for (unsigned i = 0; i < countof(table); i++) {
		list[i].name = table[i].name;
		list[i].has_arg = table[i].value ? required_argument : no_argument;
		list[i].val = 1;
	}
	while ((chosen = getopt_long(argc, argv, "", list, &index)) != -1) {
		if (chosen != 1)
			usage_wrong();
		table[index].take(o, optarg);
	}
	if (optind < argc) {
		(void)fprintf(stderr, "trawld: takes options only\n");
		usage_wrong();
	}
}

static int
load_file(const struct options *o, struct conf *conf, struct why *why)
{
	int r = conf_load_file(conf, o->config ? o->config : CONF_FILE_DEFAULT, why);

	return r == -ENOENT && !o->config ? 0 : r;
}

int
options_load(const struct options *o, bool check, struct conf *ret_conf, struct why *why)
{
	int r;

	conf_init(ret_conf);
	r = load_file(o, ret_conf, why);
	if (r == 0)
		r = conf_load_environment(ret_conf, environ, why);
	if (r == 0)
		r = conf_load_secrets(ret_conf, getenv("CREDENTIALS_DIRECTORY"), why);
	if (r == 0 && check)
		r = conf_check(ret_conf, why);
	if (r < 0)
		conf_done(ret_conf);
	return r;
}
