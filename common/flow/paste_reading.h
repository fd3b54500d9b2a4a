/*
 * A reading of a pasted text: its bytes as a person sees them. Signs that show nothing are left
 * out, all blanks are one, and a line end is a mark on the character after it, so that a URL that
 * several lines hold is one piece.
 */
#ifndef PASTE_READING_H
#define PASTE_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "http/query.h"

#define PASTE_MAX   FORM_VALUE_MAX /* bytes of a pasted text */
#define PASTE_OTHER '\x01'	   /* in a reading: a letter or sign outside ASCII */

/*
 * What is known of the beginning of a line at a character. All other values: a line begins that may
 * continue the one before, which has one column less than the value.
 */
#define PASTE_LINE_NONE 0      /* no line begins here */
#define PASTE_LINE_HARD 0xffff /* a line begins after an empty one */

struct paste_reading {
	size_t len;
	bool blanks_joined;		/* every blank was taken for a line end */
	char text[PASTE_MAX + 1];	/* visible ASCII, ' ', PASTE_OTHER; NUL-terminated */
	unsigned short line[PASTE_MAX]; /* for each character, PASTE_LINE_… or a width */
};

/*
 * Writes the reading of bytes (UTF-8; up to PASTE_MAX) to out. line marks the line ends that an
 * earlier reading knew, or is NULL: only then, marks of quoting and frames at the ends of lines
 * are left out. full_width: letters and signs of East Asian width are taken for ASCII.
 */
void paste_reading_write(struct paste_reading *out, const char *bytes, const unsigned short *line,
			 size_t len, bool full_width);

/* Takes every blank for a line end, as a browser makes blanks of line ends in a text box. */
void paste_reading_join_blanks(struct paste_reading *r);

/* Returns the character at index i; ' ' behind the last one. */
char paste_reading_at(const struct paste_reading *r, size_t i);

/* Returns whether c cannot stand in a URL and parts it from what is around it. */
bool paste_reading_parts(char c);

/* Returns whether the text before index at ends with word; nocase: in either case. */
bool paste_reading_ends(const struct paste_reading *r, size_t at, const char *word, bool nocase);

/* Returns whether the text at index at begins with word. */
bool paste_reading_begins(const struct paste_reading *r, size_t at, const char *word);

#endif
