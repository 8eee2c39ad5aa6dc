/*
 * sim_file.h - the records file: one JSON object a line, delivered by every job
 * exactly as it stands, in its order.
 */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include <stdint.h>

#include "base/sha256.h"
#include "sim/sim_csv.h"
#include "sim/sim_rows.h"

struct why;

struct sim_file {
	struct rows	*array;		/* prepared for format=json */
	struct rows	*lines;		/* for the line formats; NULL until asked for */
	struct csv	*csv;		/* NULL until asked for */
	uint64_t	 rows;		/* in one body, repeats included */
	uint64_t	 errors;	/* error and warning rows among them */
	uint64_t	 body_bytes;	/* of the whole format=json body ... */
	uint8_t		 body_sha256[SHA256_SIZE];	/* ... valid when summed */
	int		 summed;
};

/* -errno with a reason; -EINVAL when its lines do not each start an object. Text
 * that is no JSON is delivered all the same, its error rows are not counted: then
 * 1 is returned, with the reason. */
int sim_file_open(const char *path, uint64_t repeat, struct sim_file **ret, struct why *why);
void sim_file_free(struct sim_file *);

struct rows *sim_file_lines(struct sim_file *);
struct csv *sim_file_csv(struct sim_file *);
/* Reads the whole body once. */
void sim_file_sum(struct sim_file *);

#endif
