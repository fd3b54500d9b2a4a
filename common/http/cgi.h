/*
 * The border between a web server and the core: meta-variables (RFC 3875
 * section 4.1) become a request, a response becomes the bytes of a CGI answer
 * (RFC 3875 section 6). CGI and FastCGI hand over the same NAME=VALUE strings
 * and want the same bytes, so both front ends use this file and nothing else.
 */
#ifndef CGI_H
#define CGI_H

#include <stdbool.h>

#include "http/request.h"
#include "http/response.h"
#include "util/buf.h"
#include "util/error.h"

#define META_PATH_MAX	8192 /* bytes of a path, still encoded; no route of ours is as long */
#define META_X_NAME_MAX 64   /* bytes of the name of an x-opencode-* header */
#define META_BYTES_MAX	(64 + RESPONSE_HEAD_MAX + 64 + RESPONSE_BODY_MAX) /* a whole answer */

/* What a request points into besides the variables themselves. */
struct meta {
	char path[META_PATH_MAX + 1];
	char x_names[REQUEST_X_MAX][META_X_NAME_MAX + 1];
	bool chunked; /* the body came without a length: RFC 9112 section 7.1 */
};

/*
 * Fills request from an array of NAME=VALUE strings that ends with NULL. An
 * empty value counts as not given, for some servers send one for every header
 * that they know; of a name that stands twice the last one counts. What is
 * wrong is told in request->err:
 *   ERR_REQUEST      no method, no path, a Content-Length that is no number, a
 *                    control byte in a header
 *   ERR_HEADER_LONG  a header over HEADER_MAX, too many x-opencode-* headers
 *   ERR_PATH         a path over META_PATH_MAX
 * The request is then filled as far as it goes, so that the answer can still
 * carry a link. read and read_ctx are left to the caller. meta and variables
 * must live as long as the request.
 */
void cgi_request(struct meta *meta, char *const *variables, struct request *request);

/*
 * Appends the whole answer to out: Status, headers, Content-Length, a blank
 * line and, unless head_only, the body. A response that could not be built
 * becomes a plain 500. Only ERR_MEMORY and ERR_TOO_LARGE of out itself fail.
 */
enum err cgi_response(const struct response *response, struct buf *out) MUST_CHECK;

/* A short plain page with all security headers, for when there is no core to ask. */
void cgi_plain(struct response *response, int status, const char *text);

#endif
