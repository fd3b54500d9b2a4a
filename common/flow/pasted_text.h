/*
 * What people paste: mostly the dead tab's address, often something else.
 */
#ifndef PASTED_TEXT_H
#define PASTED_TEXT_H

#include "flow/flow.h"
#include "util/buf.h"
#include "util/error.h"

/*
 * Finds the provider's answer in pasted text: the query, or for RESPONSE_TYPE_TOKEN the
 * fragment. Accepted, with blanks, quotes or <…> around: the flow's redirect URI
 * under any loopback name, with or without its scheme; the same path under our
 * own public origin; the answer alone. Anything else is the ERR_PASTE_… that
 * tells best what to copy instead. The host that was pasted is never looked up.
 * query gets the answer, raw, without '?' or '#'.
 */
enum err pasted_text_read(const char *text, const struct flow *flow, const char *public_origin,
			  struct buf *query) MUST_CHECK;

/*
 * Finds the authorize URL in what was copied from a terminal: words before it,
 * line ends, blanks and frames inside it are left out. ERR_ADOPT_TEXT: none.
 */
enum err pasted_text_authorize_url(const char *text, struct buf *url) MUST_CHECK;

#endif
