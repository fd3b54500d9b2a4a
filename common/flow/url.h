/*
 * Addresses, taken apart by libcurl: authorize URLs, the redirect URIs inside
 * them, and what people paste.
 */
#ifndef URL_H
#define URL_H

#include <stdbool.h>

#include "flow/flow.h"
#include "util/error.h"

/* One address in its parts. Strings are "" where a part is missing. */
struct url {
	char scheme[16];
	bool has_user;			/* credentials stand before the host */
	char host[FLOW_ORIGIN_MAX + 1]; /* lower case; IPv6 in brackets */
	int port;			/* the scheme's own if none is given */
	bool port_given;
	char path[FLOW_PATH_MAX + 1]; /* raw, as it stands in the address */
	char *query;	/* raw, NULL if there is no '?'; owned, free with url_free() */
	char *fragment; /* the same behind the '#' */
};

/*
 * Takes an absolute address apart. ERR_PASTE_TEXT: it is none that libcurl
 * reads, its host or port is spelt in another way than it is meant, or a part is
 * too long; ERR_MEMORY.
 */
enum err url_parse(const char *text, struct url *out) MUST_CHECK;
void url_free(struct url *a);

/* "https://host" or "https://host:port" (port only where it is not the scheme's own). */
bool url_origin(const struct url *a, char *out, size_t size);

/* Whether text is an http or https address without credentials: one that a page may link to. */
bool url_is_web(const char *text);

/* Whether host is localhost, 127.0.0.1 or [::1]: where opencode's listeners are (RFC 8252
 * section 7.3). */
bool url_is_loopback(const char *host);

#endif
