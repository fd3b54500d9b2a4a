/*
 * The kinds of stores, by the word with which [flow] store begins.
 */
#ifndef STORE_KIND_H
#define STORE_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

/*
 * Opens the store that the configuration names: "dir:/path", "redis:/path/of/socket",
 * "redis://host:port/db". Resolves a host name once, now. The strings of login must outlive the
 * store. ERR_CONFIG: no such kind; ERR_STORE: no such host, and the log says so; other errors as
 * of dir_store_open() and redis_store_open().
 */
enum err store_kind_open(const char *spec, const struct store_limits *limits,
			 const struct store_login *login, struct store **out) MUST_CHECK;

/* Returns whether spec names a store that this program has; if not, why says what is wrong. */
bool store_kind_check(const char *spec, char *why, size_t why_size);

/* Sets *out to what a store needs; to nothing if spec names none. Strings point into spec. */
void store_kind_access(const char *spec, struct store_access *out);

#endif
