/*
 * Reads the texts that people paste: mostly the dead tab's URL, with whatever mail programs,
 * messengers, terminals and browsers put around it and into it; often something else.
 */
#ifndef PASTED_TEXT_H
#define PASTED_TEXT_H

#include "flow/flow.h"
#include "util/buf.h"
#include "util/error.h"

/*
 * Finds the authorization response in pasted text: the query, or for RESPONSE_TYPE_TOKEN the
 * fragment. Appends it to query, raw, without '?' or '#'. The flow's state proves which text is
 * meant; in a flow without a state, the address does. Before the response may stand: the redirect
 * URI, by http or https, with any loopback name; the same path under our own public origin; both
 * without their scheme; the path alone; nothing. What programs add is taken off, see
 * paste_layer.h and paste_reading.h; all else is delivered as it stands.
 *
 * "CODE#STATE" and the like, which some pages show, are a response without its names: see
 * paste_code_pair().
 *
 * Any other text is the error that tells best what to copy instead: ERR_PASTE_…, ERR_NO_CODE,
 * ERR_NO_STATE; ERR_MEMORY. The pasted host is never resolved.
 */
enum err pasted_text_read(const char *text, const struct flow *flow, const char *public_origin,
			  struct buf *query) MUST_CHECK;

/*
 * Reads a text that is nothing but a code, for which pasted_text_read() gives ERR_PASTE_CODE, and
 * appends it to query as "code=…". Nothing in the text proves whose code it is. ERR_PASTE_CODE: it
 * does not look like a code either; ERR_PASTE_…; ERR_MEMORY.
 */
enum err pasted_text_code(const char *text, struct buf *query) MUST_CHECK;

/* Reads what was pasted in a sign-in that ends with a code to copy, and appends it to code as it
 * stands: see paste_code_typed(). ERR_PASTE_NO_CODE, ERR_MEMORY. */
enum err pasted_text_typed(const char *text, struct buf *code) MUST_CHECK;

/*
 * Appends the authorize URL in a pasted text to url: see paste_authorize.h.
 * ERR_ADOPT_TEXT: there is none. ERR_ADOPT_SEVERAL: there are several. ERR_ADOPT_CALLBACK: an
 * authorization response instead. ERR_MEMORY.
 */
enum err pasted_text_authorize_url(const char *text, struct buf *url) MUST_CHECK;

#endif
