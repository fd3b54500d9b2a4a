/*
 * The file behind the index of a store folder: a ring of entries, mapped and
 * locked. Entries with a key in common are chained, the newest first, by hash
 * buckets that are as many as entries, so that nothing takes longer the more of
 * them there are. A link leads to an older entry or, when that is gone, nowhere:
 * nothing in the file, however damaged, can lead outside or round in a circle.
 */
#ifndef DIR_INDEX_FILE_H
#define DIR_INDEX_FILE_H

#include <sys/types.h>

#include "store/store.h"

/* The keys by which entries are chained; each has its member in struct store_keys. */
enum { RING_CLIENT, RING_BROWSER, RING_GROUP, RING_SLOT, RING_KEYS };

struct ring_entry {
	char id[24]; /* FLOW_ID_LEN characters and NULs; all NUL: of no flow */
	uint64_t key[RING_KEYS];
	uint64_t seq;	 /* which entry of all that ever were; its place is seq % capacity */
	int64_t created; /* of the flow, on the store's clock */
	int64_t expires;
	int64_t entered;	  /* when the entry was made */
	uint32_t back[RING_KEYS]; /* how much older the next of the chain is; 0: no more */
	uint32_t head[RING_KEYS]; /* of this place's bucket: the place of the newest, plus 1 */
	uint32_t counted;	  /* 1: among those that wait, as far as the index knows */
	uint32_t unused;
};

/* What stands before the entries, in as many bytes. */
struct ring_head {
	char magic[8];
	uint64_t capacity; /* entries in the file */
	uint64_t oldest;   /* the first entry that is kept, */
	uint64_t live;	   /* the first that may wait, */
	uint64_t next;	   /* and the one that will be made next */
	uint64_t waiting;  /* how many are counted */
	uint64_t unlinked; /* 1: the chains are being made anew */
	char unused[72];
};

/* A ring. Between its uses the file stays mapped, but is not looked at. */
struct dir_index_file {
	int dir; /* while open: the store folder; not owned */
	int fd;
	dev_t device;
	ino_t inode;   /* which file is mapped */
	size_t mapped; /* bytes, from head on */
	struct ring_head *head;
	struct ring_entry *entry;
};

void dir_index_file_init(struct dir_index_file *r);
void dir_index_file_free(struct dir_index_file *r);

/* Opens, locks and maps the file of a folder, made empty if there is none of ours. ERR_STORE. */
enum err dir_index_file_open(struct dir_index_file *r, int dir) MUST_CHECK;
void dir_index_file_close(struct dir_index_file *r);

/* The entry of this number, or NULL: it is gone, or was never made. */
struct ring_entry *dir_index_file_get(const struct dir_index_file *r, uint64_t seq);

/* Doubles the places. Entries move: pointers to them are void. ERR_STORE. */
enum err dir_index_file_grow(struct dir_index_file *r) MUST_CHECK;

/* Makes the newest entry, with what *new holds of a flow; there must be a place. */
struct ring_entry *dir_index_file_push(struct dir_index_file *r, const struct ring_entry *new);

/* The newest entry with this key, and the next older one with the same; NULL: no more. */
struct ring_entry *dir_index_file_first(const struct dir_index_file *r, int key, uint64_t value);
struct ring_entry *
dir_index_file_next(const struct dir_index_file *r, int key, const struct ring_entry *e);

#endif
