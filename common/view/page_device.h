/*
 * The page of a sign-in by a code that is entered at the provider. No authorization response
 * comes back here.
 */
#ifndef PAGE_DEVICE_H
#define PAGE_DEVICE_H

#include "util/buf.h"
#include "view/page_site.h"

struct page_device {
	const char *provider;
	const char *url;	  /* where to enter the code */
	const char *instructions; /* opencode's text, which contains the code */
	const char *query;	  /* as in struct page_start */
};

/* Appends the page to out. Returns the error of out, if any. */
enum err
page_device(struct buf *out, const struct page_site *site, const struct page_device *device);

#endif
