/*
 * Whether the bytes of a FastCGI connection are one whole, well-formed request
 * (FastCGI specification, sections 3.3 to 6.2): BEGIN_REQUEST of a responder,
 * PARAMS, STDIN, nothing else.
 *
 * A guard in front of libfcgi, for two reasons. libfcgi reads from a blocking
 * socket, so a thread may only be lent to a request that is there. And libfcgi
 * 2.4.2 is not safe from bytes that no web server sends: its answer to
 * GET_VALUES overflows a buffer on the stack, a parameter's length of 2 GiB ends
 * the process by an assertion, a connection that breaks off between two
 * parameters is a whole request to it, and padding behind BEGIN_REQUEST or the
 * end of PARAMS makes it read on at the wrong place. All these are refused here.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>

#define FRAME_PARAMS_MAX (80 * 1024) /* bytes of all meta-variables of a request */

enum frame_verdict {
	FRAME_PARTIAL, /* good so far, more must come */
	FRAME_WHOLE,   /* one request, ending at frame->at */
	FRAME_BAD      /* anything else */
};

/* How far the reading is. Zeroed at the start of a request; goes on where it stopped. */
struct record {
	size_t at;		  /* bytes read; of a whole request: its length */
	size_t body_len;	  /* bytes of the body among them */
	bool params_done;	  /* all meta-variables are there */
	unsigned step;		  /* the record that must come next */
	unsigned id;		  /* of the request */
	unsigned type;		  /* of the record being read */
	size_t content;		  /* its content bytes still to come */
	size_t padding;		  /* and its padding bytes */
	size_t params_len;	  /* bytes of PARAMS so far */
	unsigned char lengths[8]; /* the lengths of the pair being read */
	size_t lengths_len;
	size_t pair; /* bytes of its name and value still to come */
};

/* Goes on reading data, whose first frame->at bytes were read before. */
enum frame_verdict record_read(struct record *frame, const unsigned char *data, size_t len);

#endif
