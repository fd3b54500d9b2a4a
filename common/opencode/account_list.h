/*
 * The accounts that opencode can connect, as it lists them for the visitor: providers with their
 * sign-in methods, and MCP servers.
 */
#ifndef ACCOUNT_LIST_H
#define ACCOUNT_LIST_H

#include <jansson.h>

#include "core/context.h"
#include "view/page_start.h"

#define ACCOUNT_LIST_PROVIDERS_MAX 64
#define ACCOUNT_LIST_METHODS_MAX   128 /* of all providers together, as are the next two */
#define ACCOUNT_LIST_PROMPTS_MAX   256
#define ACCOUNT_LIST_OPTIONS_MAX   512
#define ACCOUNT_LIST_SERVERS_MAX   128

/* The JSON values own the strings; this struct owns the JSON values. server holds the names of
 * MCP servers, encoded as path segments. */
struct account_list {
	struct page_account account[ACCOUNT_LIST_PROVIDERS_MAX];
	struct page_method method[ACCOUNT_LIST_METHODS_MAX];
	struct page_prompt prompt[ACCOUNT_LIST_PROMPTS_MAX];
	struct page_option option[ACCOUNT_LIST_OPTIONS_MAX];
	struct page_mcp mcp[ACCOUNT_LIST_SERVERS_MAX];
	char server[ACCOUNT_LIST_SERVERS_MAX][FLOW_NAME_MAX + 1];
	size_t accounts, methods, prompts, options, servers;
	json_t *providers, *connected, *mcp_servers;
	bool cut; /* opencode lists more than fits */
};

/*
 * Asks opencode with the visitor's own credentials. ERR_CREDENTIALS, ERR_BUSY, ERR_QUERY_LONG,
 * ERR_OPENCODE_ANSWER, errors of call_send(). Release *out with account_list_free() in any case.
 */
enum err account_list_read(struct context *x, const struct flow *project,
			   struct account_list **out) MUST_CHECK;
void account_list_free(struct account_list *c);

#endif
