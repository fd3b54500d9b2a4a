/*
 * One connection to Redis, used by one thread at a time. It must be closed after any failure: a
 * late reply would be taken for the reply to the next command. SIGPIPE must be ignored.
 */
#ifndef REDIS_CONNECTION_H
#define REDIS_CONNECTION_H

#include <sys/socket.h>

#include "store/redis/redis_reply.h"

#define REDIS_CONNECT_MS 1000
#define REDIS_COMMAND_MS 2000

struct redis_connection {
	int fd;
	struct redisReader *reader;
};

/* Connects within REDIS_CONNECT_MS. ERR_STORE, with errno. */
enum err redis_connection_open(struct redis_connection *connection, const struct sockaddr *address,
			       socklen_t len) MUST_CHECK;
void redis_connection_close(struct redis_connection *connection);

/* Returns whether nothing unsolicited has arrived, such as the end of the connection. */
bool redis_connection_quiet(const struct redis_connection *connection);

/*
 * Sends a command and reads its reply within REDIS_COMMAND_MS. reply must be initialised; the
 * caller frees it. ERR_STORE, with errno.
 */
enum err redis_connection_ask(struct redis_connection *connection, const struct buf *command,
			      struct redis_reply *reply) MUST_CHECK;

#endif
