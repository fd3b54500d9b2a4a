/*
 * One HTTP/1.1 request through libcurl: no proxy, no redirect, verified TLS, its own
 * connection. It sets all options of libcurl's that the program sets.
 */
#ifndef CURL_REQUEST_H
#define CURL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/curl_lib.h"

struct curl_request {
	/* The user's, until the request is freed. */
	const char *url;	 /* http or https; its path is not sent */
	const char *socket_path; /* a Unix socket to connect to, http only; NULL: none */
	const char *target;	 /* path and query, sent as they are */
	const char *method;	 /* NULL: GET, or POST with a body */
	const char *body;	 /* NULL: none */
	size_t body_len;
	const char *ca_file; /* certificates to trust instead of the system's; NULL: those */
	bool compressed;     /* accept compression, and undo it */
	long connect_ms;     /* 0: libcurl's default */
	long timeout_ms;     /* for the whole request; 0: none */
	char *cause;	     /* CURL_ERROR_SIZE bytes for libcurl's words; NULL: none */
	int lines_max;	     /* lines of the head; 0: any number */
	struct buf *head;    /* gets each of them that has a colon, with "\n" for its end */
	/* Get the next bytes of the body; each line of the head without its end, once head has it:
	 * a status line, a header line or an empty one. */
	bool (*on_body)(void *ctx, const char *data, size_t len);
	bool (*on_line)(void *ctx, const char *line, size_t len); /* NULL: none */
	void *ctx;

	/* The request's own, zero at first; its user may call lib with easy, but not free it. */
	const struct curl_lib *lib;
	CURL *easy;
	struct curl_slist *headers;
	int lines;
};

/* Loads libcurl and makes the handle. False without libcurl or memory. */
bool curl_request_open(struct curl_request *r) MUST_CHECK;

/* Adds a copy of a header line to an open request: "Name: value"; "Name;" for an empty value;
 * "Name:" to send no such header, not even libcurl's own. False without memory. */
bool curl_request_header(struct curl_request *r, const char *line) MUST_CHECK;

/* After the last header: sets all options. *r must not move from now on. False if libcurl refuses
 * one: the request must not be sent then. A request that is sent ends with CURLE_WRITE_ERROR when a
 * function returns false, head cannot take a line (head->err) or there are too many lines. */
bool curl_request_ready(struct curl_request *r) MUST_CHECK;

/* Frees the handle, and wipes and frees the header lines. To be called in any case. */
void curl_request_free(struct curl_request *r);

#endif
