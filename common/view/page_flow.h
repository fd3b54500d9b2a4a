/*
 * What the pages of one flow show: page_waiting while it waits, page_verdict afterwards.
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
	enum flow_response_type response_type;
	const char *provider; /* provider id, such as "openai"; an MCP server's name, decoded */
	const char *authorize_url; /* while waiting; else NULL */
	const char *redirect_host; /* "localhost:1455" */
	const char *redirect_path; /* "/auth/callback" */
	bool from_here;		   /* begun on the start page: no window of opencode waits for it */
	bool direct;	   /* the provider sends the browser straight to us: nothing to paste */
	const char *relay; /* by way of this redirect URI, or NULL */
	bool address_edit; /* replacing the dead address's origin by ours finishes it */
	bool again;	   /* ended: POST again=ID to {base}/start begins the same once more */
	enum flow_state state;
	enum flow_reason reason;
	bool listed;	    /* done: only because opencode lists the account */
	int64_t expires_in; /* seconds, while waiting */
	enum err problem;   /* what was wrong with what was pasted, or ERR_OK */
};

#endif
