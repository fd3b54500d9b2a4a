/*
 * A list of the accounts that opencode can connect: providers with their sign-in methods, and MCP
 * servers. accounts.h reads it from opencode.
 */
#ifndef ACCOUNT_LIST_H
#define ACCOUNT_LIST_H

#include <jansson.h>

#include "flow/flow.h"
#include "view/page_start.h"

#define ACCOUNT_LIST_PROVIDERS_MAX  64
#define ACCOUNT_LIST_METHODS_MAX    128 /* of all providers together, as are the next four */
#define ACCOUNT_LIST_PROMPTS_MAX    256
#define ACCOUNT_LIST_OPTIONS_MAX    512
#define ACCOUNT_LIST_CONDITIONS_MAX 256
#define ACCOUNT_LIST_TEXTS_MAX	    64
#define ACCOUNT_LIST_SERVERS_MAX    128
#define ACCOUNT_LIST_REPLIES_MAX    3
#define ACCOUNT_LIST_NUMBER_SIZE    8  /* bytes of a method's number in decimal, with its NUL */
#define ACCOUNT_LIST_TEXT_SIZE	    32 /* bytes of a number in JSON, with its NUL */

/* The JSON values own the strings; this struct owns the JSON values. server holds the names of
 * MCP servers, encoded as path segments; number the methods of providers that number them; text
 * the numbers among the values of prompts. */
struct account_list {
	struct page_account account[ACCOUNT_LIST_PROVIDERS_MAX];
	struct page_method method[ACCOUNT_LIST_METHODS_MAX];
	struct page_prompt prompt[ACCOUNT_LIST_PROMPTS_MAX];
	struct page_option option[ACCOUNT_LIST_OPTIONS_MAX];
	struct page_condition condition[ACCOUNT_LIST_CONDITIONS_MAX];
	struct page_mcp mcp[ACCOUNT_LIST_SERVERS_MAX];
	char server[ACCOUNT_LIST_SERVERS_MAX][FLOW_NAME_MAX + 1];
	char number[ACCOUNT_LIST_METHODS_MAX][ACCOUNT_LIST_NUMBER_SIZE];
	char text[ACCOUNT_LIST_TEXTS_MAX][ACCOUNT_LIST_TEXT_SIZE];
	size_t accounts, methods, prompts, options, conditions, servers, texts, replies;
	json_t *reply[ACCOUNT_LIST_REPLIES_MAX];
	bool cut; /* opencode lists more than fits */
};

/* Makes an empty list; NULL: no memory. account_list_free() releases it, and may get NULL.
 * account_list_clear() empties it. */
struct account_list *account_list_new(void);
void account_list_clear(struct account_list *c);
void account_list_free(struct account_list *c);

/* Hands a reply of opencode to the list, whose entries point into it. */
void account_list_keep(struct account_list *c, json_t *reply);

/* How a provider's methods are named. */
enum account_list_ids { METHOD_BY_INDEX, METHOD_BY_ID };

/* Adds a provider that is connected, or has sign-ins among its methods, a JSON array. name is
 * opencode's name for it, or NULL. */
void account_list_add(struct account_list *c, const char *provider, const char *name,
		      bool connected, const json_t *methods, enum account_list_ids ids);

/* Adds an MCP server, unless no path segment can hold its name. */
void account_list_add_server(struct account_list *c, const char *name, const char *status);

#endif
