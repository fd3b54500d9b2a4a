#include "doctor/check_front.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doctor/shadow.h"

#define WORD_MAX     80 /* bytes of foreign text in a message */
#define LOCATION_MAX 512
#define REALM	     "Secure Area" /* opencode's, and ours when it asks us for its password */

/* Returns whether two texts have the same path up to a query; the first may be a whole URL. */
static bool
same_path(const char *location, const char *target)
{
	const char *host = strstr(location, "://");
	size_t len = strcspn(target, "?");

	if (host != NULL && host < location + strcspn(location, "?#/") + 1)
		location = host + 3 + strcspn(host + 3, "/?#");
	return strncmp(location, target, len) == 0 && strcspn(location + len, "?#") == 0;
}

static bool
is_redirect(int status)
{
	return status >= 301 && status <= 308 && status != 304;
}

bool
check_front_is_guard(const struct probe *v, const char *target)
{
	char value[LOCATION_MAX];
	int status = probe_status(v);

	if (probe_is_ours(v))
		return false;
	if (is_redirect(status))
		return probe_header(v, "Location", value, sizeof(value)) > 0 &&
		       !same_path(value, target);
	if (status != 401 && status != 403)
		return false;
	probe_header(v, "WWW-Authenticate", value, sizeof(value));
	return strcasestr(value, REALM) == NULL;
}

const char *
check_front_words(const struct probe *v, char out[PROBE_WORDS_MAX])
{
	char words[PROBE_WORDS_MAX], value[LOCATION_MAX];
	size_t len;

	snprintf(out, PROBE_WORDS_MAX, "%.*s", WORD_MAX, probe_words(v, words));
	len = strlen(out);
	if (is_redirect(probe_status(v)) && probe_header(v, "Location", value, sizeof(value)) > 0) {
		value[strcspn(value, "?#")] = '\0';
		snprintf(out + len, PROBE_WORDS_MAX - len, ", leads to %.*s", WORD_MAX, value);
		len = strlen(out);
	}
	if (probe_status(v) != 0 && probe_header(v, "Server", value, sizeof(value)) > 0)
		snprintf(out + len, PROBE_WORDS_MAX - len, " (Server: %.*s)", WORD_MAX / 2, value);
	return out;
}

/* Checks one callback path with an answer of the form that providers send. */
static bool
callback_is_ours(struct examination *d, const char *path)
{
	char target[256], words[PROBE_WORDS_MAX];
	/* the headers of a browser that a provider redirected here */
	struct probe_call call = {.target = target,
				  .header = {"Sec-Fetch-Site: cross-site",
					     "Sec-Fetch-Mode: navigate",
					     "Sec-Fetch-Dest: document"}};
	struct probe v;
	bool ours;

	snprintf(target, sizeof(target),
		 "%s?code=doctor&state=doctor&iss=https%%3A%%2F%%2Fdoctor.example", path);
	examination_probe(d, call, &v);
	ours = probe_is_ours(&v);
	check_front_words(&v, words);
	if (!ours && check_front_is_guard(&v, target))
		examination_advise(
		    d,
		    "let what guards the site leave the callback paths alone, as in "
		    "conf/README.md, \"Behind a single sign-on\": the state and our cookie guard "
		    "them, and a code must not get into another address or log");
	else if (!ours)
		shadow_advise(d, &v, false);
	probe_free(&v);
	if (!ours)
		examination_say(d, VERDICT_FAILED, "%s does not come to us: %s", path, words);
	return ours;
}

enum verdict
check_front_callbacks(struct examination *d)
{
	const struct config *config = d->config;

	for (size_t i = 0; i < config->callback_path_count; i++)
		if (!callback_is_ours(d, config->callback_paths[i]))
			return VERDICT_FAILED;
	return examination_say(d, VERDICT_OK, "all %zu callback paths come to us",
			       config->callback_path_count);
}

/*
 * Web application firewalls refuse what holds a URL with an address of the own machine, as a pasted
 * address does.
 */
enum verdict
check_front_firewall(struct examination *d)
{
	char target[2][192], origin[ORIGIN_MAX + 16], words[PROBE_WORDS_MAX];
	const struct probe_call calls[] = {
	    {.target = target[0],
	     .header = {"Content-Type: application/x-www-form-urlencoded", origin,
			"Sec-Fetch-Site: same-origin"},
	     .body = "address=http%3A%2F%2F127.0.0.1%3A1455%2Fauth%2Fcallback%3Fcode%3Ddoctor%"
		     "26state%3Ddoctor"},
	    {.target = target[1]},
	};
	static const char *const what[] = {
	    "a pasted address",
	    "an answer with http://127.0.0.1 in it",
	};

	snprintf(target[0], sizeof(target[0]), "%s/flow/doctor", d->config->prefix);
	snprintf(target[1], sizeof(target[1]),
		 "%s?code=doctor&state=doctor&iss=http%%3A%%2F%%2F127.0.0.1%%3A1455",
		 d->config->callback_paths[0]);
	snprintf(origin, sizeof(origin), "Origin: %s", d->origin);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct probe v;
		bool ours;

		examination_probe(d, calls[i], &v);
		ours = probe_is_ours(&v);
		check_front_words(&v, words);
		probe_free(&v);
		if (ours)
			continue;
		examination_advise(d,
				   "firewall before the web server: no rules against URLs in "
				   "requests (AWS GenericRFI, OWASP CRS 931100) for %s/ and the "
				   "callback paths",
				   d->config->prefix);
		return examination_say(d, d->limited ? VERDICT_FAILED : VERDICT_WARNING,
				       "%s does not reach us: %s", what[i], words);
	}
	return examination_say(d, VERDICT_OK, "addresses of the own machine pass, in forms too");
}
