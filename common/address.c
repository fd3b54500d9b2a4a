#include "address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "curl_lib.h"
#include "secret.h"

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

/* Copies a part that may be long and secret; a missing one is NULL. */
static enum err
copy_secret(const struct curl_lib *lib, CURLU *u, CURLUPart part, char **out)
{
	char *text = NULL;

	if (lib->curl_url_get(u, part, &text, 0) != CURLUE_OK)
		return ERR_OK;
	*out = strdup(text);
	secret_wipe(text, strlen(text));
	lib->curl_free(text);
	return *out == NULL ? ERR_MEMORY : ERR_OK;
}

/*
 * libcurl reads hosts and ports as a resolver does: "0x7f.1", "%6cocalhost", "[0:0::1%25lo]" and
 * ":01455" are this machine's to it, and one slash or three are as good as two. Here an address is
 * what it says: scheme, "://", host and port have to come back as they stand in it.
 */
static bool
stands_there(const char *text, const struct address *a, const char *port)
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
	    !copy_part(lib, u, CURLUPART_PATH, out->path, sizeof(out->path)) ||
	    !stands_there(text, out, port))
		goto out;
	/* to libcurl "https:/a.example" is the same; browsers take it for a path of their page */
	if (strncmp(text + strlen(out->scheme), "://", 3) != 0)
		goto out;
	lower(out->scheme);
	lower(out->host);
	out->has_user =
	    part_given(lib, u, CURLUPART_USER) || part_given(lib, u, CURLUPART_PASSWORD);
	out->port_given = port[0] != '\0';
	out->port = out->port_given			? (int)strtol(port, NULL, 10)
		    : strcmp(out->scheme, "https") == 0 ? 443
							: 80;
	err = copy_secret(lib, u, CURLUPART_QUERY, &out->query);
	if (err == ERR_OK)
		err = copy_secret(lib, u, CURLUPART_FRAGMENT, &out->fragment);
out:
	lib->curl_url_cleanup(u);
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
address_free(struct address *a)
{
	free_secret(&a->query);
	free_secret(&a->fragment);
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
address_is_web(const char *text)
{
	struct address a = {.query = NULL};
	bool web = strlen(text) <= FLOW_URL_MAX && address_parse(text, &a) == ERR_OK &&
		   (strcmp(a.scheme, "https") == 0 || strcmp(a.scheme, "http") == 0) && !a.has_user;

	address_free(&a);
	return web;
}

bool
address_is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
	       strcmp(host, "[::1]") == 0;
}
