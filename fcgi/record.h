/*
 * Checks whether the bytes of a FastCGI connection are one whole, well-formed request (FastCGI
 * specification, sections 3.3 to 6.2): BEGIN_REQUEST of a responder, PARAMS, STDIN, nothing else.
 *
 * It guards libfcgi, for two reasons. libfcgi reads from a blocking socket, so a thread may only
 * serve a request that has arrived. And libfcgi 2.4.2 is not safe from bytes that no web server
 * sends: its response to GET_VALUES overflows a buffer on the stack; a parameter length of 2 GiB
 * ends the process with an assertion; it takes a connection that breaks off between two
 * parameters for a whole request; and padding after BEGIN_REQUEST or the end of PARAMS makes it
 * continue at the wrong place. All these are refused here.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of all meta-variables of a request: 64 KiB of cookies, 8 KiB of a query three times (some
 * servers name it in REQUEST_URI, QUERY_STRING and a path), other headers. */
#define RECORD_PARAMS_MAX (144 * 1024)

enum record_verdict {
	RECORD_PARTIAL, /* well-formed so far, more must arrive */
	RECORD_WHOLE,	/* one request, ending at record->at */
	RECORD_BAD	/* anything else */
};

/* The state of reading one request. Zeroed at its start; reading continues where it stopped. */
struct record {
	size_t at;		  /* bytes read; once the request is whole: its length */
	size_t body_len;	  /* bytes of the body among them */
	bool params_done;	  /* all meta-variables are there */
	unsigned step;		  /* the record that must come next */
	unsigned id;		  /* of the request */
	unsigned type;		  /* of the record being read */
	size_t content;		  /* bytes of its content still to come */
	size_t padding;		  /* and of its padding */
	size_t params_len;	  /* bytes of PARAMS so far */
	unsigned char lengths[8]; /* the two lengths, encoded, of the pair being read */
	size_t lengths_len;
	size_t pair; /* bytes of its name and value still to come */
};

/* Continues to read data, whose first record->at bytes were read before. */
enum record_verdict record_read(struct record *record, const unsigned char *data, size_t len);

#endif
