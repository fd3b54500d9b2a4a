#include "opencode/api/api_find.h"

#include <stdio.h>
#include <string.h>

#include "opencode/api/api_v1.h"
#include "opencode/api/api_v2.h"
#include "opencode/credentials.h"
#include "opencode/opencode.h"
#include "util/log.h"
#include "util/secret.h"

#define IDENTIFY_MS 2000 /* for each path that is asked */

#define FORBIDDEN   403 /* the plugin's status for what it does not let through */
#define BAD_GATEWAY 502 /* and where nobody listens */
#define UNAVAILABLE 503 /* opencode's own while it starts */

/* In the order in which they are asked for. */
static const struct opencode_api *const apis[] = {&api_v1, &api_v2};

#define API_COUNT (sizeof(apis) / sizeof(apis[0]))

static void
note_name(const struct context *x, char name[CONFIG_NAME_MAX + 16])
{
	snprintf(name, CONFIG_NAME_MAX + 16, "api-%s", x->site.opencode->name);
}

/* Returns the interface that is noted, or NULL. */
static const struct opencode_api *
read_note(const struct context *x)
{
	struct store *store = x->app->store;
	char name[CONFIG_NAME_MAX + 16], note[STORE_NOTE_MAX + 1];

	note_name(x, name);
	if (store->ops->note_get(store, name, API_FIND_SECONDS, note) != ERR_OK)
		return NULL;
	for (size_t i = 0; i < API_COUNT; i++)
		if (strcmp(note, apis[i]->name) == 0)
			return apis[i];
	return NULL;
}

static void
write_note(const struct context *x, const struct opencode_api *api)
{
	struct store *store = x->app->store;
	char name[CONFIG_NAME_MAX + 16];

	note_name(x, name);
	if (store->ops->note_set(store, name, api->name) != ERR_OK)
		return; /* the next request asks again */
	log_event(LOG_LEVEL_INFO, "opencode-interface", "opencode",
		  x->site.opencode->name[0] == '\0' ? NULL : x->site.opencode->name, "generation",
		  api->name, NULL);
}

/* What the paths of one interface were answered with. */
enum identity {
	IDENTITY_NOT,	    /* by something else */
	IDENTITY_YES,	    /* by opencode, with its version */
	IDENTITY_LOCKED,    /* opencode wants a password first */
	IDENTITY_FORBIDDEN, /* the plugin does not let the question through */
	IDENTITY_DOWN,	    /* opencode does not run yet, or no more */
};

static enum identity
read_identity(const struct call_reply *reply, char version[API_FIND_VERSION_MAX + 1])
{
	const char *text;
	json_t *json;
	bool told;

	if (reply->status == 401)
		return IDENTITY_LOCKED;
	if (reply->status == FORBIDDEN)
		return IDENTITY_FORBIDDEN;
	if (reply->status == BAD_GATEWAY || reply->status == UNAVAILABLE)
		return IDENTITY_DOWN;
	if (opencode_reply_json(ERR_OK, reply, &json) != ERR_OK)
		return IDENTITY_NOT;
	text = json_string_value(json_object_get(json, "version"));
	told = text != NULL;
	snprintf(version, API_FIND_VERSION_MAX + 1, "%s", told ? text : "");
	json_decref(json);
	return told ? IDENTITY_YES : IDENTITY_NOT;
}

/* How opencode is asked. */
struct question {
	const char *authorization; /* NULL: none */
	const char *query;	   /* "auth_token=..." or "" */
	bool session;		   /* with the visitor's cookies */
	int timeout_ms;
};

static enum err
ask_path(const struct context *x, const struct opencode_api *api, const char *path,
	 const struct question *question, char version[API_FIND_VERSION_MAX + 1],
	 enum identity *out)
{
	struct call call = {.method = "GET",
			    .session = question->session && api->sessions,
			    .timeout_ms = question->timeout_ms};
	struct call_reply reply;
	struct buf target;
	enum err err;

	buf_init(&target, QUERY_MAX + 64);
	buf_printf(&target, "%s%s%s", path, question->query[0] == '\0' ? "" : "?", question->query);
	call.target = buf_text(&target);
	call_header(&call, "Authorization", question->authorization);
	err = target.err != ERR_OK ? target.err : opencode_send(x, &call, &reply);
	*out = err == ERR_OK ? read_identity(&reply, version) : IDENTITY_NOT;
	if (target.err == ERR_OK)
		call_reply_free(&reply);
	buf_free(&target);
	/* what is too large, or no HTTP, is not opencode's */
	return err == ERR_OPENCODE_ANSWER ? ERR_OK : err;
}

/* Asks the paths of one interface, until opencode answers one of them. */
static enum err
ask_api(const struct context *x, const struct opencode_api *api, const struct question *question,
	char version[API_FIND_VERSION_MAX + 1], enum identity *out)
{
	bool forbidden = false;

	for (size_t i = 0; api->identity[i] != NULL; i++) {
		enum err err = ask_path(x, api, api->identity[i], question, version, out);

		if (err == ERR_OK && *out == IDENTITY_DOWN)
			return ERR_OPENCODE_DOWN;
		if (err != ERR_OK || *out == IDENTITY_YES || *out == IDENTITY_LOCKED)
			return err;
		forbidden = forbidden || *out == IDENTITY_FORBIDDEN;
	}
	*out = forbidden ? IDENTITY_FORBIDDEN : IDENTITY_NOT;
	return ERR_OK;
}

/*
 * Asks for each interface in turn, and notes which one it is. ERR_CREDENTIALS, with *out NULL: a
 * password hides it, as in opencode 1 and in the preview of opencode 2, which want it on every
 * path.
 */
static enum err
identify(const struct context *x, const struct question *question, const struct opencode_api **out,
	 char version[API_FIND_VERSION_MAX + 1])
{
	const struct opencode_api *noted = read_note(x);
	bool forbidden = false;

	*out = NULL;
	for (size_t i = 0; i < API_COUNT; i++) {
		enum identity identity;
		enum err err = ask_api(x, apis[i], question, version, &identity);

		if (err != ERR_OK)
			return err;
		forbidden = forbidden || identity == IDENTITY_FORBIDDEN;
		if (identity == IDENTITY_LOCKED && i == 0)
			return ERR_CREDENTIALS;
		if (identity != IDENTITY_YES && identity != IDENTITY_LOCKED)
			continue;
		*out = apis[i];
		if (apis[i] != noted)
			write_note(x, apis[i]);
		return identity == IDENTITY_LOCKED ? ERR_CREDENTIALS : ERR_OK;
	}
	log_event(LOG_LEVEL_ERROR, forbidden ? "opencode-plugin" : "opencode-unknown", "hint",
		  error_advice(forbidden ? ERR_OPENCODE_PLUGIN : ERR_OPENCODE_UNKNOWN), NULL);
	return forbidden ? ERR_OPENCODE_PLUGIN : ERR_OPENCODE_UNKNOWN;
}

/* Does so with what the request brings, else with the credentials of password_file. */
static enum err
identify_for(const struct context *x, const struct opencode_api **out)
{
	char version[API_FIND_VERSION_MAX + 1], token[QUERY_MAX + 1] = "";
	struct credentials credentials;
	struct question question = {.query = token, .session = true, .timeout_ms = IDENTIFY_MS};
	enum err err = ERR_QUERY_LONG;

	*out = NULL;
	credentials_find(x, &credentials);
	if (credentials.authorization[0] != '\0')
		question.authorization = credentials.authorization;
	if (query_copy_raw(x->request->query, "auth_token", token, sizeof(token)))
		err = identify(x, &question, out, version);
	credentials_wipe(&credentials);
	secret_wipe(token, sizeof(token));
	return err;
}

enum err
api_find(const struct context *x, const struct opencode_api **out)
{
	enum err err;

	if ((*out = read_note(x)) != NULL && *out != &api_v1)
		return ERR_OK;
	err = identify_for(x, out);
	return *out != NULL ? ERR_OK : err;
}

enum err
api_find_run(const struct context *x, api_find_step *step, void *ctx)
{
	const struct opencode_api *noted = read_note(x), *found;
	const struct opencode_api *api = noted != NULL ? noted : &api_v1;
	enum err err = step(x, api, ctx), asked;

	if (err != ERR_OPENCODE_ANSWER)
		return err;
	asked = identify_for(x, &found);
	if (found == NULL)
		return asked;
	return found == api ? err : step(x, found, ctx);
}

static enum err
ask_in(const struct context *x, const struct opencode_api *api, void *ctx)
{
	return api->lets_in(x, ctx);
}

enum err
api_find_lets_in(const struct context *x)
{
	struct flow project = {.method = 0};

	return context_project(x, &project) ? api_find_run(x, ask_in, &project) : ERR_QUERY_LONG;
}

enum err
api_find_version(const struct context *x, bool for_visitor, int timeout_ms,
		 char version[API_FIND_VERSION_MAX + 1])
{
	struct question question = {.query = "", .session = for_visitor, .timeout_ms = timeout_ms};
	const struct opencode_api *api;
	struct credentials credentials;
	enum err err;

	credentials_visitor(x, &credentials);
	if (for_visitor && credentials.authorization[0] != '\0')
		question.authorization = credentials.authorization;
	err = identify(x, &question, &api, version);
	credentials_wipe(&credentials);
	return err;
}
