/*
 * One Redis and the connections to it: made when needed, kept between their uses, dropped when
 * anything is not as it should be. Thread-safe.
 */
#ifndef REDIS_POOL_H
#define REDIS_POOL_H

#include <stdint.h>

#include "store/redis/redis_address.h"
#include "store/redis/redis_reply.h"
#include "store/store.h"
#include "util/buf.h"

struct redis_pool;

/*
 * Resolves the host once; connects to nothing yet. login must outlive it; its
 * password file is read at each connecting. ERR_MEMORY; ERR_STORE: no such host, the log says so.
 */
enum err redis_pool_open(struct redis_pool **out, const struct redis_address *where,
			 const struct store_login *login) MUST_CHECK;
void redis_pool_close(struct redis_pool *r);

/*
 * Sends a command and reads its reply, which may be an error of Redis'. ERR_STORE: there is
 * none, and whether the command was carried out is not known; the log says why. ERR_MEMORY.
 */
enum err redis_pool_call(struct redis_pool *r, const struct buf *command,
			 struct redis_reply *reply) MUST_CHECK;

/* Drops the connections that are kept: they may lead to what is no longer the right Redis. */
void redis_pool_drop(struct redis_pool *r);

/* Tells the log what is wrong, in a few lines a second at most. hint may be NULL. */
void redis_pool_complain(struct redis_pool *r, const char *cause, const char *hint);

/* What time it is there, as a reply says, in milliseconds. */
void redis_pool_heard(struct redis_pool *r, int64_t time_ms);

/*
 * What time it is there; asked for where that was not heard just now. ERR_STORE: in vain, and
 * *time_ms is what it should be by our own clock, or -1 if it was never heard.
 */
enum err redis_pool_clock(struct redis_pool *r, int64_t *time_ms) MUST_CHECK;

#endif
