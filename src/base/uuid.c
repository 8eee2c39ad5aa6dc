/*
 * uuid.c - UUIDs of version 7. The 12 bits after the version are a counter that
 * restarts with each millisecond; when it is used up, or the clock goes back, the
 * maker borrows from the next millisecond, so the order never breaks.
 */
#include "base/uuid.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
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

char *
uuid_format(char dst[UUID_TEXT_SIZE], const struct uuid *id)
{
	static const char hex[] = "0123456789abcdef";
	char *p = dst;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[id->bytes[i] >> 4];
		*p++ = hex[id->bytes[i] & 15];
	}
	*p = '\0';
	return dst;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
uuid_parse(const char *text, struct uuid *ret)
{
	struct uuid id;
	const char *p = text;

	for (int i = 0; i < 16; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return -EINVAL;
		high = hex_value(p[0]);
		if (high < 0)
			return -EINVAL;
		low = hex_value(p[1]);
		if (low < 0)
			return -EINVAL;
		id.bytes[i] = (uint8_t)(high << 4 | low);
		p += 2;
	}
	if (*p != '\0')
		return -EINVAL;
	*ret = id;
	return 0;
}

bool
uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool
uuid_is_nil(const struct uuid *id)
{
	static const struct uuid nil;

	return uuid_equal(id, &nil);
}
