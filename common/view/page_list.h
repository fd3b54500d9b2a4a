/*
 * A list of flows on a page.
 */
#ifndef PAGE_LIST_H
#define PAGE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"

/* A flow in such a list. */
struct page_list_item {
	char id[FLOW_ID_LEN + 1];
	enum flow_kind kind;
	bool mcp;
	enum flow_response_type response_type;
	char provider[FLOW_NAME_MAX + 1]; /* as in struct page_flow */
	enum flow_state state;
	int64_t expires_in;
};

struct page_list {
	const struct page_list_item *item;
	size_t count;
};

#endif
