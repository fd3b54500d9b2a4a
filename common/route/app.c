#include "route/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/context.h"
#include "core/respond.h"
#include "core/same_origin.h"
#include "http/cookie.h"
#include "route/begin_route.h"
#include "route/callback_route.h"
#include "route/flow_route.h"
#include "route/health_route.h"
#include "route/relay_route.h"
#include "route/start_route.h"
#include "store/store_kind.h"
#include "util/json.h"
#include "util/log.h"
#include "util/text.h"
#include "view/asset.h"

#define METHOD_MAX 16 /* bytes of a method that is passed on */

enum {
	NO_HEAD = 1,	 /* refuses HEAD: it could consume something */
	ANY_HOST = 2,	 /* answers whatever the Host header says */
	OWN_POST = 4,	 /* only our own pages may send this */
	PERSON_ONLY = 8, /* no image, frame or script may request this */
	IS_API = 16,	 /* opencode's API: errors are JSON in its form */
	IS_JSON = 32,	 /* for scripts: errors are JSON */
	UNCOUNTED = 64,	 /* costs no allowance, however often it is requested */
	RELAY = 128,	 /* exists only if the configuration has relay sites */
};

static void asset_get(struct context *x);
static void prefix_get(struct context *x);

/*
 * Everything that we answer. In a path, {callback} stands for each of callback_paths, also with one
 * slash more, {prefix} for the prefix, and '*' for one segment. Method "*" is any method, on paths
 * of opencode's.
 */
static const struct route {
	const char *method;
	const char *path;
	void (*handler)(struct context *x);
	int flags;
} routes[] = {
    {"GET", "{callback}", callback_route_get, NO_HEAD | PERSON_ONLY},
    {"POST", "/provider/*/oauth/authorize", begin_route_provider, IS_API},
    {"POST", "/mcp/*/auth", begin_route_mcp, IS_API},
    {"POST", "/mcp/*/auth/authenticate", begin_route_mcp_button, IS_API},
    {"POST", "/api/integration/*/connect/oauth", begin_route_integration, IS_API},
    {"*", "/provider/*/oauth/authorize", begin_route_other, IS_API},
    {"*", "/mcp/*/auth", begin_route_other, IS_API},
    {"*", "/mcp/*/auth/authenticate", begin_route_other, IS_API},
    {"*", "/api/integration/*/connect/oauth", begin_route_other, IS_API},
    {"GET", "{prefix}", prefix_get, 0},
    {"GET", "{prefix}/", start_route_get, 0},
    {"POST", "{prefix}/start", start_route_post, OWN_POST},
    {"POST", "{prefix}/adopt", start_route_adopt, OWN_POST},
    {"GET", "{prefix}/flow/*", flow_route_get, 0},
    {"POST", "{prefix}/flow/*", flow_route_post, OWN_POST},
    {"GET", "{prefix}/flow/*/status", flow_route_status, IS_JSON | UNCOUNTED},
    {"GET", "{prefix}/health", health_route_get, ANY_HOST | IS_JSON | UNCOUNTED},
    {"GET", "{prefix}/assets/*", asset_get, ANY_HOST | UNCOUNTED},
    /* a relay has its own host name, which selects no site: only the configuration does */
    {"GET", RELAY_PATH, relay_route_get, NO_HEAD | PERSON_ONLY | ANY_HOST | RELAY},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

static void
asset_get(struct context *x)
{
	const struct asset *asset = asset_find(x->segment);

	if (asset == NULL) {
		respond_problem(x, ERR_PATH);
		return;
	}
	response_start(x->response, 200);
	response_header(x->response, "Content-Type", asset->type);
	response_security_headers(x->response, "public, max-age=31536000, immutable");
	buf_add(&x->response->body, asset->data, asset->len);
}

/* Redirects to the start page, whose final slash is missing. */
static void
prefix_get(struct context *x)
{
	char path[CONTEXT_BASE_MAX + 2];

	snprintf(path, sizeof(path), "%s/", x->base);
	response_redirect(x->response, path);
}

/* Matches the rest of a path against the rest of a pattern; segment gets what '*' matched. */
static bool
tail_matches(const char *pattern, const char *path, char segment[CONTEXT_SEGMENT_MAX + 1])
{
	const char *star = strchr(pattern, '*');
	size_t len;

	if (star == NULL)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, (size_t)(star - pattern)) != 0)
		return false;
	path += star - pattern;
	len = strcspn(path, "/");
	if (len == 0 || len > CONTEXT_SEGMENT_MAX || strcmp(star + 1, path + len) != 0)
		return false;
	memcpy(segment, path, len);
	segment[len] = '\0';
	return true;
}

/* Whether a path is a callback's. People who edit an address may leave a slash behind the path. */
static bool
is_callback(const struct config *config, const char *path)
{
	for (size_t i = 0; i < config->callback_path_count; i++)
		if (config_path_is(path, config->callback_paths[i]))
			return true;
	return false;
}

static bool
route_matches(const struct route *route, const struct config *config, const char *path,
	      char segment[CONTEXT_SEGMENT_MAX + 1])
{
	static const char prefix[] = "{prefix}";
	size_t len = strlen(config->prefix);

	segment[0] = '\0';
	if ((route->flags & RELAY) && config->relay_site_count == 0)
		return false;
	if (strcmp(route->path, "{callback}") == 0)
		return is_callback(config, path);
	if (strncmp(route->path, prefix, sizeof(prefix) - 1) != 0)
		return tail_matches(route->path, path, segment);
	return strncmp(path, config->prefix, len) == 0 &&
	       tail_matches(route->path + sizeof(prefix) - 1, path + len, segment);
}

static bool
method_matches(const struct route *route, const char *method)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len = strlen(method);

	if (strcmp(route->method, "*") == 0)
		return len > 0 && len <= METHOD_MAX && strspn(method, letters) == len;
	return strcmp(route->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0 &&
		!(route->flags & NO_HEAD));
}

/* Finds the route. ERR_PATH; ERR_METHOD, with the methods of the path in allow. */
static enum err
route_find(struct context *x, const struct route **out, char allow[32])
{
	const struct request *r = x->request;
	bool path_known = false;

	allow[0] = '\0';
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (!route_matches(&routes[i], x->app->config, r->path, x->segment))
			continue;
		*out = &routes[i];
		if (method_matches(&routes[i], r->method))
			return ERR_OK;
		snprintf(allow + strlen(allow), 32 - strlen(allow), "%s%s%s",
			 path_known ? ", " : "", routes[i].method,
			 strcmp(routes[i].method, "GET") == 0 && !(routes[i].flags & NO_HEAD)
			     ? ", HEAD"
			     : "");
		path_known = true;
	}
	return path_known ? ERR_METHOD : ERR_PATH;
}

/* Whether a browser says that nobody clicked: RFC 9110 and Fetch. */
static bool
is_prefetch(const struct request *r)
{
	return r->sec_purpose != NULL && strcasestr(r->sec_purpose, "prefetch") != NULL;
}

static bool
is_person(const struct request *r)
{
	return r->sec_fetch_dest == NULL || strcmp(r->sec_fetch_dest, "document") == 0;
}

/* Path and query may go to opencode unchanged: nothing in them may end a request line. */
static bool
is_visible(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f)
			return false;
	return true;
}

/* Warns once of a proxy on this machine that [proxy] trust omits, most likely by mistake. */
static void
notice_proxy(struct context *x)
{
	if (atomic_load(&x->app->proxy_told) || !client_proxy_ignored(x->app->config, x->request) ||
	    atomic_exchange(&x->app->proxy_told, true))
		return;
	log_event(LOG_LEVEL_WARNING, "proxy-not-trusted", "peer", context_client(x)->address,
		  "hint", "its headers are ignored; see [proxy] trust", NULL);
}

/* Makes the checks for every request, cheapest first. */
static enum err
check_request(struct context *x, const struct route *route)
{
	const struct request *r = x->request;
	enum err err;

	if (r->err != ERR_OK)
		return r->err;
	if (strlen(r->query) > QUERY_MAX)
		return ERR_QUERY_LONG;
	if (!is_visible(r->path) || !is_visible(r->query))
		return ERR_ENCODING;
	if (is_prefetch(r) || ((route->flags & PERSON_ONLY) && !is_person(r)))
		return ERR_PREFETCH;
	notice_proxy(x);
	err = site_find(x->app->config, r, &x->site);
	if (err != ERR_OK && !(route->flags & ANY_HOST))
		return err;
	if ((route->flags & OWN_POST) && !same_origin_is(&x->site, r))
		return ERR_CROSS_SITE;
	cookie_browser(r->cookie, x->site.secure, x->browser);
	return ERR_OK;
}

static void
answer_error(struct context *x, const struct route *route, enum err err)
{
	if (route != NULL && (route->flags & IS_API))
		respond_api_problem(x, err);
	else if (route != NULL && (route->flags & IS_JSON))
		respond_json_problem(x, err);
	else
		respond_problem(x, err);
}

void
app_handle(struct app *app, const struct request *request, struct response *response)
{
	struct context x = {.app = app, .request = request, .response = response};
	const struct route *route = NULL;
	char allow[32];
	enum err err;

	if (!text_join(x.base, sizeof(x.base), request->mount, app->config->prefix))
		err = ERR_PATH;
	else if (request->path[0] == '\0' && request->err != ERR_OK)
		err = request->err;
	else
		err = route_find(&x, &route, allow);
	x.uncounted = route != NULL && (route->flags & UNCOUNTED);
	x.discreet = route == NULL || (route->flags & PERSON_ONLY);
	x.relay = route != NULL && (route->flags & RELAY);
	if (err == ERR_OK)
		err = check_request(&x, route);
	if (err == ERR_OK)
		route->handler(&x);
	else
		answer_error(&x, route, err);
	if (err == ERR_METHOD)
		response_header(response, "Allow", allow);
	response->head_only = strcmp(request->method, "HEAD") == 0;
	if (response->head.err != ERR_OK || response->body.err != ERR_OK)
		respond_problem(&x, ERR_MEMORY);
}

enum err
app_open(struct app **out, const struct config *config, int threads)
{
	struct store_limits limits = {config->max_pending, config->max_pending_per_client,
				      config->rate, config->burst};
	struct store_login login = {config->store_username, config->store_password_file};
	struct app *app;
	enum err err;

	json_init();
	if ((app = calloc(1, sizeof(*app))) == NULL)
		return ERR_MEMORY;
	app->config = config;
	/* two threads stay free for requests that need no opencode */
	app->calls_max = threads > 2 ? threads - 2 : 1;
	if ((err = store_kind_open(config->store, &limits, &login, &app->store)) != ERR_OK) {
		free(app);
		return err;
	}
	*out = app;
	return ERR_OK;
}

void
app_keep_keys(struct app *app, const struct relay_keys *keys)
{
	app->keys = keys;
}

void
app_close(struct app *app)
{
	if (app == NULL)
		return;
	app->store->ops->close(app->store);
	free(app);
}
