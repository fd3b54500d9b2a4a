/*
 * A flow: one pending sign-in. Its record is written once, when it begins,
 * and never changes; who may finish it and how it went stand beside it.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define FLOW_ID_LEN		22   /* base64url characters of SHA-256(state) */
#define BROWSER_ID_LEN		43   /* base64url characters of SHA-256(cookie) */
#define FLOW_NAME_MAX		255  /* provider id, MCP server's name as in a path, section name */
#define FLOW_URL_MAX		8192 /* authorize URL */
#define FLOW_ORIGIN_MAX		300  /* scheme, host and port */
#define FLOW_PATH_MAX		256  /* path of a redirect URI */
#define FLOW_DIRECTORY_MAX	4096 /* x-opencode-directory, or the query that names it */
#define FLOW_WORKSPACE_MAX	256  /* x-opencode-workspace */
#define FLOW_CLIENT_ADDRESS_MAX 64   /* a client's address */
#define FLOW_CALL_MS		10000 /* by then a call to opencode about a flow has ended */
#define FLOW_ATTEMPT_MAX	128   /* attemptID and methodID of the integration API */

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
	REASON_UNCONFIRMED,	    /* done, but no verdict came */
	REASON_REFUSED_BY_PROVIDER, /* the provider did not accept the code */
	REASON_LISTENER_GONE,	    /* opencode no longer waited for this sign-in */
	REASON_OPENCODE_GONE,	    /* opencode went away during delivery */
	REASON_OPENCODE_AUTH,	    /* opencode wants a password */
	REASON_TIMEOUT,		    /* opencode did not answer in time */
	REASON_INTERRUPTED,	    /* our own process ended during delivery */
	REASON_ISSUER,		    /* another authorization server answered */
	REASON_COUNT
};

/* Which way of opencode's it began in: that decides how it is delivered. */
enum flow_kind {
	KIND_PROVIDER,	  /* POST /provider/{id}/oauth/authorize */
	KIND_MCP,	  /* POST /mcp/{name}/auth, or .../auth/authenticate */
	KIND_INTEGRATION, /* POST /api/integration/{id}/connect/oauth */
	KIND_TERMINAL,	  /* in a process of its own, such as opencode auth login; adopted here */
	KIND_COUNT
};

/* What the provider sends back (RFC 6749 section 3.1.1). */
enum flow_response_type {
	RESPONSE_TYPE_CODE,  /* a code, in the query */
	RESPONSE_TYPE_TOKEN, /* an access token, in the fragment */
	RESPONSE_TYPE_COUNT
};

struct flow {
	char id[FLOW_ID_LEN + 1];
	char opencode[FLOW_NAME_MAX + 1]; /* section name in the configuration, "" if it has none */
	enum flow_kind kind;
	enum flow_response_type response_type;
	bool stateless; /* the provider sends no state: only the flow page can finish it */
	bool direct;	/* the redirect URI is our own: the provider sends the browser to us */
	char provider[FLOW_NAME_MAX + 1];     /* "openai"; the MCP server's name as in a path */
	int method;			      /* index of the provider's method */
	char method_id[FLOW_ATTEMPT_MAX + 1]; /* the same in the integration API, else "" */
	bool from_here;	  /* it began on our own start page: no window of opencode waits for it */
	bool with_inputs; /* it began with answers to what the method asks for */
	char attempt[FLOW_ATTEMPT_MAX + 1]; /* of the integration API, else "" */
	char
	    redirect_host[32]; /* authority of a loopback redirect URI: "localhost:1455", else "" */
	int redirect_port;
	char redirect_path[FLOW_PATH_MAX + 1];	    /* "" if a relay brings the answer */
	char authorize_origin[FLOW_ORIGIN_MAX + 1]; /* what iss is held against (RFC 9207) */
	char directory[FLOW_DIRECTORY_MAX + 1];	    /* x-opencode-directory as it came, or "" */
	char workspace[FLOW_WORKSPACE_MAX + 1];	    /* x-opencode-workspace as it came, or "" */
	char query[FLOW_DIRECTORY_MAX + 1]; /* raw directory= and workspace= of the begin, or "" */
	bool authenticated;		    /* began with credentials for opencode */
	bool bound;			    /* began with our cookie: belongs to that browser */
	char browser[BROWSER_ID_LEN + 1];   /* the browser it is bound or offered to */
	char client_address[FLOW_CLIENT_ADDRESS_MAX + 1]; /* who began it, for the ask page */
	int64_t created;				  /* seconds on the store's clock */
	int64_t expires;
};

/* Base64url(SHA-256(state))[0..22) into id. */
void flow_id(const char *state, size_t state_len, char id[FLOW_ID_LEN + 1]);

/*
 * Names for the store. A group: what opencode keeps one pending sign-in of, a
 * provider, an MCP server, a port of a terminal. A slot: where one waits for its
 * answer, a listener or, in MCP, the server.
 */
uint64_t flow_group(const char *opencode, enum flow_kind kind, const char *provider);
uint64_t flow_slot(const struct flow *flow);

/* Whether its answer comes by way of a relay, to any of callback_paths. */
bool flow_relayed(const struct flow *flow);

/* What people know it by: an MCP server's name decoded, else the provider as it is. */
void flow_label(const struct flow *flow, char label[FLOW_NAME_MAX + 1]);

/* Whether opencode can be asked to begin the same once more: all that it needs is in the record. */
bool flow_can_begin_again(const struct flow *flow);

/* Whether text has the form of a flow id. */
bool flow_id_valid(const char *text);

/* "provider", "mcp"; "code", "token": for records and logs. */
const char *flow_kind_name(enum flow_kind k);
const char *flow_response_type_name(enum flow_response_type a);

/* The words of the status answer: "waiting"; "refused-by-provider", "" for REASON_NONE. */
const char *flow_state_name(enum flow_state s);
const char *flow_reason_name(enum flow_reason r);

/* The reverses. False if the word is none of them. */
bool flow_kind_parse(const char *word, enum flow_kind *out);
bool flow_response_type_parse(const char *word, enum flow_response_type *out);
bool flow_state_parse(const char *word, enum flow_state *out);
bool flow_reason_parse(const char *word, enum flow_reason *out);

#endif
