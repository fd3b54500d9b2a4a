#include "address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curl_lib.h"
#include "query.h"
#include "secret.h"

#define LOOPBACK_PORT_MIN 1024

/* Copies one part; a missing one is "". False if it does not fit. */
static bool
copy_part(const struct curl_lib *lib, CURLU *u, CURLUPart part, char *out, size_t size)
{
	char *text = NULL;
	bool fits = true;

	out[0] = '\0';
	if (lib->curl_url_get(u, part, &text, 0) != CURLUE_OK)
		return true;
	if (strlen(text) < size)
		memcpy(out, text, strlen(text) + 1);
	else
		fits = false;
	lib->curl_free(text);
	return fits;
}

static bool
part_given(const struct curl_lib *lib, CURLU *u, CURLUPart part)
{
	char *text = NULL;
	bool given = lib->curl_url_get(u, part, &text, 0) == CURLUE_OK;

	lib->curl_free(text);
	return given;
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
}

static enum err
copy_query(const struct curl_lib *lib, CURLU *u, struct address *out)
{
	char *text = NULL;

	if (lib->curl_url_get(u, CURLUPART_QUERY, &text, 0) != CURLUE_OK)
		return ERR_OK;
	out->query = strdup(text);
	secret_wipe(text, strlen(text));
	lib->curl_free(text);
	return out->query == NULL ? ERR_MEMORY : ERR_OK;
}

enum err
address_parse(const char *text, struct address *out)
{
	const struct curl_lib *lib = curl_lib();
	enum err err = ERR_PASTE_TEXT;
	char port[8];
	CURLU *u;

	*out = (struct address){.query = NULL};
	if (lib == NULL || (u = lib->curl_url()) == NULL)
		return ERR_MEMORY;
	if (lib->curl_url_set(u, CURLUPART_URL, text,
			      CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		goto out;
	if (!copy_part(lib, u, CURLUPART_SCHEME, out->scheme, sizeof(out->scheme)) ||
	    !copy_part(lib, u, CURLUPART_HOST, out->host, sizeof(out->host)) ||
	    !copy_part(lib, u, CURLUPART_PORT, port, sizeof(port)) ||
	    !copy_part(lib, u, CURLUPART_PATH, out->path, sizeof(out->path)))
		goto out;
	lower(out->scheme);
	lower(out->host);
	out->has_user =
	    part_given(lib, u, CURLUPART_USER) || part_given(lib, u, CURLUPART_PASSWORD);
	out->has_fragment = part_given(lib, u, CURLUPART_FRAGMENT);
	out->port_given = port[0] != '\0';
	out->port = out->port_given			? (int)strtol(port, NULL, 10)
		    : strcmp(out->scheme, "https") == 0 ? 443
							: 80;
	err = copy_query(lib, u, out);
out:
	lib->curl_url_cleanup(u);
	return err;
}

void
address_free(struct address *a)
{
	if (a->query != NULL)
		secret_wipe(a->query, strlen(a->query));
	free(a->query);
	a->query = NULL;
}

bool
address_origin(const struct address *a, char *out, size_t size)
{
	bool own_port = a->port == (strcmp(a->scheme, "https") == 0 ? 443 : 80);
	int len = own_port ? snprintf(out, size, "%s://%s", a->scheme, a->host)
			   : snprintf(out, size, "%s://%s:%d", a->scheme, a->host, a->port);

	return len > 0 && (size_t)len < size;
}

bool
address_is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
	       strcmp(host, "[::1]") == 0;
}

static bool
read_redirect_uri(const char *text, struct flow *flow)
{
	struct address a;
	bool good = false;
	int len;

	if (address_parse(text, &a) != ERR_OK)
		goto out;
	if (strcmp(a.scheme, "http") != 0 || a.has_user || !address_is_loopback(a.host) ||
	    !a.port_given || a.port < LOOPBACK_PORT_MIN || a.query != NULL || a.has_fragment)
		goto out;
	len = snprintf(flow->redirect_host, sizeof(flow->redirect_host), "%s:%d", a.host, a.port);
	if (len < 0 || (size_t)len >= sizeof(flow->redirect_host))
		goto out;
	flow->redirect_port = a.port;
	memcpy(flow->redirect_path, a.path, sizeof(flow->redirect_path));
	good = true;
out:
	address_free(&a);
	return good;
}

bool
authorize_url_read(const char *url, struct flow *flow)
{
	struct address a;
	struct query q = {.count = 0};
	const char *state, *redirect_uri, *response_type;
	bool good = false;

	if (strlen(url) > FLOW_URL_MAX || address_parse(url, &a) != ERR_OK)
		return false;
	if (strcmp(a.scheme, "https") != 0 && strcmp(a.scheme, "http") != 0)
		goto out;
	if (a.has_user || a.query == NULL ||
	    !address_origin(&a, flow->authorize_origin, sizeof(flow->authorize_origin)))
		goto out;
	if (query_parse(&q, a.query, strlen(a.query), QUERY_STRING) != ERR_OK)
		goto out;
	state = query_get(&q, "state");
	redirect_uri = query_get(&q, "redirect_uri");
	response_type = query_get(&q, "response_type");
	if (state == NULL || state[0] == '\0' || redirect_uri == NULL || response_type == NULL ||
	    strcmp(response_type, "code") != 0 || !read_redirect_uri(redirect_uri, flow))
		goto out;
	flow_id(state, strlen(state), flow->id);
	good = true;
out:
	query_free(&q);
	address_free(&a);
	return good;
}
