/*
 * Decides whether a request comes from one of our own pages: by Sec-Fetch-Site (Fetch Metadata),
 * or by Origin (RFC 6454) if an older browser sends no Sec-Fetch-Site.
 */
#ifndef SAME_ORIGIN_H
#define SAME_ORIGIN_H

#include <stdbool.h>

#include "core/site.h"
#include "http/request.h"

/* Returns whether the browser says that one of our own pages sent this request. */
bool same_origin_is(const struct site *site, const struct request *request);

/* Returns whether the browser says that another site sent this request. False if not stated. */
bool same_origin_cross_site(const struct site *site, const struct request *request);

/* Returns whether a form of another site may have sent this request: a form can send anything but
 * JSON without asking first (Fetch standard, CORS-preflight). */
bool same_origin_foreign_form(const struct site *site, const struct request *request);

#endif
