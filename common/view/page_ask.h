/*
 * The page that asks whether this browser shall finish a sign-in.
 */
#ifndef PAGE_ASK_H
#define PAGE_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "util/buf.h"
#include "view/page_site.h"

struct page_ask {
	const char *id;
	enum flow_kind kind;
	bool mcp;
	const char *provider;	    /* as in struct page_flow */
	const char *client_address; /* client address of the begin */
	int64_t age;		    /* seconds since the begin */
	const char *callback;	    /* raw query of the callback; NULL on the flow page */
};

/* Appends the page to out. Returns the error of out, if any. */
enum err page_ask(struct buf *out, const struct page_site *site, const struct page_ask *ask);

#endif
