#include "front.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_SIZE 512

/* What follows a scheme and its slashes; without one, a single slash is none too many. */
static const char *
skip_scheme(const char *text, const char *scheme)
{
	size_t len = strlen(scheme), slashes;

	if (strncasecmp(text, scheme, len) != 0 || text[len] != ':')
		return text[0] == '/' ? text + 1 : text;
	slashes = strspn(text + len + 1, "/");
	return slashes >= 1 && slashes <= 3 ? text + len + 1 + slashes : text;
}

static bool
is_loopback(const char *text, size_t len)
{
	struct in6_addr six;
	struct in_addr four;
	char host[HOST_SIZE];
	size_t n = 0;

	if (len >= sizeof(host))
		return false;
	for (size_t i = 0; i < len; i++) {
		char digits[3] = {0};

		if (text[i] == '%' && len - i > 2) {
			memcpy(digits, text + i + 1, 2);
			host[n++] = (char)strtol(digits, NULL, 16);
			i += 2;
		} else {
			host[n++] = text[i];
		}
	}
	host[n] = '\0';
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
	}
	return strcasecmp(host, "localhost") == 0 ||
	       (inet_aton(host, &four) != 0 && four.s_addr == htonl(INADDR_LOOPBACK));
}

const char *
front_listener(const char *text, int port)
{
	size_t len;
	char *end;

	text = skip_scheme(text, "http");
	len = text[0] == '[' ? strcspn(text, "]/?#") + 1 : strcspn(text, ":/?#");
	if (len > strlen(text) || text[len] != ':' || !is_loopback(text, len))
		return NULL;
	return strtol(text + len + 1, &end, 10) == port && end != text + len + 1 ? end : NULL;
}

const char *
front_public(const char *text, const char *host)
{
	size_t len = strlen(host);
	char *end;

	text = skip_scheme(text, "https");
	if (strncasecmp(text, host, len) != 0)
		return NULL;
	text += len;
	if (text[0] != ':')
		return text;
	return strtol(text + 1, &end, 10) == 443 || end == text + 1
		   ? text + strspn(text, ":0123456789")
		   : NULL;
}
