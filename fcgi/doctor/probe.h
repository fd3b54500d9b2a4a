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

#define PROBE_WORDS_MAX 256 /* of what an answer comes to, in words */

/* The status of an answer, 0 if there was none; and the same in words, for a message. */
int probe_status(const struct probe *v);
const char *probe_words(const struct probe *v, char out[PROBE_WORDS_MAX]);

/* Whether an answer's body holds a text; whether it is our page or JSON for this error. */
bool probe_says(const struct probe *v, const char *text);
bool probe_is_problem(const struct probe *v, enum err err);
/* Whether it is any page of ours that refuses something. */
bool probe_is_ours(const struct probe *v);

/* How often an answer has a header; its last value goes to value, "" if there is none or it is too
 * long. */
int probe_header(const struct probe *v, const char *name, char *value, size_t size);

#endif
