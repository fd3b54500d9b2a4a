/*
 * The index of a store folder: one file with an entry for each flow that can still be asked for.
 * It serves to count, list and clean up, and changes only under a lock; the flows themselves are
 * in files of their own.
 *
 * The entries are in the order in which their flows began, which is also the order in which they
 * expire and are forgotten, so clean-up looks only at the old end.
 */
#ifndef DIR_INDEX_H
#define DIR_INDEX_H

#include "store/dir/dir_index_file.h"

/*
 * Adds an entry for a flow: in the place of one whose flow was kept long enough, in a new place
 * or, if there are already `most`, in the place of the oldest flow that does not wait, whose
 * files it removes. Cleans up a few others. *out points into the index. ERR_STORE: the file
 * cannot grow, or all flows wait.
 */
enum err
dir_index_add(struct dir_index_file *ix, const struct flow *flow, const struct store_keys *keys,
	      int64_t now, size_t most, struct dir_index_entry **out) MUST_CHECK;

/* Withdraws the entry of a flow that could not be written. */
void dir_index_cancel(struct dir_index_file *ix, struct dir_index_entry *e);

/* Checks whether one more flow is within the limits. ERR_TOO_MANY_FLOWS. */
enum err dir_index_check_limits(struct dir_index_file *ix, const struct store_keys *keys,
				const struct store_limits *limits, int64_t now);

/*
 * List the newest ids, at most STORE_LIST_MAX, newest first, and count the waiting flows: see
 * struct store_ops. since excludes flows that began at that time or before.
 */
void dir_index_list_recent(const struct dir_index_file *ix, const struct store_keys *keys,
			   int64_t since, char id[][FLOW_ID_LEN + 1], size_t *count);
void dir_index_list_browser(const struct dir_index_file *ix, uint64_t browser,
			    char id[][FLOW_ID_LEN + 1], size_t *count);
size_t dir_index_count_waiting(struct dir_index_file *ix, int64_t now);

#endif
