/*
 * Reading and writing JSON where memory may end: jansson calls some failed allocations an invalid
 * text, and leaves out of what it reads or writes what it had no room for.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/error.h"

/* Has jansson allocate in a way that notices failures. Once, before there are threads. */
void json_init(void);

/*
 * Reads text as json_loadb() with these flags; *out is the caller's, NULL unless ERR_OK.
 * ERR_REQUEST: it is no JSON; ERR_MEMORY.
 */
enum err json_read(const char *text, size_t len, size_t flags, json_t **out) MUST_CHECK;

/*
 * Appends a JSON text in which every string that is old is new in its place, and every other byte
 * as it was. ERR_MEMORY, ERR_TOO_LARGE.
 */
enum err
json_replace(const struct buf *text, const char *old, const char *new, struct buf *out) MUST_CHECK;

/* The compact text, for free(); NULL if there is no memory for the whole of it. */
char *json_write(const json_t *json);

#endif
