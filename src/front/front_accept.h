/*
 * front_accept.h - listening sockets: evhttp accepts from them as long as there are
 * places, a few connections a turn; else those that come wait in the sockets' queues.
 */
#ifndef FRONT_FRONT_ACCEPT_H
#define FRONT_FRONT_ACCEPT_H

#include "front/front_conn.h"

void accept_init(struct guard *);
/* When evhttp, which frees the sockets, is gone. */
void accept_done(struct guard *);
/* guard_listen(). */
int accept_listen(struct guard *, int fd);
void accept_pause(struct guard *);
/* Unless it must stay so. */
void accept_resume(struct guard *);
/* evhttp has accepted one more; a pause begins when it was the last for now. */
void accept_count(struct guard *);
/* All places are taken, or there was no descriptor for one more. */
bool accept_is_full(const struct guard *);

#endif
