/*
 * Writes HTML into a buffer. Text from outside cannot become markup: it goes in through
 * html_add(), which escapes it, and in no other way.
 */
#ifndef HTML_H
#define HTML_H

#include <stdint.h>

#include "util/buf.h"

/* Appends text with & < > " ' as character references, for content and for quoted attributes. */
void html_text(struct buf *out, const char *text);

/* Appends markup. %s inserts a text, escaped; %% inserts a percent sign; there are no other
 * conversions. Errors stay in out->err. */
void html_add(struct buf *out, const char *markup, ...) __attribute__((format(printf, 2, 3)));

/* Appends a duration in words: "45 seconds", "5 minutes", "2 hours". */
void html_duration(struct buf *out, int64_t seconds);

#endif
