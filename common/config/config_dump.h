/*
 * Writes the configuration as text, for --dump-config.
 */
#ifndef CONFIG_DUMP_H
#define CONFIG_DUMP_H

#include "config/config.h"
#include "util/buf.h"

/* Appends every key with its value, as an ini file that reads back to the same configuration. */
enum err config_dump(const struct config *config, struct buf *out) MUST_CHECK;

#endif
