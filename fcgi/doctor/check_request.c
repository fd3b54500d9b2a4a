#include "doctor/check_request.h"

#include <stdio.h>
#include <string.h>

#include "http/cookie.h"
#include "http/request.h"
#include "util/secret.h"

#define COOKIES_LEN (60 * 1024) /* bytes of others' cookies, of COOKIE_HEADER_MAX */
#define COOKIE_LEN  4000	/* of the value of one, about the most that browsers keep */

/* One request whose response shows whether a header reached us. */
struct header_trial {
	const char *header; /* its name */
	bool post;	    /* POST to a flow page, else GET on a callback path */
	const char *line;
	enum err expected; /* the error if it did */
};

static struct probe_call
trial_call(const struct examination *d, bool post, char target[128])
{
	struct probe_call call = {.target = d->config->callback_paths[0]};

	if (!post)
		return call;
	snprintf(target, 128, "%s/flow/doctor", d->config->prefix);
	call.target = target;
	call.body = "address=";
	call.header[0] = "Content-Type: application/x-www-form-urlencoded";
	return call;
}

/*
 * Asks whether our cookie came. The request has one under either name, because the handler decides
 * which is ours, and before them len bytes of others' cookies.
 */
static bool
cookie_arrives(struct examination *d, size_t len, char words[PROBE_WORDS_MAX])
{
	char target[96], token[SECRET_HASH_LEN + 1];
	struct probe_call call = {.target = target};
	struct buf line;
	struct probe v;
	bool arrives;

	snprintf(target, sizeof(target), "%s/health?" COOKIE_HEALTH_QUERY, d->config->prefix);
	secret_token(token);
	buf_init(&line, COOKIE_HEADER_MAX);
	buf_puts(&line, "Cookie: ");
	for (int i = 0; line.len < len && line.err == ERR_OK; i++)
		buf_printf(&line, "doctor_%d=%0*d; ", i, COOKIE_LEN, i);
	buf_printf(&line, "__Host-opencode-callback=%s; opencode-callback=%s", token, token);
	call.header[0] = buf_text(&line);
	examination_probe(d, call, &v);
	arrives = probe_says(&v, "\"cookie\":true");
	probe_words(&v, words);
	probe_free(&v);
	buf_free(&line);
	return arrives;
}

/* A single sign-on in front of the site may add cookies that cannot be avoided. */
static enum verdict
check_cookies(struct examination *d)
{
	char words[PROBE_WORDS_MAX];

	if (!cookie_arrives(d, 0, words))
		return examination_say(d, VERDICT_FAILED, "Cookie does not reach us: %s", words);
	if (cookie_arrives(d, COOKIES_LEN, words))
		return examination_say(d, VERDICT_OK,
				       "Cookie, even with %d KiB of others' cookies, and the Sec- "
				       "headers reach us",
				       COOKIES_LEN / 1024);
	examination_advise(
	    d,
	    "if a single sign-on is in front of the site, raise: large_client_header_buffers 4 66k "
	    "(nginx, in the default server of the port, and HTTP_COOKIE as in conf/nginx), "
	    "LimitRequestFieldSize and LimitRequestFields (Apache, in the first VirtualHost of the "
	    "port), server.max-request-field-size (lighttpd), tune.bufsize and tune.http.maxhdr "
	    "(HAProxy)");
	return examination_say(d, VERDICT_WARNING,
			       "%d KiB of others' cookies are cut off or refused before us: %s",
			       COOKIES_LEN / 1024, words);
}

enum verdict
check_request_headers(struct examination *d)
{
	const struct header_trial trials[] = {
	    {"Sec-Fetch-Dest", false, "Sec-Fetch-Dest: image", ERR_PREFETCH},
	    {"Sec-Purpose", false, "Sec-Purpose: prefetch", ERR_PREFETCH},
	    {"Sec-Fetch-Site", true, "Sec-Fetch-Site: same-origin", ERR_UNKNOWN_FLOW},
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		const struct header_trial *p = &trials[i];
		char target[128], words[PROBE_WORDS_MAX];
		struct probe_call call = trial_call(d, p->post, target);
		struct probe v;
		bool good;

		call.header[call.header[0] == NULL ? 0 : 1] = p->line;
		examination_probe(d, call, &v);
		good = probe_is_problem(&v, p->expected);
		probe_words(&v, words);
		probe_free(&v);
		if (!good)
			return examination_say(d, VERDICT_FAILED, "%s does not reach us: %s",
					       p->header, words);
	}
	return check_cookies(d);
}

/* Returns a form as one of our pages sends it in a browser that knows only Origin. */
static struct probe_call
own_form(const struct examination *d, char target[128], char origin[ORIGIN_MAX + 16])
{
	struct probe_call call = trial_call(d, true, target);

	snprintf(origin, ORIGIN_MAX + 16, "Origin: %s", d->origin);
	call.header[1] = origin;
	return call;
}

/*
 * We set a cookie only when a sign-in begins, and the doctor begins none. But the name and flags
 * of the cookie follow from what the handler takes for its own origin, and the handler compares
 * the Origin of a form with that.
 */
enum verdict
check_request_cookie(struct examination *d)
{
	char target[128], origin[ORIGIN_MAX + 16], words[PROBE_WORDS_MAX];
	struct probe_call call = own_form(d, target, origin);
	struct probe v;
	bool good;

	examination_probe(d, call, &v);
	good = probe_is_problem(&v, ERR_UNKNOWN_FLOW);
	probe_words(&v, words);
	probe_free(&v);
	if (!good)
		return examination_say(d, VERDICT_FAILED,
				       "the handler does not take itself for %s: %s", d->origin,
				       words);
	return examination_say(d, VERDICT_OK,
			       d->https ? "the handler knows that it is %s: its cookie is __Host-, "
					  "Secure, HttpOnly, SameSite=Lax"
					: "the handler knows that it is %s",
			       d->origin);
}

static bool
echoes_evil(const struct probe *v)
{
	return strcasestr(buf_text(&v->reply.head), EXAMINATION_EVIL) != NULL ||
	       strcasestr(buf_text(&v->reply.body), EXAMINATION_EVIL) != NULL;
}

enum verdict
check_request_forwarded(struct examination *d)
{
	static const char *const forged[] = {
	    "X-Forwarded-For: 203.0.113.99",
	    "X-Real-IP: 203.0.113.99",
	    "X-Forwarded-Host: " EXAMINATION_EVIL,
	    "X-Forwarded-Proto: gopher",
	    "Forwarded: for=203.0.113.99;host=" EXAMINATION_EVIL ";proto=gopher",
	};
	char target[128], origin[ORIGIN_MAX + 16], health[96];
	struct probe_call calls[] = {{.target = health},
				     {.target = d->config->callback_paths[0]},
				     own_form(d, target, origin)};

	snprintf(health, sizeof(health), "%s/health", d->config->prefix);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct probe_call call = calls[i];
		struct probe plain, other;
		size_t n = 0;
		bool same;

		examination_probe(d, call, &plain);
		while (call.header[n] != NULL)
			n++;
		for (size_t j = 0; j < sizeof(forged) / sizeof(forged[0]); j++)
			call.header[n++] = forged[j];
		examination_probe(d, call, &other);
		same = probe_status(&plain) == probe_status(&other) && !echoes_evil(&other);
		probe_free(&plain);
		probe_free(&other);
		if (!same)
			return examination_say(d, VERDICT_FAILED,
					       "%s: forged forwarding headers change the answer",
					       call.target);
	}
	return examination_say(
	    d, VERDICT_OK,
	    "forged forwarding headers change nothing (client=203.0.113.99 in our "
	    "log would)");
}
