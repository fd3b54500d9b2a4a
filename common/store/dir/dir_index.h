/*
 * The index of a store folder: one file with an entry for each flow that can
 * still be asked for. It serves to count, to list and to clean up, and is changed
 * under a lock; what a flow is stands in the flow's own files.
 *
 * The entries are in the order in which the flows were begun, which is also that
 * in which they expire and are forgotten: clean-up looks at the old end only.
 */
#ifndef DIR_INDEX_H
#define DIR_INDEX_H

#include "store/dir/dir_index_file.h"

/*
 * Makes an entry for a flow. It takes the place of one whose flow was kept long
 * enough, a new one, or, when there are `most`, that of the oldest flow that does
 * not wait, whose files it removes. Cleans up a few others. ERR_STORE: the file cannot grow,
 * or all wait.
 */
enum err
dir_index_add(struct dir_index_file *ix, const struct flow *flow, const struct store_keys *keys,
	      int64_t now, size_t most, struct ring_entry **out) MUST_CHECK;

/* Takes back the entry of a flow that could not be written. */
void dir_index_cancel(struct dir_index_file *ix, struct ring_entry *e);

/* Whether one more flow is within the limits: ERR_TOO_MANY_FLOWS. */
enum err dir_index_check_limits(struct dir_index_file *ix, const struct store_keys *keys,
				const struct store_limits *limits, int64_t now);

/* The newest ids, at most STORE_LIST_MAX, newest first: see struct store_ops. */
void dir_index_list_recent(const struct dir_index_file *ix, const struct store_keys *keys,
			   int64_t since, char id[][FLOW_ID_LEN + 1], size_t *count);
void dir_index_list_browser(const struct dir_index_file *ix, uint64_t browser,
			    char id[][FLOW_ID_LEN + 1], size_t *count);
size_t dir_index_count_waiting(struct dir_index_file *ix, int64_t now);

#endif
