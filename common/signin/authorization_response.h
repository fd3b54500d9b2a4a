/*
 * The authorization response (RFC 6749 section 4.1.2), which a provider sends back in the query
 * of a callback, or which the visitor pastes as a URL.
 */
#ifndef AUTHORIZATION_RESPONSE_H
#define AUTHORIZATION_RESPONSE_H

#include "flow/flow.h"
#include "http/query.h"
#include "http/request.h"
#include "util/error.h"

/* The parts of an authorization response that we read. */
struct authorization_response {
	const char *raw; /* the query or fragment, delivered unchanged */
	struct query query;
	char id[FLOW_ID_LEN + 1]; /* id of the flow that its state belongs to */
	bool declined;		  /* the provider sent error=… */
};

/*
 * Decodes the response and checks what can be checked without the store: sizes, encoding,
 * duplicates, required parameters. flow is the flow on whose page it was pasted, and tells the
 * expected response type; NULL: it came by redirect, with code and state. ERR_QUERY_LONG,
 * ERR_RESPONSE_MODE, ERR_NO_STATE, ERR_CODE_AND_ERROR, ERR_NO_CODE, errors of query_parse(). raw
 * must outlive response. Release with authorization_response_free() in any case.
 */
enum err authorization_response_read(struct authorization_response *response, const char *raw,
				     const struct flow *flow) MUST_CHECK;
void authorization_response_free(struct authorization_response *response);

#endif
