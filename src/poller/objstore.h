/*
 * objstore.h - where snapshots end up: the contract that each object store keeps.
 *
 *   put = objstore_put(store, &request, on_done, arg)   one object; on_done once, later
 *   objstore_cancel(put)                                on_done is not called any more;
 *                                                       what was begun can be put again
 *
 * Promises: a reader of the path sees nothing or the whole object, never a part; an
 * object that is there is never overwritten; on_done with 0 comes after the
 * object would survive a power loss, and after the spool file is gone. Putting
 * the same again is a success: the bytes there are compared by size and sums.
 */
#ifndef POLLER_OBJSTORE_H
#define POLLER_OBJSTORE_H

#include <stdint.h>

#include "base/checksum.h"

struct event_base;
struct objstore;
struct objstore_put;
struct why;

struct objstore_request {
	const char	*path;		/* of the object, relative, no ".."; borrowed until on_done */
	int		 spool;		/* directory of the file; stays open until on_done */
	const char	*name;		/* of the file in it; borrowed until on_done */
	uint64_t	 size;		/* what the file must hold */
	uint32_t	 crc32c;
	uint8_t		 sha256[SHA256_SIZE];
};

/* err: 0; -ENOENT: neither the file nor such an object is there; -EEXIST: the path
 * holds other bytes; -EINVAL: the path; any other -errno of the store. why is set
 * when err is not 0. The put is freed after on_done returned. */
typedef void objstore_done_fn(int err, const struct why *why, void *arg);

struct objstore_ops {
	struct objstore_put *(*put)(struct objstore *, const struct objstore_request *,
	    objstore_done_fn *, void *arg);
	void (*cancel)(struct objstore_put *);
	void (*free)(struct objstore *);
};

struct objstore {		/* the first member of each kind of store */
	const struct objstore_ops *ops;
};

static inline struct objstore_put *
objstore_put(struct objstore *store, const struct objstore_request *request,
    objstore_done_fn *on_done, void *arg)
{
	return store->ops->put(store, request, on_done, arg);
}

static inline void
objstore_cancel(struct objstore *store, struct objstore_put *put)
{
	if (put)
		store->ops->cancel(put);
}

static inline void
objstore_free(struct objstore *store)
{
	if (store)
		store->ops->free(store);
}

/* Objects are files below directory/objects, mode 0640. -errno. */
int objstore_local_new(struct event_base *, const char *directory, struct objstore **ret,
    struct why *why);

#endif
