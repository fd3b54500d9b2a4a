/*
 * The sections [relay-site ID]: there can be ten thousand, so they are kept as
 * long as they are, in one sorted list.
 */
#ifndef CONFIG_RELAY_H
#define CONFIG_RELAY_H

#include "config/config_keys.h"

/* Appends a copy of what was read. ERR_CONFIG: it is not complete, why says how; ERR_MEMORY. */
enum err config_relay_site_add(struct config *config, const struct config_draft *draft,
			       const char **why) MUST_CHECK;

/* Brings them in their order, after the last one. Returns one of two that have the same id, the one
 * that stands later in the file; or NULL. */
const struct config_site *config_relay_sites_sort(struct config *config);

/* Appends each with its keys. */
void config_relay_sites_dump(const struct config *config, struct buf *out);

#endif
