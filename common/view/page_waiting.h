/*
 * The page of a flow that waits: how to bring its answer here.
 */
#ifndef PAGE_WAITING_H
#define PAGE_WAITING_H

#include "util/buf.h"
#include "util/error.h"
#include "view/page_flow.h"
#include "view/page_site.h"

/* Returns what went wrong with the buffer, if anything. */
enum err page_waiting(struct buf *out, const struct page_site *site, const struct page_flow *flow);

#endif
