/*
 * Everything that can go wrong, once. The value decides the HTTP status, the
 * word in the log and the text that people read: see the table in error.c.
 */
#ifndef ERROR_H
#define ERROR_H

enum err {
	ERR_OK = 0,

	/* the request as such */
	ERR_REQUEST,	 /* meta-variables missing or malformed */
	ERR_METHOD,	 /* method not allowed on this path */
	ERR_PATH,	 /* no such path */
	ERR_CROSS_SITE,	 /* another site sent this request */
	ERR_PREFETCH,	 /* a prefetch or an embedded resource, not a person */
	ERR_QUERY_LONG,	 /* query over QUERY_MAX */
	ERR_HEADER_LONG, /* a header that we read over HEADER_MAX */
	ERR_BODY_LONG,	 /* body over BODY_MAX */
	ERR_LENGTH,	 /* body without Content-Length */
	ERR_BODY_SHORT,	 /* fewer bytes than Content-Length said */
	ERR_MEDIA_TYPE,	 /* not application/x-www-form-urlencoded */
	ERR_HOST,	 /* Host names no opencode of the configuration */
	ERR_NEEDS_HTTPS, /* plain http elsewhere than on loopback */

	/* the query of a callback (RFC 6749 section 4.1.2) */
	ERR_ENCODING,	    /* percent-encoding, UTF-8 or control bytes */
	ERR_PARAMS,	    /* over QUERY_PARAMS_MAX parameters */
	ERR_VALUE_LONG,	    /* a name or value over QUERY_VALUE_MAX */
	ERR_DUPLICATE,	    /* a parameter given twice */
	ERR_NO_STATE,	    /* no state */
	ERR_NO_CODE,	    /* neither code nor error */
	ERR_CODE_AND_ERROR, /* both code and error */
	ERR_RESPONSE_MODE,  /* a response= or access_token= that no code flow has */

	/* the flow */
	ERR_UNKNOWN_FLOW,   /* unknown, or bound to another browser: told alike */
	ERR_ISSUER,	    /* iss is not the authorization server's (RFC 9207) */
	ERR_TOO_MANY_FLOWS, /* max_pending or max_pending_per_client reached */
	ERR_RATE,	    /* the client has used up its allowance of [limit] rate and burst */
	ERR_CREDENTIALS,    /* opencode wants a password that the request did not bring */

	/* the state of an answer that a relay passes on */
	ERR_RELAY_SHAPE,   /* none, or none that a site has wrapped */
	ERR_RELAY_STATE,   /* no key of ours made it: an unknown site, another key, a forgery */
	ERR_RELAY_EXPIRED, /* the sign-in's time is over */
	ERR_RELAY_CLOCK,   /* it says to last longer than any sign-in does */

	/* what was pasted */
	ERR_PASTE_EMPTY,     /* nothing */
	ERR_PASTE_AUTHORIZE, /* the provider's own page, before the sign-in */
	ERR_PASTE_CODE,	     /* a bare code */
	ERR_PASTE_SITE,	     /* an address of another site, port or path */
	ERR_PASTE_FRAGMENT,  /* the answer stands behind a #, where a code flow has none */
	ERR_PASTE_OTHER,     /* the address of another sign-in */
	ERR_PASTE_TOKEN,     /* no fragment, where the provider answers in one */
	ERR_PASTE_TEXT,	     /* no address at all */

	/* what was begun from the start page */
	ERR_ADOPT_TEXT,	    /* no authorize URL */
	ERR_ADOPT_CALLBACK, /* the dead tab's address, which belongs on the flow page */
	ERR_ADOPT_REDIRECT, /* an authorize URL whose redirect URI is no loopback address */
	ERR_BEGIN_INPUT,    /* opencode did not accept what was entered for it */
	ERR_BEGIN_REFUSED,  /* opencode did not begin it */
	ERR_BEGIN_KIND,	    /* a sign-in that does not come home through a redirect */
	ERR_BEGIN_NEEDLESS, /* an MCP server that wants no sign-in */

	/* opencode behind its socket */
	ERR_OPENCODE_DOWN,    /* the socket is missing or refused: nothing was sent */
	ERR_OPENCODE_GONE,    /* the connection ended without an answer */
	ERR_OPENCODE_TIMEOUT, /* no answer in time */
	ERR_OPENCODE_ANSWER,  /* an answer that is malformed or too large */
	ERR_BUSY,	      /* too many calls to opencode at once */

	/* ourselves */
	ERR_STORE,	/* the store of flows cannot be read or written */
	ERR_TAKEN,	/* the name exists already: somebody else was first */
	ERR_ABSENT,	/* there is no such file or note */
	ERR_UNRECORDED, /* opencode's answer begins no sign-in that comes home here */
	ERR_TOO_LARGE,	/* a buffer's maximum was reached */
	ERR_MEMORY,	/* no memory */
	ERR_CONFIG,	/* the configuration is wrong */

	ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* The word for the log, such as "unknown-flow". */
const char *error_name(enum err e);

/* The HTTP status that answers this error. */
int error_status(enum err e);

/* For people: what happened, in a few words; and what to do next, in one or two sentences. */
const char *error_title(enum err e);
const char *error_advice(enum err e);

#endif
