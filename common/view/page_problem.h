/*
 * The page of a refused request: what happened and what to do next.
 */
#ifndef PAGE_PROBLEM_H
#define PAGE_PROBLEM_H

#include "util/buf.h"
#include "util/error.h"
#include "view/page_list.h"
#include "view/page_site.h"

/* Appends the page to out. waiting lists the flows of this browser that the request may have been
 * meant for, or is NULL. Returns the error of out, if any. */
enum err page_problem(struct buf *out, const struct page_site *site, enum err problem,
		      const struct page_list *waiting);

#endif
