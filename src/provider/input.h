/*
 * input.h - what a job of the provider was given, by its meaning: two inputs have the
 * same digest when the provider would collect the same for both. So a job is told to
 * be ours although the provider writes its input in another form than we sent it.
 *
 * Read are a JSON object, an array of one object, both also within wrappers
 * ({"input": ...}; what else a wrapper holds is not looked at), and a header line with one
 * line of values. The same are: any order of members; a number however written (5, 5.0,
 * "5"); true and "true"; absent, null, "", false, [] and {}; a URL whose scheme and host
 * differ in letter case, that names the usual port or none, or that ends in "/" or not;
 * white space around a value.
 */
#ifndef PROVIDER_INPUT_H
#define PROVIDER_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"

/* -EBADMSG: not an input that can be understood. -ERANGE: understood, and none that we ever
 * send (two inputs in one job, nested values). */
int input_digest(const char *text, size_t len, uint8_t ret[SHA256_SIZE]);

#endif
