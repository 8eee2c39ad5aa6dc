/*
 * front_answer.h - answers on their way to the client: guard_answer() and guard_stream_...()
 * of front_guard.h, and what the connection waits for when they are out.
 */
#ifndef FRONT_FRONT_ANSWER_H
#define FRONT_FRONT_ANSWER_H

#include "front/front_conn.h"

/* Takes the requests whose answers stream back from their owner, and ends those answers. */
void answer_end_streams(struct guard *);

#endif
