/*
 * The page of a flow that no longer waits: the delivery in progress, or the result.
 */
#ifndef PAGE_VERDICT_H
#define PAGE_VERDICT_H

#include "util/buf.h"
#include "util/error.h"
#include "view/page_flow.h"
#include "view/page_site.h"

/* Appends the page to out. Returns the error of out, if any. */
enum err page_verdict(struct buf *out, const struct page_site *site, const struct page_flow *flow);

#endif
