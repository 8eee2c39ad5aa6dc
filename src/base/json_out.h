/*
 * json_out.h - writes JSON text into a growing buffer.
 *
 * Calls mirror the text from left to right; commas, quotes and escapes are
 * done here. Strings must be UTF-8: a broken byte is written as U+FFFD, so the
 * result always parses. U+0085, U+2028 and U+2029 are escaped in values, so that a text on
 * one line is one for those, too, who take them for ends of lines. Misuse (a value where a key belongs) is our own bug and
 * asserts.
 *
 *   struct json_out o;
 *   json_out_init(&o);
 *   json_out_open(&o);                       {
 *   json_out_member(&o, "crawl_id", text);     "crawl_id":"..."
 *   json_out_key(&o, "data");
 *   json_out_open_array(&o);                   "data":[
 *   json_out_int(&o, 7);                          7
 *   json_out_close_array(&o);                  ]
 *   json_out_close(&o);                      }
 *   send(json_out_text(&o, &len), len);
 *   json_out_done(&o);
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_out {
	void *gen;
};

void json_out_init(struct json_out *);
void json_out_clear(struct json_out *);		/* empty again, memory kept */
void json_out_done(struct json_out *);

void json_out_open(struct json_out *);
void json_out_close(struct json_out *);
void json_out_open_array(struct json_out *);
void json_out_close_array(struct json_out *);
void json_out_key(struct json_out *, const char *key);

void json_out_string(struct json_out *, const char *text);	/* NULL writes null */
void json_out_string_n(struct json_out *, const char *p, size_t len);
void json_out_int(struct json_out *, int64_t value);
void json_out_number(struct json_out *, double value, int decimals);
void json_out_bool(struct json_out *, bool value);
void json_out_null(struct json_out *);
/* JSON text made elsewhere by json_out, taken over unchanged as one value. */
void json_out_raw(struct json_out *, const char *json, size_t len);

/* A key with its value. */
void json_out_member(struct json_out *, const char *key, const char *text);
void json_out_member_int(struct json_out *, const char *key, int64_t value);
void json_out_member_bool(struct json_out *, const char *key, bool value);
void json_out_member_time(struct json_out *, const char *key, int64_t wall_ms);	/* 0 writes null */

/* The text so far; NUL-terminated, valid until the next call. */
const char *json_out_text(struct json_out *, size_t *ret_len);

#endif
