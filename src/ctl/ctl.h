/*
 * ctl.h - what the files of trawlctl share. One run: the words of the command
 * line (ctl_options.c), where the daemon is (ctl_target.c), one call at a time on
 * an event loop (ctl_http.c), and one file for each command.
 *
 * A command returns the program's exit status: EX_OK, CTL_FAILED, or a word of
 * sysexits(3): EX_USAGE 64, EX_UNAVAILABLE 69, EX_TEMPFAIL 75, EX_CONFIG 78. Whoever
 * returns another status than EX_OK has said on stderr why. What was asked for
 * goes to stdout, all else to stderr.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/why.h"
#include "net/http_call.h"

#define CTL_FAILED	1	/* the crawl failed, or the API refused */
#define CTL_INTERRUPTED 130	/* as a shell reports SIGINT */
#define CTL_PATH_SIZE	1200
#define CTL_URL_SIZE	1200

/* ---- ctl_options.c: the command line ---- */

enum ctl_option_id {
	OPT_HELP, OPT_VERSION, OPT_DAEMON, OPT_SOCKET, OPT_JSON,
	/* trigger: first to last member of the request body, in the API's order */
	OPT_DATASET_ID, OPT_PLATFORM, OPT_COMPETITOR, OPT_BRAND, OPT_CATEGORY, OPT_URL,
	OPT_START_DATE, OPT_END_DATE, OPT_INCLUDE_PROFILE_DATA, OPT_NUM_OF_POSTS,
	OPT_FILE, OPT_WAIT, OPT_IDEMPOTENCY_KEY,
	OPT_TIMEOUT, OPT_INTERVAL,
	OPT_OUTPUT,
	OPT_DATA_DIR, OPT_LOG, OPT_FOLLOW, OPT_LIMIT,
	OPTION_COUNT
};

struct ctl;

struct ctl_command {
	const char	*name;
	const char	*operand;	/* "ID", "[ID]"; NULL: takes none */
	const char	*summary;
	const char	*examples;	/* whole lines, indented */
	const char	*details;	/* a paragraph below the options; or NULL */
	int		(*run)(struct ctl *);
	bool		 local;		/* asks no daemon */
};

extern const struct cli ctl_cli;		/* the options */
extern const struct ctl_command ctl_commands[];	/* ends with a row without a name */

struct ctl_args {
	const struct ctl_command *command;	/* NULL: none was given */
	const char	*value[OPTION_COUNT];	/* NULL: not given; a flag's is "" */
	const char	*operand;		/* NULL: not given */
};

/* Texts are borrowed from argv, which may be permuted. -EINVAL: why holds what was
 * wrong, with the nearest right word; command is set as far as it was known. */
int ctl_args_parse(struct ctl_args *ret, int argc, char **argv, struct why *why);
/* NULL: of the program. */
void ctl_help(FILE *out, const struct ctl_command *);
/* The command of this name, or NULL with the nearest one in why. */
const struct ctl_command *ctl_command_find(const char *name, struct why *why);

/* ---- ctl_target.c: where the daemon is ---- */

struct ctl_target {
	char	url[CTL_URL_SIZE];	/* without a trailing slash */
	char	socket[CTL_PATH_SIZE];	/* "": by TCP */
	char	told[CTL_URL_SIZE + 16]; /* for messages and for commands to run next: " --socket /x", or "" */
	char	closed[CTL_PATH_SIZE];	/* "", or a socket that was found but may not be opened by us */
};

/* By --socket, --daemon, TRAWLD_URL, the socket in DATA_DIR or that of the installed
 * daemon if there is one that we may open, else 127.0.0.1 at PORT. EX_OK; EX_USAGE or
 * EX_CONFIG with why. */
int ctl_target_find(struct ctl_target *ret, const struct ctl_args *, struct why *why);
/* DATA_DIR/name: --data-dir, DATA_DIR, else the packaged place; -ENAMETOOLONG. */
int ctl_data_path(char *dst, size_t size, const struct ctl_args *, const char *name);

/* ---- ctl_http.c: one call at a time ---- */

struct ctl {
	const struct ctl_args	*args;
	struct event_base	*base;
	struct net		*net;
	struct ctl_target	 target;
	bool			 json;
	bool			 colour;	/* stdout is a terminal that shows colours */
	bool			 motion;	/* stderr is a terminal: a line may be rewritten */
	bool			 line_open;	/* such a line stands there */
	bool			 interrupted;	/* SIGINT came, while ctl_catch_interrupt() was in force */
	struct event		*on_sigint;
};

struct ctl_question {
	const char	*method;
	const char	*path;
	const char	*body;		/* NULL for none */
	size_t		 body_len;
	const char	*idempotency_key;	/* NULL for none */
	int64_t		 timeout_ms;	/* of one try; 0: none */
	int64_t		 patience_ms;	/* go on so long while nobody answers, or answers "unavailable" */
	bool		 any_status;	/* a 503 is an answer like any other (health) */
	bool		 timeout_ends;	/* the timeout is the user's: EX_TEMPFAIL, and the command tells */
};

struct ctl_reply {
	int	 status;
	char	*body;
	size_t	 body_len;
	json_t	*doc;			/* always an object after EX_OK */
};

/* EX_OK when trawld answered, whatever it said. EX_UNAVAILABLE when it did not (or not
 * in JSON): the reason has been printed. CTL_INTERRUPTED; EX_TEMPFAIL by timeout_ends. */
int ctl_ask(struct ctl *, const struct ctl_question *, struct ctl_reply *ret);
void ctl_reply_done(struct ctl_reply *);
/* The body as it came, as one line. */
void ctl_reply_print(const struct ctl_reply *);
/* For an answer that is not 2xx: prints what the API said was wrong and what to do;
 * with --json also the document. Returns CTL_FAILED. attempted is "cancel crawl ...". */
int ctl_refused(struct ctl *, const struct ctl_reply *, const char *attempted);
/* Lets time pass on the loop. False when interrupted. */
bool ctl_sleep(struct ctl *, int64_t ms);
/* From now on SIGINT is noted instead of ending the program. */
void ctl_catch_interrupt(struct ctl *);

/* ---- ctl_text.c: words for people ---- */

enum ctl_colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_DIM };

/* "trawlctl: ..." on stderr, after ending an open progress line. */
void ctl_say(struct ctl *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The progress line, rewritten in place; only with motion. */
void ctl_progress(struct ctl *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ctl_progress_end(struct ctl *);
/* "label      value" on stdout, made printable; NULL or "" prints nothing. */
void ctl_field(struct ctl *, const char *label, const char *value, enum ctl_colour);
/* The same for a member of the document ("metadata.platform"); missing or null prints nothing. */
void ctl_field_of(struct ctl *, const char *label, const json_t *doc, const char *path);
/* The member at a dotted path, or NULL. */
const json_t *ctl_member(const json_t *doc, const char *path);
/* A member's text: strings as they are, numbers and booleans written out; "" else. Returns dst. */
char *ctl_member_text(char *dst, size_t size, const json_t *doc, const char *path);
const char *ctl_paint(const struct ctl *, enum ctl_colour);	/* "" without colour */
enum ctl_colour ctl_status_colour(const char *api_status);
/* Terminal, and neither NO_COLOR nor TERM=dumb nor an empty TERM. */
bool ctl_is_lively(int fd);

/* ---- ctl_crawl.c: what the commands do with a crawl ---- */

/* Prints the crawl's status document as a block of fields. */
void ctl_status_print(struct ctl *, const json_t *doc);
/* The operand as the path of an endpoint ("/api/v1/crawl/ID" + tail), EX_USAGE unless it is a crawl's id. */
int ctl_crawl_path(struct ctl *, char *dst, size_t size, const char *tail);

/* ---- the commands ---- */

int ctl_trigger(struct ctl *);
int ctl_status(struct ctl *);
int ctl_wait(struct ctl *);
int ctl_download(struct ctl *);
int ctl_cancel(struct ctl *);
int ctl_retry(struct ctl *);
int ctl_events(struct ctl *);
int ctl_health(struct ctl *);
int ctl_backup(struct ctl *);
int ctl_help_command(struct ctl *);

/* Waits for the crawl's end and prints it, as the command wait does. */
int ctl_wait_for(struct ctl *, const char *crawl_id);
/* --timeout and --interval, or what they are without; EX_USAGE. */
int ctl_wait_times(struct ctl *, int64_t *ret_timeout_ms, int64_t *ret_interval_ms);

#endif
