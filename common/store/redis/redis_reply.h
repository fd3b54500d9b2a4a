/*
 * One reply from Redis, read by hiredis' parser into memory of known size: flat, with few items,
 * and no longer than we can use. Anything else is refused.
 */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"

#define REDIS_ITEMS_MAX 40
#define REDIS_REPLY_MAX 65536 /* bytes */

struct redisReader;

enum redis_type { REDIS_ABSENT, REDIS_NUMBER, REDIS_TEXT, REDIS_ERROR };

struct redis_item {
	enum redis_type type;
	int64_t number;
	size_t at, len; /* position and length of its text */
};

struct redis_reply {
	bool array; /* else a single item */
	size_t count;
	struct redis_item item[REDIS_ITEMS_MAX];
	struct buf text; /* of all items, each NUL-terminated */
};

/*
 * Initialises a reply without allocating: it needs no freeing before something was read into it.
 */
void redis_reply_init(struct redis_reply *reply);
void redis_reply_free(struct redis_reply *reply);

/* Returns the text of item i; NULL: it has none, or one with a NUL byte in it. */
const char *redis_reply_text(const struct redis_reply *reply, size_t i);

/* Reads the number of item i. False: it is not a number. */
bool redis_reply_number(const struct redis_reply *reply, size_t i, int64_t *out);

/* Returns the text of the error that came instead of a reply; NULL: there is none. */
const char *redis_reply_error(const struct redis_reply *reply);

/* Makes a parser, to be freed by redisReaderFree(). NULL: out of memory. */
struct redisReader *redis_reply_reader(void);

/*
 * Feeds len received bytes to the parser, and sets *whole to whether the reply is complete;
 * nothing may follow it. ERR_STORE: not a reply for us, or out of memory; the reply is then
 * empty, and the parser must not be used again.
 */
enum err redis_reply_feed(struct redisReader *reader, const char *data, size_t len,
			  struct redis_reply *reply, bool *whole) MUST_CHECK;

#endif
