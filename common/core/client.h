/*
 * Who sent a request: the peer, whom the web server talks to, or whoever stands
 * behind the proxies that the configuration trusts.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>

#include "config/config.h"
#include "flow/flow.h"
#include "http/request.h"

#define CLIENT_UNIX "unix:" /* a peer on a Unix socket; it has no address */

struct client {
	char address[FLOW_CLIENT_ADDRESS_MAX +
		     1]; /* for logs and pages; CLIENT_UNIX if it has none */
	char
	    group[FLOW_CLIENT_ADDRESS_MAX + 1]; /* what is counted as one client: IPv6 by its /64 */
};

/*
 * Finds the client. If the peer is trusted, the one configured header is read
 * from the right, past each address that is trusted too: the first that is not
 * is the client. Where no such address is found, it is the peer: everybody in the
 * header is trusted, or on the way there stands something that is no address, or
 * the header is malformed. So nobody can be named whom no trusted proxy named.
 */
void client_find(const struct config *config, const struct request *request, struct client *out);

/* Whether the peer is a proxy that is trusted. */
bool client_peer_trusted(const struct config *config, const struct request *request);

/* Whether a peer on this machine sends forwarding headers that are not believed. */
bool client_proxy_ignored(const struct config *config, const struct request *request);

#endif
