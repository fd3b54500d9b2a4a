#include "http/origin.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/ip.h"

/* Accepts a port as URLs contain it, or nothing after the colon (RFC 3986 section 3.2.3). */
static bool
port_valid(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (text[digits] != '\0' || digits > 5 || text[0] == '0')
		return false;
	return digits == 0 || strtol(text, NULL, 10) <= 65535;
}

bool
origin_authority_read(const char *text, struct authority *out)
{
	static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789.-_";
	static const char ipv6_bytes[] = "0123456789abcdefABCDEF:.";
	size_t len;
	struct ip ip;

	if (text[0] == '[') {
		len = 1 + strspn(text + 1, ipv6_bytes);
		if (text[len] != ']' || memchr(text + 1, ':', len - 1) == NULL ||
		    !ip_read(text + 1, len - 1, &ip))
			return false;
		len++;
	} else {
		len = strspn(text, name_bytes);
	}
	if (len == 0 || len > ORIGIN_MAX - 16)
		return false;
	*out = (struct authority){text, len, ""};
	if (text[len] == '\0')
		return true;
	if (text[len] != ':' || !port_valid(text + len + 1))
		return false;
	out->port = text + len + 1;
	return true;
}

bool
origin_authority_same(const struct authority *a, const struct authority *b)
{
	if (a->name_len != b->name_len || strncasecmp(a->name, b->name, a->name_len) != 0)
		return false;
	return a->port[0] == '\0' || b->port[0] == '\0' || strcmp(a->port, b->port) == 0;
}

/* Returns whether a name ends with a suffix, and has more before it. */
static bool
name_ends(const struct authority *a, const char *suffix)
{
	size_t len = strlen(suffix);

	return a->name_len > len && strncasecmp(a->name + a->name_len - len, suffix, len) == 0;
}

bool
origin_host_is_loopback(const char *host)
{
	struct authority a;

	if (!origin_authority_read(host, &a))
		return false;
	if (a.name_len == 9 && strncasecmp(a.name, "localhost", 9) == 0)
		return true;
	if (name_ends(&a, ".localhost"))
		return true;
	if (a.name_len == 5 && strncmp(a.name, "[::1]", 5) == 0)
		return true;
	return strncmp(a.name, "127.", 4) == 0 && strspn(a.name, "0123456789.") == a.name_len;
}

/* Returns whether a host is an address in a private range: RFC 1918, 3927, 4193 and 4291. */
static bool
is_private_address(const struct authority *a)
{
	static const char *const ranges[] = {"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
					     "169.254.0.0/16", "fc00::/7",	"fe80::/10"};
	bool brackets = a->name[0] == '[';
	struct ip_range range;
	struct ip ip;

	if (!ip_read(a->name + brackets, a->name_len - (brackets ? 2 : 0), &ip))
		return false;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (ip_range_read(ranges[i], strlen(ranges[i]), &range) &&
		    ip_range_has(&range, &ip))
			return true;
	return false;
}

bool
origin_host_is_private(const char *host)
{
	static const char *const suffixes[] = {".local", ".lan", ".home.arpa", ".internal",
					       ".ts.net"};
	struct authority a;

	if (!origin_authority_read(host, &a))
		return false;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (name_ends(&a, suffixes[i]))
			return true;
	/* a name of one label, which no public DNS has; a number is an address in disguise */
	if (memchr(a.name, '.', a.name_len) == NULL && memchr(a.name, ':', a.name_len) == NULL)
		return isalpha((unsigned char)a.name[0]) != 0;
	return is_private_address(&a);
}

const char *
origin_authority(const char *origin)
{
	if (strncmp(origin, "https://", 8) == 0)
		return origin + 8;
	if (strncmp(origin, "http://", 7) == 0)
		return origin + 7;
	return NULL;
}

bool
origin_read(const char *text, char out[ORIGIN_MAX + 1])
{
	const char *authority = origin_authority(text);
	size_t len = strlen(text);
	struct authority a;

	if (len > 0 && text[len - 1] == '/')
		len--;
	if (authority == NULL || len > ORIGIN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[len] = '\0';
	/* "https://" without its final slash is no longer an origin */
	authority = origin_authority(out);
	if (authority == NULL || !origin_authority_read(authority, &a))
		return false;
	/* an origin does not name its scheme's default port (RFC 6454 section 6.2) */
	if (strcmp(a.port, out[4] == 's' ? "443" : "80") == 0)
		out[a.port - 1 - out] = '\0';
	return true;
}
