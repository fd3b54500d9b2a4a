#include "store/dir/dir_index.h"

#include <string.h>

#include "store/dir/flow_files.h"
#include "store/dir/private_dir.h"

#define SWEEP_MAX 64 /* entries that one dir_index_add() cleans up */

/* Copies the id of an entry. False: it belongs to no flow, or is malformed. */
static bool
entry_id(const struct dir_index_entry *e, char id[FLOW_ID_LEN + 1])
{
	memcpy(id, e->id, FLOW_ID_LEN);
	id[FLOW_ID_LEN] = '\0';
	return e->id[FLOW_ID_LEN] == '\0' && flow_id_valid(id);
}

static void
uncount(struct dir_index_file *ix, struct dir_index_entry *e)
{
	bool counted = e->counted != 0;

	/* in this order: a process that dies in between leaves the count too high */
	e->counted = 0;
	if (counted && ix->head->waiting > 0)
		ix->head->waiting--;
}

/* Whether its flow waits, as far as the index knows; a flow that has ended may still count. */
static bool
counts(const struct dir_index_entry *e, int64_t now)
{
	return e->counted != 0 && e->created <= now && now < e->expires;
}

/* Does the same from the flow's own files, and corrects the index. */
static bool
still_waits(struct dir_index_file *ix, struct dir_index_entry *e, int64_t now)
{
	char id[FLOW_ID_LEN + 1];

	if (counts(e, now) && entry_id(e, id) && !flow_files_ended(ix->dir, id))
		return true;
	uncount(ix, e);
	return false;
}

/* Stops counting flows that have expired, and removes their authorize URLs. */
static void
sweep_expired(struct dir_index_file *ix, int64_t now)
{
	char id[FLOW_ID_LEN + 1];

	for (int i = 0; i < SWEEP_MAX && ix->head->live < ix->head->next; i++) {
		struct dir_index_entry *e = dir_index_file_get(ix, ix->head->live);

		if (e != NULL && e->created <= now && now < e->expires)
			break;
		if (e != NULL && entry_id(e, id))
			private_dir_remove(ix->dir, id, ".url");
		if (e != NULL)
			uncount(ix, e);
		ix->head->live++;
	}
	if (ix->head->live == ix->head->next)
		ix->head->waiting = 0; /* corrects what dead processes left */
}

/* Forgets the oldest entry and its flow. */
static void
forget_oldest(struct dir_index_file *ix)
{
	struct dir_index_entry *e = dir_index_file_get(ix, ix->head->oldest);
	char id[FLOW_ID_LEN + 1];

	if (e != NULL && entry_id(e, id))
		flow_files_remove(ix->dir, id);
	if (e != NULL)
		uncount(ix, e);
	if (ix->head->live == ix->head->oldest)
		ix->head->live++;
	ix->head->oldest++;
}

static void
sweep_forgotten(struct dir_index_file *ix, int64_t now)
{
	for (int i = 0; i < SWEEP_MAX && ix->head->oldest < ix->head->next; i++) {
		const struct dir_index_entry *e = dir_index_file_get(ix, ix->head->oldest);

		if (e != NULL && e->id[0] != '\0' && now - STORE_KEEP_SECONDS < e->expires &&
		    e->created <= now)
			break;
		forget_oldest(ix);
	}
}

/* Moves the oldest entry, whose flow still waits, to the newest place. */
static void
move_oldest(struct dir_index_file *ix, const struct dir_index_entry *e, int64_t now)
{
	struct dir_index_entry moved = *e;

	if (ix->head->live == ix->head->oldest)
		ix->head->live++;
	ix->head->oldest++;
	moved.entered = now;
	(void)dir_index_file_push(ix, &moved);
}

/* Makes room for one more entry. */
static enum err
make_place(struct dir_index_file *ix, int64_t now, size_t most)
{
	uint64_t used = ix->head->next - ix->head->oldest;

	if (used < most && used == ix->head->capacity)
		return dir_index_file_grow(ix);
	for (uint64_t i = 0; used >= most && i < used; i++) {
		struct dir_index_entry *e = dir_index_file_get(ix, ix->head->oldest);

		if (e == NULL || !still_waits(ix, e, now)) {
			forget_oldest(ix);
			return ERR_OK;
		}
		move_oldest(ix, e, now);
	}
	return used < most ? ERR_OK : ERR_STORE;
}

enum err
dir_index_add(struct dir_index_file *ix, const struct flow *flow, const struct store_keys *keys,
	      int64_t now, size_t most, struct dir_index_entry **out)
{
	struct dir_index_entry e = {.key = {[DIR_INDEX_CLIENT] = keys->client,
					    [DIR_INDEX_BROWSER] = keys->browser,
					    [DIR_INDEX_GROUP] = keys->group,
					    [DIR_INDEX_SLOT] = keys->slot},
				    .created = flow->created,
				    .expires = flow->expires,
				    .entered = now,
				    .counted = 1};
	enum err err;

	sweep_expired(ix, now);
	sweep_forgotten(ix, now);
	if ((err = make_place(ix, now, most)) != ERR_OK)
		return err;
	memcpy(e.id, flow->id, FLOW_ID_LEN);
	ix->head->waiting++;
	*out = dir_index_file_push(ix, &e);
	return ERR_OK;
}

void
dir_index_cancel(struct dir_index_file *ix, struct dir_index_entry *e)
{
	uncount(ix, e);
	memset(e->id, 0, sizeof(e->id));
}

/* Returns how many entries of a group are counted. */
static uint64_t
count_group(const struct dir_index_file *ix, uint64_t group)
{
	uint64_t count = 0;

	for (struct dir_index_entry *e = dir_index_file_first(ix, DIR_INDEX_GROUP, group);
	     e != NULL; e = dir_index_file_next(ix, DIR_INDEX_GROUP, e)) {
		if (e->seq < ix->head->live)
			break;
		count += e->counted != 0;
	}
	return count;
}

/* Whether a client has fewer than most waiting flows, not counting those of the group. */
static bool
client_within(struct dir_index_file *ix, const struct store_keys *keys, int most, int64_t now,
	      bool exact)
{
	for (struct dir_index_entry *e = dir_index_file_first(ix, DIR_INDEX_CLIENT, keys->client);
	     e != NULL; e = dir_index_file_next(ix, DIR_INDEX_CLIENT, e)) {
		if (e->seq < ix->head->live)
			break;
		if (e->key[DIR_INDEX_GROUP] != keys->group &&
		    (exact ? still_waits(ix, e, now) : counts(e, now)) && --most <= 0)
			return false;
	}
	return most > 0;
}

/*
 * Does the same for all clients. The count is too high rather than too low, so it is checked only
 * at the limit.
 */
static bool
all_within(struct dir_index_file *ix, const struct store_keys *keys, uint64_t most, int64_t now)
{
	uint64_t waiting = 0, same;

	if (ix->head->waiting < most)
		return true;
	for (uint64_t seq = ix->head->live; seq < ix->head->next; seq++) {
		struct dir_index_entry *e = dir_index_file_get(ix, seq);

		if (e != NULL && still_waits(ix, e, now))
			waiting++;
	}
	ix->head->waiting = waiting;
	same = count_group(ix, keys->group);
	return waiting - (same < waiting ? same : waiting) < most;
}

enum err
dir_index_check_limits(struct dir_index_file *ix, const struct store_keys *keys,
		       const struct store_limits *limits, int64_t now)
{
	/* the index counts too many rather than too few, so it is enough if it says yes */
	return all_within(ix, keys, (uint64_t)limits->max_pending, now) &&
		       (client_within(ix, keys, limits->max_pending_per_client, now, false) ||
			client_within(ix, keys, limits->max_pending_per_client, now, true))
		   ? ERR_OK
		   : ERR_TOO_MANY_FLOWS;
}

/* Collects the newest ids, newest first. */
struct newest {
	char (*id)[FLOW_ID_LEN + 1];
	int64_t created[STORE_LIST_MAX];
	size_t count;
};

static void
newest_add(struct newest *n, const struct dir_index_entry *e)
{
	char id[FLOW_ID_LEN + 1];
	size_t at = n->count;

	if (!entry_id(e, id))
		return;
	while (at > 0 && n->created[at - 1] < e->created)
		at--;
	if (at == STORE_LIST_MAX)
		return;
	if (n->count < STORE_LIST_MAX)
		n->count++;
	memmove(n->id[at + 1 < STORE_LIST_MAX ? at + 1 : at], n->id[at],
		(n->count - at - 1) * sizeof(n->id[0]));
	memmove(&n->created[at + 1 < STORE_LIST_MAX ? at + 1 : at], &n->created[at],
		(n->count - at - 1) * sizeof(n->created[0]));
	memcpy(n->id[at], id, sizeof(id));
	n->created[at] = e->created;
}

void
dir_index_list_recent(const struct dir_index_file *ix, const struct store_keys *keys, int64_t since,
		      char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct newest n = {.id = id, .count = 0};

	for (struct dir_index_entry *e = dir_index_file_first(ix, DIR_INDEX_GROUP, keys->group);
	     e != NULL; e = dir_index_file_next(ix, DIR_INDEX_GROUP, e)) {
		if (e->entered <= since)
			break;
		if (e->created > since)
			newest_add(&n, e);
	}
	for (struct dir_index_entry *e = dir_index_file_first(ix, DIR_INDEX_SLOT, keys->slot);
	     e != NULL; e = dir_index_file_next(ix, DIR_INDEX_SLOT, e)) {
		if (e->entered <= since)
			break;
		if (e->created > since && e->key[DIR_INDEX_GROUP] != keys->group)
			newest_add(&n, e);
	}
	*count = n.count;
}

void
dir_index_list_browser(const struct dir_index_file *ix, uint64_t browser,
		       char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct newest n = {.id = id, .count = 0};

	for (const struct dir_index_entry *e = dir_index_file_first(ix, DIR_INDEX_BROWSER, browser);
	     e != NULL; e = dir_index_file_next(ix, DIR_INDEX_BROWSER, e))
		newest_add(&n, e);
	*count = n.count;
}

size_t
dir_index_count_waiting(struct dir_index_file *ix, int64_t now)
{
	size_t count = 0;

	for (uint64_t seq = ix->head->live; seq < ix->head->next; seq++) {
		struct dir_index_entry *e = dir_index_file_get(ix, seq);

		if (e != NULL && still_waits(ix, e, now))
			count++;
	}
	return count;
}
