/*
 * The sections [relay-site ID], in one sorted list. There can be ten thousand, so each takes only
 * the memory that its texts need.
 */
#ifndef CONFIG_RELAY_H
#define CONFIG_RELAY_H

#include "config/config_keys.h"

/* Appends a copy of a section that was read. ERR_CONFIG: it is incomplete, and why says what is
 * missing. ERR_MEMORY. */
enum err config_relay_site_add(struct config *config, const struct config_draft *draft,
			       const char **why) MUST_CHECK;

/* Sorts the sites by ID, after the last one was added. If two sites have the same ID, returns the
 * one that comes later in the file; otherwise NULL. */
const struct config_site *config_relay_sites_sort(struct config *config);

/* Appends each site as a section with its keys. */
void config_relay_sites_dump(const struct config *config, struct buf *out);

#endif
