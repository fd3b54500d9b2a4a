/*
 * One Redis and the connections to it: made when needed, kept between their uses, dropped when
 * anything goes wrong. Thread-safe.
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
 * Resolves the host once; connects to nothing yet. The strings of login must outlive the pool;
 * its password file is read for each new connection. ERR_MEMORY; ERR_STORE: no such host, and the
 * log says so.
 */
enum err redis_pool_open(struct redis_pool **out, const struct redis_address *where,
			 const struct store_login *login) MUST_CHECK;
void redis_pool_close(struct redis_pool *r);

/*
 * Sends a command and reads its reply, which may be an error from Redis. The caller frees the
 * reply. ERR_STORE: there is none, and whether the command was carried out is unknown; the log
 * says why. ERR_MEMORY.
 */
enum err redis_pool_call(struct redis_pool *r, const struct buf *command,
			 struct redis_reply *reply) MUST_CHECK;

/* Drops the idle connections: they may lead to a server that is no longer the right one. */
void redis_pool_drop(struct redis_pool *r);

/* Logs what is wrong, in a few lines a second at most. hint may be NULL. */
void redis_pool_complain(struct redis_pool *r, const char *cause, const char *hint);

/* Records Redis' time, in milliseconds, as a reply gives it. */
void redis_pool_heard(struct redis_pool *r, int64_t time_ms);

/*
 * Sets *time_ms to Redis' time; asks Redis unless it was heard just now. ERR_STORE: Redis gave
 * none; *time_ms is then an estimate by our own clock, or -1 if it was never heard.
 */
enum err redis_pool_clock(struct redis_pool *r, int64_t *time_ms) MUST_CHECK;

#endif
