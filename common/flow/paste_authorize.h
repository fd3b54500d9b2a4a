/*
 * Finds authorize URLs (RFC 6749 section 4.1.1) in the readings of a pasted text. A URL is one if
 * it has a redirect_uri and a response_type, or a parameter of any name with the URL of a listener,
 * such as callback_url.
 */
#ifndef PASTE_AUTHORIZE_H
#define PASTE_AUTHORIZE_H

#include <stdbool.h>

#include "flow/paste_reading.h"
#include "util/buf.h"

struct paste_authorize {
	struct buf url; /* the first; its owner holds it and its maximum */
	bool differs;	/* another one is another URL */
	bool answer;	/* there is a response, which belongs on the page of a flow */
};

/* Looks for authorize URLs in a reading, and puts PASTE_OTHER in the place of each. */
void paste_authorize_look(struct paste_authorize *a, struct paste_reading *r);

#endif
