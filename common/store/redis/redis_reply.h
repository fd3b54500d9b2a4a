/*
 * One reply of Redis, read by hiredis' parser into memory of known size: flat, a few
 * items, no longer than we have any use for. Whatever else comes is no reply.
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
	size_t at, len; /* of its text */
};

struct redis_reply {
	bool array;   /* or one item by itself */
	size_t count; /* items */
	struct redis_item item[REDIS_ITEMS_MAX];
	struct buf text; /* of all items, each NUL-terminated */
};

/* Needs no freeing before something was read into it. */
void redis_reply_init(struct redis_reply *reply);
void redis_reply_free(struct redis_reply *reply);

/* The text of item i; NULL if it has none, or one with a NUL byte in it. */
const char *redis_reply_text(const struct redis_reply *reply, size_t i);

/* The number of item i. False: it is none. */
bool redis_reply_number(const struct redis_reply *reply, size_t i, int64_t *out);

/* What the error says that came in the place of a reply; NULL: none did. */
const char *redis_reply_error(const struct redis_reply *reply);

/* A parser, to be freed by redisReaderFree(). NULL: no memory. */
struct redisReader *redis_reply_reader(void);

/*
 * Gives the parser what came. *whole is set when the reply is; nothing may come
 * behind it. ERR_STORE: no reply of ours, or no memory. After that the reply is empty, and the
 * parser good for nothing.
 */
enum err redis_reply_feed(struct redisReader *reader, const char *data, size_t len,
			  struct redis_reply *reply, bool *whole) MUST_CHECK;

#endif
