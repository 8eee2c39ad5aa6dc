/* What cppcheck is told of the loops of jansson, <sys/queue.h> and uthash, whose headers it
 * does not read. */
#define json_array_foreach(array, index, value) \
	for ((index) = 0; ((value) = json_array_get((array), (index))) != NULL; (index)++)
#define json_object_foreach(object, key, value) \
	for ((key) = json_object_iter_key(object); ((value) = json_object_get((object), (key))) != NULL;)
#define LIST_FOREACH(item, head, field) \
	for ((item) = LIST_FIRST(head); (item) != NULL; (item) = LIST_NEXT((item), field))
#define TAILQ_FOREACH(item, head, field) \
	for ((item) = TAILQ_FIRST(head); (item) != NULL; (item) = TAILQ_NEXT((item), field))
#define STAILQ_FOREACH(item, head, field) \
	for ((item) = STAILQ_FIRST(head); (item) != NULL; (item) = STAILQ_NEXT((item), field))
#define DL_FOREACH(head, item) \
	for ((item) = (head); (item) != NULL; (item) = (item)->next)
#define HASH_ITER(hh, head, item, following) \
	for ((item) = (head); (item) != NULL && ((following) = (item)->hh.next, 1); (item) = (following))
