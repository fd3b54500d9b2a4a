#include "signin/find_listener.h"

#include <stdio.h>
#include <stdlib.h>

#include "flow/provider.h"
#include "http/origin.h"
#include "opencode/opencode.h"

#define KNOCK_MS 1000

static void
set_port(struct flow *flow, int port)
{
	flow->redirect_port = port;
	snprintf(flow->redirect_host, sizeof(flow->redirect_host), "127.0.0.1:%d", port);
}

/* Returns the port in an origin; 0 if it names none. */
static int
port_of(const char *origin)
{
	const char *text = origin_authority(origin);
	struct authority authority;

	if (text == NULL || !origin_authority_read(text, &authority))
		return 0;
	return (int)strtol(authority.port, NULL, 10);
}

/* Returns whether a listener of opencode's is at the port. It answers 404 to the path "/", which
 * does it no harm; the plugin answers 403 or 502 if nothing of opencode's is there. */
static bool
is_listener(const struct context *x, struct flow *flow, int port)
{
	struct call call = {.method = "GET", .target = "/", .timeout_ms = KNOCK_MS};
	struct call_reply reply;
	bool there;

	if (port < 1024 || port == x->site.opencode->port || !opencode_has_socket(x, port))
		return false;
	set_port(flow, port);
	there = opencode_listener_send(x, flow, &call, &reply) == ERR_OK && reply.status == 404;
	call_reply_free(&reply);
	return there;
}

enum err
find_listener(const struct context *x, const struct listeners *before, struct flow *flow)
{
	struct listeners after;
	int port;

	listeners_ask(x, &after);
	if ((port = listeners_new(before, &after)) != 0) {
		set_port(flow, port);
		return ERR_OK;
	}
	if (!after.known && (is_listener(x, flow, PROVIDER_MCP_PORT) ||
			     is_listener(x, flow, port_of(x->site.origin))))
		return ERR_OK;
	return ERR_BEGIN_LISTENER;
}
