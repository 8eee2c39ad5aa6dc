/*
 * sim_options.c - trawl-sim's table of options, and what only several together can tell.
 */
#include "sim/sim_options.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

#define AT(member) offsetof(struct sim_options, member)

static const struct cli_option table[] = {
	{ "bind", .value = "ADDR", .kind = CLI_TEXT, .at = AT(bind), .help = "Address to listen on (127.0.0.1)" },
	{ "port", .value = "N", .kind = CLI_INT64, .at = AT(port), .min = 0, .max = 65535,
	  .help = "Port; 0: any free one (8900)" },
	{ "records", .value = "FILE", .kind = CLI_TEXT, .at = AT(records),
	  .help = "Deliver the lines of FILE, one JSON object each (generated posts)" },
	{ "repeat", .value = "N", .kind = CLI_INT64, .at = AT(repeat), .min = 1, .max = 1e9,
	  .help = "Deliver them N times over (1)" },
	{ "ready-after", .value = "SECONDS", .kind = CLI_NUMBER, .at = AT(set.ready_after), .min = 0, .max = 1e9,
	  .help = "Virtual time from trigger to ready (5)" },
	{ "building", .value = "K", .kind = CLI_INT, .at = AT(set.building), .min = 0, .max = 1e6,
	  .help = "Answers \"building\" before a download (2)" },
	{ "seed", .value = "N", .kind = CLI_TEXT, .at = AT(seed_text),
	  .help = "Records repeat with it, and ids but for the time in them (random)" },
	{ "time-scale", .value = "X", .kind = CLI_NUMBER, .at = AT(set.time_scale), .min = 0.001, .max = 1e6,
	  .help = "Virtual time runs X times as fast (1)" },
	{ "key", .value = "KEY", .kind = CLI_TEXT, .at = AT(key), .help = "Accept only this API key (any)" },
	{ "running-cap", .value = "N", .kind = CLI_INT, .at = AT(set.running_cap), .min = 0, .max = 1e9,
	  .help = "Running jobs per data set; 0: no cap (100)" },
	{ "retention-days", .value = "N", .kind = CLI_INT, .at = AT(set.retention_days), .min = 0, .max = 36500,
	  .help = "Virtual days until a snapshot expires (16)" },
	{ "exit-with-parent", .kind = CLI_FLAG, .at = AT(exit_with_parent),
	  .help = "Leave when the starting process dies" },
	{ "quiet", .kind = CLI_FLAG, .at = AT(quiet), .help = "Log warnings only" },
	{ "help", .kind = CLI_FLAG, .at = AT(help), .help = "Print this" },
	{ "version", .kind = CLI_FLAG, .at = AT(version), .help = "Print the version" },
};

const struct cli sim_cli = {
	"trawl-sim", "a simulator of the crawl provider's API, for trying trawld out and for tests",
	"  trawl-sim --ready-after 10\n"
	"      jobs are ready 10 s after they were triggered, with generated posts\n"
	"  trawl-sim --port 0 --records posts.ndjson --repeat 100\n"
	"      any free port; each job delivers the lines of posts.ndjson, 100 times over\n"
	"  trawl-sim --time-scale 3600 --ready-after 7200\n"
	"      a job takes two hours of virtual time, which pass in two seconds\n"
	"  curl -X POST -d '{\"call\":\"trigger\",\"kind\":\"lost\"}' localhost:8900/_sim/faults\n"
	"      the next trigger call starts a job, but its answer never arrives\n",
	"What holds unless told stands in brackets. /_sim/jobs shows the ledger of started jobs,\n"
	"/_sim/stats the calls, /_sim/set the settings; POST /_sim/faults makes calls fail. Who\n"
	"was answered 429 for 25 times in five minutes is banned until POST /_sim/unban. An\n"
	"input whose address contains dead-page, empty, fail or mixed gets an error row, no rows,\n"
	"a failed job, or error rows among good ones. trawl-sim(1) tells the rest.\n",
	table, countof(table),
};

/* Any 64 bits; strtoull alone would take a sign and white space. */
static int
seed_read(struct sim_options *options, struct why *why)
{
	const char *text = options->seed_text;
	char *end, shown[80];

	if (text == NULL)
		return 0;
	errno = 0;
	options->seed = strtoull(text, &end, 10);
	if (errno != 0 || !isdigit((unsigned char)text[0]) || *end != '\0')
		return why_set(why, EINVAL, "--seed takes a whole number, not \"%s\"",
		    str_printable(shown, sizeof(shown), text, strlen(text)));
	return 0;
}

int
sim_options_read(struct sim_options *options, int argc, char **argv, struct why *why)
{
	int rc;

	*options = (struct sim_options){ .bind = "127.0.0.1", .port = 8900, .repeat = 1 };
	settings_init(&options->set);
	rc = cli_read_all(&sim_cli, options, argc, argv, why);
	if (rc == 0)
		rc = seed_read(options, why);
	if (rc == 0 && options->repeat > 1 && options->records == NULL)
		return why_set(why, EINVAL, "--repeat needs --records: it repeats the file");
	return rc;
}
