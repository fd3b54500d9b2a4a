/*
 * The whole core: requests in, answers out, with a stand-in for opencode behind
 * its socket. The input is a script (script.h); planted.h says which sign-ins
 * wait at its start. After each request: one well-formed answer, no secret in it or
 * in the log, and opencode asked nothing unless the request may do that. At the end the
 * sign-in that nobody but strangers touched is finished by its own browser.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "http/query.h"
#include "planted.h"
#include "route/app.h"
#include "script.h"
#include "sites.h"
#include "standin.h"

#define REQUESTS_MAX 8
#define SECRETS	     (2 * PLANTED_COUNT + 5)

/* One request and what came of it. */
struct probe {
	struct script script;
	const struct site_fixture *site;
	const char *path; /* behind the prefix, "" if it is not ours */
	bool callback;	  /* one of callback_paths */
	struct buf bytes;
	struct answer answer;
	size_t first, calls; /* of the stand-in's */
};

/* Words that must not get anywhere, and whether one of them was said where all may hear it. */
static struct secret_word {
	const char *word;
	bool said;
} secrets[SECRETS];
static bool reply_said; /* the same of the word that replies of opencode hold */
static bool touched;	/* more than a stranger has been at the first of the planted */
static int delivered[PLANTED_COUNT];

static const char code_word[] = "CODE-canary", reply_word[] = "REPLY-canary";

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[FUZZ_PATH_MAX];
	size_t n = 0;

	(void)argc;
	(void)argv;
	fuzz_init();
	planted_init();
	sites_init();
	sites_socket(path);
	standin_start(path);
	for (size_t i = 0; i < PLANTED_COUNT; i++) {
		secrets[n++].word = planted[i].cookie;
		if (planted[i].state != NULL)
			secrets[n++].word = planted[i].state;
	}
	secrets[n++].word = code_word;
	secrets[n++].word = "AUTH-canary";
	secrets[n++].word = strchr(SITES_LOGIN, ':') + 1;
	secrets[n++].word = SITES_LOGIN_B64;
	CHECK(n <= SECRETS);
	while (n < SECRETS)
		secrets[n++].word = code_word;
	return 0;
}

static bool
starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool
header_is(const char *value, const char *word)
{
	return value != NULL && strcmp(value, word) == 0;
}

/* Paths of opencode's own API, which the core forwards. */
static bool
is_api(const struct probe *v)
{
	const char *path = v->script.request.path;

	return !v->callback && (starts(path, "/provider/") || starts(path, "/mcp/") ||
				starts(path, "/api/integration/"));
}

/* Where a piece of a request lies, if it lies in there. */
static bool
inside(const char *at, const struct piece *place)
{
	return at >= place->data && at < place->data + place->len;
}

/* Secrets belong into cookies, credentials, the query of a callback and what is pasted. */
static void
listen_for_secrets(const struct probe *v)
{
	const struct script *s = &v->script;
	bool pasted = starts(v->path, "/flow/");

	for (size_t i = 0; i < SECRETS; i++) {
		const char *word = secrets[i].word, *at = s->text.data;
		const char *end = s->text.data + s->text.len;

		while (at != NULL &&
		       (at = memmem(at, (size_t)(end - at), word, strlen(word))) != NULL) {
			if (!inside(at, &s->cookie) && !inside(at, &s->authorization) &&
			    !(v->callback && inside(at, &s->query)) &&
			    !(pasted && inside(at, &s->body)))
				secrets[i].said = true;
			at++;
		}
	}
}

static bool
has_cookie(const struct probe *v, const struct planted *p)
{
	return piece_has(&v->script.cookie, p->cookie);
}

/* The owner's flow page leads to the provider, and the ask page hands the answer on. */
static bool
may_show(const struct probe *v, const char *word)
{
	const char *path = v->path;

	for (size_t i = 0; i < PLANTED_COUNT; i++)
		if (planted[i].state == word && starts(path, "/flow/") &&
		    starts(path + 6, planted[i].flow.id) && has_cookie(v, &planted[i]))
			return true;
	return v->callback && v->answer.status == 200 &&
	       piece_has(&v->answer.body, "name=\"callback\"") && piece_has(&v->script.query, word);
}

static void
check_secrets(const struct probe *v)
{
	char fresh[128] = "";
	const char *log = fuzz_log();

	for (size_t i = 0; i < SECRETS; i++) {
		const char *word = secrets[i].word;

		if (secrets[i].said)
			continue;
		CHECK_TEXT(strstr(log, word) == NULL, log);
		CHECK_TEXT(!piece_has(&v->answer.head, word), buf_text(&v->bytes));
		CHECK_TEXT(!piece_has(&v->answer.body, word) || may_show(v, word),
			   buf_text(&v->bytes));
	}
	/* a fresh cookie's token stands in its own header alone */
	if (v->answer.cookie.len > 0) {
		const char *token = memchr(v->answer.cookie.data, '=', v->answer.cookie.len);
		const char *second;

		CHECK(token != NULL);
		memcpy(fresh, token + 1, 43);
		CHECK_TEXT(strlen(fresh) == 43 && token[44] == ';', buf_text(&v->bytes));
		second = memmem(token + 2, v->bytes.len - (size_t)(token + 2 - v->bytes.data),
				fresh, 43);
		CHECK_TEXT(second == NULL, buf_text(&v->bytes));
		CHECK_TEXT(strstr(log, fresh) == NULL, log);
		CHECK_TEXT(is_api(v) || starts(v->path, "/start") || starts(v->path, "/adopt") ||
			       starts(v->path, "/flow/"),
			   v->script.request.path);
	}
}

/* What opencode or a listener says is for nobody, but in its own API and on the start page. */
static void
check_replies(const struct probe *v)
{
	bool asked = piece_has(&v->script.text, reply_word), told = asked;

	for (size_t i = 0; i < v->script.replies; i++)
		told = told || piece_has(&v->script.reply[i], reply_word);
	if ((v->callback || starts(v->path, "/flow/")) && !reply_said && !asked)
		CHECK_TEXT(!piece_has(&v->answer.body, reply_word), buf_text(&v->bytes));
	reply_said = reply_said || told;
}

/* Whether the query of a callback, decoded, has this state. */
static bool
names_state(const struct piece *query, const struct planted *p)
{
	struct query q;
	bool found = false;

	if (p->state == NULL || query_parse(&q, query->data, query->len, QUERY_STRING) != ERR_OK)
		return false;
	found = header_is(query_get(&q, "state"), p->state);
	query_free(&q);
	return found;
}

/* Whether a callback says that it comes from this origin, or does not say (RFC 9207). */
static bool
is_from(const struct piece *query, const char *origin)
{
	struct query q;
	const char *iss;
	bool good;

	CHECK(query_parse(&q, query->data, query->len, QUERY_STRING) == ERR_OK);
	iss = query_get(&q, "iss");
	good = iss == NULL || (starts(iss, origin) && strchr("/", iss[strlen(origin)]) != NULL);
	query_free(&q);
	return good;
}

/* Whether a page of our own sent it, as far as the browser says. */
static bool
own_page(const struct request *r)
{
	return r->sec_fetch_site != NULL ? header_is(r->sec_fetch_site, "same-origin")
					 : r->origin != NULL;
}

/* Whether this request may have opencode asked anything. */
static bool
may_call(const struct probe *v)
{
	const struct request *r = &v->script.request;
	bool post = strcmp(r->method, "POST") == 0;

	if (r->sec_purpose != NULL && strcmp(r->sec_purpose, "prefetch") == 0)
		return false;
	if (v->callback && r->sec_fetch_dest != NULL && strcmp(r->sec_fetch_dest, "document") != 0)
		return false;
	if (is_api(v))
		return true;
	if (strcmp(v->path, "/") == 0 || strcmp(v->path, "/health") == 0)
		return !post;
	if (strcmp(v->path, "/start") == 0 || strcmp(v->path, "/adopt") == 0)
		return post && own_page(r);
	for (size_t i = 0; i < PLANTED_COUNT; i++)
		if (has_cookie(v, &planted[i]) &&
		    ((v->callback && names_state(&v->script.query, &planted[i])) ||
		     starts(v->path, "/flow/")))
			return !post || own_page(r);
	/* whoever is asked confirms with a page of ours; a flow of the input's own is anybody's */
	return (starts(v->path, "/flow/") && post && own_page(r)) ||
	       (touched && (v->callback || starts(v->path, "/flow/")));
}

/* A call of opencode itself: by its name, or with the visitor's cookies and Host. */
static bool
is_for_opencode(const struct standin_call *call)
{
	return strcmp(call->host, "opencode") == 0 ||
	       strcasestr(call->text, "\r\nOpencode-Callback-To: opencode\r\n") != NULL;
}

/* A call to a listener that is a provider's answer. */
static bool
is_delivery(const struct standin_call *call)
{
	return !is_for_opencode(call) && strcmp(call->method, "GET") == 0 &&
	       strchr(call->target, '?') != NULL && strstr(call->target, "superseded") == NULL;
}

static void
check_delivery(const struct probe *v, const struct standin_call *call)
{
	const struct request *r = &v->script.request;
	const char *query = strchr(call->target, '?') + 1;

	CHECK_TEXT(v->callback || starts(v->path, "/flow/"), call->text);
	/* word for word */
	if (v->callback)
		CHECK_TEXT(strcmp(query, r->query) == 0, call->text);
	for (size_t i = 0; i < PLANTED_COUNT; i++) {
		const struct planted *p = &planted[i];
		struct piece whole = {query, strlen(query)};

		if (!names_state(&whole, p))
			continue;
		CHECK_TEXT(!v->callback || strcmp(r->path, p->flow.redirect_path) == 0, call->text);
		CHECK_TEXT(is_from(&whole, p->flow.authorize_origin), call->text);
		CHECK_TEXT(strcmp(call->host, p->flow.redirect_host) == 0, call->text);
		CHECK_TEXT(starts(call->target, p->flow.redirect_path), call->text);
		CHECK_TEXT(++delivered[i] == 1, call->text);
	}
}

/* Whether opencode was asked which one it is, because its first reply did not fit. */
static bool
asked_again(const struct probe *v)
{
	const struct standin_call *second = v->calls > 1 ? standin_call(v->first + 1) : NULL;

	return second != NULL && starts(second->target, "/global/health");
}

/* A flow that is bound to nobody is taken over only by somebody whom opencode lets in. */
static void
check_confirmed(const struct probe *v)
{
	const struct standin_call *first = v->calls > 0 ? standin_call(v->first) : NULL;
	bool let_in = first != NULL && (starts(first->target, "/provider/auth") ||
					starts(first->target, "/api/mcp"));

	if (!starts(v->path, "/flow/") || strcmp(v->script.request.method, "POST") != 0)
		return;
	for (size_t i = 0; i < PLANTED_COUNT; i++)
		if (has_cookie(v, &planted[i]))
			return;
	CHECK(v->answer.cookie.len == 0 || let_in);
	CHECK(v->calls == 0 || let_in || touched);
	if (let_in && v->script.replies > 0 && !piece_has(&v->script.reply[0], "200"))
		CHECK((v->calls == 1 && v->answer.cookie.len == 0) || asked_again(v));
}

static void
check_calls(const struct probe *v)
{
	int finishing = 0;

	if (v->calls > 0)
		CHECK_TEXT(may_call(v), standin_call(v->first)->text);
	if (v->calls > 0 && is_api(v) && strcmp(v->script.request.method, "OPTIONS") != 0 &&
	    (header_is(v->script.request.sec_fetch_site, "cross-site") ||
	     header_is(v->script.request.sec_fetch_site, "same-site")))
		CHECK(v->script.request.content_type != NULL &&
		      strncasecmp(v->script.request.content_type, "application/json", 16) == 0);
	for (size_t i = v->first; i < v->first + v->calls; i++) {
		const struct standin_call *call = standin_call(i);

		if (call == NULL)
			break;
		CHECK_TEXT(call->host[0] != '\0' && call->target[0] == '/', call->text);
		if (is_delivery(call))
			check_delivery(v, call);
		if (strcmp(call->method, "POST") == 0 &&
		    strstr(call->target, "/oauth/callback") != NULL)
			finishing++;
	}
	CHECK(finishing <= 1);
}

/* Notes whatever else than a stranger's refused request may end the first flow. */
static void
watch(const struct probe *v)
{
	if (has_cookie(v, &planted[0]))
		touched = true;
	if (v->calls > 0 && (is_api(v) || strcmp(v->script.request.method, "POST") == 0))
		touched = true;
	if (fuzz_now() < planted[0].flow.created || fuzz_now() >= planted[0].flow.expires)
		touched = true;
}

/* What the core relies on in what it is given. */
static void
check_request(const struct request *r)
{
	const char *const values[] = {r->host,		r->origin,	 r->cookie,
				      r->authorization, r->content_type, r->accept,
				      r->forwarded,	r->cors_headers, r->x_forwarded_for};

	if (r->err != ERR_OK)
		return;
	CHECK((r->path[0] != '\0' || r->mount[0] != '\0') && r->method[0] != '\0');
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		CHECK(values[i] == NULL ||
		      strlen(values[i]) <=
			  (values[i] == r->cookie ? COOKIE_HEADER_MAX : HEADER_MAX));
		for (const char *p = values[i]; p != NULL && *p != '\0'; p++)
			CHECK((unsigned char)*p >= ' ' ? *p != 0x7f : *p == '\t');
	}
}

static void
visit(struct probe *v)
{
	const struct script *s = &v->script;
	size_t prefix = strlen(v->site->prefix);
	struct response response;
	bool passed;

	v->path = starts(s->request.path, v->site->prefix) ? s->request.path + prefix : "";
	v->callback = config_callback_path(&v->site->config, s->request.path);
	check_request(&s->request);
	listen_for_secrets(v);
	fuzz_wait(s->wait);
	fuzz_log_clear();
	v->first = standin_count();
	standin_replies(s->reply, s->replies);

	response_init(&response);
	app_handle(v->site->app, &s->request, &response);
	v->calls = standin_count() - v->first;
	passed = is_api(v) && v->calls > 0;
	answer_read(&response, passed, &v->bytes, &v->answer);
	response_free(&response);

	check_secrets(v);
	check_replies(v);
	check_calls(v);
	check_confirmed(v);
	watch(v);
	buf_free(&v->bytes);
}

/* The good callback, with the cookie: delivered word for word, and once. */
static void
finish(void)
{
	static const char text[] =
	    "GET /auth/callback?code=CODE-canary%2B1&scope=a+b&state=STATE-A-canary\n"
	    "Cookie: __Host-opencode-callback=COOKIE-A-canary-AAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "Sec-Fetch-Site: cross-site\n";

	for (int i = 0; i < 2; i++) {
		struct piece rest = {text, sizeof(text) - 1};
		struct probe v = {.site = &sites[0]};
		struct response response;

		CHECK(script_next(&rest, site_hosts, SITES_COUNT, &v.script));
		v.first = standin_count();
		standin_replies(NULL, 0);
		response_init(&response);
		app_handle(v.site->app, &v.script.request, &response);
		answer_read(&response, false, &v.bytes, &v.answer);
		CHECK_TEXT(v.answer.status == 303, buf_text(&v.bytes));
		CHECK_TEXT(memmem(v.answer.location.data, v.answer.location.len, planted[0].flow.id,
				  FLOW_ID_LEN) != NULL,
			   buf_text(&v.bytes));
		CHECK(standin_count() - v.first == (i == 0 ? 2 : 0));
		if (i == 0) {
			CHECK(strchr(standin_call(v.first)->target, '?') != NULL);
			CHECK(strcmp(strchr(standin_call(v.first)->target, '?') + 1,
				     v.script.request.query) == 0);
		}
		response_free(&response);
		buf_free(&v.bytes);
		script_free(&v.script);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct piece rest = {(const char *)data, size}, text = rest;
	struct probe v = {.site = NULL};
	struct store *store;

	/* a meta-variable ends at a NUL */
	if (size > FUZZ_INPUT_MAX || memchr(data, '\0', size) != NULL)
		return -1;
	fuzz_reset();
	standin_reset();
	store = sites_open();
	planted_add(store, &text);
	for (size_t i = 0; i < SECRETS; i++)
		secrets[i].said = false;
	memset(delivered, 0, sizeof(delivered));
	touched = reply_said = false;
	for (int i = 0; i < REQUESTS_MAX; i++) {
		if (!script_next(&rest, site_hosts, SITES_COUNT, &v.script))
			break;
		v.site = &sites[v.script.site];
		visit(&v);
		script_free(&v.script);
	}
	if (!touched)
		finish();
	sites_close();
	return 0;
}
