#include "signin/deliver.h"

#include "signin/deliver_integration.h"
#include "signin/deliver_mcp.h"
#include "signin/deliver_provider.h"
#include "util/clock.h"

/* Delivers to a terminal: a process of its own takes the response, and shows the result itself. */
static void
deliver_terminal(struct delivery *d)
{
	delivery_listener(d);
	if (d->outcome.err == ERR_OK && d->outcome.state == FLOW_DELIVERING)
		d->outcome = (struct outcome){.state = FLOW_DONE, .reason = REASON_UNCONFIRMED};
}

void
deliver(struct delivery *d)
{
	static void (*const ways[KIND_COUNT])(struct delivery *) = {
	    [KIND_PROVIDER] = deliver_provider,
	    [KIND_MCP] = deliver_mcp,
	    [KIND_INTEGRATION] = deliver_integration,
	    [KIND_TERMINAL] = deliver_terminal,
	};

	d->deadline_ms = clock_monotonic_ms() + CALL_TOTAL_MS;
	d->outcome = (struct outcome){.state = FLOW_DELIVERING};
	ways[d->flow->kind](d);
}
