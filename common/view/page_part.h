/*
 * The parts that pages share: the frame around each page, names, and pieces that stand on more
 * than one page.
 */
#ifndef PAGE_PART_H
#define PAGE_PART_H

#include "flow/flow.h"
#include "util/buf.h"
#include "view/page_list.h"
#include "view/page_site.h"

#define PAGE_TEXT_MAX	  2048 /* bytes of a title, or of a name in a text, before escaping */
#define PAGE_RELOAD_NEVER 0    /* for a page that does not reload itself */

enum page_mood { MOOD_GOOD, MOOD_WAIT, MOOD_WARN, MOOD_BAD };

/* Appends everything up to and including <main>. title is a text, to which the name of the
 * product is added. reload: seconds until the page reloads itself, or PAGE_RELOAD_NEVER. */
void page_part_open(struct buf *out, const struct page_site *site, const char *title, int reload);

/* Closes what page_part_open() opened. Returns the error of out, if any. */
enum err page_part_close(struct buf *out);

/* Appends an icon for the mood; it says nothing that the text beside it does not say. */
void page_part_sign(struct buf *out, enum page_mood mood);

/* Appends a link to opencode itself, as a button. */
void page_part_back(struct buf *out);

/* Returns the name of the other side of a flow. MCP servers and hosts of terminals are named as
 * given. */
const char *page_part_name(enum flow_kind kind, bool mcp, const char *provider);

/* Appends a row of a list, which leads to a waiting flow. */
void page_part_waiting_row(struct buf *out, const struct page_site *site,
			   const struct page_list_item *item);

/* Appends the beginning of the form with which the user confirms something about a flow, up to its
 * button. callback: the response that it sends back, or NULL. */
void page_part_confirm(struct buf *out, const struct page_site *site, const char *id,
		       const char *callback);

/* Appends the title and advice of an error in front of its input box, for
 * aria-describedby="problem". Appends nothing for ERR_OK. */
void page_part_refusal(struct buf *out, enum err problem);

#endif
