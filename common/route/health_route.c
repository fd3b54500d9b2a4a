#include "route/health_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/respond.h"
#include "http/cookie.h"
#include "opencode/api/api_find.h"
#include "opencode/call_slot.h"
#include "opencode/opencode.h"
#include "util/json.h"
#include "util/version.h"

#define PROBE_MS 2000

/* The health of one opencode, in the words of the note that all processes share. */
static const char up[] = "up ";	       /* followed by its version */
static const char locked[] = "locked"; /* up, and requires a password */
static const char down[] = "down";
static const char unknown[] = "unknown"; /* it answers, but not as an opencode that we know */
static const char plugin[] = "plugin";	 /* its plugin is too old for it */

/* Asks one opencode for its health. ERR_BUSY; any failure of the call itself is noted as down. */
static enum err
probe(const struct context *x, bool for_visitor, char note[STORE_NOTE_MAX + 1])
{
	char version[API_FIND_VERSION_MAX + 1];
	enum err err;

	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	err = api_find_version(x, for_visitor, PROBE_MS, version);
	call_slot_leave(x->app);
	if (err == ERR_OK)
		snprintf(note, STORE_NOTE_MAX + 1, "%s%s", up, version);
	else
		snprintf(note, STORE_NOTE_MAX + 1, "%s",
			 err == ERR_CREDENTIALS	       ? locked
			 : err == ERR_OPENCODE_UNKNOWN ? unknown
			 : err == ERR_OPENCODE_PLUGIN  ? plugin
						       : down);
	return ERR_OK;
}

/* Gets the note on one opencode, at most HEALTH_SECONDS old; asks if there is none: nobody in
 * particular, or where the web server decides who comes in, with our own password. */
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
	if ((err = probe(x, x->site.opencode->login == LOGIN_OWN, note)) == ERR_OK)
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
	if (strcmp(note, locked) != 0 ||
	    (x->request->authorization == NULL && !opencode_has_session(x)) ||
	    context_check_rate(x) != ERR_OK || probe(x, true, own) != ERR_OK)
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

/* What each note of an opencode that does not work means. */
static const struct fault {
	const char *note;
	const char *status;
	enum err err;
	const char *reason; /* NULL: the error's own words */
} faults[] = {
    {down, "unreachable", ERR_OPENCODE_DOWN, OPENCODE_PLUGIN_HINT},
    {unknown, "unknown", ERR_OPENCODE_UNKNOWN, NULL},
    {plugin, "outdated plugin", ERR_OPENCODE_PLUGIN, NULL},
};

/* Returns the fault that a note tells of, or NULL. */
static const struct fault *
fault_of(const char *note)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strcmp(note, faults[i].note) == 0)
			return &faults[i];
	return NULL;
}

static json_t *
describe(const struct config_opencode *o, const char *note)
{
	bool is_up = strncmp(note, up, sizeof(up) - 1) == 0;
	const struct fault *fault = fault_of(note);

	return json_pack("{s:s, s:s, s:s*}", "name", o->name, "status",
			 fault == NULL ? "ok" : fault->status, "version",
			 is_up ? note + sizeof(up) - 1 : NULL);
}

/* Writes what is wrong with an opencode and what to do, for people. */
static void
write_reason(const struct fault *fault, struct buf *out)
{
	buf_printf(out, "%s. %s", error_title(fault->err),
		   fault->reason != NULL ? fault->reason : error_advice(fault->err));
}

static void
answer(struct context *x, bool ok, const char *reason, json_t *details)
{
	json_t *json = json_pack("{s:s, s:s*}", "status", ok ? "ok" : "degraded", "reason",
				 reason[0] == '\0' ? NULL : reason);
	char *text;

	if (strcmp(x->request->query, COOKIE_HEALTH_QUERY) == 0)
		json_object_set_new(json, "cookie", json_boolean(x->browser[0] != '\0'));
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
	struct buf reason;

	buf_init(&reason, RESPONSE_BODY_MAX);
	if (config->relay_only) { /* a relay needs neither store nor opencode */
		json_decref(all);
		answer(x, true, "", NULL);
		return;
	}
	if (x->app->store->ops->count_waiting(x->app->store, &waiting) != ERR_OK ||
	    look_store(x->app->store) != ERR_OK) {
		json_decref(all);
		answer(x, false, "", NULL);
		return;
	}
	for (size_t i = 0; i < config->opencode_count; i++) {
		x->site.opencode = &config->opencode[i];
		if (look(x, note) != ERR_OK)
			memcpy(note, down, sizeof(down));
		if (ok && fault_of(note) != NULL)
			write_reason(fault_of(note), &reason);
		ok = ok && fault_of(note) == NULL;
		if (asked == x->site.opencode)
			let_in = lets_in(x, note);
		json_array_append_new(all, describe(x->site.opencode, note));
	}
	if (let_in)
		details = json_pack("{s:s, s:s, s:O, s:I}", "version", APP_VERSION, "store", "ok",
				    "opencode", all, "pending", (json_int_t)waiting);
	answer(x, ok, buf_text(&reason), details);
	json_decref(details);
	json_decref(all);
	buf_free(&reason);
}
