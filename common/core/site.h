/*
 * Finds where a request arrived: at which opencode of the configuration, and under which public
 * origin.
 */
#ifndef SITE_H
#define SITE_H

#include <stdbool.h>

#include "config/config.h"
#include "http/request.h"
#include "util/error.h"

struct site {
	const struct config_opencode *opencode;
	char origin[ORIGIN_MAX + 1]; /* "https://opencode.example.com", in lower case */
	bool secure;		     /* the origin is https: cookies are Secure */
	bool usable;		     /* secure, or where [web] http allows sign-ins without */
};

/*
 * Finds the site from the configured URLs and the request. The host and the scheme that a trusted
 * proxy reports take precedence over those of the web server. ERR_HOST: the host is missing,
 * malformed, or none of the configured sites.
 */
enum err
site_find(const struct config *config, const struct request *request, struct site *site) MUST_CHECK;

#endif
