#include "core/respond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/origin.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "view/page_problem.h"

#define FULL_SECONDS	60  /* Retry-After if too many flows wait */
#define BUSY_SECONDS	1   /* Retry-After if too many calls to opencode run */
#define LOGGED_PATH_MAX 200 /* bytes */

struct buf *
respond_page_begin(struct context *x)
{
	response_start(x->response, 200);
	return &x->response->body;
}

/* Returns whether browsers see no secure origin here, and so send no Sec-Fetch headers (Secure
 * Contexts, section 3.1). */
static bool
is_plain(const struct site *site)
{
	return site->usable && !site->secure &&
	       !origin_host_is_loopback(origin_authority(site->origin));
}

void
respond_page(struct context *x, int status)
{
	struct buf *page = &x->response->body;
	enum err err = page->err;

	/* a page that failed before its first byte leaves no error in the buffer */
	if (err == ERR_OK && page->len == 0)
		err = ERR_MEMORY;
	if (err != ERR_OK) {
		status = error_status(err);
		buf_clear(page);
		buf_printf(page, "%s\n%s\n", error_title(err), error_advice(err));
	}
	x->response->status = status;
	response_header(x->response, "Content-Type",
			err == ERR_OK ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
	if (err != ERR_OK) /* no form in it */
		response_security_headers(x->response, "no-store");
	else if (!x->discreet)
		response_page_headers(x->response, "same-origin");
	else if (is_plain(&x->site))
		response_page_headers(x->response, "strict-origin");
	else
		response_page_headers(x->response, "no-referrer");
}

/* Returns the seconds of Retry-After; 0: send no such header. */
static int
retry_after(const struct context *x, enum err err)
{
	switch (err) {
	case ERR_RATE:
		return x->allowance.wait;
	case ERR_TOO_MANY_FLOWS:
		return FULL_SECONDS;
	case ERR_BUSY:
		return BUSY_SECONDS;
	default:
		return 0;
	}
}

/* Adds the headers that some statuses require: RFC 9110 sections 11.6.1 and 10.2.3. */
static void
add_status_headers(struct context *x, enum err err)
{
	int seconds = retry_after(x, err);
	char text[16];

	if (err == ERR_CREDENTIALS)
		response_header(x->response, "WWW-Authenticate", "Basic realm=\"Secure Area\"");
	if (seconds > 0) {
		snprintf(text, sizeof(text), "%d", seconds);
		response_header(x->response, "Retry-After", text);
	}
}

/* Returns whether the visitor caused the error, rather than opencode or this program. */
static bool
is_visitors_doing(const struct context *x, enum err err)
{
	int status = error_status(err);

	if (err == ERR_CREDENTIALS) /* browsers send none at first */
		return x->request->authorization != NULL;
	return status >= 400 && status < 500 && status != 429;
}

/* Logs a refusal, which costs allowance if the visitor caused it. Returns the error to answer
 * with. */
static enum err
refuse(struct context *x, enum err err)
{
	if (err == ERR_CREDENTIALS && x->site.opencode->login == LOGIN_OWN)
		err = ERR_LOGIN_OWN;
	if (!x->uncounted && is_visitors_doing(x, err) && context_consume(x) == ERR_RATE)
		err = ERR_RATE;
	respond_log_refusal(x, err, NULL);
	return err;
}

void
respond_log_refusal(struct context *x, enum err err, const char *flow)
{
	long long second = (long long)clock_unix_seconds();
	char path[LOGGED_PATH_MAX + 1];
	size_t len;
	int count;

	/* logged once, when the allowance runs out, by one of all processes */
	if (err == ERR_RATE && !x->allowance.first)
		return;
	if (atomic_exchange(&x->app->refusal_second, second) != second) {
		count = atomic_exchange(&x->app->refusal_count, 0);
		if (count > REFUSALS_LOGGED) {
			char text[16];

			snprintf(text, sizeof(text), "%d", count - REFUSALS_LOGGED);
			log_event(LOG_LEVEL_INFO, "refusals-not-logged", "count", text, NULL);
		}
	}
	if (atomic_fetch_add(&x->app->refusal_count, 1) >= REFUSALS_LOGGED)
		return;
	/* a URL that was escaped twice has its query in the path */
	len = strcspn(x->request->path, "%?&=;");
	if (len > LOGGED_PATH_MAX)
		len = LOGGED_PATH_MAX;
	memcpy(path, x->request->path, len);
	path[len] = '\0';
	log_event(LOG_LEVEL_INFO, "refused", "why", error_name(err), "path", path, "client",
		  context_client(x)->address, "flow", flow, "cause", x->cause, "site",
		  x->relay_site, NULL);
}

void
respond_problem_listing(struct context *x, enum err err, const struct page_list *waiting)
{
	struct page_site site = context_page_site(x);

	err = refuse(x, err);
	page_problem(respond_page_begin(x), &site, err, waiting);
	respond_page(x, error_status(err));
	add_status_headers(x, err);
}

void
respond_problem(struct context *x, enum err err)
{
	respond_problem_listing(x, err, NULL);
}

void
respond_json(struct context *x, int status, const char *json)
{
	response_start(x->response, status);
	response_header(x->response, "Content-Type", "application/json");
	response_security_headers(x->response, "no-store");
	buf_puts(&x->response->body, json);
}

void
respond_json_problem(struct context *x, enum err err)
{
	struct buf json;

	err = refuse(x, err);
	buf_init(&json, RESPONSE_BODY_MAX);
	buf_printf(&json, "{\"error\":\"%s\"}", error_name(err));
	respond_json(x, error_status(err), buf_text(&json));
	add_status_headers(x, err);
	buf_free(&json);
}

void
respond_api_text(struct context *x, int status, const char *text)
{
	/* the integration API has errors of another form, which may say more */
	bool integration = strncmp(x->request->path, "/api/", 5) == 0;
	json_t *json = json_pack(
	    "{s:s, s:{s:s}, s:s*, s:s*}", "name", "UnknownError", "data", "message", text, "_tag",
	    integration ? "InvalidRequestError" : NULL, "message", integration ? text : NULL);
	char *body = json_write(json);

	respond_json(x, status, body == NULL ? "{}" : body);
	free(body);
	json_decref(json);
}

void
respond_api_problem(struct context *x, enum err err)
{
	struct buf text;

	err = refuse(x, err);
	buf_init(&text, RESPONSE_BODY_MAX);
	buf_printf(&text, "%s. %s", error_title(err), error_advice(err));
	respond_api_text(x, error_status(err), buf_text(&text));
	add_status_headers(x, err);
	buf_free(&text);
}

void
respond_flow(struct context *x, const char *id)
{
	char path[CONTEXT_BASE_MAX + FLOW_ID_LEN + 8];

	snprintf(path, sizeof(path), "%s/flow/%s", x->base, id);
	response_redirect(x->response, path);
}
