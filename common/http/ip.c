#include "http/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define IPV4_BITS  96 /* leading bits that mark an IPv4 address as such */
#define GROUP_BITS 64 /* an IPv6 subscriber has at least a /64 (RFC 6177) */

static const unsigned char ipv4_prefix[IPV4_BITS / 8] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static const char digits[] = "0123456789";

static bool
is_ipv4(const struct ip *ip)
{
	return memcmp(ip->bytes, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

bool
ip_read(const char *text, size_t len, struct ip *out)
{
	char copy[IP_TEXT_MAX + 1];
	struct ip ip;

	if (len > IP_TEXT_MAX || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	memcpy(ip.bytes, ipv4_prefix, sizeof(ipv4_prefix));
	if (inet_pton(AF_INET, copy, ip.bytes + sizeof(ipv4_prefix)) != 1 &&
	    inet_pton(AF_INET6, copy, ip.bytes) != 1)
		return false;
	*out = ip;
	return true;
}

/* Whether all len bytes of text, which need not end with a NUL, are among the given ones. */
static bool
all_of(const char *text, size_t len, const char *bytes)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' || strchr(bytes, text[i]) == NULL)
			return false;
	return true;
}

/* Accepts nothing, ':' and a number, or ':' and an obfuscated port (RFC 7239 section 6). */
static bool
is_port(const char *text, size_t len)
{
	static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789._-";

	if (len == 0)
		return true;
	if (text[0] != ':' || len < 2)
		return false;
	if (text[1] == '_')
		return len > 2 && all_of(text + 2, len - 2, name);
	return len <= 6 && all_of(text + 1, len - 1, digits);
}

bool
ip_read_node(const char *text, size_t len, bool bare, struct ip *out)
{
	const char *host = text, *end = text + len, *colon;

	if (len > 0 && text[0] == '[') {
		host++;
		if ((end = memchr(text, ']', len)) == NULL ||
		    memchr(host, ':', (size_t)(end - host)) == NULL)
			return false;
		return is_port(end + 1, (size_t)(text + len - end - 1)) &&
		       ip_read(host, (size_t)(end - host), out);
	}
	if ((colon = memchr(text, ':', len)) == NULL)
		return ip_read(text, len, out);
	if (memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL)
		return bare && ip_read(text, len, out);
	return is_port(colon, (size_t)(end - colon)) && ip_read(text, (size_t)(colon - text), out);
}

/* Avoids inet_ntop(), which goes through printf: this runs for each request. */
static void
write_ipv4(const unsigned char bytes[4], char *out)
{
	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		if (bytes[i] >= 100)
			*out++ = digits[bytes[i] / 100];
		if (bytes[i] >= 10)
			*out++ = digits[bytes[i] / 10 % 10];
		*out++ = digits[bytes[i] % 10];
	}
	*out = '\0';
}

void
ip_write(const struct ip *ip, char out[IP_TEXT_MAX + 1])
{
	if (is_ipv4(ip))
		write_ipv4(ip->bytes + sizeof(ipv4_prefix), out);
	else
		inet_ntop(AF_INET6, ip->bytes, out, IP_TEXT_MAX + 1);
}

void
ip_write_group(const struct ip *ip, char out[IP_RANGE_TEXT_MAX + 1])
{
	struct ip_range range = {*ip, GROUP_BITS};

	if (is_ipv4(ip))
		range.bits = 128;
	(void)ip_range_cut(&range);
	ip_range_write(&range, out);
}

bool
ip_is_loopback(const struct ip *ip)
{
	static const struct ip one = {{[15] = 1}};

	if (is_ipv4(ip))
		return ip->bytes[sizeof(ipv4_prefix)] == 127;
	return memcmp(ip, &one, sizeof(one)) == 0;
}

bool
ip_range_read(const char *text, size_t len, struct ip_range *out)
{
	const char *slash = memchr(text, '/', len), *prefix;
	size_t count, host = slash == NULL ? len : (size_t)(slash - text);
	bool ipv4 = memchr(text, ':', host) == NULL;
	int bits = 0;

	if (!ip_read(text, host, &out->first))
		return false;
	out->bits = 128;
	if (slash == NULL)
		return true;
	prefix = slash + 1;
	count = len - host - 1;
	if (count < 1 || count > 3 || !all_of(prefix, count, digits) ||
	    (prefix[0] == '0' && count > 1))
		return false;
	for (size_t i = 0; i < count; i++)
		bits = 10 * bits + (prefix[i] - '0');
	bits += ipv4 ? IPV4_BITS : 0;
	if (bits > 128)
		return false;
	out->bits = (unsigned char)bits;
	return true;
}

bool
ip_range_cut(struct ip_range *range)
{
	bool any = false;

	for (int i = 0; i < 16; i++) {
		int behind = 8 * (i + 1) - range->bits;
		int mask = behind <= 0 ? 0xff : behind >= 8 ? 0 : 0xff << behind;

		any = any || (range->first.bytes[i] & ~mask) != 0;
		range->first.bytes[i] = (unsigned char)(range->first.bytes[i] & mask);
	}
	return any;
}

static bool
range_is_ipv4(const struct ip_range *range)
{
	return range->bits >= IPV4_BITS && is_ipv4(&range->first);
}

bool
ip_range_is_all(const struct ip_range *range)
{
	return range->bits == 0 || (range->bits == IPV4_BITS && range_is_ipv4(range));
}

void
ip_range_write(const struct ip_range *range, char out[IP_RANGE_TEXT_MAX + 1])
{
	size_t len;

	ip_write(&range->first, out);
	len = strlen(out);
	if (range->bits < 128)
		snprintf(out + len, IP_RANGE_TEXT_MAX + 1 - len, "/%d",
			 range_is_ipv4(range) ? range->bits - IPV4_BITS : range->bits);
}

bool
ip_range_has(const struct ip_range *range, const struct ip *ip)
{
	size_t whole = range->bits / 8;
	int rest = range->bits % 8;

	if (memcmp(range->first.bytes, ip->bytes, whole) != 0)
		return false;
	if (rest != 0 && ((range->first.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest)) != 0)
		return false;
	return range_is_ipv4(range) || !is_ipv4(ip);
}
