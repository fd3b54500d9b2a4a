#include "util/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/dir/private_dir.h"
#include "util/log.h"
#include "util/secret.h"

bool
password_read(const char *file, char out[PASSWORD_MAX + 2])
{
	int fd = open_private_path(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, PASSWORD_MAX + 1);
	const char *cause = n < 0 ? strerror(errno) : NULL;
	size_t len;

	if (fd >= 0)
		close(fd);
	if (cause == NULL) {
		out[n] = '\0';
		len = strcspn(out, "\r\n");
		cause = len == 0 ? "is empty" : len > PASSWORD_MAX ? "is too long" : NULL;
		out[len] = '\0';
	}
	if (cause != NULL) {
		secret_wipe(out, PASSWORD_MAX + 2);
		log_event(LOG_LEVEL_ERROR, "password-file", "file", file, "cause", cause, NULL);
	}
	return cause == NULL;
}
