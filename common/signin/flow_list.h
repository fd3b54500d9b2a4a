/*
 * Lists the flows of one browser for its pages.
 */
#ifndef FLOW_LIST_H
#define FLOW_LIST_H

#include "core/context.h"
#include "view/page_list.h"

struct flow_list {
	struct page_list_item item[STORE_LIST_MAX];
	size_t count;
};

/* Finds the flows that belong to the sender of the request, newest first; if waiting_only, only
 * those that wait. A browser without our cookie has none. ERR_STORE. */
enum err flow_list(struct context *x, bool waiting_only, struct flow_list *out) MUST_CHECK;

#endif
