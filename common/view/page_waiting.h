/*
 * The page of a flow that waits: how to bring its authorization response here.
 */
#ifndef PAGE_WAITING_H
#define PAGE_WAITING_H

#include "util/buf.h"
#include "util/error.h"
#include "view/page_flow.h"
#include "view/page_site.h"

/* Appends the page to out. Returns the first error of a buffer, if any. */
enum err page_waiting(struct buf *out, const struct page_site *site, const struct page_flow *flow);

#endif
