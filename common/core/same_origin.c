#include "core/same_origin.h"

#include <string.h>
#include <strings.h>

#include "http/origin.h"

/*
 * Compares Origin, for older browsers that send no Sec-Fetch-Site. It must equal a configured
 * url, apart from case. Against a detected origin, only scheme, name and known port must match,
 * because a Host header may lack the port.
 */
static bool
origin_is_ours(const struct site *site, const struct request *request)
{
	const char *theirs = origin_authority(request->origin),
		   *ours = origin_authority(site->origin);
	struct authority a, b;

	if (strcasecmp(request->origin, site->origin) == 0)
		return true;
	if (site->opencode->url[0] != '\0' || theirs == NULL || ours == NULL)
		return false;
	return (theirs - request->origin) == (ours - site->origin) &&
	       origin_authority_read(theirs, &a) && origin_authority_read(ours, &b) &&
	       origin_authority_same(&a, &b);
}

bool
same_origin_is(const struct site *site, const struct request *request)
{
	if (request->sec_fetch_site != NULL)
		return request_same_origin(request);
	return request->origin != NULL && origin_is_ours(site, request);
}

bool
same_origin_cross_site(const struct site *site, const struct request *request)
{
	if (request->sec_fetch_site != NULL)
		return !request_same_origin(request) &&
		       strcmp(request->sec_fetch_site, "none") != 0;
	return request->origin != NULL && !origin_is_ours(site, request);
}

bool
same_origin_foreign_form(const struct site *site, const struct request *request)
{
	static const char json[] = "application/json";
	const char *type = request->content_type;

	if (!same_origin_cross_site(site, request))
		return false;
	return type == NULL || strncasecmp(type, json, sizeof(json) - 1) != 0 ||
	       (type[sizeof(json) - 1] != '\0' && type[sizeof(json) - 1] != ';');
}
