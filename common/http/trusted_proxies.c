#include "http/trusted_proxies.h"

#include <stdio.h>
#include <string.h>

/* RFC 1122 section 3.2.1.3 and RFC 4291 section 2.5.3; RFC 1918 and RFC 4193 */
static const char loopback_ranges[] = "127.0.0.0/8 ::1";
static const char private_ranges[] = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7";

static const char separators[] = " \t,";

static bool
word_is(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(word, name, len) == 0;
}

static bool
refuse(char *why, size_t why_size, const char *word, size_t len, const char *text)
{
	/* a word that cannot be an address may be anything, so it is not repeated */
	for (size_t i = 0; i < len; i++)
		if (word[i] <= ' ' || word[i] >= 0x7f)
			len = 0;
	if (len > IP_RANGE_TEXT_MAX)
		len = 0;
	snprintf(why, why_size, "%.*s%s%s", (int)len, word, len > 0 ? ": " : "", text);
	return false;
}

static bool
add_range(struct trusted_proxies *out, const char *word, size_t len, char *why, size_t why_size)
{
	struct ip_range *range = &out->range[out->count];
	char first[IP_RANGE_TEXT_MAX + 1], text[IP_RANGE_TEXT_MAX + 32];

	if (out->count == TRUST_RANGES_MAX)
		return refuse(why, why_size, word, len, "there are more than 256 ranges");
	if (!ip_range_read(word, len, range))
		return refuse(
		    why, why_size, word, len,
		    "must be an address, a range such as 10.0.0.0/8, loopback, private or unix");
	if (ip_range_cut(range)) {
		ip_range_write(range, first);
		snprintf(text, sizeof(text), "the range is %s", first);
		return refuse(why, why_size, word, len, text);
	}
	if (ip_range_is_all(range))
		return refuse(why, why_size, word, len, "that is everybody");
	out->count++;
	return true;
}

static bool
add_ranges(struct trusted_proxies *out, const char *text, char *why, size_t why_size)
{
	while (*(text += strspn(text, separators)) != '\0') {
		size_t len = strcspn(text, separators);

		if (!add_range(out, text, len, why, why_size))
			return false;
		text += len;
	}
	return true;
}

void
trusted_proxies_clear(struct trusted_proxies *trust)
{
	trust->count = 0;
	trust->unix_socket = false;
}

bool
trusted_proxies_add(struct trusted_proxies *trust, const char *text, char *why, size_t why_size)
{
	while (*(text += strspn(text, separators)) != '\0') {
		size_t len = strcspn(text, separators);
		bool ok = true;

		if (word_is(text, len, "unix"))
			trust->unix_socket = true;
		else if (word_is(text, len, "loopback"))
			ok = add_ranges(trust, loopback_ranges, why, why_size);
		else if (word_is(text, len, "private"))
			ok = add_ranges(trust, private_ranges, why, why_size);
		else
			ok = add_range(trust, text, len, why, why_size);
		if (!ok)
			return false;
		text += len;
	}
	return true;
}

void
trusted_proxies_write(const struct trusted_proxies *trust, struct buf *out)
{
	char text[IP_RANGE_TEXT_MAX + 1];

	for (size_t i = 0; i < trust->count; i++) {
		ip_range_write(&trust->range[i], text);
		buf_printf(out, "%s%s", i == 0 ? "" : " ", text);
	}
	if (trust->unix_socket)
		buf_puts(out, trust->count == 0 ? "unix" : " unix");
}

bool
trusted_proxies_any(const struct trusted_proxies *trust)
{
	return trust->count > 0 || trust->unix_socket;
}

bool
trusted_proxies_has(const struct trusted_proxies *trust, const struct ip *ip)
{
	for (size_t i = 0; i < trust->count; i++)
		if (ip_range_has(&trust->range[i], ip))
			return true;
	return false;
}
