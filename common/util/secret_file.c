#include "util/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/log.h"
#include "util/secret.h"

/*
 * Returns why the file is not private to its owner, or could not be opened; NULL if it is
 * private.
 */
static const char *
file_fault(int fd)
{
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return "is a symbolic link: name the file itself";
	if (fd < 0 || fstat(fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is not a file";
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "others can read or write it: run chmod 600 on it";
	return NULL;
}

const char *
secret_file_read(const char *path, bool owner_only, char *out, size_t size, size_t *len)
{
	int fd = file_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *fault = owner_only ? file_fault(fd) : fd < 0 ? strerror(errno) : NULL;
	ssize_t n = 0;

	*len = 0;
	while (fault == NULL && *len < size && (n = read(fd, out + *len, size - *len)) > 0)
		*len += (size_t)n;
	if (n < 0)
		fault = strerror(errno);
	if (fd >= 0)
		close(fd);
	return fault;
}

bool
secret_file_password(const char *path, char out[PASSWORD_MAX + 2])
{
	size_t len;
	const char *fault = secret_file_read(path, false, out, PASSWORD_MAX + 1, &len);

	if (fault == NULL) {
		out[len] = '\0';
		len = strcspn(out, "\r\n");
		fault = len == 0 ? "is empty" : len > PASSWORD_MAX ? "is too long" : NULL;
		out[len] = '\0';
	}
	if (fault != NULL) {
		secret_wipe(out, PASSWORD_MAX + 2);
		log_event(LOG_LEVEL_ERROR, "password-file", "file", path, "cause", fault, NULL);
	}
	return fault == NULL;
}
