/*
 * sim_dataset.h - the data sets the simulated provider has, the ways each can be
 * asked, and the fields an input may have. Pure.
 *
 * This table is written from what is known of the provider, not from trawld's own
 * model: the simulator is the independent check of what trawld sends, so it
 * shares no table with it.
 */
#ifndef SIM_DATASET_H
#define SIM_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_out.h"

enum sim_platform {
	SIM_FACEBOOK,
	SIM_INSTAGRAM,
	SIM_TIKTOK,
	SIM_YOUTUBE,
	SIM_LINKEDIN,
	SIM_X,
	SIM_REDDIT,
};

/* What one row of a data set tells of. */
enum sim_subject {
	SIM_POSTS,
	SIM_COMMENTS,
	SIM_PROFILES,		/* of people, channels, companies */
	SIM_VACANCIES,
};

enum field_kind {
	FIELD_URL,		/* http:// or https:// */
	FIELD_INSTAGRAM_URL,	/* https://(www.)instagram.com/ */
	FIELD_URLS,		/* array of URLs */
	FIELD_TEXT,
	FIELD_COUNT,		/* a whole number, 0 or more */
	FIELD_BOOL,
	FIELD_BOOL_OR_COUNT,	/* a number by the catalogue, a boolean by the SDK */
	FIELD_DATE_US,		/* MM-DD-YYYY */
	FIELD_DATE_ISO,		/* YYYY-MM-DD or YYYY-MM-DDThh:mm:ss(.fff)Z */
	FIELD_IDS,		/* array of strings */
	FIELD_WORD,		/* one of words, separated by '|' */
};

struct field {
	const char	*name;		/* NULL ends a list */
	enum field_kind	 kind;
	bool		 required;
	const char	*words;
};

/* One way to ask a data set. */
struct sim_mode {
	const char		*discover_by;	/* NULL: inputs are addresses to collect */
	const struct field	*fields;
	bool			 many;		/* one input gives many rows */
};

struct dataset {
	const char		*id;
	const char		*name;
	enum sim_platform	 platform;
	enum sim_subject	 subject;
	const struct sim_mode	*modes;		/* ends with a mode without fields */
};

extern const struct dataset datasets[];
extern const size_t dataset_count;

/* NULL when there is none of this id. */
const struct dataset *dataset_find(const char *id);

/* The mode asked for by type and discover_by (each may be NULL), or NULL with
 * the provider's refusal in text. */
const struct sim_mode *dataset_mode(const struct dataset *, const char *type,
    const char *discover_by, char *text, size_t size);

/* Checks one input row. Returns the number of faults found; each is written as
 * a ["field","text"] pair into errors, an array that the caller has opened. */
unsigned mode_check_input(const struct sim_mode *, const json_t *row, struct json_out *errors);

/* The row's own address or keyword (its first required field), "" if none. */
const char *mode_subject(const struct sim_mode *, const json_t *row);

/* The row's window as virtual wall times; a side that is not given is 0. */
void mode_window(const struct sim_mode *, const json_t *row, int64_t *ret_start_ms,
    int64_t *ret_end_ms);

#endif
