/*
 * uuid.h - UUIDs of version 7 (RFC 9562, 5.7): millisecond time, then random
 * bits. Within one process they grow strictly, so a store that is keyed by them
 * appends.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define UUID_TEXT_SIZE 37

struct uuid {
	uint8_t bytes[16];
};

/* One maker a process; zero it before the first use. */
struct uuid_maker {
	int64_t  last_ms;
	uint64_t counter;
};

struct uuid uuid_make(struct uuid_maker *, const struct clock *);
char *uuid_format(char dst[UUID_TEXT_SIZE], const struct uuid *);	/* returns dst */
/* Accepts exactly the 8-4-4-4-12 form, either letter case; -EINVAL. */
int uuid_parse(const char *text, struct uuid *ret);
bool uuid_equal(const struct uuid *, const struct uuid *);
bool uuid_is_nil(const struct uuid *);

/* Random bytes from the kernel; ends the process when there are none. */
void random_fill(void *p, unsigned size);
uint64_t random_u64(void);

#endif
