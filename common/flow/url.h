/*
 * URLs, parsed by libcurl: authorize URLs and the redirect URIs inside them.
 */
#ifndef URL_H
#define URL_H

#include <stdbool.h>

#include "flow/flow.h"
#include "util/error.h"

/* One URL in its parts. A missing part is "". */
struct url {
	char scheme[16];
	bool has_user;			/* the URL contains credentials */
	char host[FLOW_ORIGIN_MAX + 1]; /* lower case; IPv6 in brackets */
	int port;			/* the scheme's default if none is given */
	bool port_given;
	char path[FLOW_PATH_MAX + 1]; /* raw, as in the URL */
	char *query;		      /* raw; NULL: there is no '?'. Owned; url_free() frees it */
	char *fragment;		      /* the same after the '#' */
};

/*
 * Parses an absolute URL; release it with url_free(). ERR_PASTE_TEXT: libcurl cannot read it, its
 * host or port is not spelt as libcurl understands it, or a part is too long; ERR_MEMORY.
 */
enum err url_parse(const char *text, struct url *out) MUST_CHECK;
void url_free(struct url *a);

/*
 * Writes "https://host" or "https://host:port" (port only if not the scheme's default). False: it
 * does not fit into size bytes.
 */
bool url_origin(const struct url *a, char *out, size_t size);

/* Returns whether text is an http or https URL without credentials, which a page may link to. */
bool url_is_web(const char *text);

/*
 * Returns whether host is localhost, 127.0.0.1 or [::1], where opencode's listeners are (RFC 8252
 * section 7.3).
 */
bool url_is_loopback(const char *host);

#endif
