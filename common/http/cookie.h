/*
 * The one cookie: a random token that tells a browser again (RFC 6265bis).
 * Only its hash, the browser id, is ever kept.
 */
#ifndef COOKIE_H
#define COOKIE_H

#include <stdbool.h>

#include "http/response.h"
#include "util/buf.h"
#include "util/error.h"

#define COOKIE_COUNT_MAX 200 /* browsers stop at about 180 for a site */

/*
 * Looks for our cookie in a Cookie header (NULL: none). Found, well-formed and
 * not twice: its browser id; else browser is "". secure selects the name with
 * the __Host- prefix. ERR_HEADER_LONG: over COOKIE_COUNT_MAX cookies.
 */
enum err cookie_browser(const char *header, bool secure, char browser[44]) MUST_CHECK;

/* Makes a fresh token, adds its Set-Cookie line to the response, tells its browser id. */
void cookie_offer(struct response *response, bool secure, char browser[44]);

/* Appends the Cookie header without our cookies: what opencode gets. */
enum err cookie_strip(const char *header, struct buf *out);

#endif
