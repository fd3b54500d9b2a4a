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

/*
 * Reads "CODE#STATE" or "CODE STATE", if the state is the flow's, and appends the response to
 * query; the names that they lack are added. False: the text is none of these, or a buffer is
 * full, which query->err tells.
 */
bool paste_code_pair(const struct paste_reading *r, const struct flow *flow, struct buf *query);

/* Returns whether the reading is a code and a state of another sign-in. */
bool paste_code_is_other_pair(const struct paste_reading *r);

/*
 * Reads a code that stands alone, in quotation marks or brackets or behind "code=", and appends it
 * to query as "code=…". Nothing proves it: a word of PASTE_CODE_MIN characters, with a digit or
 * with letters of both cases, only looks like one. ERR_PASTE_CODE: the text does not; ERR_MEMORY.
 */
enum err paste_code_alone(const struct paste_reading *r, struct buf *query) MUST_CHECK;

/*
 * Reads what was pasted in a sign-in that ends with a code to copy: one word, whatever it looks
 * like, or the only one that holds "code=". Appends it to out as it stands, without quotation marks
 * and brackets around it. ERR_PASTE_NO_CODE: there is no such word, it is shorter than
 * PASTE_TYPED_MIN, or it is an authorize URL; ERR_PASTE_LONG; ERR_MEMORY.
 */
enum err paste_code_typed(const struct paste_reading *r, struct buf *out) MUST_CHECK;

#define PASTE_TYPED_MIN 4  /* characters */
#define PASTE_CODE_MIN	10 /* characters of a code that stands alone */

#endif
