#include "libfcgi.h"

#include <fcgios.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The bytes that libfcgi reads next in this thread. */
static _Thread_local struct {
	const char *data;
	size_t len;
} input;

int
OS_Read(int fd, char *data, size_t len)
{
	(void)fd;
	if (len > input.len)
		len = input.len;
	if (len > INT_MAX)
		len = INT_MAX;
	if (len > 0)
		memcpy(data, input.data, len);
	input.data += len;
	input.len -= len;
	return (int)len;
}

bool
libfcgi_init(void)
{
	/* BEGIN_REQUEST of a responder, and the ends of PARAMS and STDIN */
	static const char empty[] = {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
				     1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0};
	FCGX_Request request;
	int fd;

	if (FCGX_Init() != 0 || (fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1)
		return false;
	libfcgi_ready(&request);
	if (!libfcgi_begin(&request, fd, empty, sizeof(empty)))
		return false; /* it has tried to read fd, and closed it */
	libfcgi_drop(&request);
	close(fd);
	return true;
}

void
libfcgi_ready(FCGX_Request *r)
{
	FCGX_InitRequest(r, -1, 0);
}

bool
libfcgi_begin(FCGX_Request *r, int fd, const void *data, size_t len)
{
	input.data = data;
	input.len = len;
	r->ipcFd = fd;
	r->keepConnection = 1;
	r->detached = 1;
	return FCGX_Accept_r(r) == 0;
}

size_t
libfcgi_read(FCGX_Request *r, char *data, size_t len)
{
	return (size_t)FCGX_GetStr(data, len > INT_MAX ? INT_MAX : (int)len, r->in);
}

/* FCGX_Finish_r(), except that it does not close the connection if something failed. */
bool
libfcgi_finish(FCGX_Request *r, const char *data, size_t len, bool *keep)
{
	bool ok = len <= INT_MAX && FCGX_PutStr(data, (int)len, r->out) == (int)len;

	/* after a failed write these would try again, and block again */
	if (ok) {
		ok = FCGX_FClose(r->err) == 0;
		ok = FCGX_FClose(r->out) == 0 && ok;
		ok = FCGX_GetError(r->in) == 0 && ok;
	}
	*keep = ok && r->keepConnection != 0;
	libfcgi_drop(r);
	return ok;
}

void
libfcgi_drop(FCGX_Request *r)
{
	FCGX_Free(r, 0);
	r->ipcFd = -1;
}
