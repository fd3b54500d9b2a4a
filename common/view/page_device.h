/*
 * A sign-in by a code that is entered at the provider: no answer comes back here.
 */
#ifndef PAGE_DEVICE_H
#define PAGE_DEVICE_H

#include "util/buf.h"
#include "view/page_site.h"

struct page_device {
	const char *provider;
	const char *url;	  /* where to enter it */
	const char *instructions; /* opencode's words, which hold the code */
	const char *query;	  /* as in struct page_start */
};

enum err
page_device(struct buf *out, const struct page_site *site, const struct page_device *device);

#endif
