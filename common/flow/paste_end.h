/*
 * Finds where a URL ends in a pasted text, from where on nothing proves what belongs to it: what
 * follows may be the rest of its last parameter, its next line, or words, brackets and marks that
 * stand around it.
 */
#ifndef PASTE_END_H
#define PASTE_END_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/paste_reading.h"

struct paste_end {
	size_t start;  /* of the URL */
	size_t sure;   /* up to here all belongs to it */
	bool eager;    /* what may be its next line is */
	bool doubtful; /* set if it, or its code or token, ends where it may go on */
	bool escaped;  /* set if it ends at a sign that may escape the next one */
};

/* Returns the index behind the URL's last character, at least end->sure. */
size_t paste_end_find(const struct paste_reading *r, struct paste_end *end);

#endif
