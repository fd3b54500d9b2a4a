/*
 * A flow: one pending sign-in. Its record is written once, when the flow begins, and never
 * changes; its browser, claim and end are stored beside it.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define FLOW_ID_LEN		22    /* characters: the first of base64url(SHA-256(state)) */
#define BROWSER_ID_LEN		43    /* characters of base64url(SHA-256(cookie)) */
#define FLOW_NAME_MAX		255   /* provider id, encoded name of an MCP server, section name */
#define FLOW_URL_MAX		8192  /* authorize URL */
#define FLOW_ORIGIN_MAX		300   /* scheme, host and port */
#define FLOW_PATH_MAX		256   /* path of a redirect URI */
#define FLOW_DIRECTORY_MAX	4096  /* x-opencode-directory, or the query that names it */
#define FLOW_WORKSPACE_MAX	256   /* x-opencode-workspace */
#define FLOW_CLIENT_ADDRESS_MAX 64    /* a client's address */
#define FLOW_CALL_MS		10000 /* by then any call to opencode about a flow has ended */
#define FLOW_ATTEMPT_MAX	128   /* attemptID and methodID of the integration API */
#define FLOW_INSTRUCTIONS_MAX	500   /* opencode's text for the user */

enum flow_state {
	FLOW_WAITING,
	FLOW_DELIVERING,
	FLOW_DONE,
	FLOW_FAILED,
	FLOW_DECLINED,
	FLOW_SUPERSEDED,
	FLOW_EXPIRED,
	FLOW_STATE_COUNT
};

enum flow_reason {
	REASON_NONE,
	REASON_UNCONFIRMED,	    /* done, but nothing confirmed that it succeeded */
	REASON_REFUSED_BY_PROVIDER, /* the provider rejected the code */
	REASON_LISTENER_GONE,	    /* opencode no longer waited for this sign-in */
	REASON_OPENCODE_GONE,	    /* opencode went away during delivery */
	REASON_OPENCODE_AUTH,	    /* opencode requires a password */
	REASON_TIMEOUT,		    /* opencode did not respond in time */
	REASON_INTERRUPTED,	    /* our own process ended during delivery */
	REASON_ISSUER,		    /* the response names another authorization server */
	REASON_COUNT
};

/* The part of opencode in which a flow began; it decides how the response is delivered. */
enum flow_kind {
	KIND_PROVIDER,	  /* POST /provider/{id}/oauth/authorize */
	KIND_MCP,	  /* POST /mcp/{name}/auth, or .../auth/authenticate */
	KIND_INTEGRATION, /* POST /api/integration/{id}/connect/oauth; all of opencode 2 */
	KIND_TERMINAL,	  /* in a separate process, such as opencode auth login; adopted here */
	KIND_COUNT
};

/* The response type (RFC 6749 section 3.1.1). */
enum flow_response_type {
	RESPONSE_TYPE_CODE,  /* a code, in the query */
	RESPONSE_TYPE_TOKEN, /* an access token, in the fragment */
	RESPONSE_TYPE_COUNT
};

struct flow {
	char id[FLOW_ID_LEN + 1];
	char opencode[FLOW_NAME_MAX + 1]; /* section name in the configuration; "": it has none */
	enum flow_kind kind;
	enum flow_response_type response_type;
	bool stateless; /* the provider sends no state: only the flow page can finish it */
	bool direct;	/* the redirect URI is our own: the provider sends the browser to us */
	char provider[FLOW_NAME_MAX + 1];     /* "openai"; for MCP the server's encoded name */
	int method;			      /* index of the provider's method */
	char method_id[FLOW_ATTEMPT_MAX + 1]; /* its id in the integration API, else "" */
	bool from_here;	  /* it began on our start page: no window of opencode waits for it */
	bool with_inputs; /* it began with inputs that the method asks for */
	char attempt[FLOW_ATTEMPT_MAX + 1]; /* attemptID in the integration API, else "" */
	/* authority of opencode's listener: that of a loopback redirect URI, "localhost:1455"; with
	 * direct, that of the listener behind a public one, if there is one; else "" */
	char redirect_host[32];
	int redirect_port;
	char redirect_path[FLOW_PATH_MAX + 1];	    /* "" if the response comes through a relay */
	char authorize_origin[FLOW_ORIGIN_MAX + 1]; /* iss must match it (RFC 9207) */
	char directory[FLOW_DIRECTORY_MAX + 1];	    /* x-opencode-directory unchanged, or "" */
	char workspace[FLOW_WORKSPACE_MAX + 1];	    /* x-opencode-workspace unchanged, or "" */
	char query[FLOW_DIRECTORY_MAX + 1]; /* raw directory= and workspace= at the start, or "" */
	bool authenticated;		    /* it began with credentials for opencode */
	bool bound; /* it began with our cookie, so it belongs to that browser */
	char browser[BROWSER_ID_LEN + 1]; /* the browser that it is bound or offered to */
	char client_address[FLOW_CLIENT_ADDRESS_MAX + 1]; /* that began it; for the ask page */
	int64_t created;				  /* in seconds on the store's clock */
	int64_t expires;
	bool mcp;		       /* a sign-in to an MCP server, of either kind */
	char label[FLOW_NAME_MAX + 1]; /* opencode's name for it; "": provider is the name */
	/* no redirect comes: the user copies a code, which opencode's finishing call carries */
	bool typed;
	char instructions[FLOW_INSTRUCTIONS_MAX + 1]; /* opencode's text for that, or "" */
};

/* Writes the first FLOW_ID_LEN characters of base64url(SHA-256(state)) to id. */
void flow_id(const char *state, size_t state_len, char id[FLOW_ID_LEN + 1]);

/*
 * Return names for the store. A group is what opencode keeps one pending sign-in of: a provider,
 * an MCP server, a port of a terminal. A slot is where one flow waits for its response: a
 * listener or, for MCP, the server.
 */
uint64_t flow_group(const char *opencode, enum flow_kind kind, const char *provider);
uint64_t flow_slot(const struct flow *flow);

/* Returns whether the response comes through a relay, to any of callback_paths. */
bool flow_relayed(const struct flow *flow);

/* Writes the name that people know: opencode's name for it, an MCP server's decoded name, else the
 * provider unchanged. */
void flow_label(const struct flow *flow, char label[FLOW_NAME_MAX + 1]);

/*
 * Returns whether opencode can be asked to begin the same sign-in again: the record holds all
 * that it needs.
 */
bool flow_can_begin_again(const struct flow *flow);

/* Returns whether text has the form of a flow id. */
bool flow_id_valid(const char *text);

/* Return the words for records and logs: "provider", "mcp"; "code", "token". */
const char *flow_kind_name(enum flow_kind k);
const char *flow_response_type_name(enum flow_response_type a);

/* Return the words of the status response: "waiting"; "refused-by-provider", "" if none. */
const char *flow_state_name(enum flow_state s);
const char *flow_reason_name(enum flow_reason r);

/* Parse these words. False: the word is none of them. */
bool flow_kind_parse(const char *word, enum flow_kind *out);
bool flow_response_type_parse(const char *word, enum flow_response_type *out);
bool flow_state_parse(const char *word, enum flow_state *out);
bool flow_reason_parse(const char *word, enum flow_reason *out);

#endif
