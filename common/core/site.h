/*
 * Where a request arrived: which opencode of the configuration, under which
 * public origin, and whether the sender is that origin itself.
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
	bool usable;		     /* secure, or a loopback name: sign-ins are possible */
};

/*
 * Finds the site from the configured URLs and the request.
 * A trusted proxy's word on host and scheme counts before what the web server says.
 * ERR_HOST: the Host header is missing, malformed, or names none of the configured sites.
 */
enum err
site_find(const struct config *config, const struct request *request, struct site *site) MUST_CHECK;

#endif
