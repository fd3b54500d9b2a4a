/*
 * Starts a FastCGI program again and again, asks it once as soon as it accepts, and stops it:
 * prints the milliseconds from before its start to the last byte of the answer, one a line.
 * See message.h for the request.
 *
 *   start COUNT STATUS SOCKET PROGRAM ARGUMENT...
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "stopwatch.h"

#define LOOK_NS	  100000 /* between two tries to connect, */
#define LOOKS_MAX 50000	 /* and how many there are */

/* A connection as soon as there can be one; -1 if there is none. */
static int
reach(const char *path)
{
	static const struct timespec pause = {.tv_nsec = LOOK_NS};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	for (int i = 0; i < LOOKS_MAX; i++) {
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		nanosleep(&pause, NULL);
	}
	return -1;
}

/* The status of one answer. */
static int
ask(int fd)
{
	unsigned char bytes[MESSAGE_MAX];
	struct message message = {.len = 0};
	size_t len = message_write(bytes, 0);
	ssize_t n;

	if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		return 0;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		message_add(&message, bytes, (size_t)n);
	close(fd);
	return message_status(&message);
}

int
main(int argc, char **argv)
{
	if (argc < 5 || strlen(argv[3]) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return EXIT_FAILURE;
	for (long i = strtol(argv[1], NULL, 10); i > 0; i--) {
		char *none[] = {NULL};
		double start = now_ms(), end;
		int fd, status, exit_status;
		pid_t pid;

		unlink(argv[3]);
		if (posix_spawn(&pid, argv[4], NULL, NULL, argv + 4, none) != 0)
			return EXIT_FAILURE;
		status = (fd = reach(argv[3])) < 0 ? 0 : ask(fd);
		end = now_ms();
		kill(pid, SIGTERM);
		waitpid(pid, &exit_status, 0);
		if (status != strtol(argv[2], NULL, 10) || exit_status != 0) {
			fprintf(stderr, "answer %d, exit %d\n", status, exit_status);
			return EXIT_FAILURE;
		}
		printf("%.3f\n", end - start);
	}
	return EXIT_SUCCESS;
}
