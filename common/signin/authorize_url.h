/*
 * The authorize URL (RFC 6749 section 4.1.1): what opencode answers a begin
 * with, and what a terminal prints. It says where the provider will send its
 * answer, and so how that comes home.
 */
#ifndef AUTHORIZE_URL_H
#define AUTHORIZE_URL_H

#include "config/config.h"
#include "flow/flow.h"
#include "util/error.h"

/* What a redirect URI of our own looks like: this origin, mount point, one of callback_paths. */
struct authorize_site {
	const char *origin;
	const char *mount;
	const struct config *config;
};

/*
 * Fills the parts of a flow that stand in an authorize URL: id, answer,
 * stateless, direct, redirect_*, authorize_origin. Only http or https without
 * credentials; with response_type=code or token; with a redirect URI that is
 * exactly http on a loopback name with a port from 1024 (RFC 8252 section 7.3),
 * or ours, or that of our relay (flow_relayed()), word for word. own: NULL if nothing can be ours.
 * ERR_ADOPT_TEXT: no authorize URL. ERR_ADOPT_CALLBACK: the answer to one.
 * ERR_ADOPT_REDIRECT: one that comes back elsewhere.
 */
enum err
authorize_url_read(const char *url, const struct authorize_site *own, struct flow *flow) MUST_CHECK;

#endif
