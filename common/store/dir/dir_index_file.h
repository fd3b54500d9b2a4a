/*
 * The file behind the index of a store folder: a ring of entries, mapped and locked. Entries with
 * a key in common are chained, newest first, from hash buckets. There are as many buckets as
 * entries, so that the time of an operation does not depend on their number. A chain leads to an
 * older entry or, once that is gone, ends: nothing in the file, however damaged, can lead outside
 * it or round in a circle.
 */
#ifndef DIR_INDEX_FILE_H
#define DIR_INDEX_FILE_H

#include <sys/types.h>

#include "store/store.h"

/* The keys by which entries are chained; each is a member of struct store_keys. */
enum { DIR_INDEX_CLIENT, DIR_INDEX_BROWSER, DIR_INDEX_GROUP, DIR_INDEX_SLOT, DIR_INDEX_KEYS };

struct dir_index_entry {
	char id[24]; /* FLOW_ID_LEN characters and NULs; all NUL: no flow */
	uint64_t key[DIR_INDEX_KEYS];
	uint64_t seq;	 /* number among all entries ever made; its place is seq % capacity */
	int64_t created; /* of the flow, in seconds on the store's clock */
	int64_t expires;
	int64_t entered;	       /* when the entry was made */
	uint32_t back[DIR_INDEX_KEYS]; /* difference in seq to the next in the chain; 0: none */
	uint32_t
	    head[DIR_INDEX_KEYS]; /* of this place's bucket: place of the newest entry, plus 1 */
	uint32_t counted;	  /* 1: counted as waiting, as far as the index knows */
	uint32_t unused;
};

/* The header before the entries, as large as one entry. */
struct dir_index_head {
	char magic[8];
	uint64_t capacity; /* entries in the file */
	uint64_t oldest;   /* seq of the first entry that is kept */
	uint64_t live;	   /* seq of the first entry that may wait */
	uint64_t next;	   /* seq of the entry that will be made next */
	uint64_t waiting;  /* how many entries are counted */
	uint64_t unlinked; /* 1: the chains are being rebuilt */
	char unused[72];
};

/* A ring. Between its uses the file stays mapped but is not accessed. */
struct dir_index_file {
	int dir; /* the store folder, while the ring is open; not owned */
	int fd;
	dev_t device;
	ino_t inode;   /* with device: identifies the mapped file */
	size_t mapped; /* bytes, from head on */
	struct dir_index_head *head;
	struct dir_index_entry *entry;
};

void dir_index_file_init(struct dir_index_file *r);
void dir_index_file_free(struct dir_index_file *r);

/*
 * Opens, locks and maps the file in a folder; replaces a missing or foreign one by an empty ring.
 * ERR_STORE.
 */
enum err dir_index_file_open(struct dir_index_file *r, int dir) MUST_CHECK;
void dir_index_file_close(struct dir_index_file *r);

/* Returns the entry with this number; NULL: it is gone, or was never made. */
struct dir_index_entry *dir_index_file_get(const struct dir_index_file *r, uint64_t seq);

/* Doubles the number of places. Entries move: pointers to them become invalid. ERR_STORE. */
enum err dir_index_file_grow(struct dir_index_file *r) MUST_CHECK;

/* Makes the newest entry, with the flow's data from *new; there must be a free place. */
struct dir_index_entry *
dir_index_file_push(struct dir_index_file *r, const struct dir_index_entry *new);

/* Return the newest entry with this key, and the next older one with the same; NULL: none. */
struct dir_index_entry *
dir_index_file_first(const struct dir_index_file *r, int key, uint64_t value);
struct dir_index_entry *
dir_index_file_next(const struct dir_index_file *r, int key, const struct dir_index_entry *e);

#endif
