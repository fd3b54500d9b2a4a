/*
 * Requests as text, so that inputs can be read and written by people:
 *
 *   GET /auth/callback?code=C&state=S
 *   Cookie: __Host-opencode-callback=...
 *   @reply 200 true
 *
 *   the body, up to the next line "---", behind which the next request begins
 *
 * Lines that begin with '@' are no headers: "@reply" is what opencode answers to the
 * next call (see standin.h), "@peer" the address that the request comes from,
 * "@var NAME=VALUE" a meta-variable, "@wait" seconds that pass before it, "@site" the number
 * of the site that it goes to. Without Host and Content-Length they are what fits.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "fuzz.h"
#include "http/cgi.h"

#define SCRIPT_VARIABLES_MAX 48
#define SCRIPT_REPLIES_MAX   16

struct script {
	int64_t wait;
	int site; /* 0: the first */
	struct piece reply[SCRIPT_REPLIES_MAX];
	size_t replies;
	struct piece text;	    /* all of it */
	struct piece cookie;	    /* lines whose values are secrets by right, empty if missing */
	struct piece authorization; /* the same */
	struct piece query;	    /* the same: behind the first '?' of the request line */
	struct piece body;
	struct cgi_meta meta;
	struct request request; /* as a front end makes it */

	/* its own */
	char *variable[SCRIPT_VARIABLES_MAX + 1];
	size_t variables;
	size_t body_read;
};

/* Takes the next request off a script. host: of each site. Free it. */
bool script_next(struct piece *rest, const char *const host[], int sites, struct script *out);
void script_free(struct script *script);

#endif
