/*
 * The index of a store folder: one file of fixed-size entries, one for each
 * flow that can still be asked for. It serves to count, to list and to clean up,
 * and is rewritten under a lock; what a flow is stands in the flow's own files.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "store.h"

struct index_entry {
	char id[24]; /* FLOW_ID_LEN characters and NULs; all NUL: free */
	struct store_keys keys;
	int64_t created;
	int64_t expires;
	uint32_t ended;	      /* 1: seen to have ended */
	uint32_t url_removed; /* 1: its authorize URL is gone */
};

/* One locked index. */
struct index {
	int dir; /* the store folder; not owned */
	int fd;
	struct index_entry *entry; /* mapped */
	size_t count;
	/* Asks the flow's own files whether it has ended: the end of a flow leaves the index alone.
	 */
	bool (*has_ended)(int dir, const char *id);
};

/* Opens, locks and maps the index of a folder, made empty if there is none. ERR_STORE. */
enum err
index_open(struct index *ix, int dir, bool (*has_ended)(int dir, const char *id)) MUST_CHECK;
void index_close(struct index *ix);

/*
 * Whether an entry is of a flow that waits at this time, as far as the index
 * knows: a flow that has ended since is still taken for a waiting one.
 */
bool index_waits(const struct index_entry *e, int64_t now);

/*
 * Finds place for one more entry and gives it: a free one, one whose flow was
 * kept long enough, a new one at the end, or, when there are `most`, that of the oldest ended
 * flow. An entry that held a flow still does: the caller removes that flow's
 * files. ERR_STORE: cannot grow, or all entries wait.
 */
enum err
index_place(struct index *ix, int64_t now, size_t most, struct index_entry **out) MUST_CHECK;

/* The entry of a flow, or NULL. */
struct index_entry *index_find(struct index *ix, const char *id);

/* Whether one more flow is within the limits: ERR_TOO_MANY_FLOWS. */
enum err index_room(struct index *ix, const struct store_keys *keys,
		    const struct store_limits *limits, int64_t now);

/* The id of an entry, if it holds a well-formed one. */
bool index_id(const struct index_entry *e, char id[FLOW_ID_LEN + 1]);

/* The newest ids, at most STORE_LIST_MAX, newest first: see struct store_ops. */
void index_list_recent(const struct index *ix, const struct store_keys *keys, int64_t since,
		       char id[][FLOW_ID_LEN + 1], size_t *count);
void index_list_browser(const struct index *ix, uint64_t browser, char id[][FLOW_ID_LEN + 1],
			size_t *count);
size_t index_count_waiting(struct index *ix, int64_t now);

#endif
