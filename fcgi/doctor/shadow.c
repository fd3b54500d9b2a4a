#include "doctor/shadow.h"

#include <string.h>
#include <strings.h>

#define SERVER_MAX 128 /* bytes of a Server header that are looked at */

static const struct shadow {
	const char *server;  /* how its Server header begins; empty: there is none */
	const char *missing; /* nothing comes to us */
	const char *above;   /* something comes to us, this path does not */
} shadows[] = {
    {"nginx",
     "nginx: the server { } of this name and port has no line include "
     "/usr/share/opencode-callback/nginx/part.conf; or a return or rewrite stands above it. Make "
     "it the first line there (nginx -T shows all that is read), and reload nginx",
     "nginx: something takes this path before us. Put include "
     "/usr/share/opencode-callback/nginx/part.conf; above every return, rewrite and if of the "
     "server { }; it has the paths of the default callback_paths. Without that file: a location "
     "with = or ^~ wins over a regular expression, and the first regular expression over the "
     "next"},
    {"Apache",
     "Apache: the <VirtualHost> of this name and port has no line Include "
     "/usr/share/opencode-callback/apache/part.conf, or a RewriteRule or Redirect of every path "
     "stands above it. Make it the first line there (apachectl -S shows which <VirtualHost> "
     "answers), and reload Apache",
     "Apache: something takes this path before us. Put Include "
     "/usr/share/opencode-callback/apache/part.conf above every RewriteRule and Redirect of the "
     "<VirtualHost>; it has the paths of the default callback_paths. Without that file: ProxyPass "
     "\"/\" must stand below the lines for our paths"},
    {"Caddy",
     "Caddy: the block of this name has no line import "
     "/usr/share/opencode-callback/caddy/part.Caddyfile, or it stands inside a handle or route "
     "that this path does not come to. Put it into the block itself, and reload Caddy",
     "Caddy: something takes this path before us: a handle whose path is this one or longer, a "
     "redir, or a handle around the line import "
     "/usr/share/opencode-callback/caddy/part.Caddyfile. Put that line into the block itself, and "
     "take the other handle away"},
    {"lighttpd",
     "lighttpd: the condition of this name has no line include "
     "\"/usr/share/opencode-callback/lighttpd/part.conf\", or mod_fastcgi is not loaded "
     "(lighttpd-enable-mod fastcgi setenv). Make it the last line there, and restart lighttpd",
     "lighttpd: a condition below ours takes this path. Make include "
     "\"/usr/share/opencode-callback/lighttpd/part.conf\" the last line of the condition of this "
     "name; what must stay below it should not match our paths"},
    /* HAProxy does not name itself */
    {"",
     "if this is HAProxy: the frontend of this name has no line use_backend opencode_callback, "
     "or another use_backend stands above it. Paste the three blocks of "
     "/usr/share/opencode-callback/haproxy/part.cfg, the second one above every use_backend, and "
     "reload HAProxy",
     "if this is HAProxy: another use_backend takes this path before us. Put use_backend "
     "opencode_callback above it"},
};

void
shadow_advise(struct examination *d, const struct probe *v, bool all)
{
	int status = probe_status(v);
	char server[SERVER_MAX];

	if (status == 0 || (status >= 502 && status <= 504))
		return;
	probe_header(v, "Server", server, sizeof(server));
	for (size_t i = 0; i < sizeof(shadows) / sizeof(shadows[0]); i++) {
		const struct shadow *p = &shadows[i];
		size_t len = strlen(p->server);

		if (len == 0 ? server[0] == '\0' : strncasecmp(server, p->server, len) == 0)
			examination_advise(d, "%s", all ? p->missing : p->above);
	}
}
