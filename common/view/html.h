/*
 * Writing HTML into a buffer so that nothing from outside can become markup:
 * text goes in through html_add(), which escapes it, and there is no other way.
 */
#ifndef HTML_H
#define HTML_H

#include <stdint.h>

#include "util/buf.h"

/* Appends text with & < > " ' as character references: fit for content and for quoted attributes.
 */
void html_text(struct buf *out, const char *text);

/*
 * Appends markup. In it %s is a text, which is escaped, and %% a percent sign;
 * nothing else is known. What goes wrong sticks in the buffer.
 */
void html_add(struct buf *out, const char *markup, ...) __attribute__((format(printf, 2, 3)));

/* Appends a length of time in words: "45 seconds", "1 minute", "5 minutes". */
void html_duration(struct buf *out, int64_t seconds);

#endif
