/*
 * Our only cookie: a random token that recognises a returning browser (RFC 6265bis). Only its
 * hash, the browser id, is ever stored.
 */
#ifndef COOKIE_H
#define COOKIE_H

#include <stdbool.h>

#include "http/response.h"
#include "util/buf.h"
#include "util/error.h"

#define COOKIE_COUNT_MAX 200 /* browsers stop at about 180 for a site */

/*
 * Reads our cookie from a Cookie header (NULL: none) and writes its browser id, or "" unless the
 * cookie is there exactly once and well-formed. secure selects the name with the __Host- prefix.
 * ERR_HEADER_LONG: more than COOKIE_COUNT_MAX cookies.
 */
enum err cookie_browser(const char *header, bool secure, char browser[44]) MUST_CHECK;

/* Generates a token, adds its Set-Cookie header to the response and writes its browser id. */
void cookie_offer(struct response *response, bool secure, char browser[44]);

/* Returns whether a Cookie header (NULL: none) has cookies that are not ours. */
bool cookie_others(const char *header);

/*
 * Appends a Cookie header (NULL: none) without our cookies, for opencode. ERR_MEMORY,
 * ERR_TOO_LARGE.
 */
enum err cookie_strip(const char *header, struct buf *out);

#endif
