/*
 * sim_options.c - reads the command line by a table.
 */
#include "sim/sim_options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

enum option_kind { OPTION_TEXT, OPTION_INT, OPTION_INT_SET, OPTION_NUMBER, OPTION_SEED, OPTION_FLAG };

#define AT(member) offsetof(struct sim_options, member)

static const struct option_row {
	const char		*name;
	const char		*value;		/* shown in --help; NULL: none */
	enum option_kind	 kind;
	size_t			 at;
	double			 min, max;
	const char		*help;
} table[] = {
	{ "bind", "ADDR", OPTION_TEXT, AT(bind), 0, 0, "address to listen on (127.0.0.1)" },
	{ "port", "N", OPTION_INT, AT(port), 0, 65535, "port; 0: any free one (8900)" },
	{ "records", "FILE", OPTION_TEXT, AT(records), 0, 0,
	    "deliver the lines of FILE, one JSON object each" },
	{ "repeat", "N", OPTION_INT, AT(repeat), 1, 1e9, "deliver them N times over (1)" },
	{ "ready-after", "SECONDS", OPTION_NUMBER, AT(set.ready_after), 0, 1e9,
	    "virtual time from trigger to ready (5)" },
	{ "building", "K", OPTION_INT_SET, AT(set.building), 0, 1e6,
	    "answers \"building\" before a download (2)" },
	{ "seed", "N", OPTION_SEED, AT(seed), 0, 0, "records repeat with it, ids but for the time in them (random)" },
	{ "time-scale", "X", OPTION_NUMBER, AT(set.time_scale), 0.001, 1e6,
	    "virtual time runs X times as fast (1)" },
	{ "key", "KEY", OPTION_TEXT, AT(key), 0, 0, "accept only this API key (any)" },
	{ "running-cap", "N", OPTION_INT_SET, AT(set.running_cap), 0, 1e9,
	    "running jobs per data set; 0: no cap (100)" },
	{ "retention-days", "N", OPTION_INT_SET, AT(set.retention_days), 0, 36500,
	    "virtual days until a snapshot expires (16)" },
	{ "exit-with-parent", NULL, OPTION_FLAG, AT(exit_with_parent), 0, 0,
	    "leave when the starting process dies" },
	{ "quiet", NULL, OPTION_FLAG, AT(quiet), 0, 0, "log warnings only" },
	{ "help", NULL, OPTION_FLAG, AT(help), 0, 0, "print this and leave" },
	{ "version", NULL, OPTION_FLAG, AT(version), 0, 0, "print the version and leave" },
};

static int
number_set(struct sim_options *options, const struct option_row *row, const char *text,
    struct why *why)
{
	void *at = (char *)options + row->at;
	char *end;
	double n;

	errno = 0;
	n = strtod(text, &end);
	if (end == text || *end || errno || !(n >= row->min && n <= row->max) ||
	    (row->kind != OPTION_NUMBER && n != (double)(int64_t)n))
		return why_set(why, EINVAL, "--%s takes a %s from %g to %g, not \"%s\"", row->name,
		    row->kind == OPTION_NUMBER ? "number" : "whole number", row->min, row->max,
		    text);
	if (row->kind == OPTION_NUMBER)
		*(double *)at = n;
	else if (row->kind == OPTION_INT_SET)
		*(int *)at = (int)n;
	else
		*(int64_t *)at = (int64_t)n;
	return 0;
}

static int
option_set(struct sim_options *options, const struct option_row *row, const char *text,
    struct why *why)
{
	void *at = (char *)options + row->at;
	char *end;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_TEXT:
		if (!*text)
			return why_set(why, EINVAL, "--%s needs a value", row->name);
		*(const char **)at = text;
		return 0;
	case OPTION_SEED:
		errno = 0;
		options->seed = strtoull(text, &end, 10);
		options->seed_given = true;
		if (errno || end == text || *end || *text == '-')
			return why_set(why, EINVAL, "--seed takes a whole number, not \"%s\"", text);
		return 0;
	default:
		return number_set(options, row, text, why);
	}
}

int
options_read(struct sim_options *options, int argc, char **argv, struct why *why)
{
	struct option longs[countof(table) + 1] = { 0 };
	int place, r;

	*options = (struct sim_options){ .bind = "127.0.0.1", .port = 8900, .repeat = 1 };
	settings_init(&options->set);
	for (size_t i = 0; i < countof(table); i++)
		longs[i] = (struct option){ table[i].name,
		    table[i].value ? required_argument : no_argument, NULL, (int)i };
	opterr = 0;
	optind = 0;
	while ((place = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (place == ':')
			return why_set(why, EINVAL, "%s needs a value", argv[optind - 1]);
		if (place == '?')
			return why_set(why, EINVAL, "there is no option %s", argv[optind - 1]);
		if ((r = option_set(options, &table[place], optarg, why)) < 0)
			return r;
	}
	if (optind < argc)
		return why_set(why, EINVAL, "\"%s\" is not an option", argv[optind]);
	if (options->repeat > 1 && !options->records)
		return why_set(why, EINVAL, "--repeat needs --records: it repeats the file");
	return 0;
}

void
options_print_help(void)
{
	printf("usage: trawl-sim [option ...]\n\n"
	    "A simulator of the crawl provider's API, for trying trawld out and for tests.\n\n");
	for (size_t i = 0; i < countof(table); i++) {
		char left[40];

		(void)snprintf(left, sizeof left, "--%s%s%s", table[i].name,
		    table[i].value ? " " : "", table[i].value ? table[i].value : "");
		printf("  %-24s %s\n", left, table[i].help);
	}
	printf("\n/_sim/jobs shows the ledger of started jobs, /_sim/stats the calls, /_sim/set the\n"
	    "settings; POST /_sim/faults makes calls fail. An input whose address contains\n"
	    "dead-page, empty, fail or mixed gets an error row, no rows, a failed job, or error\n"
	    "rows among good ones.\n\n"
	    "examples:\n"
	    "  trawl-sim --ready-after 10\n"
	    "      jobs are ready 10 s after they were triggered, with generated posts\n"
	    "  trawl-sim --port 0 --records posts.ndjson --repeat 100\n"
	    "      any free port; each job delivers the lines of posts.ndjson, 100 times over\n"
	    "  trawl-sim --time-scale 3600 --ready-after 7200\n"
	    "      a job takes two hours of virtual time, which pass in two seconds\n"
	    "  curl -X POST -d '{\"call\":\"trigger\",\"kind\":\"lost\"}' localhost:8900/_sim/faults\n"
	    "      the next trigger call starts a job, but its answer never arrives\n");
}
