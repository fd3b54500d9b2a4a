#include "opencode/api/api_v1.h"

#include <stdlib.h>
#include <string.h>

#include "opencode/account_list.h"
#include "opencode/opencode.h"
#include "util/log.h"
#include "util/text.h"

static const char *const identity[] = {"/global/health", NULL};

/* "connected" is the last member of a very long reply, so the end of the reply is enough. */
json_t *
api_v1_connected_read(const struct call_reply *reply)
{
	static const char key[] = "\"connected\":";
	const char *found = NULL;

	for (const char *p = buf_text(&reply->body); (p = strstr(p, key)) != NULL; p++)
		found = p;
	return found == NULL ? NULL
			     : json_loads(found + sizeof(key) - 1, JSON_DISABLE_EOF_CHECK, NULL);
}

bool
api_v1_connected_has(const json_t *list, const char *provider)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), provider) == 0)
			return true;
	return false;
}

static enum err
lets_in(const struct context *x, const struct flow *project)
{
	json_t *methods = NULL;
	enum err err = opencode_visitor_read(x, project, "/provider/auth", &methods);

	json_decref(methods);
	return err;
}

/* Reads the list of what is connected. Its reply is too long to be read whole. */
static enum err
read_connected(const struct context *x, const struct flow *project, json_t **out)
{
	struct call call = {.method = "GET", .tail = true};
	struct call_reply reply;
	enum err err = opencode_visitor_send(x, project, "/provider", &call, &reply);

	err = opencode_reply_err(err, &reply);
	if (err == ERR_OK && (*out = api_v1_connected_read(&reply)) == NULL)
		err = ERR_OPENCODE_ANSWER;
	call_reply_free(&reply);
	return err;
}

/* Logs the failure of a list that the page can do without. */
static void
dispensable(enum err err, const char *path)
{
	if (err != ERR_OK)
		log_event(LOG_LEVEL_WARNING, "start-page-without", "list", path, "why",
			  error_name(err), NULL);
}

/* Adds the providers that one can sign in to, then those that are connected by other means. */
static void
add_providers(struct account_list *out, json_t *providers, const json_t *connected)
{
	const json_t *item;
	json_t *methods;
	const char *provider;
	size_t i;

	json_object_foreach (providers, provider, methods) {
		account_list_add(out, provider, NULL, api_v1_connected_has(connected, provider),
				 methods, METHOD_BY_INDEX);
	}
	json_array_foreach (connected, i, item) {
		provider = json_string_value(item);
		if (provider != NULL && json_object_get(providers, provider) == NULL)
			account_list_add(out, provider, NULL, true, NULL, METHOD_BY_INDEX);
	}
}

static enum err
list(const struct context *x, const struct flow *project, struct account_list *out)
{
	json_t *providers = NULL, *connected = NULL, *servers = NULL, *item;
	const char *name, *status;
	enum err err = opencode_visitor_read(x, project, "/provider/auth", &providers);

	if (err != ERR_OK)
		return err;
	dispensable(read_connected(x, project, &connected), "/provider");
	dispensable(opencode_visitor_read(x, project, "/mcp", &servers), "/mcp");
	account_list_keep(out, providers);
	account_list_keep(out, connected);
	account_list_keep(out, servers);
	add_providers(out, providers, connected);
	json_object_foreach (servers, name, item) {
		status = json_string_value(json_object_get(item, "status"));
		account_list_add_server(out, name, status == NULL ? "" : status);
	}
	return ERR_OK;
}

static enum err
choose(struct flow *flow, const char *provider, const char *method)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	if (method == NULL)
		return ERR_REQUEST;
	if (strpbrk(method, letters) != NULL)
		return ERR_OPENCODE_ANSWER; /* the id of a method of opencode 2 */
	if (method[0] == '\0' || strlen(method) > 3 ||
	    strspn(method, "0123456789") != strlen(method))
		return ERR_REQUEST;
	flow->kind = KIND_PROVIDER;
	flow->method = (int)strtol(method, NULL, 10);
	return text_copy(flow->provider, sizeof(flow->provider), provider) ? ERR_OK : ERR_REQUEST;
}

static enum err
choose_mcp(const struct context *x, struct flow *flow, const char *name)
{
	(void)x;
	flow->kind = KIND_MCP;
	flow->mcp = true;
	return text_copy(flow->provider, sizeof(flow->provider), name) ? ERR_OK : ERR_REQUEST;
}

static void
describe(const struct context *x, struct flow *flow)
{
	(void)x;
	(void)flow; /* the integration API of opencode 1 has only providers that we know */
}

static void
attempt_path(const struct flow *flow, struct buf *out)
{
	buf_printf(out, "/api/integration/attempt/%s", flow->attempt);
}

/* The integration API of opencode 1 shares its accounts with the older one in part only. */
static enum err
connected(const struct context *x, const struct flow *flow, bool *connected)
{
	(void)x;
	(void)flow;
	*connected = false;
	return ERR_OK;
}

const struct opencode_api api_v1 = {
    .name = "1",
    .identity = identity,
    .lets_in = lets_in,
    .list = list,
    .choose = choose,
    .choose_mcp = choose_mcp,
    .describe = describe,
    .attempt_path = attempt_path,
    .connected = connected,
};
