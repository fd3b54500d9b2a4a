/*
 * Reads and writes JSON so that running out of memory is noticed: jansson reports some failed
 * allocations as invalid JSON, and leaves out of its input or output what it had no memory for.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/error.h"

/*
 * Installs allocators in jansson that notice failures, and seeds its hash tables. Call it once,
 * before threads start.
 */
void json_init(void);

/*
 * Parses text as json_loadb() does with these flags. *out belongs to the caller, and is NULL
 * unless ERR_OK. ERR_REQUEST: text is not JSON; ERR_MEMORY.
 */
enum err json_read(const char *text, size_t len, size_t flags, json_t **out) MUST_CHECK;

/*
 * Appends the JSON text with every string that equals old replaced by new; all other bytes are
 * unchanged. ERR_MEMORY, ERR_TOO_LARGE.
 */
enum err
json_replace(const struct buf *text, const char *old, const char *new, struct buf *out) MUST_CHECK;

/* Returns the compact text, to be freed with free(); NULL if memory ran out. */
char *json_write(const json_t *json);

#endif
