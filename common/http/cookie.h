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

/*
 * A Cookie header has any number of cookies, and most are others' (COOKIE_HEADER_MAX). Only a
 * semicolon ends one (RFC 6265 section 4.2.1): were it a comma too, by which some web servers join
 * the lines of a request that has several, another site below the same parent domain could put
 * ours into a value of its own. No browser sends several (section 5.4), and those of HTTP/2 are
 * joined by semicolons (RFC 9113 section 8.2.3).
 */

/* One "name=value", without the blanks around it. value_len is 0 also without a '='. */
struct cookie {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
	size_t len; /* of all of it */
};

/*
 * Reads the next cookie and moves *rest behind it. False at the end. It reads nothing before *rest
 * and at most one byte behind what it moves it to, so that a whole header is read in linear time.
 */
bool cookie_next(const char **rest, struct cookie *cookie);

/*
 * Reads our cookie from a Cookie header (NULL: none) and writes its browser id, or "" unless the
 * cookie is there exactly once and well-formed. secure selects the name with the __Host- prefix.
 */
void cookie_browser(const char *header, bool secure, char browser[44]);

/* With this query, the health page has "cookie": whether our cookie came. For --doctor. */
#define COOKIE_HEALTH_QUERY "cookie"

/* Generates a token, adds its Set-Cookie header to the response and writes its browser id. */
void cookie_offer(struct response *response, bool secure, char browser[44]);

/*
 * opencode 2 knows a browser by a cookie "opencode_session", or "opencode_session_PORT" if its Host
 * header has a port. Calls of our own lend it these cookies only: all others are none of its
 * business, and its HTTP server and the plugin drop a head of more than 16 KiB.
 */
#define COOKIE_SESSION_MAX 4096 /* bytes of them together; one has about 90 */

/* Returns whether a Cookie header (NULL: none) has such cookies. If they are longer than
 * COOKIE_SESSION_MAX, it counts as none: opencode then asks for the password, as without them. */
bool cookie_has_session(const char *header);

/* Appends such cookies of a Cookie header for which cookie_has_session() is true. ERR_MEMORY,
 * ERR_TOO_LARGE. */
enum err cookie_session(const char *header, struct buf *out);

/* Appends all cookies of a Cookie header (NULL: none) but ours, for a call that is passed through.
 * ERR_MEMORY; ERR_TOO_LARGE: they do not fit, and none are to be passed on rather than a part. */
enum err cookie_others(const char *header, struct buf *out);

#endif
