/*
 * ctl_options.c - the words of the command line: one table of options and one of
 * commands, from which come the parser, every level of --help, the suggestions for
 * a mistyped word, the manual page and the completions.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "model/platform.h"

#define AT(id) .kind = CLI_GIVEN, .at = offsetof(struct ctl_args, value[id])

static const struct cli_option options[OPTION_COUNT] = {
	[OPT_HELP] = { "help", 'h', AT(OPT_HELP), .help = "Print this" },
	[OPT_VERSION] = { "version", AT(OPT_VERSION), .help = "Print the version" },
	[OPT_DAEMON] = { "daemon", .value = "URL", AT(OPT_DAEMON),
	    .help = "The daemon's address, as http://127.0.0.1:8080" },
	[OPT_SOCKET] = { "socket", .value = "PATH", AT(OPT_SOCKET),
	    .help = "The daemon's Unix socket, as /var/lib/trawld/api.sock" },
	[OPT_JSON] = { "json", AT(OPT_JSON), .help = "Print the API's JSON as it came" },
	[OPT_DATASET_ID] = { "dataset-id", .commands = " trigger ", .value = "ID", AT(OPT_DATASET_ID),
	    .help = "The provider's data set instead of the platform's own" },
	[OPT_PLATFORM] = { "platform", .commands = " trigger ", .value = "NAME", .words = PLATFORM_NAMES,
	    AT(OPT_PLATFORM), .help = "The page's platform, where its address should not tell" },
	[OPT_COMPETITOR] = { "competitor", .commands = " trigger ", .value = "NAME", AT(OPT_COMPETITOR),
	    .help = "Whose page it is; goes into events and paths" },
	[OPT_BRAND] = { "brand", .commands = " trigger ", .value = "NAME", AT(OPT_BRAND),
	    .help = "The brand; goes into events and paths" },
	[OPT_CATEGORY] = { "category", .commands = " trigger ", .value = "NAME", AT(OPT_CATEGORY),
	    .help = "The category; goes into events and paths" },
	[OPT_URL] = { "url", .commands = " trigger ", .value = "URL", AT(OPT_URL),
	    .help = "The page to crawl; the same as the plain argument" },
	[OPT_START_DATE] = { "start-date", .commands = " trigger ", .value = "YYYY-MM-DD", AT(OPT_START_DATE),
	    .help = "Posts from this day on" },
	[OPT_END_DATE] = { "end-date", .commands = " trigger ", .value = "YYYY-MM-DD", AT(OPT_END_DATE),
	    .help = "Posts up to this day" },
	[OPT_INCLUDE_PROFILE_DATA] = { "include-profile-data", .commands = " trigger ", .value = "BOOL",
	    .optional = true, .words = "true, false", AT(OPT_INCLUDE_PROFILE_DATA),
	    .help = "Also the profile's own data; without a value as with true" },
	[OPT_NUM_OF_POSTS] = { "num-of-posts", 'n', .commands = " trigger ", .value = "N", AT(OPT_NUM_OF_POSTS),
	    .help = "At most so many posts" },
	[OPT_FILE] = { "file", 'f', .commands = " trigger ", .value = "FILE", AT(OPT_FILE),
	    .help = "The whole request as JSON, - for standard input" },
	[OPT_WAIT] = { "wait", 'w', .commands = " trigger retry ", AT(OPT_WAIT), .help = "Go on as the command wait" },
	[OPT_IDEMPOTENCY_KEY] = { "idempotency-key", .commands = " trigger ", .value = "KEY", AT(OPT_IDEMPOTENCY_KEY),
	    .help = "Key of an earlier try: the same crawl, not a second one" },
	[OPT_TIMEOUT] = { "timeout", 't', .commands = " trigger wait download retry ", .value = "TIME", AT(OPT_TIMEOUT),
	    .help = "Give up after, as 90s, 5m, 2h; 2h unless told" },
	[OPT_INTERVAL] = { "interval", 'i', .commands = " trigger wait retry ", .value = "TIME", AT(OPT_INTERVAL),
	    .help = "Pause between two questions; 2s unless told" },
	[OPT_OUTPUT] = { "output", 'o', .commands = " download ", .value = "FILE", AT(OPT_OUTPUT),
	    .help = "Copy the object there, - for standard output" },
	[OPT_DATA_DIR] = { "data-dir", .value = "DIR", AT(OPT_DATA_DIR),
	    .help = "The daemon's DATA_DIR; $DATA_DIR unless told, else /var/lib/trawld" },
	[OPT_LOG] = { "file", 'f', .commands = " events ", .value = "PATH", AT(OPT_LOG), .help = "Read this event log" },
	[OPT_FOLLOW] = { "follow", 'F', .commands = " events ", AT(OPT_FOLLOW),
	    .help = "Wait for more until interrupted" },
	[OPT_LIMIT] = { "limit", 'l', .commands = " events ", .value = "N", AT(OPT_LIMIT),
	    .help = "Only the last N events" },
};

const struct cli ctl_cli = {
	"trawlctl", "start, watch and fetch crawls of a running trawld",
	"  trawlctl trigger https://www.facebook.com/nike --competitor nike -n 20 --wait\n"
	"  trawlctl status 0190a1b2-0000-7000-8000-000000000000\n"
	"  trawlctl events --limit 20\n"
	"  trawlctl --daemon http://127.0.0.1:8080 health\n",
	"Where the daemon is: --socket, --daemon, else TRAWLD_URL, else the socket\n"
	"DATA_DIR/api.sock or /run/trawld/api.sock if there is one that you may open,\n"
	"else http://127.0.0.1:8080 (or PORT).\n"
	"\nExit status: 0 ok; 1 the crawl failed or the API refused; 64 wrong use;\n"
	"69 the daemon cannot be reached; 75 timed out; 78 wrong configuration.\n"
	"\ntrawlctl COMMAND --help tells more.\n",
	options, OPTION_COUNT,
};

const struct ctl_command ctl_commands[] = {
	{ "trigger", "[PAGE-URL]", "Start a crawl",
	    "  trawlctl trigger https://www.facebook.com/nike --competitor nike -n 20\n"
	    "  trawlctl trigger https://www.tiktok.com/@nike -n 20 --wait\n"
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
	{ "retry", "ID", "Go on with a crawl that failed",
	    "  trawlctl retry 0190a1b2-0000-7000-8000-000000000000\n"
	    "  trawlctl retry 0190a1b2-0000-7000-8000-000000000000 --wait\n",
	    "The provider is asked again about the job that was paid for; one that may exist is\n"
	    "searched for first. Only a crawl that never had a job starts from the beginning.\n",
	    ctl_retry, false },
	{ "events", "[ID]", "Show the local event log",
	    "  trawlctl events --limit 20\n"
	    "  trawlctl events 0190a1b2-0000-7000-8000-000000000000 --json\n"
	    "  trawlctl events --follow\n",
	    "Reads DATA_DIR/events.ndjson (or --file) itself, after the full ones before it (.1, .2\n"
	    "and so on, the highest number first): it needs no daemon, but the right to read\n"
	    "those files. With --json the lines are printed as they are.\n",
	    ctl_events, true },
	{ "health", NULL, "Ask how the daemon is", "  trawlctl health\n",
	    "Ends with 0 when it is healthy, else 1.\n", ctl_health, false },
	{ "backup", "[FILE]", "Copy the daemon's job store while it runs",
	    "  trawlctl backup /mnt/backup/trawld.db\n"
	    "  trawlctl backup\n",
	    "FILE has its name only when it is whole and on disk, and is readable by its owner alone; one\n"
	    "that was there is replaced. The daemon makes the copy in DATA_DIR/backup, from where trawlctl takes\n"
	    "it away, so it needs the right to read there (root has it, and the daemon's user); without\n"
	    "FILE it stays there, and the newest three do. With --json \"path\" says where it is.\n"
	    "To put it back: trawld --restore FILE, while trawld is stopped.\n",
	    ctl_backup, false },
	{ "help", "[COMMAND]", "This text, or a command's", "  trawlctl help trigger\n", NULL,
	    ctl_help_command, true },
	{ NULL, NULL, NULL, NULL, NULL, NULL, false },
};

static const char *
nearest_command(const char *typed)
{
	struct nearest nearest = { .typed = typed };

	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++)
		nearest_try(&nearest, c->name);
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

static int
take_operand(struct ctl_args *args, char **rest, struct why *why)
{
	const struct ctl_command *command = args->command;
	char shown[80];

	if (*rest != NULL && command->operand != NULL)
		args->operand = *rest++;
	if (*rest != NULL) {
		(void)str_printable(shown, sizeof(shown), *rest, strlen(*rest));
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
	int first, rest;

	*ret = (struct ctl_args){ 0 };
	first = cli_read(&ctl_cli, NULL, ret, argc, argv, why);
	if (first < 0 || first >= argc)
		return first < 0 ? first : 0;
	ret->command = ctl_command_find(argv[first], why);
	if (ret->command == NULL)
		return -EINVAL;
	rest = cli_read(&ctl_cli, ret->command->name, ret, argc - first, argv + first, why);
	return rest < 0 ? rest : take_operand(ret, argv + first + rest, why);
}

/* ---- help ---- */

static void
help_program(FILE *out)
{
	cli_help_head(out, ctl_cli.name, ctl_cli.summary, ctl_cli.examples, "COMMAND [OPTION...] [ARGUMENT]");
	fputs("\nCommands:\n", out);
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++)
		fprintf(out, "  %-10s%s\n", c->name, c->summary);
	cli_help_options(out, &ctl_cli, "Options of every command", NULL);
	fprintf(out, "\n%s", ctl_cli.details);
}

void
ctl_help(FILE *out, const struct ctl_command *command)
{
	char name[40];

	if (command == NULL) {
		help_program(out);
		return;
	}
	(void)snprintf(name, sizeof(name), "%s %s", ctl_cli.name, command->name);
	cli_help_head(out, name, command->summary, command->examples, command->operand);
	cli_help_options(out, &ctl_cli, "Options", command->name);
	cli_help_options(out, &ctl_cli, "Options of every command", NULL);
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
