/*
 * uuid_make.c - new UUIDs, of version 7. The 12 bits after the version are a counter that
 * restarts with each millisecond; when it is used up, or the clock goes back, the
 * maker borrows from the next millisecond, so the order never breaks.
 */
#include "base/uuid.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"

void
random_fill(void *p, unsigned size)
{
	unsigned char *at = p;

	while (size > 0) {
		ssize_t n = getrandom(at, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			fatal(1, &log_kind_library_error, "the kernel gives no random bytes: %s", strerror(errno));
		at += n;
		size -= (unsigned)n;
	}
}

/* A stock, so that ids for each request do not cost a system call each. It is the
 * process's own: a fork gets a new one. */
static struct {
	unsigned left;
	uint64_t numbers[32];
} stock;

static void
stock_drop(void)
{
	stock.left = 0;
}

uint64_t
random_u64(void)
{
	static bool watched;

	if (!watched) {
		if (pthread_atfork(NULL, NULL, stock_drop) != 0)
			fatal(1, &log_kind_no_memory, "out of memory for random numbers");
		watched = true;
	}
	if (stock.left == 0) {
		random_fill(stock.numbers, sizeof(stock.numbers));
		stock.left = countof(stock.numbers);
	}
	return stock.numbers[--stock.left];
}

struct uuid
uuid_make(struct uuid_maker *maker, const struct clock *clock)
{
	int64_t ms = clock_wall_ms(clock);
	uint64_t tail = random_u64();
	struct uuid id;

	if (ms > maker->last_ms) {
		maker->last_ms = ms;
		maker->counter = random_u64() & 0x3ff;	/* room to count up within the millisecond */
	} else if (++maker->counter > 0xfff) {
		maker->last_ms++;
		maker->counter = 0;
	}
	for (int i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)((uint64_t)maker->last_ms >> (40 - 8 * i));
	id.bytes[6] = (uint8_t)(0x70 | maker->counter >> 8);
	id.bytes[7] = (uint8_t)maker->counter;
	memcpy(id.bytes + 8, &tail, 8);
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
	return id;
}
