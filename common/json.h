/*
 * Reading and writing JSON where memory may end: jansson calls some failed allocations an invalid
 * text, and leaves out of what it reads or writes what it had no room for.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* Has jansson allocate in a way that notices failures. Once, before there are threads. */
void json_init(void);

/*
 * Reads text as json_loadb() with these flags; *out is the caller's, NULL unless ERR_OK.
 * ERR_REQUEST: it is no JSON; ERR_MEMORY.
 */
enum err json_read(const char *text, size_t len, size_t flags, json_t **out) MUST_CHECK;

/* The compact text, for free(); NULL if there is no memory for the whole of it. */
char *json_write(const json_t *json);

#endif
