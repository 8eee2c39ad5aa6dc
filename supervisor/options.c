/*
 * options.c - trawld's table of options, and the configuration that follows from them.
 */
#include "supervisor/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/why.h"
#include "ipc/inherit.h"

#define AT(member) offsetof(struct options, member)

static const struct cli_option table[] = {
	{ "config", .value = "FILE", .kind = CLI_TEXT, .at = AT(config),
	  .help = "Read FILE instead of " CONF_FILE_DEFAULT },
	{ "check-config", .kind = CLI_FLAG, .at = AT(check_config), .help = "Check the configuration and leave" },
	{ "print-config", .kind = CLI_FLAG, .at = AT(print_config),
	  .help = "Print every option, its value and where it comes from" },
	{ "reload", .kind = CLI_FLAG, .at = AT(reload),
	  .help = "Check the configuration, have the running trawld reload it, tell how that ended" },
	{ "restore", .value = "FILE", .kind = CLI_TEXT, .at = AT(restore),
	  .help = "Put a copy of the job store in its place, while no trawld runs there" },
	{ "version", .kind = CLI_FLAG, .at = AT(version), .help = "Print the version" },
	{ "help", .kind = CLI_FLAG, .at = AT(help), .help = "Print this" },
};

const struct cli trawld_cli = {
	"trawld", "the crawl ingestion daemon",
	"  trawld --config /etc/trawld/trawld.env --check-config\n"
	"      is the configuration right? If not, where is it wrong?\n"
	"  trawld --print-config\n"
	"      what holds, and where each value comes from\n"
	"  BRIGHTDATA_API_KEY=any BRIGHTDATA_BASE_URL=http://127.0.0.1:8900 DATA_DIR=/tmp/try trawld\n"
	"      a daemon in the foreground that crawls at a trawl-sim\n"
	"  trawld --restore /mnt/backup/trawld.db\n"
	"      back to what trawlctl backup has copied\n",
	"It stays in the foreground until SIGTERM and reads its configuration again on SIGHUP;\n"
	"trawld(8) tells of both, trawld.env(5) of the configuration.\n",
	table, countof(table),
};

void
options_read(struct options *o, int argc, char **argv)
{
	struct why why;

	*o = (struct options){ 0 };
	if (cli_read_all(&trawld_cli, o, argc, argv, &why) < 0) {
		(void)fprintf(stderr, "trawld: %s\ntrawld: see: trawld --help\n", why.text);
		exit(EXIT_STATUS_USAGE);
	}
	if (o->help)
		cli_help(stdout, &trawld_cli);
	else if (o->version)
		(void)puts("trawld " TRAWLD_VERSION);
	else
		return;
	exit(fflush(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE);
}

static int
load_file(const struct options *o, struct conf *conf, struct why *why)
{
	int r = conf_load_file(conf, o->config ? o->config : CONF_FILE_DEFAULT, why);

	return r == -ENOENT && !o->config ? 0 : r;
}

int
options_load(const struct options *o, enum options_depth depth, struct conf *ret_conf, struct why *why)
{
	int r;

	conf_init(ret_conf);
	r = load_file(o, ret_conf, why);
	if (r == 0)
		r = conf_load_environment(ret_conf, environ, why);
	if (r == 0 && depth >= OPTIONS_SECRETS)
		r = conf_load_secrets(ret_conf, getenv("CREDENTIALS_DIRECTORY"), why);
	if (r == 0 && depth >= OPTIONS_WHOLE)
		r = conf_check(ret_conf, why);
	/* Nothing of systemd reaches the children, so they are told. */
	if (r == 0 && depth >= OPTIONS_WHOLE && ret_conf->jail == CONF_JAIL_AUTO && getenv("INVOCATION_ID") != NULL)
		ret_conf->jail = CONF_JAIL_TRUE;
	if (r < 0)
		conf_done(ret_conf);
	return r;
}
