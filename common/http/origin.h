/*
 * Origins (RFC 6454) and Host headers as strings. Only what a web server or a
 * configuration may hold is accepted; everything else is taken apart by libcurl.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_MAX 300 /* bytes of an origin */

/* A host, perhaps with a port, in its two parts. */
struct authority {
	const char *name;
	size_t name_len;
	const char *port; /* digits, "" if none */
};

/* Takes a host, perhaps with a port, apart (RFC 3986 section 3.2). False if it is nothing of the
 * kind. */
bool origin_authority_read(const char *text, struct authority *out);

/* Names must be equal; ports only where both sides give one. */
bool origin_authority_same(const struct authority *a, const struct authority *b);

/* Whether a host, perhaps with a port, is a loopback name: localhost, 127.x.x.x, [::1]. */
bool origin_host_is_loopback(const char *host);

/* What follows "http://" or "https://" in an origin, NULL if it is none. */
const char *origin_authority(const char *origin);

/* Reads a whole origin, a final slash allowed, into out in lower case. False if it is none. */
bool origin_read(const char *text, char out[ORIGIN_MAX + 1]);

#endif
