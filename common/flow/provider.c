#include "flow/provider.h"

#include <stddef.h>
#include <string.h>

static const struct habit usual = {.provider = "", .cancel = CANCEL_PATH};
static const struct habit integration = {
    .provider = "", .seconds = 600, .cancel = CANCEL_ATTEMPT, .cancel_late = true};
static const struct habit none = {.provider = ""};

static const struct habit habits[] = {
    {
	.provider = "gitlab",
	.seconds = 120,
	.cancel = CANCEL_ERROR,
	.cancel_late = true,
	.exchanges_each = true,
    },
    {
	.provider = "digitalocean",
	.cancel = CANCEL_TOKEN,
	.finish_ms = 15000, /* it asks for a list of routers, with a limit of 10 s */
    },
    {
	.provider = "poe",
	.cancel = CANCEL_NOT, /* each has a port of its own */
	.finish_first = true,
    },
    {
	.provider = "snowflake-cortex",
	.needs = "account",
	.cancel = CANCEL_ERROR,
    },
};

const struct habit *
habit_of(const struct flow *flow)
{
	if (flow->kind == KIND_INTEGRATION)
		return &integration;
	if (flow->kind != KIND_PROVIDER)
		return &none;
	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
		if (strcmp(habits[i].provider, flow->provider) == 0)
			return &habits[i];
	return &usual;
}
