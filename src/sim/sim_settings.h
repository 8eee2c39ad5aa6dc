/*
 * sim_settings.h - how the simulated provider behaves; POST /_sim/set changes it.
 * One table holds name, kind, range and place of each setting.
 */
#ifndef SIM_SETTINGS_H
#define SIM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_out.h"

struct why;

enum sim_vocabulary { VOCABULARY_DEFAULT, VOCABULARY_COLLECTING };
enum sim_empty { EMPTY_ARRAY, EMPTY_BYTES, EMPTY_TEXT400, EMPTY_FAILED };
enum sim_block { BLOCK_OFF, BLOCK_403, BLOCK_RESET };

struct sim_settings {
	double	ready_after;		/* virtual seconds from trigger to ready */
	double	time_scale;		/* as shown; the clock has its own copy */
	double	clock_offset;		/* seconds; as shown, like time_scale */
	double	list_lag;		/* virtual seconds until a job is listed */
	int	building;		/* answers "building" before the first download */
	int	building_seconds;	/* that "building" asks the caller to wait */
	int	running_cap;		/* per data set; 0: none */
	int	retention_days;
	int	not_ready_status;	/* 202 or 200 */
	int	vocabulary;
	int	empty;			/* what a job without rows answers */
	int	block;			/* what a banned caller sees */
	bool	building_text;		/* "building" as plain text */
	bool	chunked;		/* downloads without Content-Length */
	bool	gzip_header;		/* compress=true says Content-Encoding */
	bool	gzip_always;		/* downloads are compressed without being asked */
	bool	error_json;		/* 401 and 404 as JSON */
};

void settings_init(struct sim_settings *);
/* All of it or nothing; -EINVAL with a reason. */
int settings_read(struct sim_settings *, const json_t *object, struct why *why);
void settings_write(const struct sim_settings *, struct json_out *);

#endif
