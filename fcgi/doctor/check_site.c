#include "doctor/check_site.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doctor/check_front.h"
#include "doctor/shadow.h"
#include "http/origin.h"
#include "http/response.h"

#define WORD_MAX 80 /* bytes of foreign text in a message */

static const char *
health_path(const struct examination *d, char out[96])
{
	snprintf(out, 96, "%s/health", d->config->prefix);
	return out;
}

enum verdict
check_site_https(struct examination *d)
{
	struct probe_call call = {.target = "/"};
	char words[PROBE_WORDS_MAX];
	struct probe v;
	enum probe_end end;

	examination_probe(d, call, &v);
	end = v.end;
	probe_words(&v, words);
	probe_free(&v);
	if (end == PROBE_UNTRUSTED)
		return examination_say(d, VERDICT_FAILED, "certificate: %s", words);
	if (end != PROBE_ANSWERED) {
		examination_advise(d,
				   "the name must lead to this server, and the web server run and "
				   "answer there");
		return examination_say(d, VERDICT_FAILED, "%s does not answer: %s", d->origin,
				       words);
	}
	if (d->https)
		return examination_say(d, VERDICT_OK, "certificate valid");
	if (d->loopback)
		return examination_say(d, VERDICT_WARNING,
				       "plain http, which works on loopback names only");
	if (d->private)
		return examination_say(d, VERDICT_WARNING,
				       "plain http, which [web] http = private allows: whoever can "
				       "listen to this network can take over a sign-in");
	if (origin_host_is_private(d->host))
		examination_advise(d,
				   "a certificate in the web server's file; in a private network "
				   "that you trust, [web] http = private");
	return examination_say(d, VERDICT_FAILED, "plain http: sign-ins pass through unrecorded");
}

/* A user who changes only the host in the dead tab's URL arrives by http, with the whole query. */
enum verdict
check_site_redirect(struct examination *d)
{
	char target[192], plain[ORIGIN_MAX + 8], wanted[ORIGIN_MAX + 200], location[512],
	    words[PROBE_WORDS_MAX];
	struct probe_call call = {.origin = plain, .target = target};
	char cache[256];
	bool right, kept;
	struct probe v;
	int status;

	if (!d->https || d->port != 443)
		return examination_say(d, VERDICT_SKIPPED, "only for https on port 443");
	snprintf(plain, sizeof(plain), "http://%s", d->host);
	snprintf(target, sizeof(target), "%s?state=doctor", d->config->callback_paths[0]);
	snprintf(wanted, sizeof(wanted), "%s%s", d->origin, target);
	examination_probe(d, call, &v);
	status = probe_status(&v);
	probe_words(&v, words);
	probe_header(&v, "Location", location, sizeof(location));
	probe_header(&v, "Cache-Control", cache, sizeof(cache));
	right = strcasecmp(location, wanted) == 0;
	/* RFC 9110 section 15.4: a cache may store these two by default, and no other redirect */
	kept = (status == 301 || status == 308) && strcasestr(cache, "no-store") == NULL;
	probe_free(&v);
	if (status == 0)
		return examination_say(d, VERDICT_WARNING, "nothing on port 80 (%s)", words);
	if (status != 301 && status != 307 && status != 308)
		return examination_say(d, VERDICT_FAILED, "%s%s: %s, not 301", plain, target,
				       words);
	if (!right)
		return examination_say(d, VERDICT_FAILED, "leads to \"%.*s\", not to %s", WORD_MAX,
				       location, wanted);
	if (kept) {
		examination_advise(d,
				   "web server, port 80: add_header Cache-Control no-store always; "
				   "(nginx), Header always set Cache-Control no-store (Apache)");
		return examination_say(d, VERDICT_WARNING,
				       "a browser may keep the address, its code too: %s without "
				       "Cache-Control: no-store",
				       words);
	}
	return examination_say(d, VERDICT_OK, "http leads to https, path and query kept (%s)",
			       words);
}

/* Asks for our health page. Returns whether it is ours. */
static bool
health_is_ours(struct examination *d, const char *path, struct probe *v)
{
	examination_probe(d, (struct probe_call){.target = path}, v);
	return probe_says(v, "\"status\":\"ok\"") || probe_says(v, "\"status\":\"degraded\"");
}

/* Whether an answer asks for a password that we could bring. */
static bool
wants_password(const struct examination *d, const struct probe *v)
{
	char value[64];

	return d->login[0] != '\0' && probe_status(v) == 401 &&
	       probe_header(v, "WWW-Authenticate", value, sizeof(value)) > 0 &&
	       strncasecmp(value, "Basic", 5) == 0;
}

enum verdict
check_site_pages(struct examination *d)
{
	char path[96], style[96], words[PROBE_WORDS_MAX], type[64];
	struct probe_call asset = {.target = style};
	struct probe v;
	bool good;

	good = health_is_ours(d, health_path(d, path), &v);
	d->fronted = !good && check_front_is_guard(&v, path);
	if (d->fronted && wants_password(d, &v)) {
		probe_free(&v);
		d->carry = true;
		good = health_is_ours(d, path, &v);
		d->fronted = !good && check_front_is_guard(&v, path);
		d->carry = !d->fronted;
	}
	check_front_words(&v, words);
	if (!good && !d->fronted)
		shadow_advise(d, &v, true);
	probe_free(&v);
	if (d->fronted)
		return examination_say(d, VERDICT_SKIPPED,
				       "%s is behind another sign-in of this site: %s", path,
				       words);
	if (!good)
		return examination_say(d, VERDICT_FAILED, "%s is not answered by us: %s", path,
				       words);
	snprintf(style, sizeof(style), "%s/assets/style.css", d->config->prefix);
	examination_probe(d, asset, &v);
	probe_header(&v, "Content-Type", type, sizeof(type));
	good = probe_status(&v) == 200 && strncasecmp(type, "text/css", 8) == 0;
	probe_words(&v, words);
	probe_free(&v);
	if (!good)
		return examination_say(d, VERDICT_FAILED, "%s is not our stylesheet: %s", style,
				       words);
	return examination_say(d, VERDICT_OK, "%s/ is ours%s", d->config->prefix,
			       d->carry ? ", behind the site's own password" : "");
}

static bool
has_url(const struct examination *d)
{
	return d->opencode->url[0] != '\0';
}

static enum verdict
say_foreign_host(struct examination *d, const struct probe *v)
{
	char location[512], words[PROBE_WORDS_MAX];
	int status = probe_status(v);

	probe_words(v, words);
	probe_header(v, "Location", location, sizeof(location));
	if (strcasestr(location, EXAMINATION_EVIL) != NULL) {
		examination_advise(d,
				   "web server: redirect to the site's own name, never to $host");
		return examination_say(d, VERDICT_FAILED, "redirects to whatever Host names");
	}
	if (status == 421 || !probe_is_ours(v))
		return examination_say(d, VERDICT_OK, "this name is ours, others are refused (%s)",
				       words);
	if (has_url(d)) {
		examination_advise(d,
				   "restart the worker: it does not run with this configuration");
		return examination_say(d, VERDICT_FAILED,
				       "answers under any name, though [opencode] "
				       "url is set");
	}
	examination_advise(d, "opencode-callback.ini, [opencode] url = %s", d->origin);
	return examination_say(d, VERDICT_WARNING, "answers under any name that Host gives");
}

enum verdict
check_site_host(struct examination *d)
{
	struct probe_call own = {.target = d->config->callback_paths[0]}, foreign = own;
	enum verdict verdict;
	struct probe v;
	bool refused, guarded;

	foreign.header[0] = "Host: " EXAMINATION_EVIL;
	examination_probe(d, own, &v);
	refused = probe_is_problem(&v, ERR_HOST);
	guarded = check_front_is_guard(&v, own.target);
	probe_free(&v);
	if (guarded)
		return examination_say(d, VERDICT_SKIPPED, "because of callbacks, below");
	if (refused)
		return examination_say(d, VERDICT_FAILED,
				       "this name is not [opencode] url (status 421)");
	examination_probe(d, foreign, &v);
	verdict = say_foreign_host(d, &v);
	probe_free(&v);
	return verdict;
}

/* Returns whether one of our own headers, "Name: value", arrived once and unchanged. */
static bool
compare_header(struct examination *d, const char *where, const struct probe *v, const char *line,
	       size_t len)
{
	const char *colon = memchr(line, ':', len);
	char name[64], value[512];
	int count;

	if (colon == NULL)
		return true;
	snprintf(name, sizeof(name), "%.*s", (int)(colon - line), line);
	count = probe_header(v, name, value, sizeof(value));
	if (count == 1 && strlen(value) == len - (size_t)(colon - line) - 2 &&
	    strncmp(value, colon + 2, strlen(value)) == 0)
		return true;
	examination_say(d, VERDICT_FAILED, "%s: %s %s", where, name,
			count == 0   ? "is missing"
			: count == 1 ? "has another value than ours"
				     : "comes more than once");
	return false;
}

static bool
compare_headers(struct examination *d, const char *where, const struct probe *v,
		const char *referrer)
{
	struct response expected;
	bool same = true;
	const char *line;

	response_init(&expected);
	response_page_headers(&expected, referrer);
	line = buf_text(&expected.head);
	for (size_t len; same && *line != '\0'; line += len + strspn(line + len, "\r\n")) {
		len = strcspn(line, "\r\n");
		same = compare_header(d, where, v, line, len);
	}
	response_free(&expected);
	return same;
}

enum verdict
check_site_security(struct examination *d)
{
	char path[96];
	const char *const target[] = {health_path(d, path), d->config->callback_paths[0]};
	/* where browsers see no secure origin, a page that answers a callback names its origin */
	const char *const referrer[] = {"no-referrer",
					d->private && !d->https ? "strict-origin" : "no-referrer"};
	bool same = true;

	for (size_t i = 0; same && i < 2; i++) {
		struct probe_call call = {.target = target[i]};
		struct probe v;

		examination_probe(d, call, &v);
		/* check_site_callbacks() reports a callback path that does not come to us */
		if (i == 0 || probe_is_ours(&v))
			same = compare_headers(d, target[i], &v, referrer[i]);
		probe_free(&v);
	}
	return same ? examination_say(d, VERDICT_OK, "the headers of our answers arrive, each once")
		    : VERDICT_FAILED;
}

/* Returns a call that begins a sign-in, as a form on another site could send it. */
static struct probe_call
foreign_begin(const char *target)
{
	return (struct probe_call){.target = target,
				   .header = {"Content-Type: text/plain",
					      "Sec-Fetch-Site: cross-site",
					      "Origin: https://" EXAMINATION_EVIL},
				   .body = "{\"method\":0}"};
}

/*
 * opencode's router also takes these for paths that begin a sign-in: it ignores case and repeated
 * slashes, and stops at a semicolon. Either we or the web server must refuse them; opencode would
 * respond 401, or 500 because the provider is unknown.
 */
static enum verdict
check_spellings(struct examination *d)
{
	static const char *const paths[] = {
	    "/Provider//opencode-callback-doctor/oauth/authorize/",
	    "/Api//Integration/opencode-callback-doctor/connect/oauth/",
	    "/provider/opencode-callback-doctor/oauth/authorize;/..%2F..%2F..%2F..%2F",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char words[PROBE_WORDS_MAX], server[64];
		struct probe v;
		int status;

		examination_probe(d, foreign_begin(paths[i]), &v);
		status = probe_status(&v);
		probe_words(&v, words);
		probe_header(&v, "Server", server, sizeof(server));
		probe_free(&v);
		if (status == 400 || status == 403 || status == 404)
			continue;
		/* It resolves the dots before it passes a path on, if it is not told otherwise. */
		if (strchr(paths[i], ';') != NULL && strncasecmp(server, "lighttpd", 8) == 0) {
			examination_advise(d,
					   "lighttpd: server.http-parseopts with "
					   "url-path-2f-decode and url-path-dotseg-remove, as in "
					   "Debian's lighttpd.conf; then this path begins nothing");
			return examination_say(d, VERDICT_WARNING,
					       "POST %s passes, as it is or as /: %s", paths[i],
					       words);
		}
		examination_advise(d,
				   "web server: pass other spellings of these paths to us too, or "
				   "refuse them, as in conf/nginx or conf/apache");
		return examination_say(d, VERDICT_FAILED, "POST %s reaches opencode: %s", paths[i],
				       words);
	}
	return VERDICT_OK;
}

/* Checks that we refuse what a form on another site could send, without asking opencode. */
enum verdict
check_site_begins(struct examination *d)
{
	static const char *const paths[] = {
	    "/provider/opencode-callback-doctor/oauth/authorize",
	    "/mcp/opencode-callback-doctor/auth",
	    "/mcp/opencode-callback%2Fdoctor/auth",
	    "/mcp/opencode-callback-doctor/auth/authenticate",
	    "/api/integration/opencode-callback-doctor/connect/oauth",
	};
	enum verdict verdict;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char words[PROBE_WORDS_MAX];
		struct probe v;
		bool ours;

		examination_probe(d, foreign_begin(paths[i]), &v);
		ours = probe_is_problem(&v, ERR_CROSS_SITE);
		check_front_words(&v, words);
		/* Apache refuses an escaped slash before it looks for a rule: see the table */
		if (!ours && strchr(paths[i], '%') == NULL)
			shadow_advise(d, &v, false);
		probe_free(&v);
		if (!ours)
			return examination_say(d, VERDICT_FAILED, "POST %s does not come to us: %s",
					       paths[i], words);
	}
	verdict = check_spellings(d);
	if (verdict != VERDICT_OK)
		return verdict;
	return examination_say(d, VERDICT_OK, "sign-ins begin with us, and not from other sites");
}

/* The log cannot be read from outside, so this sends a mark to search it for. */
enum verdict
check_site_logs(struct examination *d)
{
	char target[256], mark[32];
	struct probe_call call = {.target = target};
	struct probe v;

	snprintf(mark, sizeof(mark), "doctor-%lld", d->deadline);
	snprintf(target, sizeof(target), "%s?code=%s&state=%s", d->config->callback_paths[0], mark,
		 mark);
	examination_probe(d, call, &v);
	probe_free(&v);
	return examination_say(d, VERDICT_BY_HAND,
			       "on the server this must print nothing: grep -rlF %s /var/log; "
			       "journalctl --since -5min | grep -F %s",
			       mark, mark);
}
