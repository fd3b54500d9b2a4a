/*
 * The start page: the accounts that can be connected, and the sign-ins of this browser.
 */
#ifndef PAGE_START_H
#define PAGE_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"
#include "view/page_list.h"
#include "view/page_site.h"

/* One of the values that a prompt offers. */
struct page_option {
	const char *value;
	const char *label;
	const char *hint; /* "" if none */
	bool initial;	  /* chosen at first */
};

/* A condition: the prompt with this key has this value, or with negated has another one. */
struct page_condition {
	const char *key;
	const char *value; /* "true" or "false" of PROMPT_BOOLEAN */
	bool negated;
};

enum page_prompt_type {
	PROMPT_TEXT, /* or one of its options */
	PROMPT_INTEGER,
	PROMPT_NUMBER,
	PROMPT_BOOLEAN,
	PROMPT_MULTISELECT, /* any of its options */
};

/* An input that a method asks for before it begins. route/start_form.h says how it is sent. */
struct page_prompt {
	const char *key;
	const char *message;
	const char *placeholder; /* "" if none */
	const struct page_option *option;
	size_t option_count; /* 0: a line of text */
	const struct page_condition *condition;
	size_t condition_count; /* asked only if all hold; 0: always */
	enum page_prompt_type type;
	const char *initial; /* its value at first, unless one of the options is; NULL: none */
};

/* A way to sign in to a provider; its form sends provider=ID and method=ID to {base}/start. */
struct page_method {
	const char *id;	   /* "0" in opencode 1, "chatgpt-browser" in opencode 2 */
	const char *label; /* "ChatGPT Pro/Plus (browser)" */
	const struct page_prompt *prompt;
	size_t prompt_count;
	bool strict; /* opencode refuses inputs whose conditions do not hold: they are sent too */
};

struct page_account {
	const char *provider; /* id, such as "openai" */
	bool connected;
	const struct page_method *method;
	size_t method_count; /* 0: connected by other means, so nothing can be begun here */
	const char *name;    /* opencode's name for it; NULL: see provider_name() */
};

/* An MCP server; its form sends mcp=NAME to {base}/start. */
struct page_mcp {
	const char *name;  /* as sent by the form: percent-encoded, as in a path */
	const char *label; /* for people */
	/* as opencode says: "connected", "needs_auth", "failed", "disabled", ... */
	const char *status;
};

struct page_start {
	/* "directory=..." and the like for the URLs of the forms; "" if none */
	const char *query;
	const struct page_account *account;
	size_t account_count;
	const struct page_mcp *mcp;
	size_t mcp_count;
	struct page_list flows; /* of this browser, newest first */
	enum err problem;	/* the error of a pasted authorize URL, or ERR_OK */
};

/* Appends the page to out. Returns the error of out, if any. */
enum err page_start(struct buf *out, const struct page_site *site, const struct page_start *start);

#endif
