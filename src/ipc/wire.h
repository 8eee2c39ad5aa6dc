/*
 * wire.h - message bodies: typed put and get, little-endian, length-checked.
 *
 * A put never fails (the buffer grows; sizes are bounded by the structs). A get
 * sets a sticky failure when the body is too short or a string too long for its
 * field; wire_end() then refuses, and also refuses bytes left over. So a decoder
 * gets everything, ends, and only then looks at what it got.
 *
 * Frame: u32 body length, u16 type, u16 zero, body. The length is at most
 * WIRE_BODY_MAX; a frame that claims more costs its sender the connection before
 * any memory is asked for.
 */
#ifndef IPC_WIRE_H
#define IPC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

#define WIRE_HEADER_SIZE 8
#define WIRE_BODY_MAX	 (768u << 10)	/* a full event batch fits */

struct wire_out {		/* one frame being written; reused from frame to frame */
	uint8_t	*p;
	size_t	 len, cap;
};

void wire_init(struct wire_out *);
void wire_done(struct wire_out *);
void wire_begin(struct wire_out *, unsigned type);	/* empties, leaves room for the header */
void wire_put_u8(struct wire_out *, uint8_t);
void wire_put_u32(struct wire_out *, uint32_t);
void wire_put_u64(struct wire_out *, uint64_t);
void wire_put_i64(struct wire_out *, int64_t);
void wire_put_bool(struct wire_out *, bool);
void wire_put_uuid(struct wire_out *, const struct uuid *);
void wire_put_bytes(struct wire_out *, const void *p, size_t len);	/* fixed length, both sides know it */
void wire_put_text(struct wire_out *, const char *text);		/* u32 length, bytes */
void wire_put_blob(struct wire_out *, const void *p, size_t len);	/* the same for any bytes */
/* Writes the length into the header; the frame is p[len]. Asserts WIRE_BODY_MAX. */
void wire_finish(struct wire_out *);

struct wire_in {		/* one body being read; borrows the bytes */
	const uint8_t	*p;
	size_t		 left;
	bool		 failed;
};

uint8_t wire_get_u8(struct wire_in *);
uint32_t wire_get_u32(struct wire_in *);
uint64_t wire_get_u64(struct wire_in *);
int64_t wire_get_i64(struct wire_in *);
bool wire_get_bool(struct wire_in *);			/* 0 or 1, else failed */
/* An enumerator below count, else failed (and 0). */
unsigned wire_get_enum(struct wire_in *, unsigned count);
void wire_get_uuid(struct wire_in *, struct uuid *);
void wire_get_bytes(struct wire_in *, void *dst, size_t len);
/* Copies into dst[size] with a NUL; too long or with a NUL inside: failed, dst empty. */
void wire_get_text(struct wire_in *, char *dst, size_t size);
/* Borrowed from the body, not NUL-terminated; longer than max: failed. */
void wire_get_blob(struct wire_in *, const char **ret_p, size_t *ret_len, size_t max);
/* 0 when everything fitted and nothing is left; -EBADMSG. */
int wire_end(const struct wire_in *);

#endif
