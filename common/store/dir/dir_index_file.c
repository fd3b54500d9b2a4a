#include "store/dir/dir_index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/dir/private_dir.h"
#include "util/log.h"

#define CAPACITY_FIRST 64 /* entries; the file doubles when it is full */

_Static_assert(sizeof(struct dir_index_head) == sizeof(struct dir_index_entry),
	       "the file is an array");
_Static_assert(sizeof(struct dir_index_entry) == 128, "no holes");

static const char magic[8] = "index 2";

static uint64_t
capacity(const struct dir_index_file *r)
{
	return r->head->capacity;
}

static struct dir_index_entry *
place(const struct dir_index_file *r, uint64_t seq)
{
	return &r->entry[seq % capacity(r)];
}

struct dir_index_entry *
dir_index_file_get(const struct dir_index_file *r, uint64_t seq)
{
	struct dir_index_entry *e = place(r, seq);

	return seq >= r->head->oldest && seq < r->head->next && e->seq == seq ? e : NULL;
}

static void
ring_unmap(struct dir_index_file *r)
{
	if (r->head != NULL)
		munmap(r->head, r->mapped);
	r->head = NULL;
}

/* Maps the head and count entries. */
static enum err
ring_map(struct dir_index_file *r, uint64_t count)
{
	void *map;

	ring_unmap(r);
	r->mapped = (1 + count) * sizeof(*r->entry);
	map = mmap(NULL, r->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		return ERR_STORE;
	r->head = map;
	r->entry = (struct dir_index_entry *)(r->head + 1);
	return ERR_OK;
}

/*
 * Extends the file to count entries. Not by ftruncate(): on a full file system, a write to a hole
 * raises SIGBUS.
 */
static bool
ring_extend(struct dir_index_file *r, uint64_t count)
{
	errno = posix_fallocate(r->fd, 0, (off_t)((1 + count) * sizeof(*r->entry)));
	return errno == 0;
}

/* Whether the head is plausible, in a file with places for count entries. */
static bool
head_fits(const struct dir_index_head *h, uint64_t count)
{
	return memcmp(h->magic, magic, sizeof(magic)) == 0 && h->capacity > 0 &&
	       h->capacity <= count && h->oldest <= h->live && h->live <= h->next &&
	       h->next - h->oldest <= h->capacity && h->next < UINT64_MAX / 2;
}

/* Return the newest entry of a bucket, and the next older one; NULL: none. */
static struct dir_index_entry *
bucket_top(const struct dir_index_file *r, int key, uint64_t value)
{
	uint32_t head = place(r, value)->head[key];
	struct dir_index_entry *e;

	if (head == 0 || head > capacity(r))
		return NULL;
	e = &r->entry[head - 1];
	/* an entry of another bucket has taken its place: the one we seek is gone */
	return dir_index_file_get(r, e->seq) == e &&
		       e->key[key] % capacity(r) == value % capacity(r)
		   ? e
		   : NULL;
}

static struct dir_index_entry *
bucket_older(const struct dir_index_file *r, int key, const struct dir_index_entry *e)
{
	return e->back[key] == 0 || e->back[key] > e->seq
		   ? NULL
		   : dir_index_file_get(r, e->seq - e->back[key]);
}

struct dir_index_entry *
dir_index_file_first(const struct dir_index_file *r, int key, uint64_t value)
{
	struct dir_index_entry *e = bucket_top(r, key, value);

	while (e != NULL && e->key[key] != value)
		e = bucket_older(r, key, e);
	return e;
}

struct dir_index_entry *
dir_index_file_next(const struct dir_index_file *r, int key, const struct dir_index_entry *e)
{
	struct dir_index_entry *older = bucket_older(r, key, e);

	while (older != NULL && older->key[key] != e->key[key])
		older = bucket_older(r, key, older);
	return older;
}

/* Puts an entry at the head of the chains of its keys. */
static void
entry_link(struct dir_index_file *r, struct dir_index_entry *e)
{
	for (int k = 0; k < DIR_INDEX_KEYS; k++) {
		const struct dir_index_entry *older = bucket_top(r, k, e->key[k]);

		e->back[k] =
		    older != NULL && older->seq < e->seq ? (uint32_t)(e->seq - older->seq) : 0;
	}
	/* the entry exists from here on: dying now leaves it out of some chains only */
	if (r->head->next == e->seq)
		r->head->next = e->seq + 1;
	for (int k = 0; k < DIR_INDEX_KEYS; k++)
		place(r, e->key[k])->head[k] = (uint32_t)(e - r->entry) + 1;
}

/* Rebuilds the chains; if a process dies meanwhile, the next one starts again. */
static void
link_all(struct dir_index_file *r)
{
	r->head->unlinked = 1;
	for (uint64_t i = 0; i < capacity(r); i++)
		memset(r->entry[i].head, 0, sizeof(r->entry[i].head));
	for (uint64_t seq = r->head->oldest; seq < r->head->next; seq++)
		if (dir_index_file_get(r, seq) != NULL)
			entry_link(r, place(r, seq));
	r->head->unlinked = 0;
}

/* Replaces whatever the file holds by an empty ring. */
static enum err
ring_reset(struct dir_index_file *r)
{
	ring_unmap(r);
	if (ftruncate(r->fd, 0) != 0 || !ring_extend(r, CAPACITY_FIRST) ||
	    ring_map(r, CAPACITY_FIRST) != ERR_OK)
		return ERR_STORE;
	r->head->capacity = CAPACITY_FIRST;
	memcpy(r->head->magic, magic, sizeof(magic));
	return ERR_OK;
}

/* Whether the existing mapping is of this file, at its present length. */
static bool
is_mapped(const struct dir_index_file *r, const struct stat *st)
{
	return r->head != NULL && r->device == st->st_dev && r->inode == st->st_ino &&
	       r->mapped == (size_t)st->st_size;
}

static enum err
ring_load(struct dir_index_file *r)
{
	struct stat st;
	uint64_t count;

	if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return ERR_STORE;
	count = (uint64_t)st.st_size / sizeof(*r->entry);
	if (count >= 2 && !is_mapped(r, &st) && ring_map(r, count - 1) != ERR_OK)
		return ERR_STORE;
	r->device = st.st_dev;
	r->inode = st.st_ino;
	if (count < 2)
		return ring_reset(r);
	if (!head_fits(r->head, count - 1)) {
		log_event(LOG_LEVEL_WARNING, "store-index", "cause", "not one of ours: made anew",
			  NULL);
		return ring_reset(r);
	}
	if (r->head->unlinked != 0)
		link_all(r);
	return ERR_OK;
}

void
dir_index_file_init(struct dir_index_file *r)
{
	*r = (struct dir_index_file){.fd = -1};
}

void
dir_index_file_free(struct dir_index_file *r)
{
	dir_index_file_close(r);
	ring_unmap(r);
}

enum err
dir_index_file_open(struct dir_index_file *r, int dir)
{
	r->dir = dir;
	if (private_dir_lock(dir, "index", 0, &r->fd) != ERR_OK) {
		r->fd = -1;
		return ERR_STORE;
	}
	if (ring_load(r) == ERR_OK)
		return ERR_OK;
	ring_unmap(r);
	dir_index_file_close(r);
	return ERR_STORE;
}

void
dir_index_file_close(struct dir_index_file *r)
{
	if (r->fd < 0)
		return;
	/* the mapping keeps the file open, and with it the lock */
	if (!private_dir_unlock(r->fd, 0))
		ring_unmap(r);
	close(r->fd);
	r->fd = -1;
}

/* The old entries stay valid until the head states the new capacity. */
enum err
dir_index_file_grow(struct dir_index_file *r)
{
	uint64_t old = capacity(r);

	if (!ring_extend(r, 2 * old) || ring_map(r, 2 * old) != ERR_OK)
		return ERR_STORE;
	for (uint64_t seq = r->head->oldest; seq < r->head->next; seq++)
		if (seq % old != seq % (2 * old))
			r->entry[seq % (2 * old)] = r->entry[seq % old];
	r->head->unlinked = 1;
	r->head->capacity = 2 * old;
	link_all(r);
	return ERR_OK;
}

struct dir_index_entry *
dir_index_file_push(struct dir_index_file *r, const struct dir_index_entry *new)
{
	struct dir_index_entry *e = place(r, r->head->next), made = *new;

	memcpy(made.head, e->head, sizeof(made.head));
	made.seq = r->head->next;
	*e = made;
	entry_link(r, e);
	return e;
}
