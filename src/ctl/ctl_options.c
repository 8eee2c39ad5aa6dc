/*
 * ctl_options.c - the words of the command line: one table of options and one of
 * commands, from which come the parser, every level of --help and the
 * suggestions for a mistyped word.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/nearest.h"

#define KEY_BASE    1000		/* getopt's values of our options, clear of letters */
#define WORD_MAX    40			/* longer words get no suggestion */

enum ctl_arg { ARG_NONE, ARG_NEEDED, ARG_MAY };

struct ctl_option {
	const char	*name;
	const char	*commands;	/* " trigger wait " or "*" for all; with spaces around each */
	const char	*arg;		/* its name in help; NULL for a flag */
	const char	*help;
	enum ctl_arg	 takes;
	char		 letter;	/* 0: none */
};

static const struct ctl_option options[OPTION_COUNT] = {
	[OPT_HELP] = { "help", "*", NULL, "This text", ARG_NONE, 'h' },
	[OPT_VERSION] = { "version", "*", NULL, "The version", ARG_NONE, 0 },
	[OPT_DAEMON] = { "daemon", "*", "URL", "The daemon's address, as http://127.0.0.1:8080", ARG_NEEDED, 0 },
	[OPT_SOCKET] = { "socket", "*", "PATH", "The daemon's Unix socket, as /var/lib/trawld/api.sock",
	    ARG_NEEDED, 0 },
	[OPT_JSON] = { "json", "*", NULL, "Print the API's JSON as it came", ARG_NONE, 0 },
	[OPT_DATASET_ID] = { "dataset-id", " trigger ", "ID", "The provider's data set; default: the platform's",
	    ARG_NEEDED, 0 },
	[OPT_PLATFORM] = { "platform", " trigger ", "NAME",
	    "facebook (the default), instagram, tiktok, youtube, linkedin, x, reddit", ARG_NEEDED, 0 },
	[OPT_COMPETITOR] = { "competitor", " trigger ", "NAME", "Whose page it is; goes into events and paths",
	    ARG_NEEDED, 0 },
	[OPT_BRAND] = { "brand", " trigger ", "NAME", "The brand", ARG_NEEDED, 0 },
	[OPT_CATEGORY] = { "category", " trigger ", "NAME", "The category", ARG_NEEDED, 0 },
	[OPT_URL] = { "url", " trigger ", "URL", "The page to crawl; the same as the plain argument", ARG_NEEDED, 0 },
	[OPT_START_DATE] = { "start-date", " trigger ", "YYYY-MM-DD", "Posts from this day on", ARG_NEEDED, 0 },
	[OPT_END_DATE] = { "end-date", " trigger ", "YYYY-MM-DD", "Posts up to this day", ARG_NEEDED, 0 },
	[OPT_INCLUDE_PROFILE_DATA] = { "include-profile-data", " trigger ", "BOOL",
	    "Also the profile's own data; true without a value, or true, false", ARG_MAY, 0 },
	[OPT_NUM_OF_POSTS] = { "num-of-posts", " trigger ", "N", "At most so many posts", ARG_NEEDED, 'n' },
	[OPT_FILE] = { "file", " trigger ", "FILE", "The whole request as JSON, - for standard input",
	    ARG_NEEDED, 'f' },
	[OPT_WAIT] = { "wait", " trigger ", NULL, "Go on as the command wait", ARG_NONE, 'w' },
	[OPT_IDEMPOTENCY_KEY] = { "idempotency-key", " trigger ", "KEY",
	    "Key of an earlier try: the same crawl, not a second one", ARG_NEEDED, 0 },
	[OPT_TIMEOUT] = { "timeout", " trigger wait download ", "TIME", "Give up after, as 90s, 5m, 2h; default 2h",
	    ARG_NEEDED, 't' },
	[OPT_INTERVAL] = { "interval", " trigger wait ", "TIME", "Pause between two questions; default 2s",
	    ARG_NEEDED, 'i' },
	[OPT_OUTPUT] = { "output", " download ", "FILE", "Copy the object there, - for standard output",
	    ARG_NEEDED, 'o' },
	[OPT_DATA_DIR] = { "data-dir", "*", "DIR",
	    "The daemon's DATA_DIR; default: $DATA_DIR, else /var/lib/trawld", ARG_NEEDED, 0 },
	[OPT_LOG] = { "file", " events ", "PATH", "Read this event log", ARG_NEEDED, 'f' },
	[OPT_FOLLOW] = { "follow", " events ", NULL, "Wait for more until interrupted", ARG_NONE, 'F' },
	[OPT_LIMIT] = { "limit", " events ", "N", "Only the last N events", ARG_NEEDED, 'l' },
};

const struct ctl_command ctl_commands[] = {
	{ "trigger", "[PAGE-URL]", "Start a crawl",
	    "  trawlctl trigger https://www.facebook.com/nike --competitor nike -n 20\n"
	    "  trawlctl trigger https://www.tiktok.com/@nike --platform tiktok -n 20 --wait\n"
	    "  trawlctl trigger --file request.json\n",
	    "A request that got no answer is sent again for up to 30 s under the same\n"
	    "Idempotency-Key, so a daemon that restarts meanwhile makes one crawl, not two.\n",
	    ctl_trigger, false },
	{ "status", "ID", "Show a crawl",
	    "  trawlctl status 0190a1b2-0000-7000-8000-000000000000\n", NULL, ctl_status,
	    false },
	{ "wait", "ID", "Wait until a crawl has ended",
	    "  trawlctl wait 0190a1b2-0000-7000-8000-000000000000 --timeout 30m\n",
	    "Ends with 0 when the crawl completed, 1 when it failed or was canceled, 75 when the\n"
	    "time was over first. The crawl does not need anybody waiting.\n",
	    ctl_wait, false },
	{ "download", "ID", "Get a crawl's data into the object store, or tell where they are",
	    "  trawlctl download 0190a1b2-0000-7000-8000-000000000000\n"
	    "  trawlctl download 0190a1b2-0000-7000-8000-000000000000 -o posts.json\n",
	    "With background polling the daemon downloads by itself; then this tells where.\n",
	    ctl_download, false },
	{ "cancel", "ID", "Stop a crawl", "  trawlctl cancel 0190a1b2-0000-7000-8000-000000000000\n", NULL,
	    ctl_cancel, false },
	{ "events", "[ID]", "Show the local event log",
	    "  trawlctl events --limit 20\n"
	    "  trawlctl events 0190a1b2-0000-7000-8000-000000000000 --json\n"
	    "  trawlctl events --follow\n",
	    "Reads DATA_DIR/events.ndjson (or --file) itself: it needs no daemon, but the right\n"
	    "to read that file. With --json the lines are printed as they are.\n",
	    ctl_events, true },
	{ "health", NULL, "Ask how the daemon is", "  trawlctl health\n",
	    "Ends with 0 when it is healthy, else 1.\n", ctl_health, false },
	{ "help", "[COMMAND]", "This text, or a command's", "  trawlctl help trigger\n", NULL,
	    ctl_help_command, true },
	{ NULL, NULL, NULL, NULL, NULL, NULL, false },
};

static bool
takes_option(const struct ctl_command *command, enum ctl_option_id id)
{
	char word[WORD_MAX];

	if (options[id].commands[0] == '*')
		return true;
	if (command == NULL)
		return false;
	(void)snprintf(word, sizeof(word), " %s ", command->name);
	return strstr(options[id].commands, word) != NULL;
}

/* ---- suggestions ---- */

static const char *
nearest_command(const char *typed)
{
	struct nearest nearest = { .typed = typed };

	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++)
		nearest_try(&nearest, c->name);
	return nearest.best;
}

static const char *
nearest_option(const struct ctl_command *command, const char *typed)
{
	struct nearest nearest = { .typed = typed };

	for (unsigned id = 0; id < OPTION_COUNT; id++) {
		if (takes_option(command, id))
			nearest_try(&nearest, options[id].name);
	}
	return nearest.best;
}

const struct ctl_command *
ctl_command_find(const char *name, struct why *why)
{
	char shown[64];
	const char *best;

	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	best = nearest_command(name);
	(void)str_printable(shown, sizeof(shown), name, strlen(name));
	(void)why_set(why, EINVAL, best != NULL ? "no command \"%s\"; did you mean \"%s\"?" : "no command \"%s\"%s",
	    shown, best != NULL ? best : "");
	return NULL;
}

/* ---- parsing ---- */

struct getopt_table {
	struct option	 rows[OPTION_COUNT + 1];
	char		 letters[2 * OPTION_COUNT + 4];
};

static void
getopt_table_fill(struct getopt_table *t, const struct ctl_command *command)
{
	static const int has_arg[] = { no_argument, required_argument, optional_argument };
	struct option *row = t->rows;
	char *letter = t->letters;

	*letter++ = command == NULL ? '+' : ':';	/* '+': stop at the command's name */
	if (command == NULL)
		*letter++ = ':';
	for (unsigned id = 0; id < OPTION_COUNT; id++) {
		if (!takes_option(command, id))
			continue;
		*row++ = (struct option){ options[id].name, has_arg[options[id].takes], NULL, KEY_BASE + (int)id };
		if (options[id].letter == 0)
			continue;
		*letter++ = options[id].letter;
		if (options[id].takes == ARG_NEEDED)
			*letter++ = ':';
	}
	*row = (struct option){ NULL, 0, NULL, 0 };
	*letter = '\0';
}

/* The option that getopt's value means, or -1. */
static int
option_of(const struct ctl_command *command, int key)
{
	if (key >= KEY_BASE && key < KEY_BASE + OPTION_COUNT)
		return key - KEY_BASE;
	for (int id = 0; id < OPTION_COUNT; id++) {
		if (key != 0 && options[id].letter == key && takes_option(command, (enum ctl_option_id)id))
			return id;
	}
	return -1;
}

static int
refuse_option(const struct ctl_command *command, int result, const char *typed, struct why *why)
{
	char shown[80], name[WORD_MAX + 1] = "";
	int id = option_of(command, optopt);
	const char *best;

	if (id >= 0 && result == ':')
		return why_set(why, EINVAL, "--%s needs a value: --%s %s", options[id].name, options[id].name,
		    options[id].arg);
	if (id >= 0)
		return why_set(why, EINVAL, "--%s takes no value", options[id].name);
	if (strncmp(typed, "--", 2) != 0)
		return why_set(why, EINVAL, "no option -%c", optopt >= ' ' && optopt < 127 ? optopt : '?');
	(void)str_printable(shown, sizeof(shown), typed, strcspn(typed, "="));
	(void)str_copy_n(name, sizeof(name), typed + 2, strcspn(typed + 2, "="));
	best = nearest_option(command, name);
	if (best != NULL)
		return why_set(why, EINVAL, "no option %s%s%s; did you mean --%s?", shown,
		    command != NULL ? " for " : "", command != NULL ? command->name : "", best);
	return why_set(why, EINVAL, "no option %s%s%s", shown, command != NULL ? " for " : "",
	    command != NULL ? command->name : "");
}

static int
parse_options(struct ctl_args *args, int argc, char **argv, struct why *why)
{
	struct getopt_table table;
	int result, id;

	getopt_table_fill(&table, args->command);
	opterr = 0;
	optind = 0;		/* glibc: start afresh */
	while ((result = getopt_long(argc, argv, table.letters, table.rows, NULL)) != -1) {
		if (result == '?' || result == ':')
			return refuse_option(args->command, result, argv[optind - 1], why);
		id = option_of(args->command, result);
		args->value[id] = optarg != NULL ? optarg : "";
	}
	return 0;
}

static int
take_operand(struct ctl_args *args, int argc, char **argv, struct why *why)
{
	const struct ctl_command *command = args->command;
	char shown[80];

	if (optind < argc && command->operand != NULL)
		args->operand = argv[optind++];
	if (optind < argc) {
		(void)str_printable(shown, sizeof(shown), argv[optind], strlen(argv[optind]));
		return why_set(why, EINVAL, "%s takes %s: \"%s\" is too much", command->name,
		    command->operand != NULL ? "one argument" : "no argument", shown);
	}
	if (args->operand == NULL && command->operand != NULL && command->operand[0] != '[' &&
	    args->value[OPT_HELP] == NULL)
		return why_set(why, EINVAL, "%s needs an argument: trawlctl %s %s", command->name, command->name,
		    command->operand);
	return 0;
}

int
ctl_args_parse(struct ctl_args *ret, int argc, char **argv, struct why *why)
{
	int error, first;

	*ret = (struct ctl_args){ 0 };
	error = parse_options(ret, argc, argv, why);
	if (error != 0 || optind >= argc)
		return error;
	ret->command = ctl_command_find(argv[optind], why);
	if (ret->command == NULL)
		return -EINVAL;
	first = optind;
	error = parse_options(ret, argc - first, argv + first, why);
	return error != 0 ? error : take_operand(ret, argc - first, argv + first, why);
}

/* ---- help ---- */

static void
help_option(FILE *out, const struct ctl_option *option)
{
	char left[64], letter[8] = "    ";

	if (option->letter != 0)
		(void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	(void)snprintf(left, sizeof(left), "%s--%s%s%s%s", letter, option->name,
	    option->takes == ARG_NONE ? "" : option->takes == ARG_MAY ? "[=" : " ",
	    option->arg != NULL ? option->arg : "", option->takes == ARG_MAY ? "]" : "");
	fprintf(out, "  %-36s%s\n", left, option->help);
}

static void
help_options(FILE *out, const struct ctl_command *command, bool everywhere)
{
	for (unsigned id = 0; id < OPTION_COUNT; id++) {
		if ((options[id].commands[0] == '*') == everywhere && takes_option(command, id))
			help_option(out, &options[id]);
	}
}

static void
help_program(FILE *out)
{
	fputs("trawlctl - start, watch and fetch crawls of a running trawld\n\nExamples:\n"
	    "  trawlctl trigger https://www.facebook.com/nike --competitor nike -n 20 --wait\n"
	    "  trawlctl status 0190a1b2-0000-7000-8000-000000000000\n"
	    "  trawlctl events --limit 20\n"
	    "  trawlctl --daemon http://127.0.0.1:8080 health\n"
	    "\nUsage: trawlctl [OPTION...] COMMAND [OPTION...] [ARGUMENT]\n\nCommands:\n", out);
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++)
		fprintf(out, "  %-10s%s\n", c->name, c->summary);
	fputs("\nOptions of every command:\n", out);
	help_options(out, NULL, true);
	fputs("\nWhere the daemon is: --socket, --daemon, else TRAWLD_URL, else the socket\n"
	    "DATA_DIR/api.sock if there is one, else http://127.0.0.1:8080 (or PORT).\n"
	    "\nExit status: 0 ok; 1 the crawl failed or the API refused; 64 wrong use;\n"
	    "69 the daemon cannot be reached; 75 timed out; 78 wrong configuration.\n"
	    "\ntrawlctl COMMAND --help tells more.\n", out);
}

void
ctl_help(FILE *out, const struct ctl_command *command)
{
	bool own = false;

	if (command == NULL) {
		help_program(out);
		return;
	}
	fprintf(out, "trawlctl %s - %s\n\nExamples:\n%s\nUsage: trawlctl %s%s%s [OPTION...]\n", command->name,
	    command->summary, command->examples, command->name, command->operand != NULL ? " " : "",
	    command->operand != NULL ? command->operand : "");
	for (unsigned id = 0; id < OPTION_COUNT; id++)
		own = own || (options[id].commands[0] != '*' && takes_option(command, id));
	if (own) {
		fputs("\nOptions:\n", out);
		help_options(out, command, false);
	}
	fputs("\nOptions of every command:\n", out);
	help_options(out, command, true);
	if (command->details != NULL)
		fprintf(out, "\n%s", command->details);
}

int
ctl_help_command(struct ctl *ctl)
{
	const struct ctl_command *command = NULL;
	struct why why;

	if (ctl->args->operand != NULL) {
		command = ctl_command_find(ctl->args->operand, &why);
		if (command == NULL) {
			ctl_say(ctl, "%s", why.text);
			return EX_USAGE;
		}
	}
	ctl_help(stdout, command);
	return EX_OK;
}
