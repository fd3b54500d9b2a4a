#include "util/file.h"

#include <fcntl.h>
#include <unistd.h>

/* openat() of an absolute path does not look at the descriptor. */
int
file_open(const char *path, int flags)
{
	return openat(STDIN_FILENO, path, flags);
}
