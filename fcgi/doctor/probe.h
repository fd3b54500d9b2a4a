/*
 * One HTTP request to a public address, as a browser or a stranger would send
 * it: verified TLS, no proxy, no redirect followed. Everything that comes back is
 * bounded in size and time, for the other side may be anybody.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>

#include "opencode/call.h"

#define PROBE_MS	  5000
#define PROBE_HEADERS_MAX 12
#define PROBE_HEAD_MAX	  16384 /* bytes of an answer's header lines */
#define PROBE_BODY_MAX	  65536 /* bytes of its body; the rest is not read */
#define PROBE_LINES_MAX	  500	/* header lines, interim answers included */

enum probe_end {
	PROBE_ANSWERED,	   /* status and header lines are there, the body as far as it is read */
	PROBE_UNREACHABLE, /* no such name, or nobody accepts there */
	PROBE_UNTRUSTED,   /* the certificate is not valid for this name */
	PROBE_LATE,	   /* not all of it in time */
	PROBE_BROKEN,	   /* anything else: what came is no HTTP, the connection ended */
};

struct probe_call {
	const char *method;		       /* NULL: GET, or POST with a body */
	const char *origin;		       /* "https://opencode.example.com" */
	const char *target;		       /* path and query, sent as they are */
	const char *header[PROBE_HEADERS_MAX]; /* lines "Name: value"; a NULL ends them */
	const char *body;		       /* NULL: none */
	const char *until; /* a text in the body after which no more is read; NULL: none */
	bool compressed;   /* accept compression, as browsers do */
	int timeout_ms;
	const char *ca_file; /* certificates to trust instead of the system's; NULL: those */
};

struct probe {
	enum probe_end end;
	bool found;	 /* the text of until came */
	char cause[256]; /* in libcurl's words, unless PROBE_ANSWERED; may quote the other side */
	struct call_reply reply;
};

/* Makes the request. Release the probe in any case. */
void probe_make(const struct probe_call *call, struct probe *probe);
void probe_free(struct probe *probe);

#endif
