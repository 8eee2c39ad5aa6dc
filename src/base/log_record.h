/*
 * log_record.h - what a line of the log is made of. Whoever logs includes log.h.
 */
#ifndef BASE_LOG_RECORD_H
#define BASE_LOG_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct uuid;

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warning", "info", "debug". */
const char *log_level_name(enum log_level);

enum log_format {
	LOG_FORMAT_AUTO,	/* JOURNAL if stderr is the journal's ($JOURNAL_STREAM names it), else TEXT */
	LOG_FORMAT_TEXT,	/* on the journal's stderr: no time, and "<6>" levels of sd-daemon(3) */
	LOG_FORMAT_JSON,	/* one object a line */
	LOG_FORMAT_JOURNAL,	/* the journal's own fields */
};

/* What lines of one kind have in common. All text is constant and valid UTF-8. */
struct log_kind {
	const char	*name;		/* "crawl-failed": never changes */
	enum log_level	 level;
	const char	*message_id;	/* 32 hex digits from random bits: never changes */
	const char	*subject;	/* the catalog's headline */
	const char	*meaning;	/* when it is logged and what it means; sentences */
	const char	*action;	/* what to do; sentences, or "" */
	bool		 of_crawl;	/* each line names its crawl */
};

/* On what; each is NULL, or the text empty, when it does not apply. */
struct log_fields {
	const struct uuid *crawl;
	const char	*snapshot_id;
	const char	*stage;
	const char	*request_id;
};

/* Of one foreign text a line shows so much: str_printable() into a buffer of this size. */
#define LOG_FOREIGN_SIZE 257

struct log_place {
	const char *file;
	int line;
	const char *function;
};

struct log_record {
	int64_t			 time_ms;	/* wall */
	enum log_level		 level;
	const char		*who;		/* "poller[2]" */
	const struct log_kind	*kind;		/* or NULL */
	const struct log_fields	*fields;	/* or NULL */
	const struct log_place	*place;
	const char		*message;	/* as it was written: may hold anything */
};

#endif
