#include "doctor/check_opencode.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define EVENT_MS 5000
#define ACCOUNT_NEEDS \
	"needs opencode's password in the environment of this command, as OPENCODE_PASSWORD or " \
	"OPENCODE_SERVER_PASSWORD"

/* Skips a check that only a visitor whom opencode lets in can make. */
static enum verdict
skip_outside(struct examination *d)
{
	return examination_say(d, VERDICT_SKIPPED, "%s",
			       d->guarded ? ACCOUNT_NEEDS : "because of opencode, above");
}

static enum verdict
say_unknown(struct examination *d)
{
	examination_advise(d, "an opencode that README.md names, or a newer opencode-callback");
	return examination_say(d, VERDICT_FAILED,
			       "opencode answers, but speaks no interface that this version knows");
}

static enum verdict
say_unguarded(struct examination *d)
{
	const struct generation_terms *terms = generation_terms(d->generation);

	if (d->carry)
		return examination_say(d, VERDICT_OK, "%s answers, behind the site's own password",
				       terms->name);
	if (d->loopback)
		return examination_say(d, VERDICT_OK, "%s answers, without a password",
				       terms->name);
	if (terms->locked)
		examination_advise(d,
				   "web server: do not add opencode's password to every request, "
				   "unless a guard of your own comes before");
	else
		examination_advise(d, "set OPENCODE_SERVER_PASSWORD for opencode, and restart it");
	return examination_say(d, VERDICT_WARNING,
			       "%s asks for no password: whoever reaches this address can run "
			       "commands there",
			       terms->name);
}

static enum verdict
say_guarded(struct examination *d)
{
	struct generation_look look;

	if (d->login[0] == '\0')
		return examination_say(d, VERDICT_OK, "%s asks for a password",
				       generation_terms(d->generation)->name);
	look = examination_ask_generation(d, NULL, true, NULL);
	d->let_in = look.found != GENERATION_UNKNOWN && !look.challenged;
	if (d->let_in) {
		d->generation = look.found;
		return examination_say(d, VERDICT_OK,
				       "%s asks for a password, and takes the one given",
				       generation_terms(d->generation)->name);
	}
	if (!look.challenged)
		return say_unknown(d);
	examination_advise(d, "OPENCODE_PASSWORD (opencode 2: its user is always opencode), or "
			      "OPENCODE_SERVER_USERNAME and OPENCODE_SERVER_PASSWORD, as opencode "
			      "has them");
	return examination_say(d, VERDICT_WARNING, "does not take the password given");
}

/* Checks that we get nothing of what the UI of opencode 2 sends to opencode during a sign-in, and
 * when somebody pairs a browser. */
static bool
check_rest(struct examination *d)
{
	static const char *const paths[] = {
	    "/api/integration/opencode-callback-doctor/connect/oauth/doctor",
	    "/auth/connect/",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct probe_call call = {.target = paths[i]};
		struct probe v;
		bool ours;

		examination_login(d, &call);
		examination_probe(d, call, &v);
		ours = probe_is_ours(&v);
		probe_free(&v);
		if (!ours)
			continue;
		examination_advise(d,
				   "web server: of /api/integration/ only the path that ends in "
				   "/connect/oauth is ours, of /auth/ only /auth/callback, as in "
				   "conf/nginx or conf/apache");
		examination_say(d, VERDICT_FAILED, "%s comes to us, not to opencode", paths[i]);
		return false;
	}
	return true;
}

/* What the site's first page is. */
struct front_page {
	bool possible; /* by its status, and not ours */
	bool named;    /* as opencode's UI names itself */
	char words[PROBE_WORDS_MAX];
};

static struct front_page
read_front_page(struct examination *d)
{
	struct probe_call call = {.target = "/"};
	struct front_page page;
	struct probe v;
	int status;

	examination_probe(d, call, &v);
	status = probe_status(&v);
	/* without a UI, as in the preview of opencode 2, it is 404 */
	page.possible = (status == 200 || status == 401 || status == 404) && !probe_is_ours(&v);
	page.named =
	    status == 200 && strcasestr(buf_text(&v.reply.body), "<title>opencode") != NULL;
	probe_words(&v, page.words);
	probe_free(&v);
	return page;
}

enum verdict
check_opencode_answers(struct examination *d)
{
	struct front_page page = read_front_page(d);
	char words[PROBE_WORDS_MAX];
	struct generation_look look = examination_ask_generation(d, NULL, false, words);
	enum verdict verdict;

	d->generation = look.found;
	d->guarded = look.challenged;
	d->let_in = look.found != GENERATION_UNKNOWN && !look.challenged;
	if (page.possible && page.named && !d->guarded && !d->let_in)
		return say_unknown(d);
	if (!page.possible || (!d->guarded && !d->let_in))
		return examination_say(d, VERDICT_FAILED, "/ and %s are not opencode's: %s, %s",
				       generation_paths[0], page.words, words);
	verdict = d->guarded ? say_guarded(d) : say_unguarded(d);
	if (verdict != VERDICT_FAILED && d->generation == GENERATION_2 && !check_rest(d))
		return VERDICT_FAILED;
	return verdict;
}

/* Reads what our health page says is wrong; "" if it does not say. */
static void
read_reason(const struct probe *v, char reason[EXAMINATION_TEXT_MAX])
{
	json_t *json =
	    json_loadb(buf_text(&v->reply.body), v->reply.body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(json, "reason"));

	snprintf(reason, EXAMINATION_TEXT_MAX, "%s", text == NULL ? "" : text);
	json_decref(json);
}

enum verdict
check_opencode_health(struct examination *d)
{
	char path[96], words[PROBE_WORDS_MAX], reason[EXAMINATION_TEXT_MAX];
	struct probe_call call = {.target = path};
	struct probe v;

	snprintf(path, sizeof(path), "%s/health", d->config->prefix);
	examination_probe(d, call, &v);
	d->healthy = probe_status(&v) == 200 && probe_says(&v, "\"status\":\"ok\"");
	probe_words(&v, words);
	read_reason(&v, reason);
	probe_free(&v);
	if (!d->healthy && reason[0] != '\0')
		return examination_say(d, VERDICT_FAILED, "%s: %s, %s", path, words, reason);
	if (!d->healthy)
		return examination_say(d, VERDICT_FAILED,
				       "%s: %s, the store or the socket to opencode fails", path,
				       words);
	return examination_say(d, VERDICT_OK, "the store works, opencode answers on its socket");
}

/* Our health page tells its version only if opencode accepts the credentials that reached us. */
enum verdict
check_opencode_login(struct examination *d)
{
	char path[96];
	struct probe_call call = {.target = path};
	struct probe v;
	bool told;

	if (!d->let_in)
		return skip_outside(d);
	if (!d->guarded)
		return examination_say(d, VERDICT_SKIPPED, "opencode asks for no password");
	if (!d->healthy)
		return examination_say(d, VERDICT_SKIPPED, "because of health, above");
	snprintf(path, sizeof(path), "%s/health", d->config->prefix);
	examination_login(d, &call);
	examination_probe(d, call, &v);
	told = probe_says(&v, "\"version\"");
	probe_free(&v);
	return told
		   ? examination_say(d, VERDICT_OK, "the password reaches the handler too")
		   : examination_say(d, VERDICT_FAILED, "Authorization does not reach the handler");
}

enum verdict
check_opencode_events(struct examination *d)
{
	struct probe_call call = {.target = generation_terms(d->generation)->events,
				  .header = {"Accept: text/event-stream"},
				  .until = "data:",
				  .compressed = true,
				  .timeout_ms = EVENT_MS};
	char words[PROBE_WORDS_MAX];
	struct probe v;
	enum verdict verdict;

	if (!d->let_in)
		return skip_outside(d);
	examination_login(d, &call);
	examination_probe(d, call, &v);
	if (v.found && v.reply.status == 200)
		verdict = examination_say(d, VERDICT_OK, "the first event arrives at once");
	else if (v.end == PROBE_LATE)
		verdict =
		    examination_say(d, VERDICT_FAILED,
				    "no event within %d s: held back in a buffer", EVENT_MS / 1000);
	else
		verdict = examination_say(d, VERDICT_FAILED, "%s is no event stream: %s",
					  call.target, probe_words(&v, words));
	probe_free(&v);
	return verdict;
}

/* Reads the id of the terminal that opencode made; "" if there is none that fits in a path. */
static void
read_terminal(const struct generation_terms *terms, const struct probe *v, char id[65])
{
	json_t *json =
	    json_loadb(buf_text(&v->reply.body), v->reply.body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *content =
	    terms->envelope == NULL ? json : json_object_get(json, terms->envelope);
	const char *text = json_string_value(json_object_get(content, "id"));
	size_t len = text == NULL ? 0 : strlen(text);

	id[0] = '\0';
	if (probe_status(v) == 200 && len > 0 && len <= 64 &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len)
		memcpy(id, text, len + 1);
	json_decref(json);
}

static const char *
own_origin(const struct examination *d, char line[ORIGIN_MAX + 16])
{
	snprintf(line, ORIGIN_MAX + 16, "Origin: %s", d->origin);
	return line;
}

/* The UI of opencode 2 gets a ticket before it opens a terminal. opencode gives none to a page
 * whose origin is not the one that Host names. Other answers say nothing about that. */
static bool
origin_refused(struct examination *d, const char *terminal)
{
	char target[128], origin[ORIGIN_MAX + 16];
	struct probe_call call = {
	    .target = target,
	    .header = {"x-opencode-ticket: 1", own_origin(d, origin)},
	    .body = "",
	};
	struct probe v;
	bool refused;

	snprintf(target, sizeof(target), "%s/connect-token", terminal);
	examination_login(d, &call);
	examination_probe(d, call, &v);
	refused = probe_status(&v) == 403;
	probe_free(&v);
	return refused;
}

static enum verdict
shake_hands(struct examination *d, const char *terminal)
{
	char target[128], origin[ORIGIN_MAX + 16], words[PROBE_WORDS_MAX], upgrade[32];
	struct probe_call call = {
	    .target = target,
	    .header = {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		       "Sec-WebSocket-Key: b3BlbmNvZGUtZG9jdG9yIQ==", own_origin(d, origin)}};
	struct probe v;
	bool good;

	snprintf(target, sizeof(target), "%s/connect", terminal);
	examination_login(d, &call);
	examination_probe(d, call, &v);
	probe_words(&v, words);
	probe_header(&v, "Upgrade", upgrade, sizeof(upgrade));
	good = probe_status(&v) == 101 && strcasecmp(upgrade, "websocket") == 0;
	probe_free(&v);
	return good
		   ? examination_say(d, VERDICT_OK, "a terminal of opencode's opens")
		   : examination_say(d, VERDICT_FAILED, "the handshake ends in %s, not 101", words);
}

static enum verdict
try_terminal(struct examination *d, const char *terminal)
{
	if (!generation_terms(d->generation)->tickets || !origin_refused(d, terminal))
		return shake_hands(d, terminal);
	examination_advise(d, "web server: proxy_set_header Host $http_host; (nginx), "
			      "ProxyPreserveHost On (Apache)");
	return examination_say(d, VERDICT_FAILED,
			       "opencode takes %s for a foreign origin: Host does not reach it as "
			       "the browser sent it",
			       d->origin);
}

/* Makes a terminal: without one, opencode answers a handshake as it answers a plain request. */
enum verdict
check_opencode_websocket(struct examination *d)
{
	const struct generation_terms *terms = generation_terms(d->generation);
	struct probe_call make = {.target = terms->terminals,
				  .header = {"Content-Type: application/json"},
				  .body = "{\"command\":\"cat\",\"title\":\"opencode-callback "
					  "--doctor\"}"};
	struct probe_call end = {.method = "DELETE"};
	char id[65], terminal[96], words[PROBE_WORDS_MAX];
	enum verdict verdict;
	struct probe v;

	if (!d->let_in)
		return skip_outside(d);
	examination_login(d, &make);
	examination_probe(d, make, &v);
	read_terminal(terms, &v, id);
	probe_words(&v, words);
	probe_free(&v);
	if (id[0] == '\0')
		return examination_say(d, VERDICT_WARNING,
				       "opencode made no terminal to try it with: %s", words);
	snprintf(terminal, sizeof(terminal), "%s/%s", terms->terminals, id);
	verdict = try_terminal(d, terminal);
	end.target = terminal;
	examination_login(d, &end);
	examination_probe(d, end, &v);
	probe_free(&v);
	return verdict;
}
