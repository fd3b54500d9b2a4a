/*
 * The beginning of a sign-in: opencode is asked to begin it, and where its
 * answer leads is recorded, so that we know which callbacks were asked for.
 */
#ifndef BEGIN_H
#define BEGIN_H

#include <jansson.h>

#include "core/context.h"
#include "opencode/call.h"
#include "signin/supersede.h"

/* One begin on its way. Fill in the first part, then begin_run(), then begin_free(). */
struct begin {
	struct context *x;
	struct flow flow; /* kind, provider, method, directory, workspace, query: what is begun */
	bool record;	  /* this is something that can come home to us */
	enum err (*ask)(
	    struct begin *b); /* gets opencode's answer into reply; an adopted one: its consent */
	struct buf body;      /* what is sent to opencode */
	const char
	    *adopted; /* the authorize URL of a sign-in that opencode has begun already, or NULL */

	/* what came of it */
	struct call_reply reply;
	json_t *json;		 /* the answer as JSON, NULL if it is none */
	const char *url;	 /* the authorize URL, NULL if there is none */
	struct buf wrapped;	 /* the one to open in its place, if a relay brings the answer */
	bool recorded;		 /* flow is complete, and waits in the store */
	struct response offered; /* our cookie, if the sender brought none */

	/* its own */
	struct store_keys keys;
	struct store_lock lock;
	struct newcomer newcomer;
};

void begin_init(struct begin *b, struct context *x, enum flow_kind kind);
void begin_free(struct begin *b);

/* What is begun, by name. False if it is too long to be recorded. */
bool begin_name(struct begin *b, const char *provider);

/* Whether anything was entered for what a method asks; an empty line is nothing. */
bool begin_has_inputs(json_t *inputs);

/* An ask: the call that begins, as opencode's own window would send it, with b->body and the
 * visitor's own credentials. */
enum err begin_ask(struct begin *b) MUST_CHECK;

/*
 * Asks opencode and records the flow, under the lock of what is begun: our order
 * is opencode's order. What opencode let begin replaces the waiting flow before
 * it. ERR_OK: opencode answered; see reply and recorded.
 */
enum err begin_run(struct begin *b) MUST_CHECK;

#endif
