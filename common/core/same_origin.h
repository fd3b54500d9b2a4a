/*
 * Whether a request comes from a page of our own: by Sec-Fetch-Site (Fetch Metadata), from older
 * browsers by Origin (RFC 6454).
 */
#ifndef SAME_ORIGIN_H
#define SAME_ORIGIN_H

#include <stdbool.h>

#include "core/site.h"
#include "http/request.h"

/* Whether the browser says that a page of our own sent this request. */
bool same_origin_is(const struct site *site, const struct request *request);

/* Whether the browser says that another site did. A request that says nothing did not. */
bool same_origin_cross_site(const struct site *site, const struct request *request);

/* Whether a form of another site may have sent this: it can send anything but JSON without asking
 * first (Fetch standard, CORS-preflight). */
bool same_origin_foreign_form(const struct site *site, const struct request *request);

#endif
