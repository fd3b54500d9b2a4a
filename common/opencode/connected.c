#include "opencode/connected.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "http/path_segment.h"
#include "opencode/api/api_find.h"
#include "opencode/api/api_v1.h"
#include "opencode/opencode.h"

static enum err
provider_connected(const struct context *x, const struct flow *flow, bool *connected)
{
	struct call call = {.method = "GET", .tail = true};
	struct call_reply reply;
	json_t *list = NULL;
	enum err err = opencode_flow_send(x, flow, "/provider", &call, &reply);

	if ((err = opencode_reply_err(err, &reply)) == ERR_OK &&
	    (list = api_v1_connected_read(&reply)) == NULL)
		err = ERR_OPENCODE_ANSWER;
	*connected = api_v1_connected_has(list, flow->provider);
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

/* A question about an integration, and its answer. */
struct question {
	const struct flow *flow;
	bool connected;
};

static enum err
ask_integration(const struct context *x, const struct opencode_api *api, void *ctx)
{
	struct question *q = ctx;

	return api->connected(x, q->flow, &q->connected);
}

static enum err
integration_connected(const struct context *x, const struct flow *flow, bool *connected)
{
	struct question q = {.flow = flow};
	enum err err = api_find_run(x, ask_integration, &q);

	*connected = q.connected;
	return err;
}

static enum err
server_connected(const struct context *x, const struct flow *flow, bool *connected)
{
	char status[32];
	enum err err = connected_mcp(x, flow, status, sizeof(status));

	*connected = err == ERR_OK && strcmp(status, "connected") == 0;
	return err;
}

enum err
connected_ask(const struct context *x, const struct flow *flow, bool *connected)
{
	*connected = false;
	switch (flow->kind) {
	case KIND_PROVIDER:
		return provider_connected(x, flow, connected);
	case KIND_MCP:
		return server_connected(x, flow, connected);
	case KIND_INTEGRATION:
		return integration_connected(x, flow, connected);
	default:
		return ERR_OK;
	}
}
