/*
 * The trusted proxies, as the configuration names them: only these are believed about where a
 * request came from.
 */
#ifndef TRUSTED_PROXIES_H
#define TRUSTED_PROXIES_H

#include <stdbool.h>
#include <stddef.h>

#include "http/ip.h"
#include "util/buf.h"

#define TRUST_RANGES_MAX 256 /* a large proxy provider publishes about 200 */

struct trusted_proxies {
	struct ip_range range[TRUST_RANGES_MAX];
	size_t count;
	bool unix_socket; /* trust peers on a Unix socket, which have no address */
};

void trusted_proxies_clear(struct trusted_proxies *trust);

/*
 * Adds addresses, ranges such as 10.0.0.0/8, and the words loopback, private and unix, separated
 * by blanks or commas. False: why says what is wrong.
 */
bool trusted_proxies_add(struct trusted_proxies *trust, const char *text, char *why,
			 size_t why_size) MUST_CHECK;

/*
 * Appends a list that trusted_proxies_add() can read; loopback and private appear as their
 * ranges.
 */
void trusted_proxies_write(const struct trusted_proxies *trust, struct buf *out);

/* Returns whether anybody is trusted at all. */
bool trusted_proxies_any(const struct trusted_proxies *trust);

/* Returns whether an address is in one of the ranges. */
bool trusted_proxies_has(const struct trusted_proxies *trust, const struct ip *ip);

#endif
