/*
 * Addresses, taken apart by libcurl: the authorize URL that opencode answers a
 * begin with, and the redirect URI inside it.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>

#include "error.h"
#include "flow.h"

/* One address in its parts. Strings are "" where a part is missing. */
struct address {
	char scheme[16];
	bool has_user;			/* credentials stand before the host */
	char host[FLOW_ORIGIN_MAX + 1]; /* lower case; IPv6 in brackets */
	int port;			/* the scheme's own if none is given */
	bool port_given;
	char path[FLOW_PATH_MAX + 1]; /* raw, as it stands in the address */
	char *query; /* raw, NULL if there is no '?'; owned, free with address_free() */
	bool has_fragment;
};

/*
 * Takes an absolute address apart. ERR_PASTE_TEXT: it is none that libcurl
 * reads, or a part is too long; ERR_MEMORY.
 */
enum err address_parse(const char *text, struct address *out) MUST_CHECK;
void address_free(struct address *a);

/* "https://host" or "https://host:port" (port only where it is not the scheme's own). */
bool address_origin(const struct address *a, char *out, size_t size);

/* Whether host is localhost, 127.0.0.1 or [::1]: where opencode's listeners are (RFC 8252
 * section 7.3). */
bool address_is_loopback(const char *host);

/*
 * Fills the parts of a flow that stand in an authorize URL: id, redirect_*,
 * authorize_origin. False: not one that we may record (design: http or https
 * without credentials, response_type=code, a state, a redirect URI that is
 * exactly http on a loopback name with a port from 1024).
 */
bool authorize_url_read(const char *url, struct flow *flow);

#endif
