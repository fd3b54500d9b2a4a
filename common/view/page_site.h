/*
 * Where the pages are. Each page is a module of its own: its function appends one complete HTML
 * document to a buffer, and escapes everything that came from outside. No page needs a script.
 */
#ifndef PAGE_SITE_H
#define PAGE_SITE_H

#include <stdbool.h>

struct page_site {
	const char *base;   /* mount point and prefix, such as "/signin", without a final slash */
	const char *origin; /* public origin: "https://opencode.example.com" */
	bool relay;	    /* only a relay: there is no opencode under this origin */
};

#endif
