/*
 * Finds the listener behind a public redirect URI: opencode 2 takes the response only there.
 */
#ifndef FIND_LISTENER_H
#define FIND_LISTENER_H

#include "core/context.h"
#include "opencode/listeners.h"

/*
 * Fills in redirect_host and redirect_port of a direct flow that opencode has just begun. before:
 * where opencode listened until then. Without the plugin's word, tries the ports that opencode
 * takes for such a redirect URI: that of the configuration that we recommend, and the URI's own.
 * ERR_BEGIN_LISTENER: nobody knows.
 */
enum err find_listener(const struct context *x, const struct listeners *before,
		       struct flow *flow) MUST_CHECK;

#endif
