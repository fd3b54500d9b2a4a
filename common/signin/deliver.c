#include "signin/deliver.h"

#include "signin/deliver_integration.h"
#include "signin/deliver_mcp.h"
#include "signin/deliver_provider.h"
#include "signin/deliver_terminal.h"
#include "util/clock.h"

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
