/*
 * One HTTP request to a public address, as a browser or a stranger would send
 * it: verified TLS, no proxy, no redirect followed. Everything that comes back is
 * bounded in size and time, for the other side may be anybody.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>

#include "opencode/call.h"

#define VISIT_MS	  5000
#define VISIT_HEADERS_MAX 12
#define VISIT_HEAD_MAX	  16384 /* bytes of an answer's header lines */
#define VISIT_BODY_MAX	  65536 /* bytes of its body; the rest is not read */
#define VISIT_LINES_MAX	  500	/* header lines, interim answers included */

enum visit_end {
	VISIT_ANSWERED,	   /* status and header lines are there, the body as far as it is read */
	VISIT_UNREACHABLE, /* no such name, or nobody accepts there */
	VISIT_UNTRUSTED,   /* the certificate is not valid for this name */
	VISIT_LATE,	   /* not all of it in time */
	VISIT_BROKEN,	   /* anything else: what came is no HTTP, the connection ended */
};

struct visit_call {
	const char *method;		       /* NULL: GET, or POST with a body */
	const char *origin;		       /* "https://opencode.example.com" */
	const char *target;		       /* path and query, sent as they are */
	const char *header[VISIT_HEADERS_MAX]; /* lines "Name: value"; a NULL ends them */
	const char *body;		       /* NULL: none */
	const char *until; /* a text in the body after which no more is read; NULL: none */
	bool compressed;   /* accept compression, as browsers do */
	int timeout_ms;
	const char *ca_file; /* certificates to trust instead of the system's; NULL: those */
};

struct visit {
	enum visit_end end;
	bool found;	 /* the text of until came */
	char cause[256]; /* in libcurl's words, unless VISIT_ANSWERED; may quote the other side */
	struct http_reply reply;
};

/* Makes the visit. Release it in any case. */
void visit_make(const struct visit_call *call, struct visit *visit);
void visit_free(struct visit *visit);

#endif
