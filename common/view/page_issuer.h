/*
 * The page that asks whether the server that an authorization response names is the provider's
 * (RFC 9207).
 */
#ifndef PAGE_ISSUER_H
#define PAGE_ISSUER_H

#include <stdbool.h>

#include "flow/flow.h"
#include "util/buf.h"
#include "view/page_site.h"

struct page_issuer {
	const char *id;
	enum flow_kind kind;
	bool mcp;
	const char *provider; /* as in struct page_flow */
	const char *asked;    /* origin of the authorize URL */
	const char *named;    /* issuer that the response names */
	const char *callback; /* raw query of the response */
};

/* Appends the page to out. Returns the error of out, if any. */
enum err
page_issuer(struct buf *out, const struct page_site *site, const struct page_issuer *issuer);

#endif
