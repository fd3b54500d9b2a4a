/*
 * The allowances of clients: one file of fixed size in the store folder, mapped by all processes.
 * A client has one word in it, changed by one atomic step, so that no process waits for another
 * and any may die at any time. When there are more clients than words, the one that has used
 * least is forgotten.
 */
#ifndef DIR_RATE_LIMIT_H
#define DIR_RATE_LIMIT_H

#include <pthread.h>
#include <sys/types.h>

#include "store/store.h"

struct private_dir;
struct limit_table;

struct dir_rate_limit {
	struct private_dir *folder; /* not owned */
	pthread_rwlock_t lock;	    /* for the mapping, not for its content */
	unsigned folder_opened;	    /* folder->opened when the file was mapped */
	int fd;			    /* of the mapped file; -1: none */
	struct limit_table *table;
};

void dir_rate_limit_init(struct dir_rate_limit *l, struct private_dir *folder);
void dir_rate_limit_free(struct dir_rate_limit *l);

/*
 * Takes count requests from a client's allowance, or only checks it (0): see consume in struct
 * store_ops. now_ms is the store's clock in milliseconds. ERR_RATE; ERR_STORE: the file can be
 * neither used nor made.
 */
enum err
dir_rate_limit_consume(struct dir_rate_limit *l, int64_t now_ms, const struct store_limits *limits,
		       uint64_t client, int count, struct allowance *out) MUST_CHECK;

#endif
