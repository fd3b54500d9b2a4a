/*
 * Floors C and D: a CGI program that prints the bytes of answer.h; D, compiled
 * with CALLS, makes the calls of calls.h before, and has other bytes.
 */
#include <stdlib.h>
#include <unistd.h>

#include "answer.h"
#ifdef CALLS
#include "calls.h"
#endif

int
main(void)
{
#ifdef CALLS
	if (!calls_make(getenv("OPENCODE_SOCKET"), getenv("QUERY_STRING")))
		return EXIT_FAILURE;
#endif
	return write(STDOUT_FILENO, answer, sizeof(answer)) == (ssize_t)sizeof(answer)
		   ? EXIT_SUCCESS
		   : EXIT_FAILURE;
}
