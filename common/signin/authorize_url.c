#include "signin/authorize_url.h"

#include <stdio.h>
#include <string.h>

#include "flow/url.h"
#include "http/query.h"
#include "util/secret.h"

#define LOOPBACK_PORT_MIN 1024

static bool
is_listener(const struct url *a)
{
	return strcmp(a->scheme, "http") == 0 && url_is_loopback(a->host) && a->port_given &&
	       a->port >= LOOPBACK_PORT_MIN;
}

/* Returns the path behind the mount point if the redirect URI is one of ours, else NULL. */
static const char *
own_path(const struct url *a, const struct authorize_site *own)
{
	char origin[FLOW_ORIGIN_MAX + 1];
	size_t mount_len;

	if (own == NULL || !url_origin(a, origin, sizeof(origin)) ||
	    strcmp(origin, own->origin) != 0)
		return NULL;
	mount_len = strlen(own->mount);
	if (strncmp(a->path, own->mount, mount_len) != 0 ||
	    !config_callback_path(own->config, a->path + mount_len))
		return NULL;
	return a->path + mount_len;
}

static enum err
read_redirect_uri(const char *text, const struct authorize_site *own, struct flow *flow)
{
	struct url a;
	const char *path;
	enum err err;
	int len;

	if (own != NULL && own->config->relay_via[0] != '\0' &&
	    strcmp(text, own->config->relay_via) == 0) {
		flow->direct = true;
		return ERR_OK;
	}
	err = url_parse(text, &a);
	if (err != ERR_OK)
		return err == ERR_MEMORY ? err : ERR_ADOPT_REDIRECT;
	err = ERR_ADOPT_REDIRECT;
	/* libcurl does not report an empty query or fragment (RFC 6749 section 3.1.2) */
	if (a.has_user || strpbrk(text, "?#") != NULL)
		goto out;
	if ((path = own_path(&a, own)) != NULL) {
		flow->direct = true;
	} else if (is_listener(&a)) {
		path = a.path;
		flow->redirect_port = a.port;
		len = snprintf(flow->redirect_host, sizeof(flow->redirect_host), "%s:%d", a.host,
			       a.port);
		if (len < 0 || (size_t)len >= sizeof(flow->redirect_host))
			goto out;
	} else {
		goto out;
	}
	memcpy(flow->redirect_path, path, strlen(path) + 1);
	err = ERR_OK;
out:
	url_free(&a);
	return err;
}

/* Returns whether text is the URL of a listener. */
static bool
names_listener(const char *text)
{
	struct url a;
	bool names = strpbrk(text, "?#") == NULL && url_parse(text, &a) == ERR_OK;

	if (names) {
		names = is_listener(&a) && !a.has_user;
		url_free(&a);
	}
	return names;
}

/* Returns whether a parameter's name says that it is where the browser goes back to. */
static bool
names_return(const char *name)
{
	return strcasestr(name, "redirect") != NULL || strcasestr(name, "callback") != NULL;
}

/* Returns the redirect URI. Where it has another name, such as callback_url, it is the only such
 * parameter with the URL of a listener. */
static const char *
find_redirect(const struct query *q)
{
	const char *found = query_get(q, "redirect_uri");
	size_t count = 0;

	if (found != NULL)
		return found;
	for (size_t i = 0; i < q->count; i++)
		if (names_return(q->param[i].name) && names_listener(q->param[i].value)) {
			found = q->param[i].value;
			count++;
		}
	return count == 1 ? found : NULL;
}

/* Returns whether a parameter that we read stands twice: who else reads it may take the other. */
static bool
is_ambiguous(const struct query *q)
{
	static const char *const names[] = {"redirect_uri", "response_type", "response_mode",
					    "state"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (query_repeats(q, names[i]))
			return true;
	return false;
}

static bool
read_answer(const char *response_type, enum flow_response_type *answer)
{
	if (response_type == NULL)
		return true; /* a code is usual */
	*answer = strcmp(response_type, "token") == 0 ? RESPONSE_TYPE_TOKEN : RESPONSE_TYPE_CODE;
	return *answer == RESPONSE_TYPE_TOKEN || strcmp(response_type, "code") == 0;
}

static enum err
read_query(const char *url, const struct query *q, const struct authorize_site *own,
	   struct flow *flow)
{
	const char *state = query_get(q, "state");
	const char *redirect_uri = find_redirect(q), *mode = query_get(q, "response_mode");
	enum err err;

	if (is_ambiguous(q))
		return ERR_ADOPT_TEXT;

	if (redirect_uri == NULL && (query_get(q, "code") != NULL || query_get(q, "error") != NULL))
		return ERR_ADOPT_CALLBACK;
	if (redirect_uri == NULL ||
	    !read_answer(query_get(q, "response_type"), &flow->response_type))
		return ERR_ADOPT_TEXT;
	if (query_get(q, "response_type") == NULL && !names_listener(redirect_uri))
		return ERR_ADOPT_TEXT;
	/* a listener reads a query; of all others no address holds the response */
	if (mode != NULL && mode[0] != '\0' && strcmp(mode, "query") != 0 &&
	    strcmp(mode, "fragment") != 0)
		return ERR_ADOPT_FORM;
	if ((err = read_redirect_uri(redirect_uri, own, flow)) != ERR_OK)
		return err;
	flow->stateless = state == NULL || state[0] == '\0';
	if (!flow->stateless)
		flow_id(state, strlen(state), flow->id);
	else if (flow->direct || flow->response_type == RESPONSE_TYPE_TOKEN)
		return ERR_ADOPT_REDIRECT; /* no state would tell whose response it is */
	else
		flow_id(url, strlen(url), flow->id);
	return ERR_OK;
}

enum err
authorize_url_read(const char *url, const struct authorize_site *own, struct flow *flow)
{
	struct query q = {.count = 0};
	struct url a;
	enum err err;

	if (strlen(url) > FLOW_URL_MAX)
		return ERR_ADOPT_TEXT;
	if ((err = url_parse(url, &a)) != ERR_OK)
		return err == ERR_MEMORY ? err : ERR_ADOPT_TEXT;
	err = ERR_ADOPT_TEXT;
	if (strcmp(a.scheme, "https") != 0 && strcmp(a.scheme, "http") != 0)
		goto out;
	if (a.has_user || a.query == NULL ||
	    !url_origin(&a, flow->authorize_origin, sizeof(flow->authorize_origin)))
		goto out;
	if ((err = query_parse(&q, a.query, strlen(a.query), QUERY_REPEATED)) == ERR_OK)
		err = read_query(url, &q, own, flow);
	else if (err != ERR_MEMORY)
		err = ERR_ADOPT_TEXT;
out:
	query_free(&q);
	url_free(&a);
	return err;
}

enum err
authorize_url_read_typed(const char *url, struct flow *flow)
{
	char token[SECRET_HASH_LEN + 1];
	struct url a;
	enum err err;

	if (strlen(url) > FLOW_URL_MAX || !url_is_web(url))
		return ERR_ADOPT_TEXT;
	if ((err = url_parse(url, &a)) != ERR_OK)
		return err == ERR_MEMORY ? err : ERR_ADOPT_TEXT;
	if (!url_origin(&a, flow->authorize_origin, sizeof(flow->authorize_origin)))
		err = ERR_ADOPT_TEXT;
	url_free(&a);
	secret_token(token);
	flow_id(token, strlen(token), flow->id);
	flow->typed = true;
	return err;
}
