#include "opencode/api/api_v2.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "flow/provider.h"
#include "http/path_segment.h"
#include "opencode/account_list.h"
#include "opencode/opencode.h"
#include "util/text.h"
#include "util/utf8.h"

#define LIST_PATH    "/api/integration"
#define SERVERS_PATH "/api/mcp"

#define DESCRIBE_MS 1500 /* for each of the names that a begin can do without */
#define WAKE_MS	    200	 /* between two looks at the list of a location that has just been loaded */
#define WAKE_TRIES  12	 /* looks at most */

/* That of the release, then that of the preview. */
static const char *const identity[] = {"/api/info", "/api/health", NULL};

/* Reads the member "data" of a reply, as a new reference. */
static enum err
read_data(const struct context *x, const struct flow *project, const char *path, int timeout_ms,
	  json_t **out)
{
	json_t *reply = NULL;
	enum err err = opencode_session_read(x, project, path, timeout_ms, &reply);

	*out = json_incref(json_object_get(reply, "data"));
	json_decref(reply);
	return err == ERR_OK && *out == NULL ? ERR_OPENCODE_ANSWER : err;
}

/* Reads a list. Otherwise *out is NULL. */
static enum err
read_array(const struct context *x, const struct flow *project, const char *path, int timeout_ms,
	   json_t **out)
{
	enum err err = read_data(x, project, path, timeout_ms, out);

	if (err == ERR_OK && json_is_array(*out))
		return ERR_OK;
	json_decref(*out);
	*out = NULL;
	return err == ERR_OK ? ERR_OPENCODE_ANSWER : err;
}

static enum err
lets_in(const struct context *x, const struct flow *project)
{
	json_t *servers;
	enum err err = read_array(x, project, SERVERS_PATH, 0, &servers);

	json_decref(servers);
	return err;
}

/* Reads the integrations. For about a second after its first request, a location has none. */
static enum err
read_integrations(const struct context *x, const struct flow *project, json_t **out)
{
	static const struct timespec pause = {.tv_nsec = WAKE_MS * 1000000L};
	enum err err = read_array(x, project, LIST_PATH, 0, out);

	for (int i = 1; i < WAKE_TRIES && err == ERR_OK && json_array_size(*out) == 0; i++) {
		json_decref(*out);
		nanosleep(&pause, NULL);
		err = read_array(x, project, LIST_PATH, 0, out);
	}
	return err;
}

static const char *
text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* Returns the server that an integration belongs to, or NULL. */
static const json_t *
find_server(const json_t *servers, const char *integration)
{
	const json_t *item;
	const char *id;
	size_t i;

	json_array_foreach (servers, i, item)
		if ((id = text_of(item, "integrationID")) != NULL && strcmp(id, integration) == 0)
			return item;
	return NULL;
}

static void
add_servers(struct account_list *out, const json_t *servers)
{
	const char *name, *status;
	const json_t *item;
	size_t i;

	json_array_foreach (servers, i, item) {
		name = text_of(item, "name");
		status = text_of(json_object_get(item, "status"), "status");
		if (name != NULL)
			account_list_add_server(out, name, status == NULL ? "" : status);
	}
}

static enum err
list(const struct context *x, const struct flow *project, struct account_list *out)
{
	json_t *integrations, *servers;
	const json_t *item;
	const char *id;
	enum err err;
	size_t i;

	/* before the servers: it waits until the location is loaded */
	if ((err = read_integrations(x, project, &integrations)) != ERR_OK)
		return err;
	account_list_keep(out, integrations);
	if ((err = read_array(x, project, SERVERS_PATH, 0, &servers)) != ERR_OK)
		return err;
	account_list_keep(out, servers);
	json_array_foreach (integrations, i, item)
		if ((id = text_of(item, "id")) != NULL && find_server(servers, id) == NULL)
			account_list_add(out, id, text_of(item, "name"),
					 json_array_size(json_object_get(item, "connections")) > 0,
					 json_object_get(item, "methods"), METHOD_BY_ID);
	add_servers(out, servers);
	return ERR_OK;
}

static enum err
choose(struct flow *flow, const char *provider, const char *method)
{
	if (method == NULL || method[0] == '\0')
		return ERR_REQUEST;
	if (strspn(method, "0123456789") == strlen(method))
		return ERR_OPENCODE_ANSWER; /* the number of a method of opencode 1 */
	flow->kind = KIND_INTEGRATION;
	return text_copy(flow->provider, sizeof(flow->provider), provider) &&
		       text_copy(flow->method_id, sizeof(flow->method_id), method)
		   ? ERR_OK
		   : ERR_REQUEST;
}

/* Finds the integration of a server by the server's name. */
static enum err
choose_mcp(const struct context *x, struct flow *flow, const char *name)
{
	char label[FLOW_NAME_MAX + 1];
	const char *other, *id = NULL;
	const json_t *item;
	json_t *servers;
	enum err err;
	size_t i;

	if (!path_segment_decode(name, label, sizeof(label)))
		return ERR_REQUEST;
	if ((err = read_array(x, flow, SERVERS_PATH, 0, &servers)) != ERR_OK)
		return err;
	json_array_foreach (servers, i, item)
		if ((other = text_of(item, "name")) != NULL && strcmp(other, label) == 0)
			id = text_of(item, "integrationID");
	if (id == NULL)
		err = ERR_BEGIN_NEEDLESS;
	else
		err = choose(flow, id, id);
	flow->mcp = true;
	json_decref(servers);
	return err;
}

/* Copies a name for a record: text without control bytes, cut where it is too long. */
static void
copy_label(char out[FLOW_NAME_MAX + 1], const char *name)
{
	size_t len = 0;

	for (; *name != '\0' && len < FLOW_NAME_MAX; name++, len++) {
		out[len] = *name;
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			out[len] = ' ';
	}
	while (len > 0 && !utf8_valid(out, len))
		len--;
	out[len] = '\0';
}

static void
describe(const struct context *x, struct flow *flow)
{
	char path[sizeof(LIST_PATH) + FLOW_NAME_MAX + 1];
	const json_t *server;
	const char *name = NULL;
	json_t *servers, *integration = NULL;

	if (provider_name(flow->provider) != flow->provider)
		return; /* we have a name for it */
	if (read_array(x, flow, SERVERS_PATH, DESCRIBE_MS, &servers) == ERR_OK &&
	    (server = find_server(servers, flow->provider)) != NULL) {
		flow->mcp = true;
		name = text_of(server, "name");
	} else {
		snprintf(path, sizeof(path), "%s/%s", LIST_PATH, flow->provider);
		if (read_data(x, flow, path, DESCRIBE_MS, &integration) == ERR_OK)
			name = text_of(integration, "name");
	}
	if (name != NULL)
		copy_label(flow->label, name);
	json_decref(integration);
	json_decref(servers);
}

static void
attempt_path(const struct flow *flow, struct buf *out)
{
	buf_printf(out, "%s/%s/connect/oauth/%s", LIST_PATH, flow->provider, flow->attempt);
}

static enum err
connected(const struct context *x, const struct flow *flow, bool *connected)
{
	char path[sizeof(LIST_PATH) + FLOW_NAME_MAX + 1];
	struct call call = {.method = "GET", .session = true};
	struct call_reply reply;
	json_t *json = NULL;
	enum err err;

	snprintf(path, sizeof(path), "%s/%s", LIST_PATH, flow->provider);
	err = opencode_flow_send(x, flow, path, &call, &reply);
	err = opencode_reply_json(err, &reply, &json);
	*connected =
	    json_array_size(json_object_get(json_object_get(json, "data"), "connections")) > 0;
	json_decref(json);
	call_reply_free(&reply);
	return err;
}

const struct opencode_api api_v2 = {
    .name = "2",
    .identity = identity,
    .sessions = true,
    .listens = true,
    .lets_in = lets_in,
    .list = list,
    .choose = choose,
    .choose_mcp = choose_mcp,
    .describe = describe,
    .attempt_path = attempt_path,
    .connected = connected,
};
