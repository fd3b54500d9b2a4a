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

struct trust {
	struct ip_range range[TRUST_RANGES_MAX];
	size_t count;
	bool unix_socket; /* peers on a Unix socket, who have no address */
};

void trust_clear(struct trust *trust);

/*
 * Adds addresses, ranges such as 10.0.0.0/8, and the words loopback, private and
 * unix, with blanks or commas between. False: why says what is wrong.
 */
bool trust_add(struct trust *trust, const char *text, char *why, size_t why_size) MUST_CHECK;

/* Appends a list that trust_add() reads back; the words for ranges are gone. */
void trust_write(const struct trust *trust, struct buf *out);

/* Whether anybody is trusted at all. */
bool trust_any(const struct trust *trust);

bool trust_has(const struct trust *trust, const struct ip *ip);

#endif
