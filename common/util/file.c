#include "util/file.h"

#include <fcntl.h>
#include <unistd.h>

/* openat() ignores its descriptor when the path is absolute. */
int
file_open(const char *path, int flags)
{
	return openat(STDIN_FILENO, path, flags);
}
