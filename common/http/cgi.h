/*
 * The interface between a web server and the core. It turns meta-variables (RFC 3875 section 4.1)
 * into a request, and a response into the bytes of a CGI response (RFC 3875 section 6). CGI and
 * FastCGI pass the same NAME=VALUE strings and expect the same bytes, so both front ends use this
 * file, and nothing else for it.
 */
#ifndef CGI_H
#define CGI_H

#include <stdbool.h>

#include "http/request.h"
#include "http/response.h"
#include "util/buf.h"
#include "util/error.h"

#define CGI_PATH_MAX   8192 /* bytes of a path, still encoded; every route of ours is shorter */
#define CGI_X_NAME_MAX 64   /* bytes of the name of an x-opencode-* header */
#define CGI_BYTES_MAX  (64 + RESPONSE_HEAD_MAX + 64 + RESPONSE_BODY_MAX) /* a whole response */

/* Storage for what a request points to, besides the variables themselves. */
struct cgi_meta {
	char path[CGI_PATH_MAX + 1];
	char x_names[REQUEST_X_MAX][CGI_X_NAME_MAX + 1];
	char cookie[COOKIE_HEADER_MAX + 1]; /* several HTTP_COOKIE as one */
	size_t cookie_len;		    /* 0: there was at most one */
	bool chunked; /* the body came without a length (RFC 9112 section 7.1) */
};

/*
 * Fills in request from an array of NAME=VALUE strings that ends with NULL. An empty value counts
 * as absent, because some servers send one for every header they know. Repeated HTTP_COOKIE are
 * joined by "; ": some servers send one for each line of the request. Of any other repeated name
 * the last value counts. Sets request->err. ERR_REQUEST: no method, no path, a Content-Length that
 * is no number, a control byte in a header. ERR_HEADER_LONG: a header over HEADER_MAX, cookies over
 * COOKIE_HEADER_MAX, too many x-opencode-* headers. ERR_PATH: a path over CGI_PATH_MAX. Even then
 * request is filled in as far as possible, so that the response can carry a link. The caller sets
 * read and read_ctx. meta and variables must live as long as request.
 */
void cgi_request(struct cgi_meta *meta, char *const *variables, struct request *request);

/*
 * Appends the whole CGI response to out: Status, headers, Content-Length, a blank line and,
 * unless head_only, the body. A response that could not be built becomes a plain 500. ERR_MEMORY,
 * ERR_TOO_LARGE: out itself failed.
 */
enum err cgi_response(const struct response *response, struct buf *out) MUST_CHECK;

/* Fills in a short plain-text page with all security headers, for errors outside the core. */
void cgi_plain(struct response *response, int status, const char *text);

#endif
