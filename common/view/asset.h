/*
 * The stylesheet, the script and the icon of the pages. They are files in common/view/assets,
 * compiled in.
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

/* Returns the asset of this name, in static storage, or NULL. */
const struct asset *asset_find(const char *name);

/* Returns a text that changes whenever any asset does. Pages append it as "?v=", so that browsers
 * may cache assets for ever. */
const char *asset_version(void);

#endif
