/*
 * sim_clock.h - the virtual clock: starts at the real wall time and runs scale
 * times as fast. Everything the provider would do "after a while" goes by it;
 * only the delays of faults are real time. The time of day that the provider believes
 * in, and tells, may be off from it; nothing takes longer for that.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <stdint.h>

#include "base/clock.h"

struct sim_clock {
	const struct clock *real;
	double	scale;
	int64_t	from_mono_ms;	/* when scale was last set, real ... */
	int64_t	from_wall_ms;	/* ... and virtual */
	int64_t	offset_ms;	/* of the time that is told; set by whoever wants one */
};

void sim_clock_init(struct sim_clock *, const struct clock *real, double scale);
/* From now on; the time that has passed stays as it was. */
void sim_clock_set_scale(struct sim_clock *, double scale);
int64_t sim_clock_now(const struct sim_clock *);
/* What the provider believes to be now. */
int64_t sim_clock_told(const struct sim_clock *);

#endif
