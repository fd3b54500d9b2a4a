#include "core/site.h"

#include <string.h>
#include <strings.h>

#include "core/client.h"
#include "http/forwarded.h"
#include "http/origin.h"
#include "http/request.h"
#include "util/text.h"

static void
site_set(const struct config *config, struct site *site, const char *scheme, const char *authority)
{
	char text[ORIGIN_MAX + 1];

	if (!text_join(text, sizeof(text), scheme, authority) || !origin_read(text, site->origin))
		site->origin[0] = '\0';
	site->secure = strncmp(site->origin, "https://", 8) == 0;
	site->usable = site->secure || origin_host_is_loopback(authority) ||
		       (config->http == HTTP_PRIVATE && origin_host_is_private(authority));
}

/* Where the browser sent its request, as far as known. */
struct target {
	const char *host;	    /* NULL if unknown */
	const char *scheme;	    /* "http://" or "https://"; NULL if no proxy reports it */
	char named[ORIGIN_MAX + 1]; /* the host, if a proxy reported it */
};

/* Copies the last item of a list to out; "" if there is none or it does not fit. */
static void
copy_last(const char *list, char *out, size_t size)
{
	size_t len = list == NULL ? 0 : strlen(list);
	struct list_item item;

	out[0] = '\0';
	if (!forwarded_take_last(list, &len, &item) || item.len >= size)
		return;
	memcpy(out, item.text, item.len);
	out[item.len] = '\0';
}

/* Reads host and scheme from the nearest proxy, if it is trusted. Ignores malformed values. */
static void
ask_proxy(const struct config *config, const struct request *request, struct target *target)
{
	bool standard = config->proxy_header == PROXY_FORWARDED;
	struct authority authority;
	struct forwarded said;

	if (standard ? request->forwarded == NULL
		     : request->x_forwarded_host == NULL && request->x_forwarded_proto == NULL)
		return;
	if (!client_peer_trusted(config, request))
		return;
	if (standard && !forwarded_last(request->forwarded, &said))
		return;
	if (!standard) {
		copy_last(request->x_forwarded_host, said.host, sizeof(said.host));
		copy_last(request->x_forwarded_proto, said.proto, sizeof(said.proto));
	}
	if (strcasecmp(said.proto, "https") == 0)
		target->scheme = "https://";
	else if (strcasecmp(said.proto, "http") == 0)
		target->scheme = "http://";
	if (origin_authority_read(said.host, &authority)) {
		memcpy(target->named, said.host, strlen(said.host) + 1);
		target->host = target->named;
	}
}

/*
 * Detects the origin if no url is configured. In a same-origin request, Origin is what the
 * browser itself reports. Otherwise the scheme is what a trusted proxy reports, else what the web
 * server reports; else it is https if a host other than loopback gets Sec-Fetch-Site, which
 * browsers send only if the connection is secure or loopback.
 */
static void
site_detect(const struct config *config, const struct request *request, const struct target *target,
	    const struct authority *host, struct site *site)
{
	const char *named = request->origin == NULL ? NULL : origin_authority(request->origin);
	struct authority origin;

	if (named != NULL && request_same_origin(request) &&
	    origin_authority_read(named, &origin) && origin.name_len == host->name_len &&
	    strncasecmp(origin.name, host->name, host->name_len) == 0) {
		site_set(config, site, named == request->origin + 8 ? "https://" : "http://",
			 named);
		return;
	}
	if (target->scheme != NULL)
		site_set(config, site, target->scheme, target->host);
	else if (request->https ||
		 (request->sec_fetch_site != NULL && !origin_host_is_loopback(target->host)))
		site_set(config, site, "https://", target->host);
	else
		site_set(config, site, "http://", target->host);
}

/* Returns whether the host names this origin. If exact, the ports must match too, where a missing
 * port is the default of the scheme. */
static bool
host_names(const struct authority *host, const char *origin, bool exact)
{
	const char *authority = origin_authority(origin);
	const char *own_port = authority == origin + 8 ? "443" : "80";
	struct authority own, given = *host;

	if (authority == NULL || !origin_authority_read(authority, &own))
		return false;
	if (exact && given.port[0] == '\0')
		given.port = own_port;
	if (exact && own.port[0] == '\0')
		own.port = own_port;
	return origin_authority_same(&given, &own);
}

enum err
site_find(const struct config *config, const struct request *request, struct site *site)
{
	struct target target = {.host = request->host};
	struct authority host;

	*site = (struct site){.opencode = &config->opencode[0]};
	ask_proxy(config, request, &target);
	if (target.host == NULL || !origin_authority_read(target.host, &host))
		return ERR_HOST;
	if (config->opencode_count == 1 && config->opencode[0].url[0] == '\0') {
		site_detect(config, request, &target, &host, site);
		return ERR_OK;
	}
	/* a Host header may lack its port, so a match by name alone comes second */
	for (int exact = 1; exact >= 0; exact--)
		for (size_t i = 0; i < config->opencode_count; i++) {
			const char *url = config->opencode[i].url;
			const char *authority = origin_authority(url);

			if (!host_names(&host, url, exact == 1))
				continue;
			site->opencode = &config->opencode[i];
			site_set(config, site, authority == url + 8 ? "https://" : "http://",
				 authority);
			return ERR_OK;
		}
	return ERR_HOST;
}
