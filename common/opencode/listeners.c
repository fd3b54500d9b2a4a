#include "opencode/listeners.h"

#include <jansson.h>

#include "opencode/call.h"
#include "opencode/opencode.h"

#define ASK_MS	 2000
#define PORT_MIN 1024
#define PORT_MAX 65535

static void
read_ports(const json_t *list, struct listeners *out)
{
	const json_t *item;
	size_t i;

	out->known = json_is_array(list);
	json_array_foreach (list, i, item) {
		json_int_t port = json_integer_value(item);

		if (port >= PORT_MIN && port <= PORT_MAX && out->count < LISTENERS_MAX)
			out->port[out->count++] = (int)port;
	}
}

void
listeners_ask(const struct context *x, struct listeners *out)
{
	struct call call = {.method = "GET", .target = "/listeners", .timeout_ms = ASK_MS};
	struct call_reply reply;
	json_t *json = NULL;
	enum err err = opencode_plugin_send(x, &call, &reply);

	*out = (struct listeners){.known = false};
	if (err == ERR_OK && opencode_reply_json(err, &reply, &json) == ERR_OK)
		read_ports(json_object_get(json, "listeners"), out);
	json_decref(json);
	call_reply_free(&reply);
}

static bool
has_port(const struct listeners *list, int port)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->port[i] == port)
			return true;
	return false;
}

int
listeners_new(const struct listeners *before, const struct listeners *after)
{
	int found = 0;

	if (!before->known || !after->known)
		return 0;
	for (size_t i = 0; i < after->count; i++) {
		if (has_port(before, after->port[i]))
			continue;
		if (found != 0)
			return 0;
		found = after->port[i];
	}
	return found;
}
