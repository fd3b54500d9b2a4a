/*
 * The stylesheet, the script and the pictures that the pages use. They are
 * files under common/view/assets, compiled in.
 */
#ifndef ASSET_H
#define ASSET_H

#include <stddef.h>

struct asset {
	const char *name; /* "style.css" */
	const char *type; /* "text/css; charset=utf-8" */
	const char *data;
	size_t len;
};

/* The asset of this name, or NULL. Static storage. */
const struct asset *asset_find(const char *name);

/* Changes whenever any asset does; pages append it as "?v=" so that browsers may cache for ever. */
const char *asset_version(void);

#endif
