/*
 * The contents of the pages of one flow: page_waiting while it waits, page_verdict afterwards.
 */
#ifndef PAGE_FLOW_H
#define PAGE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "util/error.h"

struct page_flow {
	const char *id;
	enum flow_kind kind;
	bool mcp; /* a sign-in to an MCP server */
	enum flow_response_type response_type;
	const char *provider;	   /* provider id, such as "openai", or a name from flow_label() */
	const char *authorize_url; /* NULL unless the flow waits */
	const char *redirect_host; /* "localhost:1455" */
	const char *redirect_path; /* "/auth/callback" */
	bool from_here;		   /* begun on the start page: no opencode window waits for it */
	bool typed;		   /* it ends with a code to copy */
	const char *instructions;  /* opencode's text for that, or "" */
	bool direct;	   /* the provider sends the browser straight to us: nothing to paste */
	const char *relay; /* redirect URI of the relay that brings the response, or NULL */
	bool address_edit; /* replacing the origin of the failed tab's URL by ours finishes it */
	bool again;	   /* ended, and POST again=ID to {base}/start begins the same once more */
	enum flow_state state;
	enum flow_reason reason;
	bool listed;	    /* done, but only because opencode lists the account */
	int64_t expires_in; /* seconds, while waiting */
	enum err problem;   /* the error of what was pasted, or ERR_OK */
};

#endif
