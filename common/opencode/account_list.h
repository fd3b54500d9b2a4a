/*
 * What opencode can be connected to, as it tells the visitor: its providers with
 * their ways to sign in, and its MCP servers.
 */
#ifndef ACCOUNT_LIST_H
#define ACCOUNT_LIST_H

#include <jansson.h>

#include "core/context.h"

#define CATALOG_PROVIDERS_MAX 64
#define CATALOG_METHODS_MAX   128 /* of all providers together, as for the following */
#define CATALOG_PROMPTS_MAX   256
#define CATALOG_OPTIONS_MAX   512
#define CATALOG_SERVERS_MAX   128

/* Strings belong to the JSON, which belongs to the catalog. */
struct catalog {
	struct page_account account[CATALOG_PROVIDERS_MAX];
	struct page_method method[CATALOG_METHODS_MAX];
	struct page_prompt prompt[CATALOG_PROMPTS_MAX];
	struct page_option option[CATALOG_OPTIONS_MAX];
	struct page_mcp mcp[CATALOG_SERVERS_MAX];
	char server[CATALOG_SERVERS_MAX][FLOW_NAME_MAX + 1]; /* names as in a path */
	size_t accounts, methods, prompts, options, servers;
	json_t *providers, *connected, *mcp_servers;
	bool cut; /* there was more than fits */
};

/*
 * Asks opencode with the visitor's own credentials. ERR_CREDENTIALS; errors of
 * http_send(); ERR_OPENCODE_ANSWER. Release with catalog_free() in any case.
 */
enum err
catalog_read(struct exchange *x, const struct flow *project, struct catalog **out) MUST_CHECK;
void catalog_free(struct catalog *c);

#endif
