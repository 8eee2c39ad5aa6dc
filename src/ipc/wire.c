/*
 * wire.c - typed put and get over a growing frame and a borrowed body. It owns
 * the bytes of a frame being written; a body being read is the caller's.
 */
#include "ipc/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define WIRE_FIRST_CAP 512

void
wire_init(struct wire_out *out)
{
	*out = (struct wire_out){ 0 };
}

void
wire_done(struct wire_out *out)
{
	free(out->p);
	*out = (struct wire_out){ 0 };
}

/* Room for len more bytes, counted in; the caller fills them. */
static uint8_t *
wire_room(struct wire_out *out, size_t len)
{
	uint8_t *at;

	assert(len <= WIRE_BODY_MAX);
	if (out->len + len > out->cap) {
		size_t cap = out->cap ? out->cap : WIRE_FIRST_CAP;

		while (cap < out->len + len)
			cap *= 2;
		out->p = xrealloc(out->p, cap);
		out->cap = cap;
	}
	at = out->p + out->len;
	out->len += len;
	return at;
}

static void
wire_store(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static void
wire_put_number(struct wire_out *out, uint64_t value, unsigned size)
{
	wire_store(wire_room(out, size), value, size);
}

void
wire_begin(struct wire_out *out, unsigned type)
{
	uint8_t *at;

	assert(type <= UINT16_MAX);
	out->len = 0;
	at = wire_room(out, WIRE_HEADER_SIZE);
	memset(at, 0, WIRE_HEADER_SIZE);
	wire_store(at + 4, type, 2);
}

void
wire_put_u8(struct wire_out *out, uint8_t value)
{
	wire_put_number(out, value, 1);
}

void
wire_put_u32(struct wire_out *out, uint32_t value)
{
	wire_put_number(out, value, 4);
}

void
wire_put_u64(struct wire_out *out, uint64_t value)
{
	wire_put_number(out, value, 8);
}

void
wire_put_i64(struct wire_out *out, int64_t value)
{
	wire_put_number(out, (uint64_t)value, 8);
}

void
wire_put_bool(struct wire_out *out, bool value)
{
	wire_put_number(out, value, 1);
}

void
wire_put_uuid(struct wire_out *out, const struct uuid *id)
{
	wire_put_bytes(out, id->bytes, sizeof(id->bytes));
}

void
wire_put_bytes(struct wire_out *out, const void *p, size_t len)
{
	if (len > 0)
		memcpy(wire_room(out, len), p, len);
}

void
wire_put_text(struct wire_out *out, const char *text)
{
	wire_put_blob(out, text, strlen(text));
}

void
wire_put_blob(struct wire_out *out, const void *p, size_t len)
{
	assert(len <= WIRE_BODY_MAX);
	wire_put_u32(out, (uint32_t)len);
	wire_put_bytes(out, p, len);
}

void
wire_finish(struct wire_out *out)
{
	assert(out->len >= WIRE_HEADER_SIZE);
	assert(out->len - WIRE_HEADER_SIZE <= WIRE_BODY_MAX);
	wire_store(out->p, out->len - WIRE_HEADER_SIZE, 4);
}

/* The next len bytes, or NULL and the sticky failure. */
static const uint8_t *
wire_take(struct wire_in *in, size_t len)
{
	const uint8_t *at = in->p;

	if (in->failed || len > in->left) {
		in->failed = true;
		return NULL;
	}
	in->p += len;
	in->left -= len;
	return at;
}

static uint64_t
wire_get_number(struct wire_in *in, unsigned size)
{
	const uint8_t *at = wire_take(in, size);
	uint64_t value = 0;

	if (!at)
		return 0;
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

uint8_t
wire_get_u8(struct wire_in *in)
{
	return (uint8_t)wire_get_number(in, 1);
}

uint32_t
wire_get_u32(struct wire_in *in)
{
	return (uint32_t)wire_get_number(in, 4);
}

uint64_t
wire_get_u64(struct wire_in *in)
{
	return wire_get_number(in, 8);
}

int64_t
wire_get_i64(struct wire_in *in)
{
	return (int64_t)wire_get_number(in, 8);
}

bool
wire_get_bool(struct wire_in *in)
{
	return wire_get_enum(in, 2) == 1;
}

unsigned
wire_get_enum(struct wire_in *in, unsigned count)
{
	unsigned value = wire_get_u8(in);

	if (value >= count) {
		in->failed = true;
		return 0;
	}
	return value;
}

void
wire_get_uuid(struct wire_in *in, struct uuid *ret)
{
	wire_get_bytes(in, ret->bytes, sizeof(ret->bytes));
}

void
wire_get_bytes(struct wire_in *in, void *dst, size_t len)
{
	const uint8_t *at = wire_take(in, len);

	if (at)
		memcpy(dst, at, len);
	else
		memset(dst, 0, len);
}

void
wire_get_text(struct wire_in *in, char *dst, size_t size)
{
	const char *p;
	size_t len;

	assert(size > 0);
	dst[0] = '\0';
	wire_get_blob(in, &p, &len, size - 1);
	if (in->failed)
		return;
	if (memchr(p, '\0', len)) {
		in->failed = true;
		return;
	}
	memcpy(dst, p, len);
	dst[len] = '\0';
}

void
wire_get_blob(struct wire_in *in, const char **ret_p, size_t *ret_len, size_t max)
{
	size_t len = wire_get_u32(in);
	const uint8_t *at = NULL;

	if (len > max)
		in->failed = true;
	at = wire_take(in, len);
	*ret_p = at ? (const char *)at : "";
	*ret_len = at ? len : 0;
}

int
wire_end(const struct wire_in *in)
{
	return in->failed || in->left > 0 ? -EBADMSG : 0;
}
