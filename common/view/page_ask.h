/*
 * The ask page: shall this browser finish that sign-in?
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
	const char *provider;	    /* as in struct page_flow */
	const char *client_address; /* the client that began it */
	int64_t age;		    /* seconds since */
	const char *callback;	    /* the raw query of the callback, or NULL on the flow page */
};

enum err page_ask(struct buf *out, const struct page_site *site, const struct page_ask *ask);

#endif
