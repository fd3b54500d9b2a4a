/*
 * One request on its way through the core: what the handlers share.
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
	int calls_max;		       /* calls to opencode at once */
	atomic_int calls;	       /* running now */
	atomic_llong refusal_second;   /* for the log: which second, */
	atomic_int refusal_count;      /* and how many refusals in it */
	const struct relay_keys *keys; /* NULL: read when they are needed */
	atomic_bool proxy_told;	       /* the log has said that a proxy's headers are ignored */
};

#define CONTEXT_BASE_MAX    512 /* mount point and prefix */
#define CONTEXT_SEGMENT_MAX 256 /* what a route's '*' stood for */

struct context {
	struct app *app;
	const struct request *request;
	struct response *response;
	struct site site;
	char base[CONTEXT_BASE_MAX + 1];       /* what our links start with */
	char segment[CONTEXT_SEGMENT_MAX + 1]; /* the path's part under '*', raw */
	char browser[BROWSER_ID_LEN + 1];      /* who sent our cookie; "" if nobody did */
	struct client client;		       /* only context_client() looks at it */
	bool client_known;
	const char *cause;	/* for the log, of what the visitor is not told */
	const char *relay_site; /* the same: whom a relay's request names */
	bool relay;		/* on the route of a relay */
	bool uncounted;		/* costs no allowance, whatever becomes of it */
	bool counted;		/* has cost one already */
	struct allowance allowance;
};

/* Where the pages of this exchange live. */
struct page_site context_page_site(const struct context *x);

/* Who sent the request. Found when first asked for: most refusals need not know. */
const struct client *context_client(struct context *x);

/*
 * Takes one from the client's allowance, once for each exchange. ERR_RATE: there
 * is none left; ERR_STORE. context_check_rate() only looks.
 */
enum err context_consume(struct context *x);
enum err context_check_rate(struct context *x) MUST_CHECK;

/*
 * Reads the whole body of a request. ERR_LENGTH, ERR_BODY_LONG, ERR_BODY_SHORT.
 * The buffer must be initialised with BODY_MAX.
 */
enum err context_body(struct context *x, struct buf *body) MUST_CHECK;

/* The project that the request names, by header and query, into a flow's directory, workspace and
 * query. False: too long, or no text. */
bool context_project(const struct context *x, struct flow *flow);

/* Reads and decodes a form. Also ERR_MEDIA_TYPE and what query_parse() gives. */
enum err context_form(struct context *x, struct query *form) MUST_CHECK;

#endif
