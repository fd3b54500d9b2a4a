#include "flow/url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/curl_lib.h"
#include "util/secret.h"

/* Gets one part, to be freed with curl_free(); a missing one is NULL. ERR_MEMORY. */
static enum err
get_part(const struct curl_lib *lib, CURLU *u, CURLUPart part, char **text)
{
	CURLUcode result;

	*text = NULL;
	result = lib->curl_url_get(u, part, text, 0);
	return result == CURLUE_OUT_OF_MEMORY ? ERR_MEMORY : ERR_OK;
}

/* Copies one part; a missing one is "". ERR_PASTE_TEXT: it does not fit; ERR_MEMORY. */
static enum err
copy_part(const struct curl_lib *lib, CURLU *u, CURLUPart part, char *out, size_t size)
{
	char *text;
	enum err err = get_part(lib, u, part, &text);

	out[0] = '\0';
	if (text == NULL)
		return err;
	if (strlen(text) < size)
		memcpy(out, text, strlen(text) + 1);
	else
		err = ERR_PASTE_TEXT;
	lib->curl_free(text);
	return err;
}

/* Sets *given if there is such a part. */
static enum err
look_part(const struct curl_lib *lib, CURLU *u, CURLUPart part, bool *given)
{
	char *text;
	enum err err = get_part(lib, u, part, &text);

	*given = *given || text != NULL;
	lib->curl_free(text);
	return err;
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
}

/* Copies a part that may be long and secret; a missing one leaves *out NULL. */
static enum err
copy_secret(const struct curl_lib *lib, CURLU *u, CURLUPart part, char **out)
{
	char *text;
	enum err err = get_part(lib, u, part, &text);

	if (text == NULL)
		return err;
	*out = strdup(text);
	secret_wipe(text, strlen(text));
	lib->curl_free(text);
	return *out == NULL ? ERR_MEMORY : ERR_OK;
}

/*
 * libcurl reads hosts and ports as a resolver does: to it, "0x7f.1", "%6cocalhost",
 * "[0:0::1%25lo]" and ":01455" are this machine's, and one slash or three are as good as two.
 * Here a URL must mean what it says: libcurl must give back scheme, "://", host and port as they
 * are written.
 */
static bool
stands_there(const char *text, const struct url *a, const char *port)
{
	size_t host_len = strlen(a->host), len;
	const char *authority = text + strlen(a->scheme), *at;

	if (strncmp(authority, "://", 3) != 0)
		return false;
	authority += 3;
	len = strcspn(authority, "/?#");
	at = memrchr(authority, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - authority);
		authority = at + 1;
	}
	if (len < host_len || strncasecmp(authority, a->host, host_len) != 0)
		return false;
	if (port[0] == '\0')
		return len == host_len;
	return authority[host_len] == ':' && len - host_len - 1 == strlen(port) &&
	       strncmp(authority + host_len + 1, port, strlen(port)) == 0;
}

enum err
url_parse(const char *text, struct url *out)
{
	const struct curl_lib *lib = curl_lib();
	enum err err;
	CURLUcode result;
	char port[8];
	CURLU *u;

	*out = (struct url){.query = NULL};
	if (lib == NULL || (u = lib->curl_url()) == NULL)
		return ERR_MEMORY;
	result =
	    lib->curl_url_set(u, CURLUPART_URL, text, CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME);
	if (result != CURLUE_OK) {
		err = result == CURLUE_OUT_OF_MEMORY ? ERR_MEMORY : ERR_PASTE_TEXT;
		goto out;
	}
	if ((err = copy_part(lib, u, CURLUPART_SCHEME, out->scheme, sizeof(out->scheme))) !=
		ERR_OK ||
	    (err = copy_part(lib, u, CURLUPART_HOST, out->host, sizeof(out->host))) != ERR_OK ||
	    (err = copy_part(lib, u, CURLUPART_PORT, port, sizeof(port))) != ERR_OK ||
	    (err = copy_part(lib, u, CURLUPART_PATH, out->path, sizeof(out->path))) != ERR_OK ||
	    (err = look_part(lib, u, CURLUPART_USER, &out->has_user)) != ERR_OK ||
	    (err = look_part(lib, u, CURLUPART_PASSWORD, &out->has_user)) != ERR_OK)
		goto out;
	if (!stands_there(text, out, port)) {
		err = ERR_PASTE_TEXT;
		goto out;
	}
	lower(out->scheme);
	lower(out->host);
	out->port_given = port[0] != '\0';
	out->port = out->port_given			? (int)strtol(port, NULL, 10)
		    : strcmp(out->scheme, "https") == 0 ? 443
							: 80;
	err = copy_secret(lib, u, CURLUPART_QUERY, &out->query);
	if (err == ERR_OK)
		err = copy_secret(lib, u, CURLUPART_FRAGMENT, &out->fragment);
out:
	lib->curl_url_cleanup(u);
	if (err != ERR_OK)
		url_free(out);
	return err;
}

static void
free_secret(char **text)
{
	if (*text != NULL)
		secret_wipe(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void
url_free(struct url *a)
{
	free_secret(&a->query);
	free_secret(&a->fragment);
}

bool
url_origin(const struct url *a, char *out, size_t size)
{
	bool own_port = a->port == (strcmp(a->scheme, "https") == 0 ? 443 : 80);
	int len = own_port ? snprintf(out, size, "%s://%s", a->scheme, a->host)
			   : snprintf(out, size, "%s://%s:%d", a->scheme, a->host, a->port);

	return len > 0 && (size_t)len < size;
}

bool
url_is_web(const char *text)
{
	struct url a = {.query = NULL};
	bool web = strlen(text) <= FLOW_URL_MAX && url_parse(text, &a) == ERR_OK &&
		   (strcmp(a.scheme, "https") == 0 || strcmp(a.scheme, "http") == 0) && !a.has_user;

	url_free(&a);
	return web;
}

bool
url_is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
	       strcmp(host, "[::1]") == 0;
}
