/*
 * service.h - the table of services. Its order is the life cycle: started top to
 * bottom, stopped bottom to top, so that whoever asks leaves before who answers.
 */
#ifndef SUPERVISOR_SERVICE_H
#define SUPERVISOR_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "ipc/inherit.h"

struct service {
	enum role	 role;
	const char	*program;
	unsigned	 limit;			/* no configuration asks for more instances */
	unsigned	(*count)(const struct conf *);
	enum conf_reader share;			/* its part of the configuration */
	int64_t		 ready_within_ms;	/* then it is killed and started again */
	int64_t		 stop_within_ms;	/* of the whole set's end; together at most 10 s */
	int64_t		 leave_within_ms;	/* when it is replaced or retired and the set goes on */
	int64_t		 silent_within_ms;	/* without a beat for longer it is hung, and killed */
	bool		 overlaps;		/* a reload starts the new one before the old one leaves */
	bool		 listens;
	bool		 in_data_dir;		/* has files of it open: leaves when that has gone */
};

#define SERVICE_COUNT 4
extern const struct service services[SERVICE_COUNT];

#endif
