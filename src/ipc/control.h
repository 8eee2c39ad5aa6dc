/*
 * control.h - the child's side of inherit.h, the same in every role.
 *
 * control_start() is the first thing a role's main calls: it takes the inherited
 * descriptors (close-on-exec from then on), reads WELCOME and the configuration,
 * opens the log as "poller[2]", ignores SIGPIPE, and ends the process with the
 * fitting exit status when any of that is not as promised. Then it enters the role's jail
 * (jail.h), unless JAIL=false: what it needs of the world is opened there or inherited. control_attach() then
 * puts the control socket on the loop. End-of-file ends the process at once by
 * _exit(): everything hard is in the store.
 */
#ifndef IPC_CONTROL_H
#define IPC_CONTROL_H

#include <stdbool.h>

#include "base/loop.h"
#include "conf/conf.h"
#include "ipc/inherit.h"
#include "model/log_kind.h"

struct control;

struct control_events {
	/* A stream to another process arrived; the callee owns fd. */
	void (*on_peer)(const struct inherit_message *who, int fd, void *arg);
	/* SIGTERM: finish what is begun, then leave the loop; never called twice. It is killed after
	 * within_ms (LEAVE); 0: nobody said when. */
	void (*on_drain)(int64_t within_ms, void *arg);
	/* While it drains: the set ends meanwhile, say, so it has less time than it was told; may be NULL. */
	void (*on_hurry)(int64_t within_ms, void *arg);
	void (*on_reloaded)(void *arg);		/* RELOADED; may be NULL */
};

struct control *control_start(int argc, char **argv, enum role role, struct conf *ret_conf);
/* Also starts the heartbeat: INHERIT_BEAT from the loop every second. */
void control_attach(struct control *, struct event_base *, const struct control_events *, void *arg);
void control_free(struct control *);

unsigned control_listeners(const struct control *);	/* INHERIT_LISTEN_FD and the next ones */

void control_ready(struct control *);			/* once */
void control_status(struct control *, const char *text);	/* also before control_attach() */
/* The role cannot start: the log and the supervisor are told why. */
_Noreturn void control_refuse(struct control *, enum exit_status, enum log_kind_id, const char *reason);
void control_kill(struct control *, unsigned instance, unsigned generation, const char *reason);

#endif
