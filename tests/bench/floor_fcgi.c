/*
 * Floors A and B: a plain libfcgi program on threads that answers with the bytes
 * of a file, B after the two calls of calls.h.
 *
 *   floor_fcgi LISTEN-SOCKET ANSWER-FILE THREADS [OPENCODE-SOCKET]
 */
#include <curl/curl.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

static int listen_fd;
static char answer[65536];
static int answer_len;
static const char *opencode;

static void *
run(void *arg)
{
	FCGX_Request request;

	FCGX_InitRequest(&request, listen_fd, 0);
	while (FCGX_Accept_r(&request) == 0) {
		if (opencode != NULL &&
		    !calls_make(opencode, FCGX_GetParam("QUERY_STRING", request.envp)))
			FCGX_PutS("Status: 502\r\n\r\n", request.out);
		else
			FCGX_PutStr(answer, answer_len, request.out);
		FCGX_Finish_r(&request);
	}
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t thread;
	FILE *file;

	if (argc < 4 || (file = fopen(argv[2], "r")) == NULL)
		return EXIT_FAILURE;
	answer_len = (int)fread(answer, 1, sizeof(answer), file);
	fclose(file);
	opencode = argc > 4 ? argv[4] : NULL;
	if (opencode != NULL)
		curl_global_init(CURL_GLOBAL_NOTHING);
	FCGX_Init();
	listen_fd = FCGX_OpenSocket(argv[1], 511);
	for (long n = strtol(argv[3], NULL, 10); n > 1; n--)
		pthread_create(&thread, NULL, run, NULL);
	run(NULL);
	return EXIT_SUCCESS;
}
