/*
 * The steps from one reading of a pasted text to the next: each takes off one kind of escape.
 */
#ifndef PASTE_ESCAPE_H
#define PASTE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/paste_reading.h"

/*
 * Each writes bytes and the line ends before them to out, which paste_reading_write() makes the
 * next reading of. False: there was nothing to take off.
 */
bool paste_escape_entities(const struct paste_reading *r, struct paste_reading *out);
bool paste_escape_backslashes(const struct paste_reading *r, struct paste_reading *out);
bool paste_escape_percent(const struct paste_reading *r, struct paste_reading *out);

/*
 * Takes off quoted-printable (RFC 2045 section 6.7), from a text as it was pasted. whole: only if
 * each '=' of the text is one of its own.
 */
bool
paste_escape_quoted_printable(const char *text, size_t len, bool whole, struct paste_reading *out);

/* Returns the length of an HTML entity that text begins with, else 0. */
size_t paste_escape_entity(const char *text);

/* Appends a byte, and the mark of a line end before it, to out. */
void paste_escape_put(struct paste_reading *out, char c, unsigned short line);

#endif
