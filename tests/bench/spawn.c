/*
 * Runs a CGI program again and again, as a web server would, and tells the
 * milliseconds from its start until its end, and the most that one had
 * resident, as JSON. The environment is handed on; a # in QUERY_STRING becomes
 * the number of the run.
 *
 *   spawn COUNT FIRST STATUS PROGRAM     STATUS: what each answer must begin with
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stopwatch.h"

#define COUNT_MAX 10000

extern char **environ;

static long resident_max; /* KiB */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One run; its milliseconds, or -1 if the answer was another. */
static double
run(char *program, const char *status)
{
	char answer[65536], *argv[] = {program, NULL};
	posix_spawn_file_actions_t actions;
	double start = now_ms();
	int pipes[2], exit_status;
	struct rusage usage;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	if (posix_spawn(&pid, program, &actions, NULL, argv, environ) != 0)
		return -1;
	close(pipes[1]);
	while ((n = read(pipes[0], answer + got, sizeof(answer) - got)) > 0)
		got += (size_t)n;
	close(pipes[0]);
	wait4(pid, &exit_status, 0, &usage);
	if (usage.ru_maxrss > resident_max)
		resident_max = usage.ru_maxrss;
	posix_spawn_file_actions_destroy(&actions);
	return exit_status == 0 && got >= strlen(status) &&
		       memcmp(answer, status, strlen(status)) == 0
		   ? now_ms() - start
		   : -1;
}

int
main(int argc, char **argv)
{
	static double times[COUNT_MAX];
	const char *hash, *query = getenv("QUERY_STRING");
	long count, first;

	if (argc < 5 || query == NULL || (count = strtol(argv[1], NULL, 10)) > COUNT_MAX)
		return EXIT_FAILURE;
	query = strdup(query);
	first = strtol(argv[2], NULL, 10);
	for (long i = 0; i < count; i++) {
		char text[256];

		if ((hash = strchr(query, '#')) != NULL) {
			snprintf(text, sizeof(text), "%.*s%09ld%s", (int)(hash - query), query,
				 first + i, hash + 1);
			setenv("QUERY_STRING", text, 1);
		}
		if ((times[i] = run(argv[4], argv[3])) < 0) {
			fprintf(stderr, "run %ld of %s: another answer\n", i, argv[4]);
			return EXIT_FAILURE;
		}
	}
	qsort(times, (size_t)count, sizeof(times[0]), by_size);
	printf("{\"p50\":%.4f,\"p99\":%.4f,\"resident_kib\":%ld}\n", times[count / 2],
	       times[count * 99 / 100], resident_max);
	return EXIT_SUCCESS;
}
