/*
 * Every error, listed once. The value decides the HTTP status, the word in the log and the text
 * that people read: see the table in error.c.
 */
#ifndef ERROR_H
#define ERROR_H

enum err {
	ERR_OK = 0,

	/* the request itself */
	ERR_REQUEST,	 /* meta-variables missing or malformed */
	ERR_METHOD,	 /* method not allowed on this path */
	ERR_PATH,	 /* no such path */
	ERR_CROSS_SITE,	 /* another site sent this request */
	ERR_PREFETCH,	 /* a prefetch or an embedded resource, not a person's visit */
	ERR_QUERY_LONG,	 /* query over QUERY_MAX */
	ERR_HEADER_LONG, /* over HEADER_MAX or COOKIE_HEADER_MAX, in a header that we read */
	ERR_BODY_LONG,	 /* body over BODY_MAX */
	ERR_LENGTH,	 /* body without Content-Length */
	ERR_BODY_SHORT,	 /* fewer bytes than Content-Length announced */
	ERR_MEDIA_TYPE,	 /* not application/x-www-form-urlencoded */
	ERR_HOST,	 /* the Host header matches no configured opencode */
	ERR_NEEDS_HTTPS, /* plain HTTP, other than on loopback */

	/* the query of a callback (RFC 6749 section 4.1.2) */
	ERR_ENCODING,	    /* percent-encoding, UTF-8 or control bytes */
	ERR_PARAMS,	    /* more than QUERY_PARAMS_MAX parameters */
	ERR_VALUE_LONG,	    /* a name or value over QUERY_VALUE_MAX */
	ERR_DUPLICATE,	    /* a parameter given twice */
	ERR_NO_STATE,	    /* no state */
	ERR_NO_CODE,	    /* neither code nor error */
	ERR_CODE_AND_ERROR, /* both code and error */
	ERR_RESPONSE_MODE,  /* response= or access_token=, which no code flow has */

	/* the flow */
	ERR_UNKNOWN_FLOW,   /* unknown, or bound to another browser; the page does not say which */
	ERR_ISSUER,	    /* iss names another authorization server (RFC 9207) */
	ERR_ISSUER_UNSURE,  /* iss names another host, and no setting says whose it is */
	ERR_TOO_MANY_FLOWS, /* max_pending or max_pending_per_client reached */
	ERR_RATE,	    /* the client has used up its allowance ([limit] rate and burst) */
	ERR_CREDENTIALS,    /* opencode requires a password that the request did not carry */

	/* the state of an authorization response at a relay */
	ERR_RELAY_SHAPE,   /* no state, or one that no site has wrapped */
	ERR_RELAY_STATE,   /* not made with any key of ours: an unknown site, another key, a forgery
			    */
	ERR_RELAY_EXPIRED, /* the sign-in has expired */
	ERR_RELAY_CLOCK,   /* it claims to last longer than any sign-in */

	/* a pasted text */
	ERR_PASTE_EMPTY,      /* empty */
	ERR_PASTE_AUTHORIZE,  /* a page of the provider, from before the sign-in */
	ERR_PASTE_CODE,	      /* a bare code */
	ERR_PASTE_NO_CODE,    /* no code, where one is to be copied */
	ERR_PASTE_CODE_ALONE, /* one, in a sign-in without PKCE */
	ERR_PASTE_SITE,	      /* a URL of another site, port or path */
	ERR_PASTE_FRAGMENT,   /* the response is in the fragment, where a code flow has none */
	ERR_PASTE_OTHER,      /* the URL of another sign-in */
	ERR_PASTE_TOKEN,      /* no fragment, although the provider responds in one */
	ERR_PASTE_ANSWERED,   /* from the user's own computer: another program answered */
	ERR_PASTE_DIFFER,     /* several responses of this sign-in, with different codes */
	ERR_PASTE_LINES,      /* a code that may go on in the next line */
	ERR_PASTE_LONG,	      /* too long */
	ERR_PASTE_TEXT,	      /* no URL at all */

	/* a sign-in begun or adopted here */
	ERR_ADOPT_TEXT,	    /* not an authorize URL */
	ERR_ADOPT_SEVERAL,  /* several authorize URLs */
	ERR_ADOPT_CALLBACK, /* the dead tab's URL, which belongs on the flow page */
	ERR_ADOPT_FORM,	    /* its response is sent as a form */
	ERR_ADOPT_REDIRECT, /* an authorize URL whose redirect URI is not on loopback */
	ERR_BEGIN_INPUT,    /* opencode rejected what the user entered */
	ERR_BEGIN_REFUSED,  /* opencode did not begin the sign-in */
	ERR_BEGIN_KIND,	    /* a sign-in that does not return through a redirect */
	ERR_BEGIN_NEEDLESS, /* an MCP server that needs no sign-in */
	ERR_BEGIN_MCP,	    /* opencode did not begin the sign-in to an MCP server */
	ERR_BEGIN_TAKEN,    /* somebody else's sign-in to the same account is pending */
	ERR_BEGIN_LISTENER, /* nothing tells at which port opencode waits for the response */

	/* opencode behind its socket */
	ERR_OPENCODE_DOWN,    /* the socket is missing or refused: nothing was sent */
	ERR_OPENCODE_GONE,    /* the connection ended without a response */
	ERR_OPENCODE_TIMEOUT, /* no response in time */
	ERR_OPENCODE_ANSWER,  /* a response that is malformed or too large */
	ERR_OPENCODE_UNKNOWN, /* it speaks no interface that we know */
	ERR_OPENCODE_PLUGIN,  /* its plugin is too old for it */
	ERR_LOGIN_OWN,	      /* opencode refuses the password of password_file */
	ERR_BUSY,	      /* too many calls to opencode at once */

	/* ourselves */
	ERR_STORE,	/* the store of flows cannot be read or written */
	ERR_TAKEN,	/* the name is taken: someone else was first */
	ERR_ABSENT,	/* no such file or note */
	ERR_UNRECORDED, /* opencode's response begins no sign-in that returns to us */
	ERR_TOO_LARGE,	/* a buffer's maximum was reached */
	ERR_MEMORY,	/* out of memory */
	ERR_CONFIG,	/* the configuration is wrong */

	ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Returns the word for the log, such as "unknown-flow". */
const char *error_name(enum err e);

/* Returns the HTTP status of responses to this error. */
int error_status(enum err e);

/*
 * Return what happened, in a few words, and what to do next, in one or two sentences; for people.
 */
const char *error_title(enum err e);
const char *error_advice(enum err e);

#endif
