#include "opencode/connected.h"

#include <stdio.h>
#include <string.h>

#include "http/path_segment.h"
#include "opencode/opencode.h"

/* "connected" is the last member of a very long reply, so the end of the reply is enough. */
json_t *
connected_read(const struct call_reply *reply)
{
	static const char key[] = "\"connected\":";
	const char *found = NULL;

	for (const char *p = buf_text(&reply->body); (p = strstr(p, key)) != NULL; p++)
		found = p;
	return found == NULL ? NULL
			     : json_loads(found + sizeof(key) - 1, JSON_DISABLE_EOF_CHECK, NULL);
}

bool
connected_has(const json_t *list, const char *provider)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), provider) == 0)
			return true;
	return false;
}

static enum err
provider_connected(const struct context *x, const struct flow *flow, bool *connected)
{
	struct call call = {.method = "GET", .tail = true};
	struct call_reply reply;
	json_t *list = NULL;
	enum err err = opencode_flow_send(x, flow, "/provider", &call, &reply);

	if ((err = opencode_reply_err(err, &reply)) == ERR_OK &&
	    (list = connected_read(&reply)) == NULL)
		err = ERR_OPENCODE_ANSWER;
	*connected = connected_has(list, flow->provider);
	json_decref(list);
	call_reply_free(&reply);
	return err;
}

void
connected_mcp_read(const struct call_reply *reply, const struct flow *flow, char *status,
		   size_t size)
{
	char name[FLOW_NAME_MAX + 1];
	const char *word = NULL;
	json_t *json = NULL;

	if (reply->status == 200 && path_segment_decode(flow->provider, name, sizeof(name))) {
		json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
		word = json_string_value(json_object_get(json_object_get(json, name), "status"));
	}
	snprintf(status, size, "%s", word == NULL ? "" : word);
	json_decref(json);
}

enum err
connected_mcp(const struct context *x, const struct flow *flow, char *status, size_t size)
{
	struct call call = {.method = "GET"};
	struct call_reply reply;
	enum err err = opencode_flow_send(x, flow, "/mcp", &call, &reply);

	err = opencode_reply_err(err, &reply);
	connected_mcp_read(&reply, flow, status, size);
	call_reply_free(&reply);
	return err;
}

enum err
connected_ask(const struct context *x, const struct flow *flow, bool *connected)
{
	char status[32];
	enum err err;

	*connected = false;
	if (flow->kind == KIND_PROVIDER)
		return provider_connected(x, flow, connected);
	if (flow->kind != KIND_MCP)
		return ERR_OK;
	err = connected_mcp(x, flow, status, sizeof(status));
	*connected = err == ERR_OK && strcmp(status, "connected") == 0;
	return err;
}
