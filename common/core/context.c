#include "core/context.h"

#include <string.h>
#include <strings.h>

#include "util/utf8.h"

struct page_site
context_page_site(const struct context *x)
{
	return (struct page_site){.base = x->base, .origin = x->site.origin, .relay = x->relay};
}

const struct client *
context_client(struct context *x)
{
	if (!x->client_known)
		client_find(x->app->config, x->request, &x->client);
	x->client_known = true;
	return &x->client;
}

static enum err
consume(struct context *x, int count)
{
	struct store *store = x->app->store;
	uint64_t client = secret_key("address", context_client(x)->group, NULL);

	return store->ops->consume(store, client, count, &x->allowance);
}

enum err
context_consume(struct context *x)
{
	if (x->counted)
		return ERR_OK;
	x->counted = true;
	return consume(x, 1);
}

enum err
context_check_rate(struct context *x)
{
	return consume(x, 0);
}

enum err
context_body(struct context *x, struct buf *body)
{
	const struct request *r = x->request;
	char chunk[4096];
	int64_t left = r->content_length;
	enum err err = ERR_OK;

	if (left < 0)
		return ERR_LENGTH;
	if (left > BODY_MAX)
		return ERR_BODY_LONG;
	while (left > 0 && err == ERR_OK) {
		size_t want = left < (int64_t)sizeof(chunk) ? (size_t)left : sizeof(chunk);
		int n = r->read(r->read_ctx, chunk, want);

		if (n <= 0)
			err = ERR_BODY_SHORT;
		else
			err = buf_add(body, chunk, (size_t)n);
		left -= n;
	}
	secret_wipe(chunk, sizeof(chunk));
	return err;
}

enum err
context_form(struct context *x, struct query *form)
{
	static const char type[] = "application/x-www-form-urlencoded";
	const char *given = x->request->content_type;
	struct buf body;
	enum err err;

	*form = (struct query){.count = 0};
	if (given == NULL || strncasecmp(given, type, sizeof(type) - 1) != 0 ||
	    (given[sizeof(type) - 1] != '\0' && given[sizeof(type) - 1] != ';'))
		return ERR_MEDIA_TYPE;
	buf_init(&body, BODY_MAX);
	err = context_body(x, &body);
	if (err == ERR_OK)
		err = query_parse(form, buf_text(&body), body.len, QUERY_FORM);
	buf_free(&body);
	return err;
}

static const char *
x_header(const struct request *r, const char *name)
{
	for (size_t i = 0; i < r->x_opencode_count; i++)
		if (strcmp(r->x_opencode[i].name, name) == 0)
			return r->x_opencode[i].value;
	return "";
}

/* Copies a header for a record, which can hold only text. */
static bool
copy_header(char *out, size_t size, const char *value)
{
	size_t len = strlen(value);

	if (len >= size || !utf8_valid(value, len))
		return false;
	memcpy(out, value, len + 1);
	return true;
}

bool
context_project(const struct context *x, struct flow *flow)
{
	static const char *const names[] = {"directory",	   "workspace",
					    "location[directory]", "location%5Bdirectory%5D",
					    "location[workspace]", "location%5Bworkspace%5D"};
	const struct request *r = x->request;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!query_copy_raw(r->query, names[i], flow->query, sizeof(flow->query)))
			return false;
	return copy_header(flow->directory, sizeof(flow->directory),
			   x_header(r, "x-opencode-directory")) &&
	       copy_header(flow->workspace, sizeof(flow->workspace),
			   x_header(r, "x-opencode-workspace"));
}
