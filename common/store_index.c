#include "store_index.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"

#define INDEX_GROW 64 /* entries that are added at once */

static enum err
index_map(struct index *ix, size_t count)
{
	size_t old = ix->count * sizeof(*ix->entry), len = count * sizeof(*ix->entry);

	if (ix->entry != NULL)
		munmap(ix->entry, old);
	ix->entry = NULL;
	ix->count = 0;
	if (count == 0)
		return ERR_OK;
	ix->entry = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, ix->fd, 0);
	if (ix->entry == MAP_FAILED) {
		ix->entry = NULL;
		return ERR_STORE;
	}
	ix->count = count;
	return ERR_OK;
}

enum err
index_open(struct index *ix, int dir, bool (*has_ended)(int dir, const char *id))
{
	struct stat st;

	*ix = (struct index){.dir = dir, .fd = -1, .has_ended = has_ended};
	if (folder_lock(dir, "index", 0, &ix->fd) != ERR_OK)
		return ERR_STORE;
	if (fstat(ix->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    index_map(ix, (size_t)st.st_size / sizeof(*ix->entry)) != ERR_OK) {
		index_close(ix);
		return ERR_STORE;
	}
	return ERR_OK;
}

void
index_close(struct index *ix)
{
	if (ix->fd < 0)
		return;
	index_map(ix, 0);
	close(ix->fd); /* and with it the lock */
	ix->fd = -1;
}

bool
index_waits(const struct index_entry *e, int64_t now)
{
	return e->id[0] != '\0' && e->ended == 0 && now < e->expires && e->created <= now;
}

bool
index_id(const struct index_entry *e, char id[FLOW_ID_LEN + 1])
{
	memcpy(id, e->id, FLOW_ID_LEN);
	id[FLOW_ID_LEN] = '\0';
	return e->id[FLOW_ID_LEN] == '\0' && flow_id_valid(id);
}

/* The same, by the flow's own files; the index learns of it. */
static bool
still_waits(struct index *ix, struct index_entry *e, int64_t now)
{
	char id[FLOW_ID_LEN + 1];

	if (!index_waits(e, now))
		return false;
	if (!index_id(e, id) || ix->has_ended(ix->dir, id))
		e->ended = 1;
	return e->ended == 0;
}

static bool
index_forgotten(const struct index_entry *e, int64_t now)
{
	return e->id[0] == '\0' || now >= e->expires + STORE_KEEP_SECONDS || e->created > now;
}

static enum err
index_grow(struct index *ix, size_t most)
{
	size_t count = ix->count + INDEX_GROW;

	if (count > most)
		count = most;
	/* not ftruncate(): on a full file system, storing to a hole would be SIGBUS */
	if (posix_fallocate(ix->fd, 0, (off_t)(count * sizeof(*ix->entry))) != 0)
		return ERR_STORE;
	return index_map(ix, count);
}

/* An entry that can be taken: forgotten, else the oldest that has ended. */
static struct index_entry *
index_spare(struct index *ix, int64_t now, bool forgotten)
{
	struct index_entry *oldest = NULL;

	for (size_t i = 0; i < ix->count; i++) {
		struct index_entry *e = &ix->entry[i];

		if (forgotten && index_forgotten(e, now))
			return e;
		if (!forgotten && (oldest == NULL || e->expires < oldest->expires) &&
		    !still_waits(ix, e, now))
			oldest = e;
	}
	return oldest;
}

enum err
index_place(struct index *ix, int64_t now, size_t most, struct index_entry **out)
{
	size_t old = ix->count;

	if ((*out = index_spare(ix, now, true)) != NULL)
		return ERR_OK;
	if (ix->count < most) {
		if (index_grow(ix, most) != ERR_OK)
			return ERR_STORE;
		*out = &ix->entry[old];
		return ERR_OK;
	}
	*out = index_spare(ix, now, false);
	return *out == NULL ? ERR_STORE : ERR_OK;
}

struct index_entry *
index_find(struct index *ix, const char *id)
{
	for (size_t i = 0; i < ix->count; i++)
		if (strncmp(ix->entry[i].id, id, sizeof(ix->entry[i].id)) == 0)
			return &ix->entry[i];
	return NULL;
}

/* Counts what waits besides the group of keys; exact: by the flows' own files. */
static bool
within(struct index *ix, const struct store_keys *keys, const struct store_limits *limits,
       int64_t now, bool exact)
{
	int all = 0, client = 0;

	for (size_t i = 0; i < ix->count; i++) {
		struct index_entry *e = &ix->entry[i];

		if (e->keys.group == keys->group ||
		    !(exact ? still_waits(ix, e, now) : index_waits(e, now)))
			continue;
		all++;
		if (e->keys.client == keys->client)
			client++;
	}
	return all < limits->max_pending && client < limits->max_pending_per_client;
}

enum err
index_room(struct index *ix, const struct store_keys *keys, const struct store_limits *limits,
	   int64_t now)
{
	/* the index counts too many rather than too few, so its yes is enough */
	return within(ix, keys, limits, now, false) || within(ix, keys, limits, now, true)
		   ? ERR_OK
		   : ERR_TOO_MANY_FLOWS;
}

/* Keeps the newest ids in order, newest first. */
struct newest {
	char (*id)[FLOW_ID_LEN + 1];
	int64_t created[STORE_LIST_MAX];
	size_t count;
};

static void
newest_add(struct newest *n, const struct index_entry *e)
{
	char id[FLOW_ID_LEN + 1];
	size_t at = n->count;

	if (!index_id(e, id))
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
index_list_recent(const struct index *ix, const struct store_keys *keys, int64_t since,
		  char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct newest n = {.id = id, .count = 0};

	for (size_t i = 0; i < ix->count; i++) {
		const struct index_entry *e = &ix->entry[i];

		if (e->id[0] != '\0' && e->created > since &&
		    (e->keys.group == keys->group || e->keys.slot == keys->slot))
			newest_add(&n, e);
	}
	*count = n.count;
}

void
index_list_browser(const struct index *ix, uint64_t browser, char id[][FLOW_ID_LEN + 1],
		   size_t *count)
{
	struct newest n = {.id = id, .count = 0};

	for (size_t i = 0; i < ix->count; i++)
		if (ix->entry[i].id[0] != '\0' && ix->entry[i].keys.browser == browser)
			newest_add(&n, &ix->entry[i]);
	*count = n.count;
}

size_t
index_count_waiting(struct index *ix, int64_t now)
{
	size_t count = 0;

	for (size_t i = 0; i < ix->count; i++)
		if (still_waits(ix, &ix->entry[i], now))
			count++;
	return count;
}
