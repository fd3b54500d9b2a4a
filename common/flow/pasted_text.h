/*
 * Reads the texts that people paste: mostly the dead tab's URL, often something else.
 */
#ifndef PASTED_TEXT_H
#define PASTED_TEXT_H

#include "flow/flow.h"
#include "util/buf.h"
#include "util/error.h"

/*
 * Finds the authorization response in pasted text: the query, or for RESPONSE_TYPE_TOKEN the
 * fragment. Appends it to query, raw, without '?' or '#'. Accepts, inside blanks, quotes or <…>:
 * the flow's redirect URI with any loopback name, with or without its scheme; the same path under
 * our own public origin; the response alone. Any other text is the ERR_PASTE_… that best tells
 * what to copy instead; ERR_NO_CODE, ERR_QUERY_LONG, ERR_MEMORY. The pasted host is never
 * resolved.
 */
enum err pasted_text_read(const char *text, const struct flow *flow, const char *public_origin,
			  struct buf *query) MUST_CHECK;

/*
 * Appends the authorize URL in a text copied from a terminal to url. Skips words before it, and
 * line ends, blanks and frames inside it. ERR_ADOPT_TEXT: there is none.
 */
enum err pasted_text_authorize_url(const char *text, struct buf *url) MUST_CHECK;

#endif
