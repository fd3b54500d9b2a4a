#include "doctor/shadow.h"

#include <string.h>
#include <strings.h>

#define SERVER_MAX 128 /* bytes of a Server header that are looked at */

static const struct shadow {
	const char *server;  /* how its Server header begins */
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
};

void
shadow_advise(struct examination *d, const struct probe *v, bool all)
{
	int status = probe_status(v);
	char server[SERVER_MAX];

	if (status == 0 || (status >= 502 && status <= 504) ||
	    probe_header(v, "Server", server, sizeof(server)) == 0)
		return;
	for (size_t i = 0; i < sizeof(shadows) / sizeof(shadows[0]); i++) {
		const struct shadow *p = &shadows[i];

		if (strncasecmp(server, p->server, strlen(p->server)) == 0)
			examination_advise(d, "%s", all ? p->missing : p->above);
	}
}
