#include "flow/provider.h"

#include <stddef.h>
#include <string.h>

static const struct provider usual = {.provider = "", .cancel = CANCEL_PATH};
static const struct provider integration = {
    .provider = "", .seconds = 600, .cancel = CANCEL_ATTEMPT, .cancel_late = true};
static const struct provider none = {.provider = ""};

static const struct provider providers[] = {
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

const struct provider *
provider_of(const struct flow *flow)
{
	if (flow->kind == KIND_INTEGRATION)
		return &integration;
	if (flow->kind != KIND_PROVIDER)
		return &none;
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (strcmp(providers[i].provider, flow->provider) == 0)
			return &providers[i];
	return &usual;
}
