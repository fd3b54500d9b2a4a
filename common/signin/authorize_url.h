/*
 * Reads the authorize URL (RFC 6749 section 4.1.1), which opencode returns from a begin and a
 * terminal prints. It tells where the provider will send the authorization response, and so how
 * that reaches us.
 */
#ifndef AUTHORIZE_URL_H
#define AUTHORIZE_URL_H

#include "config/config.h"
#include "flow/flow.h"
#include "util/error.h"

/* The parts of a redirect URI of our own: this origin, mount point, one of callback_paths. */
struct authorize_site {
	const char *origin;
	const char *mount;
	const struct config *config;
};

/*
 * Fills in the members of a flow that come from an authorize URL: id, response_type, stateless,
 * direct, redirect_*, authorize_origin. The URL must be http or https without credentials, and
 * have response_type=code or token, or none and the redirect URI of a listener, which may have
 * another name then, such as callback_url. Its redirect URI must be plain http on a loopback name
 * with a port from 1024 (RFC 8252 section 7.3), or ours, or exactly that of our relay
 * (flow_relayed()). own is NULL if no redirect URI can be ours. ERR_ADOPT_TEXT: not an authorize
 * URL. ERR_ADOPT_FORM: the response would be a form (OAuth 2.0 Form Post Response Mode), which
 * nobody can copy. ERR_ADOPT_CALLBACK: the authorization response instead. ERR_ADOPT_REDIRECT: the
 * response would not reach us. ERR_MEMORY.
 */
enum err
authorize_url_read(const char *url, const struct authorize_site *own, struct flow *flow) MUST_CHECK;

/*
 * Fills in id and authorize_origin of a sign-in that ends with a code to copy. Its URL may be any
 * page of http or https, so the id is random. ERR_ADOPT_TEXT: it is none; ERR_MEMORY.
 */
enum err authorize_url_read_typed(const char *url, struct flow *flow) MUST_CHECK;

#endif
