/*
 * A code that was pasted without its state. Only the exchange can tell whose it is: with PKCE a
 * provider refuses the code of another sign-in (RFC 7636 section 4.6).
 */
#ifndef CODE_ALONE_H
#define CODE_ALONE_H

#include "core/context.h"
#include "store/store.h"
#include "util/buf.h"

/*
 * Appends the authorization response that a code alone makes to query: "code=…", with the state of
 * this sign-in. It is delivered only after the user was asked. ERR_PASTE_CODE: text is not a code
 * alone; ERR_PASTE_CODE_ALONE: it may be, but the authorize URL has no code_challenge. ERR_PASTE_…,
 * ERR_UNKNOWN_FLOW: it waits no more; ERR_STORE, ERR_MEMORY.
 */
enum err code_alone_read(const struct context *x, const struct flow *flow, const char *text,
			 struct buf *query) MUST_CHECK;

#endif
