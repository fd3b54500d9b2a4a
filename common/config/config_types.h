/*
 * The types of configuration values: how each is read and written. The table in config_keys.c
 * refers to them.
 */
#ifndef CONFIG_TYPES_H
#define CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "util/buf.h"

struct config_key;

/* Reads value into member. The reader of a list adds value to the list, and empties the list if
 * value is NULL. False: why says what is wrong and what is allowed. */
typedef bool config_reader(const struct config_key *key, void *member, const char *value, char *why,
			   size_t why_size);

/* Appends the value as it is written in the file. */
typedef void config_writer(const void *member, struct buf *out);

/* A row of the table in config_keys.c. */
struct config_key {
	const char *section;
	const char *name;
	const char *initial; /* the default, as it is written in the file */
	config_reader *read;
	config_writer *write;
	size_t offset; /* of the member in struct config_opencode, config_draft or config */
	size_t size;   /* bytes of the member; 0: a list, which may continue on further lines */
	long min, max; /* limits of a number */
};

config_reader config_types_read_text;
config_reader config_types_read_number;
config_reader config_types_read_rate;
config_reader config_types_read_origin;
config_reader config_types_read_path;
config_reader config_types_read_socket;
config_reader config_types_read_prefix;
config_reader config_types_read_routes;
config_reader config_types_read_store;
config_reader config_types_read_url;
config_reader config_types_read_id;
config_reader config_types_read_issuers;
config_reader config_types_read_trust;
config_reader config_types_read_proxy_header;
config_reader config_types_read_http;
config_reader config_types_read_login;
config_reader config_types_read_log_target;
config_reader config_types_read_log_level;

config_writer config_types_write_text;
config_writer config_types_write_number;
config_writer config_types_write_rate;
config_writer config_types_write_routes;
config_writer config_types_write_issuers;
config_writer config_types_write_trust;
config_writer config_types_write_proxy_header;
config_writer config_types_write_http;
config_writer config_types_write_login;
config_writer config_types_write_log_target;
config_writer config_types_write_log_level;

#endif
