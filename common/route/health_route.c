#include "route/health_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/respond.h"
#include "opencode/call_slot.h"
#include "opencode/opencode.h"
#include "util/json.h"
#include "util/version.h"

#define PROBE_MS 2000

/* The health of one opencode, in the words of the note that all processes share. */
static const char up[] = "up ";	       /* followed by its version */
static const char locked[] = "locked"; /* up, and requires a password */
static const char down[] = "down";

static void
read_version(const struct call_reply *reply, char note[STORE_NOTE_MAX + 1])
{
	json_t *json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	const char *version = json_string_value(json_object_get(json, "version"));

	snprintf(note, STORE_NOTE_MAX + 1, "%s%.32s", up, version == NULL ? "?" : version);
	json_decref(json);
}

/* Asks one opencode for its health. ERR_BUSY; any failure of the call itself is noted as down. */
static enum err
probe(const struct context *x, const char *authorization, char note[STORE_NOTE_MAX + 1])
{
	struct call call = {.method = "GET", .target = "/global/health", .timeout_ms = PROBE_MS};
	struct call_reply reply = {.status = 0};
	enum err err;

	call_header(&call, "Authorization", authorization);
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	err = opencode_send(x, &call, &reply);
	call_slot_leave(x->app);
	if (err == ERR_OK && reply.status == 401)
		memcpy(note, locked, sizeof(locked));
	else if (err == ERR_OK && reply.status == 200)
		read_version(&reply, note);
	else
		memcpy(note, down, sizeof(down));
	call_reply_free(&reply);
	return ERR_OK;
}

/* Gets the note on one opencode, at most HEALTH_SECONDS old; asks if there is none. */
static enum err
look(const struct context *x, char note[STORE_NOTE_MAX + 1])
{
	struct store *store = x->app->store;
	char name[CONFIG_NAME_MAX + 16];
	enum err err;

	snprintf(name, sizeof(name), "health-%s", x->site.opencode->name);
	err = store->ops->note_get(store, name, HEALTH_SECONDS, note);
	if (err != ERR_ABSENT)
		return err;
	if ((err = probe(x, NULL, note)) == ERR_OK)
		err = store->ops->note_set(store, name, note);
	return err;
}

/* Whether opencode lets the visitor in: it has no password, or the visitor sent it. */
static bool
lets_in(struct context *x, const char *note)
{
	char own[STORE_NOTE_MAX + 1];

	if (strncmp(note, up, sizeof(up) - 1) == 0)
		return true;
	if (strcmp(note, locked) != 0 || x->request->authorization == NULL ||
	    context_check_rate(x) != ERR_OK || probe(x, x->request->authorization, own) != ERR_OK)
		return false;
	if (strncmp(own, up, sizeof(up) - 1) == 0)
		return true;
	/* a failed guess, which cost opencode a call */
	context_consume(x);
	return false;
}

/* Tests whether the store accepts a new flow; success is noted for HEALTH_SECONDS. */
static enum err
look_store(struct store *store)
{
	char note[STORE_NOTE_MAX + 1];
	enum err err = store->ops->note_get(store, "store", HEALTH_SECONDS, note);

	if (err != ERR_ABSENT)
		return err;
	if ((err = store->ops->check_writable(store)) == ERR_OK)
		err = store->ops->note_set(store, "store", up);
	return err;
}

static json_t *
describe(const struct config_opencode *o, const char *note)
{
	bool is_up = strncmp(note, up, sizeof(up) - 1) == 0;

	return json_pack("{s:s, s:s, s:s*}", "name", o->name, "status",
			 strcmp(note, down) == 0 ? "unreachable" : "ok", "version",
			 is_up ? note + sizeof(up) - 1 : NULL);
}

static void
answer(struct context *x, bool ok, json_t *details)
{
	json_t *json = json_pack("{s:s}", "status", ok ? "ok" : "degraded");
	char *text;

	if (details != NULL)
		json_object_update(json, details);
	text = json_write(json);
	respond_json(x, ok && text != NULL ? 200 : 503,
		     text == NULL ? "{\"status\":\"degraded\"}" : text);
	free(text);
	json_decref(json);
}

void
health_route_get(struct context *x)
{
	const struct config *config = x->app->config;
	const struct config_opencode *asked = x->site.opencode;
	char note[STORE_NOTE_MAX + 1];
	json_t *all = json_array(), *details = NULL;
	bool ok = true, let_in = false;
	size_t waiting = 0;

	if (config->relay_only) { /* a relay needs neither store nor opencode */
		json_decref(all);
		answer(x, true, NULL);
		return;
	}
	if (x->app->store->ops->count_waiting(x->app->store, &waiting) != ERR_OK ||
	    look_store(x->app->store) != ERR_OK) {
		json_decref(all);
		answer(x, false, NULL);
		return;
	}
	for (size_t i = 0; i < config->opencode_count; i++) {
		x->site.opencode = &config->opencode[i];
		if (look(x, note) != ERR_OK)
			memcpy(note, down, sizeof(down));
		ok = ok && strcmp(note, down) != 0;
		if (asked == x->site.opencode)
			let_in = lets_in(x, note);
		json_array_append_new(all, describe(x->site.opencode, note));
	}
	if (let_in)
		details = json_pack("{s:s, s:s, s:O, s:I}", "version", APP_VERSION, "store", "ok",
				    "opencode", all, "pending", (json_int_t)waiting);
	answer(x, ok, details);
	json_decref(details);
	json_decref(all);
}
