#include "util/unix_path.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const char *
unix_path_fault(const char *path)
{
	char folder[UNIX_PATH_SIZE];
	const char *slash = strrchr(path, '/');
	size_t len = (size_t)(slash - path);
	struct stat st;

	if (lstat(path, &st) != 0)
		return strerror(errno);
	if (!S_ISSOCK(st.st_mode))
		return "is not a socket";
	memcpy(folder, path, len);
	folder[len] = '\0';
	if (stat(len == 0 ? "/" : folder, &st) != 0)
		return strerror(errno);
	if ((st.st_mode & S_IWOTH) != 0)
		return "everybody can write to its folder";
	return NULL;
}
