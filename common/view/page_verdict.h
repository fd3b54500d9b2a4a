/*
 * The page of a flow that no longer waits: being delivered, or how it went.
 */
#ifndef PAGE_VERDICT_H
#define PAGE_VERDICT_H

#include "util/buf.h"
#include "util/error.h"
#include "view/page_flow.h"
#include "view/page_site.h"

/* Returns what went wrong with the buffer, if anything. */
enum err page_verdict(struct buf *out, const struct page_site *site, const struct page_flow *flow);

#endif
