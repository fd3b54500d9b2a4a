/*
 * One HTTP response, built completely and then sent once by a front end.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>

#include "util/buf.h"

#define RESPONSE_HEAD_MAX 16384	       /* bytes of all header lines */
#define RESPONSE_BODY_MAX (256 * 1024) /* bytes of a body */

struct response {
	int status;	 /* 200 at first */
	struct buf head; /* complete header lines, each ending in CR LF; no Content-Length */
	struct buf body;
	bool head_only; /* the request was HEAD: the body is counted, not sent */
};

void response_init(struct response *r);
void response_free(struct response *r);

/* Empties the response and starts again with this status and no headers. */
void response_start(struct response *r, int status);

/*
 * Adds one header. ERR_REQUEST: name or value holds a control byte other than a tab. Any failure
 * spoils the whole response (head.err), so that no header can be smuggled in.
 */
enum err response_header(struct response *r, const char *name, const char *value);

/* Adds the security headers of every response, and Cache-Control with the value cache. */
void response_security_headers(struct response *r, const char *cache);

/*
 * Does the same for a page, with its Referrer-Policy. Over plain http, browsers tell where a form
 * comes from only if the page lets them send a referrer to its own origin (Fetch, section 3.2):
 * "same-origin", or where the page's own URL is secret, "strict-origin", which leaves out all but
 * the origin.
 */
void response_page_headers(struct response *r, const char *referrer);

/* Makes the response a 303 to an absolute path of this site (RFC 9110 section 15.4.4). */
void response_redirect(struct response *r, const char *path);

/* Returns the reason phrase of a status that we use, "Unknown" for others. */
const char *response_reason(int status);

#endif
