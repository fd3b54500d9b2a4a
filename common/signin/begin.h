/*
 * Begins a sign-in: asks opencode to begin it, and records where its authorize URL leads, so that
 * we know which callbacks to expect.
 */
#ifndef BEGIN_H
#define BEGIN_H

#include <jansson.h>

#include "core/context.h"
#include "opencode/api/api.h"
#include "opencode/call.h"
#include "opencode/listeners.h"
#include "signin/supersede.h"

/* A sign-in that begins. After begin_init(), fill in the first part, then call begin_run() and
 * begin_free(). */
struct begin {
	struct context *x;
	struct flow flow; /* its kind, provider, method, directory, workspace and query */
	bool record;	  /* the flow can be recorded, and finished here */
	/* gets opencode's reply to the begin; if adopted, whether opencode lets the sender in */
	enum err (*ask)(struct begin *b);
	struct buf body; /* what is sent to opencode */
	/* the authorize URL of a sign-in that opencode has begun already, or NULL */
	const char *adopted;

	/* the result */
	struct call_reply reply;
	json_t *json;	    /* the reply as JSON; NULL if it is not JSON */
	const char *url;    /* the authorize URL; NULL if there is none */
	struct buf wrapped; /* the authorize URL to open instead, if a relay brings the response */
	bool recorded;	    /* the flow is complete, and waits in the store */
	struct response offered; /* sets our cookie, if the sender had none */

	/* internal */
	const struct opencode_api *api; /* for KIND_INTEGRATION, else NULL; NULL also if unknown */
	struct listeners before;	/* the ports at which opencode listened before the begin */
	struct store_keys keys;
	struct store_lock lock;
	struct newcomer newcomer;
};

/* Initialises b for a sign-in of that kind. begin_free() frees what b owns. */
void begin_init(struct begin *b, struct context *x, enum flow_kind kind);
void begin_free(struct begin *b);

/* Sets the name of the provider or MCP server. False: the name is too long to be recorded. */
bool begin_name(struct begin *b, const char *provider);

/* Returns whether anything was entered for the inputs of a method; an empty line is nothing. */
bool begin_has_inputs(json_t *inputs);

/* Begins the sign-in with a call like that of opencode's own window, with b->body and the
 * visitor's own credentials. Can be used as b->ask. */
enum err begin_ask(struct begin *b) MUST_CHECK;

/*
 * Asks opencode and records the flow. Holds the lock of the flow's group, so that flows are
 * recorded in the order in which opencode begins them. A sign-in that opencode begins supersedes
 * the flow that waited before it. ERR_OK: opencode replied; see reply and recorded. Otherwise an
 * error of b->ask or the store, ERR_BEGIN_TAKEN, ERR_BEGIN_LISTENER, ERR_BUSY, ERR_RATE,
 * ERR_CONFIG, ERR_MEMORY.
 */
enum err begin_run(struct begin *b) MUST_CHECK;

#endif
