/*
 * What the pages share: the frame around each, names, and pieces that stand on
 * more than one.
 */
#ifndef PAGE_PART_H
#define PAGE_PART_H

#include "flow/flow.h"
#include "util/buf.h"
#include "view/page_list.h"
#include "view/page_site.h"

#define PAGE_TEXT_MAX	  2048 /* bytes of a title, or of a name in a text, before escaping */
#define PAGE_RELOAD_NEVER 0    /* seconds after which a page reloads itself */

enum page_mood { MOOD_GOOD, MOOD_WAIT, MOOD_WARN, MOOD_BAD };

/* Everything up to and with <main>. title is a text; the product's name is put behind it. */
void page_part_open(struct buf *out, const struct page_site *site, const char *title, int reload);

/* Closes what page_part_open() opened. Returns what went wrong with the buffer, if anything. */
enum err page_part_close(struct buf *out);

/* A drawn sign for the mood; it says nothing that the text beside it does not say. */
void page_part_sign(struct buf *out, enum page_mood mood);

/* A link back to opencode itself, as a button. */
void page_part_back(struct buf *out);

/* What to call the other side of a flow: an MCP server and a terminal's host are called as given.
 */
const char *page_part_name(enum flow_kind kind, const char *provider);

/* A row of a list that leads to a waiting flow. */
void page_part_waiting_row(struct buf *out, const struct page_site *site,
			   const struct page_list_item *item);

/* A refused entry, in front of its box: title and advice, found by aria-describedby="problem". */
void page_part_refusal(struct buf *out, enum err problem);

#endif
