/*
 * The kinds of stores, by the word that [flow] store begins with.
 */
#ifndef STORE_KIND_H
#define STORE_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

/*
 * Opens a store by what it is called in the configuration: "dir:/path", "redis:/path/of/socket",
 * "redis://host:port/db". A host's name is resolved once, now. ERR_CONFIG: no such kind;
 * ERR_STORE: no such host, and the log says so.
 */
enum err store_kind_open(const char *spec, const struct store_limits *limits,
			 const struct store_login *login, struct store **out) MUST_CHECK;

/* Whether spec names a store that this program has; why says what is wrong. */
bool store_kind_check(const char *spec, char *why, size_t why_size);

/* What a store needs; nothing for a spec that is none. Strings are pieces of spec. */
void store_kind_access(const char *spec, struct store_access *out);

#endif
