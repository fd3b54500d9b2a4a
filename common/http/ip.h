/*
 * IP addresses and ranges. An IPv4 address and its IPv4-mapped IPv6 form (::ffff:192.0.2.1, RFC
 * 4291 section 2.5.5.2) are the same address.
 */
#ifndef IP_H
#define IP_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define IP_TEXT_MAX	  45 /* bytes of an address as text */
#define IP_RANGE_TEXT_MAX (IP_TEXT_MAX + 4)

struct ip {
	unsigned char bytes[16]; /* in network order; IPv4 as ::ffff:a.b.c.d */
};

struct ip_range {
	struct ip first;
	unsigned char bits; /* prefix length, out of 128; for IPv4 its own plus 96 */
};

/* Reads an address without port or prefix. False: the len bytes are not one. */
bool ip_read(const char *text, size_t len, struct ip *out) MUST_CHECK;

/*
 * Reads an address as proxies write it (RFC 7239 section 6): IPv4 or [IPv6], optionally with a
 * port; if bare is set, also IPv6 without brackets.
 */
bool ip_read_node(const char *text, size_t len, bool bare, struct ip *out) MUST_CHECK;

/* Writes the address in its canonical form (RFC 5952). */
void ip_write(const struct ip *ip, char out[IP_TEXT_MAX + 1]);

/* Writes the range that one subscriber has: an IPv4 address, or the /64 of an IPv6 address. */
void ip_write_group(const struct ip *ip, char out[IP_RANGE_TEXT_MAX + 1]);

/* Returns whether the address is in 127.0.0.0/8 or is ::1. */
bool ip_is_loopback(const struct ip *ip);

/* Reads an address, optionally with '/' and a prefix length. Bits beyond the prefix are kept. */
bool ip_range_read(const char *text, size_t len, struct ip_range *out) MUST_CHECK;

/* Clears the bits beyond the prefix. Returns whether any was set. */
bool ip_range_cut(struct ip_range *range);

/* Returns whether a range is all of IPv4 or all of IPv6. */
bool ip_range_is_all(const struct ip_range *range);

/* Writes a range, without '/' and prefix length if it is one address. */
void ip_range_write(const struct ip_range *range, char out[IP_RANGE_TEXT_MAX + 1]);

/* Returns whether an address is in a range. IPv6 ranges contain no IPv4 address. */
bool ip_range_has(const struct ip_range *range, const struct ip *ip);

#endif
