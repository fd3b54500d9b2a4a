/*
 * IP addresses and ranges of them. An IPv4 address and the same address in IPv6
 * clothes (::ffff:192.0.2.1, RFC 4291 section 2.5.5.2) are one and the same.
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
	unsigned char bits; /* how many of the 128 count; IPv4's own prefix and 96 */
};

/* Reads an address alone. False if len bytes of text are none. */
bool ip_read(const char *text, size_t len, struct ip *out) MUST_CHECK;

/*
 * Reads an address as proxies write it (RFC 7239 section 6): IPv4 or [IPv6], each
 * perhaps with a port; with bare, IPv6 without brackets too.
 */
bool ip_read_node(const char *text, size_t len, bool bare, struct ip *out) MUST_CHECK;

/* The address in its one short form (RFC 5952). */
void ip_write(const struct ip *ip, char out[IP_TEXT_MAX + 1]);

/* What one subscriber has: an IPv4 address, or the /64 of an IPv6 address. */
void ip_write_group(const struct ip *ip, char out[IP_RANGE_TEXT_MAX + 1]);

/* 127.0.0.0/8 or ::1 */
bool ip_is_loopback(const struct ip *ip);

/* Reads an address, perhaps with a prefix behind '/'. Bits behind the prefix stay as they are. */
bool ip_range_read(const char *text, size_t len, struct ip_range *out) MUST_CHECK;

/* Clears the bits behind the prefix; tells whether any was set. */
bool ip_range_cut(struct ip_range *range);

/* Whether a range is all of IPv4 or of IPv6. */
bool ip_range_is_all(const struct ip_range *range);

void ip_range_write(const struct ip_range *range, char out[IP_RANGE_TEXT_MAX + 1]);

/* Whether an address lies in a range. IPv6 ranges hold no IPv4 address. */
bool ip_range_has(const struct ip_range *range, const struct ip *ip);

#endif
