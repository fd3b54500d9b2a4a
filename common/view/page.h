/*
 * The pages, as HTML. Each function appends one complete document to a buffer;
 * whatever came from outside is escaped. No page needs a script.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "util/buf.h"
#include "util/error.h"

/* Where the pages live: mount point and prefix, such as "/signin", without a final slash. */
struct page_site {
	const char *base;
	const char *origin; /* public origin: "https://opencode.example.com" */
	bool relay;	    /* only a relay: no opencode is to be found under this name */
};

/* The flow page: every state of a sign-in. */
struct page_flow {
	const char *id;
	enum flow_kind kind;
	enum flow_response_type answer;
	const char *provider; /* provider id, such as "openai"; an MCP server's name, decoded */
	const char *authorize_url; /* while waiting; else NULL */
	const char *redirect_host; /* "localhost:1455" */
	const char *redirect_path; /* "/auth/callback" */
	bool from_here;		   /* begun on the start page: no window of opencode waits for it */
	bool direct;	   /* the provider sends the browser straight to us: nothing to paste */
	const char *relay; /* by way of this redirect URI, or NULL */
	bool address_edit; /* replacing the dead address's origin by ours finishes it */
	bool again;	   /* ended: POST again=ID to {base}/start begins the same once more */
	enum flow_state state;
	enum flow_reason reason;
	bool listed;	    /* done: only because opencode lists the account */
	int64_t expires_in; /* seconds, while waiting */
	enum err problem;   /* what was wrong with what was pasted, or ERR_OK */
};

/* The ask page: shall this browser finish that sign-in? */
struct page_ask {
	const char *id;
	enum flow_kind kind;
	const char *provider; /* as in struct page_flow */
	const char *address;  /* the client that began it */
	int64_t age;	      /* seconds since */
	const char *callback; /* the raw query of the callback, or NULL on the flow page */
};

/* A flow in a list. */
struct page_list_item {
	char id[FLOW_ID_LEN + 1];
	enum flow_kind kind;
	enum flow_response_type answer;
	char provider[FLOW_NAME_MAX + 1]; /* as in struct page_flow */
	enum flow_state state;
	int64_t expires_in;
};

struct page_list {
	const struct page_list_item *item;
	size_t count;
};

/* One of the answers that a prompt offers. */
struct page_option {
	const char *value;
	const char *label;
	const char *hint; /* "" if none */
};

/* Something that a method asks for before it begins; sent as input.KEY. */
struct page_prompt {
	const char *key;
	const char *message;
	const char *placeholder; /* "" if none */
	const struct page_option *option;
	size_t option_count;	/* 0: a line of text */
	const char *when_key;	/* asked only if that other prompt of the method */
	const char *when_value; /* has this value; NULL: always */
};

/* A way to sign in to a provider; its form sends provider=ID and method=NUMBER to {base}/start. */
struct page_method {
	int number;
	const char *label; /* "ChatGPT Pro/Plus (browser)" */
	const struct page_prompt *prompt;
	size_t prompt_count;
};

struct page_account {
	const char *provider; /* id, such as "openai" */
	bool connected;
	const struct page_method *method;
	size_t method_count; /* 0: connected by other means, nothing to begin here */
};

/* An MCP server; its form sends mcp=NAME to {base}/start. */
struct page_mcp {
	const char *name;  /* in the form, as it stands in a path: percent-encoded */
	const char *label; /* for people */
	const char
	    *status; /* opencode's word: "connected", "needs_auth", "failed", "disabled", ... */
};

/* The start page. */
struct page_start {
	const char
	    *query; /* "directory=..." and the like for the addresses of the forms; "" if none */
	const struct page_account *account;
	size_t account_count;
	const struct page_mcp *mcp;
	size_t mcp_count;
	struct page_list flows; /* of this browser, newest first */
	enum err problem; /* what was wrong with the address of a terminal's sign-in, or ERR_OK */
};

enum err page_flow(struct buf *out, const struct page_site *site, const struct page_flow *flow);
enum err page_ask(struct buf *out, const struct page_site *site, const struct page_ask *ask);

/* A sign-in by a code that is entered at the provider: nothing comes back here. */
struct page_device {
	const char *provider;
	const char *url;	  /* where to enter it */
	const char *instructions; /* opencode's words, which hold the code */
	const char *query;	  /* as in struct page_start */
};
enum err
page_device(struct buf *out, const struct page_site *site, const struct page_device *device);

/* waiting: this browser's flows that the refused request may have been meant for. */
enum err page_problem(struct buf *out, const struct page_site *site, enum err problem,
		      const struct page_list *waiting);
enum err page_start(struct buf *out, const struct page_site *site, const struct page_start *start);

#endif
