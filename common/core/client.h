/*
 * Finds who sent a request: the peer that the web server talks to, or the client behind the
 * proxies that the configuration trusts.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>

#include "config/config.h"
#include "flow/flow.h"
#include "http/request.h"

#define CLIENT_UNIX "unix:" /* the peer is on a Unix socket and has no address */

struct client {
	/* for logs and pages; CLIENT_UNIX if the client has no address */
	char address[FLOW_CLIENT_ADDRESS_MAX + 1];
	/* for limits: counts as one client; an IPv6 address as its /64 */
	char group[FLOW_CLIENT_ADDRESS_MAX + 1];
};

/*
 * Finds the client. If the peer is trusted, reads the configured header from the right and skips
 * the addresses that are trusted too: the first one that is not trusted is the client. The client
 * is the peer if all addresses in the header are trusted, if something that is not an address
 * comes first, or if the header is malformed. So the client is never an address that no trusted
 * proxy has reported.
 */
void client_find(const struct config *config, const struct request *request, struct client *out);

/* Returns whether the peer is a trusted proxy. */
bool client_peer_trusted(const struct config *config, const struct request *request);

/* Returns whether a peer on this machine sends forwarding headers but is not trusted, so that
 * they are ignored. */
bool client_proxy_ignored(const struct config *config, const struct request *request);

#endif
