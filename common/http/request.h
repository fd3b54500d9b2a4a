/*
 * One HTTP request as the core sees it, from either front end. Whoever fills in the struct owns
 * all strings, which live as long as the call to app_handle(). A header that was not sent is
 * NULL; path and query never are.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/error.h"

#define QUERY_MAX     8192  /* bytes of a query */
#define HEADER_MAX    8192  /* bytes of each header that we read, but Cookie */
#define BODY_MAX      32768 /* bytes of a body */
#define REQUEST_X_MAX 8	    /* x-opencode-* headers that are passed on */

/*
 * Bytes of the Cookie header, all its lines together. Most of it belongs to others, such as a
 * single sign-on in front of the site, and is passed over.
 */
#define COOKIE_HEADER_MAX 65536

struct header {
	const char *name;
	const char *value;
};

struct request {
	enum err err;	    /* ERR_OK, or the error that the front end found; see cgi_request() */
	const char *method; /* "GET"; "" if there was none */
	const char *path;   /* raw, up to the first '?', without the mount point */
	const char *query;  /* raw, after the first '?'; "" if none */
	const char *mount;  /* our links begin with it: "" or "/cgi-bin/opencode-callback.cgi" */
	bool https;	    /* the web server says that this connection uses TLS */
	const char *remote_addr; /* the peer's address; "" if the web server gave none */

	const char *host;
	const char *origin;
	const char *cookie;
	const char *authorization;
	const char *content_type;
	const char *accept;
	const char *cors_method;  /* Access-Control-Request-Method */
	const char *cors_headers; /* Access-Control-Request-Headers */
	const char *sec_fetch_site;
	const char *sec_fetch_dest;
	const char *sec_fetch_mode;
	const char *sec_purpose; /* Sec-Purpose, else the older Purpose */
	/* proxies add these and anybody can: only core/client and core/site read them */
	const char *x_forwarded_for;
	const char *x_forwarded_proto;
	const char *x_forwarded_host;
	const char *x_real_ip;
	const char *cf_connecting_ip;
	const char *forwarded;
	struct header
	    x_opencode[REQUEST_X_MAX]; /* names in lower case, such as x-opencode-directory */
	size_t x_opencode_count;

	int64_t content_length; /* -1: not given */
	/* Reads up to len bytes of the body. Returns their number, 0 at the end, -1 on failure. */
	int (*read)(void *read_ctx, char *data, size_t len);
	void *read_ctx;
};

/* Returns whether the browser says that a page of the same origin sent it (Fetch Metadata). */
static inline bool
request_same_origin(const struct request *request)
{
	return request->sec_fetch_site != NULL &&
	       strcmp(request->sec_fetch_site, "same-origin") == 0;
}

#endif
