/*
 * Whose word is taken on where a request came from: the proxies that the
 * configuration names.
 */
#ifndef TRUSTED_PROXIES_H
#define TRUSTED_PROXIES_H

#include <stdbool.h>
#include <stddef.h>

#include "http/ip.h"
#include "util/buf.h"

#define TRUST_RANGES_MAX 256 /* a large provider of proxies publishes about 200 */

struct trusted_proxies {
	struct ip_range range[TRUST_RANGES_MAX];
	size_t count;
	bool unix_socket; /* peers on a Unix socket, who have no address */
};

void trusted_proxies_clear(struct trusted_proxies *trust);

/*
 * Adds addresses, ranges such as 10.0.0.0/8, and the words loopback, private and
 * unix, with blanks or commas between. False: why says what is wrong.
 */
bool trusted_proxies_add(struct trusted_proxies *trust, const char *text, char *why,
			 size_t why_size) MUST_CHECK;

/* Appends a list that trusted_proxies_add() reads back; the words for ranges are gone. */
void trusted_proxies_write(const struct trusted_proxies *trust, struct buf *out);

/* Whether anybody is trusted at all. */
bool trusted_proxies_any(const struct trusted_proxies *trust);

bool trusted_proxies_has(const struct trusted_proxies *trust, const struct ip *ip);

#endif
