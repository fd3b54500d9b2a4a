#include "store/redis/redis_connection.h"

#include <errno.h>
#include <hiredis/read.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "util/clock.h"

#define READ_BYTES 16384

/* Waits for events on a socket. False, with errno, at the deadline or on failure. */
static bool
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;
	int n;

	do {
		left = deadline - clock_boot_ms();
		n = left <= 0 ? 0 : poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0;
}

/*
 * Whether connecting succeeded, once it is over: a second connect() tells. (Functions that the
 * programs call anyway are preferred here: each further symbol costs a CGI program time.)
 */
static bool
connected(int fd, const struct sockaddr *address, socklen_t len)
{
	return connect(fd, address, len) == 0 || errno == EISCONN;
}

enum err
redis_connection_open(struct redis_connection *connection, const struct sockaddr *address,
		      socklen_t len)
{
	int64_t deadline = clock_boot_ms() + REDIS_CONNECT_MS;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;
	int error;

	*connection = (struct redis_connection){.fd = fd};
	if (fd < 0)
		return ERR_STORE;
	if (address->sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((connect(fd, address, len) == 0 ||
	     (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline) &&
	      connected(fd, address, len))) &&
	    (connection->reader = redis_reply_reader()) != NULL)
		return ERR_OK;
	error = errno;
	redis_connection_close(connection);
	errno = error;
	return ERR_STORE;
}

void
redis_connection_close(struct redis_connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	if (connection->reader != NULL)
		redisReaderFree(connection->reader);
	*connection = (struct redis_connection){.fd = -1};
}

bool
redis_connection_quiet(const struct redis_connection *connection)
{
	struct pollfd p = {.fd = connection->fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

static bool
send_all(int fd, const struct buf *command, int64_t deadline)
{
	size_t sent = 0;

	while (sent < command->len) {
		ssize_t n = write(fd, command->data + sent, command->len - sent);

		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno == EAGAIN) {
			if (!wait_for(fd, POLLOUT, deadline))
				return false;
		} else if (n < 0 && errno != EINTR)
			return false;
	}
	return true;
}

enum err
redis_connection_ask(struct redis_connection *connection, const struct buf *command,
		     struct redis_reply *reply)
{
	int64_t deadline = clock_boot_ms() + REDIS_COMMAND_MS;
	char data[READ_BYTES];
	bool whole = false;
	ssize_t n;

	redis_reply_free(reply);
	if (!send_all(connection->fd, command, deadline))
		return ERR_STORE;
	while (!whole) {
		if (!wait_for(connection->fd, POLLIN, deadline))
			return ERR_STORE;
		n = read(connection->fd, data, sizeof(data));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return ERR_STORE;
		if (redis_reply_feed(connection->reader, data, (size_t)n, reply, &whole) !=
		    ERR_OK) {
			errno = EPROTO;
			return ERR_STORE;
		}
	}
	return ERR_OK;
}
