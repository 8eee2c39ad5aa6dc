/*
 * ctl_main.c - the program trawlctl: reads the command line, finds the daemon, runs
 * the one command, hands on its exit status.
 */
#include "ctl/ctl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static int
refuse(const struct ctl_command *command, const char *reason)
{
	fprintf(stderr, "trawlctl: %s\ntrawlctl: see: trawlctl %s%s--help\n", reason,
	    command != NULL ? command->name : "", command != NULL ? " " : "");
	return EX_USAGE;
}

static int
run_command(struct ctl *ctl)
{
	int status;

	ctl->base = loop_new();
	ctl->net = net_new(ctl->base, 1);
	status = ctl->args->command->run(ctl);
	ctl_progress_end(ctl);
	net_free(ctl->net);
	if (ctl->on_sigint != NULL)
		event_free(ctl->on_sigint);
	event_base_free(ctl->base);
	return status;
}

/* What stdout did not take was not told. */
static int
close_stdout(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fputs("trawlctl: cannot write to standard output\n", stderr);
	return status == EX_OK ? CTL_FAILED : status;
}

int
main(int argc, char **argv)
{
	struct ctl_args args;
	struct ctl ctl = { .args = &args };
	struct why why = { "" };
	int status;

	(void)setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	log_open("trawlctl", LOG_LEVEL_WARNING);
	log_set_format(LOG_FORMAT_TEXT);	/* its remarks are not the daemon's */
	if (ctl_args_parse(&args, argc, argv, &why) < 0)
		return refuse(args.command, why.text);
	if (args.value[OPT_VERSION] != NULL) {
		puts("trawlctl " TRAWLD_VERSION);
		return close_stdout(EX_OK);
	}
	if (args.value[OPT_HELP] != NULL) {
		ctl_help(stdout, args.command);
		return close_stdout(EX_OK);
	}
	if (args.command == NULL)
		return refuse(NULL, "no command given: trigger, status, wait, download, cancel, retry, events, health, backup");
	status = args.command->local ? EX_OK : ctl_target_find(&ctl.target, &args, &why);
	if (status == EX_USAGE)
		return refuse(args.command, why.text);
	if (status != EX_OK) {
		ctl_say(&ctl, "%s", why.text);
		return status;
	}
	ctl.json = args.value[OPT_JSON] != NULL;
	ctl.colour = ctl_is_lively(STDOUT_FILENO);
	ctl.motion = ctl_is_lively(STDERR_FILENO);
	return close_stdout(run_command(&ctl));
}
