#include "flow/provider.h"

#include <stddef.h>
#include <string.h>

static const struct provider usual = {.id = "", .cancel = CANCEL_PATH};
static const struct provider integration = {
    .id = "", .seconds = 600, .cancel = CANCEL_ATTEMPT, .cancel_late = true};
static const struct provider none = {.id = ""};

static const struct provider providers[] = {
    {
	.id = "openai",
	.name = "ChatGPT",
	.port = 1455,
	.cancel = CANCEL_PATH,
    },
    {
	.id = "digitalocean",
	.name = "DigitalOcean",
	.port = 1456,
	.cancel = CANCEL_TOKEN,
	.finish_ms = 15000, /* the call also fetches a list of routers, with a limit of 10 s */
    },
    {
	.id = "gitlab",
	.name = "GitLab",
	.port = 8080,
	.seconds = 120,
	.cancel = CANCEL_ERROR,
	.cancel_late = true,
	.exchanges_each = true,
    },
    {
	.id = "poe",
	.name = "Poe",
	.cancel = CANCEL_NOT, /* each sign-in has a different port */
	.finish_first = true,
    },
    {
	.id = "snowflake-cortex",
	.name = "Snowflake",
	.needs = "account",
	.cancel = CANCEL_ERROR,
    },
    /* These show a code to enter at the provider: no redirect comes. */
    {
	.id = "github-copilot",
	.name = "GitHub Copilot",
	.cancel = CANCEL_PATH,
    },
    {
	.id = "xai",
	.name = "SuperGrok",
	.cancel = CANCEL_PATH,
    },
};

#define PROVIDER_COUNT (sizeof(providers) / sizeof(providers[0]))

static const struct provider *
find(const char *id)
{
	for (size_t i = 0; i < PROVIDER_COUNT; i++)
		if (strcmp(providers[i].id, id) == 0)
			return &providers[i];
	return &usual;
}

const struct provider *
provider_of(const struct flow *flow)
{
	if (flow->kind == KIND_INTEGRATION)
		return &integration;
	return flow->kind == KIND_PROVIDER ? find(flow->provider) : &none;
}

const char *
provider_name(const char *id)
{
	const struct provider *provider = find(id);

	return provider->name != NULL ? provider->name : id;
}

size_t
provider_ports(int port[PROVIDER_PORTS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < PROVIDER_COUNT && count < PROVIDER_PORTS_MAX - 1; i++)
		if (providers[i].port != 0)
			port[count++] = providers[i].port;
	port[count++] = PROVIDER_MCP_PORT;
	return count;
}
