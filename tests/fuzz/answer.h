/*
 * An answer as the web server gets it, held against what all of them promise.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "fuzz.h"
#include "http/response.h"

struct answer {
	int status;
	struct piece head; /* all header lines, the first one (Status) included */
	struct piece body;
	struct piece type;     /* Content-Type, empty if there is none */
	struct piece location; /* the same for these */
	struct piece cookie;
};

/*
 * Makes the answer's bytes in out, and takes them apart. Checked are: one
 * well-formed head; a length that is right; a status that is ours, unless opencodes is
 * set, which means an answer passed on; the security headers, each once; no other
 * header than those that we send; a redirect that is an absolute path; one Set-Cookie at
 * most, and it is our own cookie; a page that is markup of ours, JSON that is JSON.
 */
void answer_read(const struct response *response, bool opencodes, struct buf *out,
		 struct answer *answer);

#endif
