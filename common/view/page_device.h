/*
 * The page of a sign-in that ends at the provider, mostly with a code that is entered there. No
 * authorization response comes back here.
 */
#ifndef PAGE_DEVICE_H
#define PAGE_DEVICE_H

#include <stdbool.h>

#include "util/buf.h"
#include "view/page_site.h"

struct page_device {
	const char *provider;
	const char *url;	  /* where to sign in */
	const char *instructions; /* opencode's text, or "" */
	bool code;		  /* the text, or the URL, contains a code to enter there */
	const char *query;	  /* as in struct page_start */
};

/* Appends the page to out. Returns the error of out, if any. */
enum err
page_device(struct buf *out, const struct page_site *site, const struct page_device *device);

#endif
