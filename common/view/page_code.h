/*
 * The page that asks whether a code that was pasted alone is this sign-in's.
 */
#ifndef PAGE_CODE_H
#define PAGE_CODE_H

#include <stdbool.h>

#include "flow/flow.h"
#include "util/buf.h"
#include "view/page_site.h"

struct page_code {
	const char *id; /* of the flow */
	enum flow_kind kind;
	bool mcp;	      /* a sign-in to an MCP server */
	const char *provider; /* provider id, or a name from flow_label() */
	const char *callback; /* the response that the form sends back: the code and the state */
};

/* Appends the page to out. Returns the error of out, if any. */
enum err page_code(struct buf *out, const struct page_site *site, const struct page_code *code);

#endif
