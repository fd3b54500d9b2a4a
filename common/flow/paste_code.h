/*
 * Finds a code in a pasted text that has no address: some providers show the code, alone or with
 * the state.
 */
#ifndef PASTE_CODE_H
#define PASTE_CODE_H

#include <stdbool.h>

#include "flow/flow.h"
#include "flow/paste_reading.h"
#include "util/buf.h"
#include "util/error.h"

#define PASTE_TYPED_MIN	  4  /* characters of a code to copy */
#define PASTE_CODE_MIN	  8  /* characters of a code that stands alone, if it has a digit */
#define PASTE_LETTERS_MIN 10 /* if it has none, but letters of both cases */

/*
 * Finds a code with the flow's state behind it, such as "CODE#STATE", "CODE STATE" or "code: CODE"
 * and "state: STATE" on two lines, and appends the response to query; the names that they lack are
 * added. Use it only where no address was found. False: there is none; query->err tells of a full
 * buffer.
 */
bool paste_code_pair(const struct paste_reading *r, const struct flow *flow, struct buf *query);

/* Returns whether the reading is a code and a state of another sign-in. */
bool paste_code_is_other_pair(const struct paste_reading *r);

/*
 * Finds the only word that looks like a code, among words of a language, and appends it to query
 * as "code=…". Nothing proves it. ERR_PASTE_CODE: there is none, or several; ERR_MEMORY.
 */
enum err paste_code_alone(const struct paste_reading *r, struct buf *query) MUST_CHECK;

/*
 * Finds what was copied in a sign-in that ends with a code: the only address that brings one, as
 * it stands, else the only word that may be one. Appends it to out. ERR_PASTE_NO_CODE: there is
 * none, or several; ERR_PASTE_LONG; ERR_MEMORY.
 */
enum err paste_code_typed(const struct paste_reading *r, struct buf *out) MUST_CHECK;

#endif
