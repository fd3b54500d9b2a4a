/*
 * A stand-in for opencode behind its socket, quick enough not to be what is
 * measured. Answers a begin with an authorize URL whose state and port are
 * derived from the provider's id (p0, p1, …), everything else with what a
 * delivery expects, and counts the finishing calls.
 *
 *   standin SOCKET THREADS [DELAY]     DELAY: milliseconds that it thinks about each call
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PORT_FIRST 2000
#define PORTS	   60000

static int listen_fd;
static struct timespec delay;
static atomic_long finished;

static const char *
reply_to(const char *request, char *out, size_t size)
{
	static const char begin[] = "POST /provider/p", count[] = "GET /count ";

	if (strncmp(request, count, sizeof(count) - 1) == 0) {
		snprintf(out, size, "%ld", atomic_load(&finished));
	} else if (strncmp(request, begin, sizeof(begin) - 1) == 0 &&
		   strstr(request, "/oauth/authorize ") != NULL) {
		long n = strtol(request + sizeof(begin) - 1, NULL, 10);

		snprintf(out, size,
			 "{\"url\":\"https://auth.example.com/oauth/authorize?response_type=code&"
			 "client_id=bench&redirect_uri=http%%3A%%2F%%2Flocalhost%%3A%ld%%2Fauth%%"
			 "2Fcallback"
			 "&state=bench-state-%09ld\",\"method\":\"auto\",\"instructions\":\"x\"}",
			 PORT_FIRST + n % PORTS, n);
	} else {
		if (strncmp(request, "POST ", 5) == 0)
			atomic_fetch_add(&finished, 1);
		snprintf(out, size, "true");
	}
	return out;
}

/* Whether text holds a whole request. */
static int
is_whole(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\ncontent-length:");

	return end != NULL && (length == NULL || length > end ||
			       strlen(end + 4) >= strtoul(length + 16, NULL, 10));
}

static void *
run(void *arg)
{
	char request[16384], body[1024], reply[2048];

	for (;;) {
		int fd = accept(listen_fd, NULL, NULL), len;
		size_t got = 0;
		ssize_t n;

		request[0] = '\0';
		while (!is_whole(request) && got < sizeof(request) - 1 &&
		       (n = read(fd, request + got, sizeof(request) - 1 - got)) > 0) {
			got += (size_t)n;
			request[got] = '\0';
		}
		if (delay.tv_nsec > 0)
			nanosleep(&delay, NULL);
		reply_to(request, body, sizeof(body));
		len = snprintf(
		    reply, sizeof(reply),
		    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		    "Connection: close\r\n\r\n%s",
		    strlen(body), body);
		if (send(fd, reply, (size_t)len, MSG_NOSIGNAL) < 0)
			perror("send");
		close(fd);
	}
	return arg;
}

int
main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pthread_t thread;

	if (argc < 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return EXIT_FAILURE;
	if (argc > 3)
		delay.tv_nsec = strtol(argv[3], NULL, 10) * 1000000;
	memcpy(address.sun_path, argv[1], strlen(argv[1]));
	listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listen_fd, 511) != 0)
		return EXIT_FAILURE;
	for (long n = strtol(argv[2], NULL, 10); n > 1; n--)
		pthread_create(&thread, NULL, run, NULL);
	run(NULL);
	return EXIT_SUCCESS;
}
