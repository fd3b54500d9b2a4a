/*
 * The pages, as HTML. Each function appends one complete document to a buffer;
 * whatever came from outside is escaped. No page needs a script.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "flow.h"

/* Where the pages live: mount point and prefix, such as "/signin", without a final slash. */
struct page_site {
	const char *base;
	const char *origin; /* public origin: "https://opencode.example.com" */
};

/* The flow page: every state of a sign-in. */
struct page_flow {
	const char *id;
	const char *provider;	   /* provider id, such as "openai" */
	const char *authorize_url; /* while waiting; else NULL */
	const char *redirect_host; /* "localhost:1455" */
	const char *redirect_path; /* "/auth/callback" */
	bool address_edit;	   /* replacing the dead address's origin by ours finishes it */
	enum flow_state state;
	enum flow_reason reason;
	bool listed;	    /* done: only because opencode lists the account */
	int64_t expires_in; /* seconds, while waiting */
	enum err problem;   /* what was wrong with what was pasted, or ERR_OK */
};

/* The ask page: shall this browser finish that sign-in? */
struct page_ask {
	const char *id;
	const char *provider;
	const char *address;  /* the client that began it */
	int64_t age;	      /* seconds since */
	const char *callback; /* the raw query of the callback, or NULL on the flow page */
};

struct page_list_item {
	char id[FLOW_ID_LEN + 1];
	char provider[FLOW_NAME_MAX + 1];
	enum flow_state state;
	int64_t expires_in;
};

enum err page_flow(struct buf *out, const struct page_site *site, const struct page_flow *flow);
enum err page_ask(struct buf *out, const struct page_site *site, const struct page_ask *ask);
enum err page_problem(struct buf *out, const struct page_site *site, enum err problem);
enum err page_list(struct buf *out, const struct page_site *site,
		   const struct page_list_item *items, size_t count);

#endif
