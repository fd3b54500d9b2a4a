/*
 * The ways to begin a sign-in in opencode: what each is called, and how its
 * answer reads. Adding a kind is adding a row.
 */
#ifndef BEGIN_ANSWER_H
#define BEGIN_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "flow/flow.h"
#include "util/buf.h"

/* What opencode's answer to a begin says. */
struct begin_answer {
	json_t *holder;	 /* the object that has the authorize URL, inside the answer */
	const char *url; /* authorize URL */
	bool automatic;	 /* opencode waits for the redirect; else it wants a code typed in */
	const char *instructions; /* opencode's words for the user, "" if none */
	const char *attempt;	  /* of the integration API, else "" */
};

/* Appends the path of the call that begins: "/mcp/demo/auth". */
void begin_answer_path(enum flow_kind kind, const char *provider, struct buf *out);

/* Reads opencode's answer. False: it does not say where to go. */
bool begin_answer_read(enum flow_kind kind, json_t *answer, struct begin_answer *out);

/* Puts another URL in the place of the authorize URL, and words of ours beside it. False: no
 * memory. */
bool begin_answer_rewrite(enum flow_kind kind, const struct begin_answer *begun, const char *url);

#endif
