/*
 * The context of one request, which the handlers share.
 */
#ifndef CONTEXT_H
#define CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/config.h"
#include "core/client.h"
#include "core/site.h"
#include "http/query.h"
#include "http/request.h"
#include "http/response.h"
#include "store/store.h"
#include "util/secret.h"
#include "view/page_site.h"

struct relay_keys;

struct app {
	const struct config *config;
	struct store *store;
	int calls_max;		       /* most calls to opencode that may run at once */
	atomic_int calls;	       /* calls to opencode running now */
	atomic_llong refusal_second;   /* the second in which logged refusals are counted */
	atomic_int refusal_count;      /* the refusals in that second */
	const struct relay_keys *keys; /* NULL: the files are read when a key is needed */
	atomic_bool proxy_told;	       /* the log already says that a proxy's headers are ignored */
};

#define CONTEXT_BASE_MAX    512 /* bytes of mount point and prefix */
#define CONTEXT_SEGMENT_MAX 256 /* bytes of the path segment that a route's '*' matches */

struct context {
	struct app *app;
	const struct request *request;
	struct response *response;
	struct site site;
	char base[CONTEXT_BASE_MAX + 1];       /* our links begin with it: mount point and prefix */
	char segment[CONTEXT_SEGMENT_MAX + 1]; /* the path segment that '*' matched, raw */
	char browser[BROWSER_ID_LEN + 1];      /* id of the browser that sent our cookie, else "" */
	struct client client;		       /* read it through context_client() only */
	bool client_known;
	const char *cause;	/* for the log only; the visitor is not told */
	const char *relay_site; /* for the log only: the site that a relay's request names */
	bool relay;		/* the route is that of a relay */
	bool discreet;		/* the URL of the request may hold an authorization response */
	bool uncounted;		/* a refusal of this request costs no allowance */
	bool counted;		/* one request has been taken from the allowance */
	struct allowance allowance;
};

/* Returns where the pages are for this request. */
struct page_site context_page_site(const struct context *x);

/* Returns who sent the request. Found on the first call, because most refusals do not need it. */
const struct client *context_client(struct context *x);

/* Takes one request from the client's allowance, at most once for each context. ERR_RATE: nothing
 * is left; ERR_STORE. context_check_rate() checks without taking. */
enum err context_consume(struct context *x);
enum err context_check_rate(struct context *x) MUST_CHECK;

/* Reads the whole body of the request into body, which must be initialised with BODY_MAX.
 * ERR_LENGTH, ERR_BODY_LONG, ERR_BODY_SHORT, ERR_MEMORY. */
enum err context_body(struct context *x, struct buf *body) MUST_CHECK;

/* Copies the request's project, from its headers and query, to the flow's directory, workspace
 * and query. False: a value is too long or not UTF-8. */
bool context_project(const struct context *x, struct flow *flow);

/* Reads and decodes a form. Errors of context_body() and query_parse(), and ERR_MEDIA_TYPE.
 * Release form with query_free() in any case. */
enum err context_form(struct context *x, struct query *form) MUST_CHECK;

#endif
