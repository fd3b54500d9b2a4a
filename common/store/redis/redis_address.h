/*
 * The address of a Redis, as the configuration gives it after "redis:": the absolute path of a
 * Unix socket, or //host:port/db with an IPv6 address in brackets; port (6379) and db (0) are
 * optional.
 */
#ifndef REDIS_ADDRESS_H
#define REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/unix_path.h"

#define REDIS_HOST_MAX	   255
#define REDIS_PORT_DEFAULT 6379
#define REDIS_DB_MAX	   9999

struct redis_address {
	char path[UNIX_PATH_SIZE];     /* "": TCP */
	char host[REDIS_HOST_MAX + 1]; /* a name or an address, without brackets */
	int port;		       /* 0 with a path */
	int db;
};

/* Reads an address. False: text is not one; why, unless NULL, says what is wrong. */
bool redis_address_read(const char *text, struct redis_address *out, char *why, size_t why_size);

#endif
