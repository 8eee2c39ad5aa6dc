/*
 * conf.h - the configuration: one table of options, read from a file and the
 * environment, checked, handed to each role as far as it concerns it.
 *
 * Order in the supervisor: conf_init, conf_load_file, conf_load_environment,
 * conf_load_secrets, conf_check; then conf_pack for each child. A child calls
 * conf_unpack on what it inherited. Environment wins over file over default.
 * An empty value is the same as none.
 *
 * Every function that can refuse fills why with a sentence that names the
 * option, where it was set (file and line, or environment) and what is allowed.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"

struct why;

#define CONF_FILE_DEFAULT "/etc/trawld/trawld.env"

/* Who needs an option; or-ed in the table. Same order as enum role in ipc/inherit.h. */
enum conf_reader {
	CONF_SUPERVISOR = 1 << 0,
	CONF_KEEPER     = 1 << 1,
	CONF_PUBLISHER  = 1 << 2,
	CONF_POLLER     = 1 << 3,
	CONF_FRONT      = 1 << 4,
};

enum storage_backend { STORAGE_LOCAL, STORAGE_GCP };

/* Whether each process enters the jail of its role (ipc/jail.h). */
enum conf_jail {
	CONF_JAIL_AUTO,		/* under systemd ($INVOCATION_ID is set): for children, who get TRUE then, no */
	CONF_JAIL_TRUE,
	CONF_JAIL_FALSE,
};

struct conf {
	char	brightdata_api_key[512];	/* secret; pollers only */
	char	brightdata_api_key_file[1024];
	char	brightdata_base_url[512];	/* no trailing slash */
	char	google_cloud_project[128];
	char	gcs_bucket_raw_data[128];
	char	bigquery_dataset[128];
	char	pubsub_topic_prefix[128];
	bool	background_polling_enabled;
	int64_t	background_max_workers;		/* pollers, 1..64 */
	int64_t	background_poll_interval_ms;	/* durations: seconds in the text, decimals and "ms" "s" "m" "h" "d" allowed */
	int64_t	background_max_polls;
	int64_t	background_download_timeout_ms;	/* a download that receives (almost) nothing for so long is given up and tried again */
	int64_t	provider_calls_max;		/* calls in flight at the provider at a time, 1..10000 */
	char	provider_proxy[512];		/* "" for none; may hold a password; pollers only */
	char	provider_ca_file[1024];		/* "": the machine's authorities */
	int64_t	reconcile_delay_ms;		/* wait before the first search after an unknown trigger outcome; 60 s */
	int64_t	port;				/* 0: any free port, which the log then tells */
	char	bind_address[64];
	int64_t	front_workers;			/* 0 in the text "auto": one per core */
	int64_t	connection_idle_timeout_ms;	/* a client's connection is closed after so long without a request */
	int64_t	idempotency_keep_ms;		/* an Idempotency-Key is remembered so long after its crawl has ended */
	int64_t	crawls_keep_ms;			/* how long what has ended is kept; 0 in the text "forever" */
	int64_t	events_keep_ms;
	int64_t	quarantine_keep_ms;
	int64_t	objects_keep_ms;
	int64_t	trigger_wait_ms;
	int64_t	storage_backend;
	char	data_dir[1024];			/* absolute */
	char	raw_path_template[512];
	bool	event_publishing_enabled;
	int64_t	events_file_size;		/* bytes, in the text with K M G T; 0 in the text "off": no rotation */
	int64_t	events_file_count;		/* old files, 1..EVENT_FILES_MAX */
	int64_t	retry_max_attempts;		/* of a call or download before the crawl fails, 1..100 */
	int64_t	jail;				/* enum conf_jail */
	int64_t	log_level;			/* enum log_level */
	int64_t	log_format;			/* enum log_format */

	/* Where each option's value came from, for --print-config and messages. */
	struct conf_origin {
		enum { CONF_FROM_DEFAULT, CONF_FROM_FILE, CONF_FROM_ENVIRONMENT, CONF_FROM_SECRET_FILE } from;
		int line;
	} origin[48];
	char	file[1024];			/* the file that was read; "" for none */
};

void conf_init(struct conf *);			/* the defaults */
void conf_done(struct conf *);			/* wipes secrets */

/* NAME=value lines, # comments, optional quotes, as systemd's EnvironmentFile=.
 * -ENOENT is for the caller to judge. Unknown names are refused (with the nearest
 * known name). */
int conf_load_file(struct conf *, const char *path, struct why *why);
/* Takes known names from environ; others are not ours. */
int conf_load_environment(struct conf *, char *const *environment, struct why *why);
/* The key from BRIGHTDATA_API_KEY_FILE, or $CREDENTIALS_DIRECTORY/brightdata_api_key, when
 * the option itself is not set; white space around it is dropped. A credential that is
 * missing or empty is no key; the option's file must hold one (-ENODATA: it is empty). */
int conf_load_secrets(struct conf *, const char *credentials_directory, struct why *why);
/* What only the whole can tell: a key is there, paths are absolute, the template is valid, ... */
int conf_check(const struct conf *, struct why *why);

/* The value of a text option, by its name; asserts that there is such a one. Borrowed of conf. */
const char *conf_text(const struct conf *, const char *name);

/* "NAME=value  # default|file:line|environment" a line, secrets as "(set, hidden)", a password within a
 * value as "***". */
void conf_print(const struct conf *, FILE *out);

/* The options of one reader as text, the form conf_unpack reads; caller frees after
 * wiping (it may hold secrets). */
char *conf_pack(const struct conf *, enum conf_reader reader, size_t *ret_len);
/* Begins with the defaults: what a reader does not get stays at them. */
int conf_unpack(struct conf *, const char *text, size_t len, struct why *why);
/* True when a reader would see no difference between the two: no need to replace it. */
bool conf_same_for(const struct conf *, const struct conf *, enum conf_reader reader);

#endif
