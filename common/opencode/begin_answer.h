/*
 * The ways to begin a sign-in in opencode: the path of the call, and how its reply is read. To
 * add a kind, add a row in begin_answer.c.
 */
#ifndef BEGIN_ANSWER_H
#define BEGIN_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "flow/flow.h"
#include "util/buf.h"

/* The contents of opencode's reply to a begin. The pointers point into its JSON. */
struct begin_answer {
	json_t *holder;	 /* the object with the authorize URL, inside the reply */
	const char *url; /* authorize URL */
	bool automatic;	 /* opencode waits for the redirect; else it wants a code typed in */
	const char *instructions; /* opencode's text for the user, "" if none */
	const char *attempt;	  /* attempt id of the integration API, else "" */
};

/* Appends the path of the call that begins, such as "/mcp/demo/auth". */
void begin_answer_path(enum flow_kind kind, const char *provider, struct buf *out);

/* Reads opencode's reply. False: it has no authorize URL. */
bool begin_answer_read(enum flow_kind kind, json_t *answer, struct begin_answer *out);

/* Replaces the authorize URL in the reply, and its instructions by ours. False: no memory. */
bool begin_answer_rewrite(enum flow_kind kind, const struct begin_answer *begun, const char *url);

#endif
