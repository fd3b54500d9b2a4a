/*
 * Origins (RFC 6454) and Host headers as strings. Only forms that a web server or a configuration
 * may contain are accepted; libcurl parses all other URLs.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_MAX 300 /* bytes of an origin */

/* A host with an optional port, in its two parts. */
struct authority {
	const char *name;
	size_t name_len;
	const char *port; /* digits, "" if none */
};

/*
 * Splits a host with an optional port into its parts, which point into text (RFC 3986 section
 * 3.2). False: text is not one.
 */
bool origin_authority_read(const char *text, struct authority *out);

/* Returns whether the names are equal, and the ports too if both sides give one. */
bool origin_authority_same(const struct authority *a, const struct authority *b);

/* Returns whether a host with an optional port is a loopback name: localhost, any name below it
 * (RFC 6761 section 6.3), 127.x.x.x, [::1]. */
bool origin_host_is_loopback(const char *host);

/* Returns whether a host with an optional port is of a private network: an address that is private
 * or link-local (RFC 1918, 3927, 4193, 4291), a name below .local, .lan, .home.arpa, .internal or
 * .ts.net, or a name of one label. */
bool origin_host_is_private(const char *host);

/* Returns what follows "http://" or "https://" in an origin; NULL: it begins with neither. */
const char *origin_authority(const char *origin);

/*
 * Reads a whole origin, with an optional final slash, and writes it in lower case, without its
 * scheme's default port. False: text is not one.
 */
bool origin_read(const char *text, char out[ORIGIN_MAX + 1]);

#endif
