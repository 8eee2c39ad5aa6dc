/*
 * ctl_body.h - the trigger request's body from the command line. No call is made.
 */
#ifndef CTL_CTL_BODY_H
#define CTL_CTL_BODY_H

#include <stddef.h>

struct ctl_args;
struct why;

/* From --file, or from the options of trigger: only members that were given.
 * -EINVAL with why: no page, two pages, --file beside other members, a number that is
 * none, a file that cannot be read or holds no JSON object. The caller frees. */
int ctl_body_make(const struct ctl_args *, char **ret, size_t *ret_len, struct why *why);

#endif
