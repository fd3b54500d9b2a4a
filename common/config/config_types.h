/*
 * The values of the configuration that are one of a few words: how each is read
 * into its enum, and written. The table in config_key.c names them.
 */
#ifndef CONFIG_TYPES_H
#define CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

struct config_key;

bool config_types_read_proxy_header(const struct config_key *key, void *member, const char *value,
				    char *why, size_t why_size);
void config_types_write_proxy_header(const void *member, struct buf *out);

bool config_types_read_log_target(const struct config_key *key, void *member, const char *value,
				  char *why, size_t why_size);
void config_types_write_log_target(const void *member, struct buf *out);

bool config_types_read_log_level(const struct config_key *key, void *member, const char *value,
				 char *why, size_t why_size);
void config_types_write_log_level(const void *member, struct buf *out);

#endif
