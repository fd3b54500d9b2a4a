/*
 * The page of a refused request: what happened, and what to do next.
 */
#ifndef PAGE_PROBLEM_H
#define PAGE_PROBLEM_H

#include "util/buf.h"
#include "util/error.h"
#include "view/page_list.h"
#include "view/page_site.h"

/* waiting: the flows of this browser that the request may have been meant for, or NULL. */
enum err page_problem(struct buf *out, const struct page_site *site, enum err problem,
		      const struct page_list *waiting);

#endif
