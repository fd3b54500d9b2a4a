/*
 * What people paste: mostly the dead tab's address, often something else.
 */
#ifndef PASTE_H
#define PASTE_H

#include "buf.h"
#include "error.h"
#include "flow.h"

/*
 * Finds the callback's query in pasted text. Accepted, with blanks, quotes or
 * <…> around: the flow's redirect URI under any loopback name, with or without
 * its scheme; the same path under our own public origin; the bare query.
 * Anything else is the ERR_PASTE_… that tells best what to copy instead.
 * The host that was pasted is never looked up. query gets the raw query.
 */
enum err paste_read(const char *text, const struct flow *flow, const char *public_origin,
		    struct buf *query) MUST_CHECK;

#endif
