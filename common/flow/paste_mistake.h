/*
 * Names the mistake in a pasted text that holds no response of this flow.
 */
#ifndef PASTE_MISTAKE_H
#define PASTE_MISTAKE_H

#include <stdbool.h>

#include "flow/flow.h"
#include "flow/paste_address.h"
#include "flow/paste_reading.h"
#include "util/error.h"

/*
 * Returns the ERR_PASTE_…, ERR_NO_CODE or ERR_NO_STATE that tells best what to copy instead of the
 * text of this reading. address is the flow's.
 */
enum err paste_mistake_find(const struct paste_address *address, const struct flow *flow,
			    const struct paste_reading *r);

/* Returns the one of two mistakes in a text that tells more. */
enum err paste_mistake_better(enum err a, enum err b);

/*
 * Returns whether a later reading of the text may tell more: none has an address of this sign-in
 * or its provider, or the code in it was taken for something else. If one has, later readings only
 * take it apart.
 */
bool paste_mistake_vague(enum err err);

#endif
