/*
 * Whether a page is the page that we wrote: what came from outside stands in it
 * as text, and nowhere as markup.
 */
#ifndef MARKUP_H
#define MARKUP_H

#include <stddef.h>

/*
 * Holds a whole document against what our pages are made of: known elements,
 * each closed in its turn, quoted attributes none of which runs a script, links
 * that are http, https or a path, one script of our own, no '<', '>' or '&' besides.
 */
void markup_check(const char *text, size_t len);

#endif
