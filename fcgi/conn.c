#include "conn.h"

#include <limits.h>

bool
conn_init(void)
{
	return FCGX_Init() == 0;
}

void
conn_ready(FCGX_Request *r)
{
	FCGX_InitRequest(r, -1, 0);
}

bool
conn_begin(FCGX_Request *r, int fd)
{
	r->ipcFd = fd;
	r->keepConnection = 1;
	r->detached = 1;
	return FCGX_Accept_r(r) == 0;
}

void
conn_switch(FCGX_Request *r, int fd)
{
	r->ipcFd = fd;
}

size_t
conn_read(FCGX_Request *r, char *data, size_t len)
{
	return (size_t)FCGX_GetStr(data, len > INT_MAX ? INT_MAX : (int)len, r->in);
}

/* FCGX_Finish_r() without its habit of closing the connection when something failed. */
bool
conn_finish(FCGX_Request *r, const char *data, size_t len, bool *keep)
{
	bool ok = len <= INT_MAX && FCGX_PutStr(data, (int)len, r->out) == (int)len;

	/* after a failed write these would try once more, and wait once more */
	if (ok) {
		ok = FCGX_FClose(r->err) == 0;
		ok = FCGX_FClose(r->out) == 0 && ok;
		ok = FCGX_GetError(r->in) == 0 && ok;
	}
	*keep = ok && r->keepConnection != 0;
	conn_drop(r);
	return ok;
}

void
conn_drop(FCGX_Request *r)
{
	FCGX_Free(r, 0);
	r->ipcFd = -1;
}
