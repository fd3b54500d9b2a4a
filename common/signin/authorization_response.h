/*
 * The authorization response (RFC 6749 section 4.1.2): what a provider sends back, in the query of
 * a callback or in a pasted address.
 */
#ifndef AUTHORIZATION_RESPONSE_H
#define AUTHORIZATION_RESPONSE_H

#include "flow/flow.h"
#include "http/query.h"
#include "http/request.h"
#include "util/error.h"

/* The parts of a callback's query that we look at. */
struct authorization_response {
	const char *raw; /* the query or fragment as it came: this is what is delivered */
	struct query query;
	char id[FLOW_ID_LEN + 1]; /* of the flow that its state belongs to */
	bool declined;		  /* the provider said error=… */
};

/*
 * Decodes and checks what can be checked without the store: sizes, encoding,
 * duplicates, required parameters. flow: whose page it was pasted on, which
 * knows what its provider answers; NULL: an answer by redirect, with code and
 * state. raw must outlive the callback. Release with authorization_response_free() in any case.
 */
enum err authorization_response_read(struct authorization_response *cb, const char *raw,
				     const struct flow *flow) MUST_CHECK;
void authorization_response_free(struct authorization_response *cb);

#endif
