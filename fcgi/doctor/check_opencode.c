#include "doctor/check_opencode.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define EVENT_MS      5000
#define ACCOUNT_NEEDS "needs opencode's OPENCODE_SERVER_PASSWORD in the environment of this command"

/* Appends our credentials, if there are any, to the headers of a call. */
static void
with_login(const struct examination *d, struct probe_call *call)
{
	size_t n = 0;

	while (n < PROBE_HEADERS_MAX && call->header[n] != NULL)
		n++;
	if (n < PROBE_HEADERS_MAX && d->login[0] != '\0')
		call->header[n] = d->login;
}

static int
status_with_login(struct examination *d, const char *target)
{
	struct probe_call call = {.target = target};
	struct probe v;
	int status;

	with_login(d, &call);
	examination_probe(d, call, &v);
	status = probe_status(&v);
	probe_free(&v);
	return status;
}

/* Skips a check that only a visitor whom opencode lets in can make. */
static enum verdict
skip_outside(struct examination *d)
{
	return examination_say(d, VERDICT_SKIPPED, "%s",
			       d->guarded ? ACCOUNT_NEEDS : "because of opencode, above");
}

static enum verdict
say_guard(struct examination *d)
{
	if (!d->guarded && !d->loopback) {
		examination_advise(d, "set OPENCODE_SERVER_PASSWORD for opencode, and restart it");
		return examination_say(d, VERDICT_WARNING,
				       "opencode has no password: whoever reaches "
				       "this address can run commands there");
	}
	if (!d->guarded)
		return examination_say(d, VERDICT_OK, "opencode answers, without a password");
	if (d->login[0] == '\0')
		return examination_say(d, VERDICT_OK, "asks for a password");
	d->let_in = status_with_login(d, "/global/health") == 200;
	if (d->let_in)
		return examination_say(d, VERDICT_OK,
				       "asks for a password, and takes the one given");
	examination_advise(d,
			   "OPENCODE_SERVER_USERNAME and OPENCODE_SERVER_PASSWORD as opencode has "
			   "them");
	return examination_say(d, VERDICT_WARNING, "does not take the password given");
}

enum verdict
check_opencode_answers(struct examination *d)
{
	struct probe_call root = {.target = "/"}, health = {.target = "/global/health"};
	char words[2][PROBE_WORDS_MAX];
	struct probe v;
	bool there;

	examination_probe(d, root, &v);
	there = (probe_status(&v) == 200 || probe_status(&v) == 401) && !probe_is_ours(&v);
	probe_words(&v, words[0]);
	probe_free(&v);
	examination_probe(d, health, &v);
	d->guarded = probe_status(&v) == 401;
	d->let_in = probe_status(&v) == 200 && probe_says(&v, "\"healthy\"");
	probe_words(&v, words[1]);
	probe_free(&v);
	if (!there || (!d->guarded && !d->let_in))
		return examination_say(d, VERDICT_FAILED,
				       "/ and /global/health are not opencode's: %s, %s", words[0],
				       words[1]);
	return say_guard(d);
}

enum verdict
check_opencode_health(struct examination *d)
{
	char path[96], words[PROBE_WORDS_MAX];
	struct probe_call call = {.target = path};
	struct probe v;

	snprintf(path, sizeof(path), "%s/health", d->config->prefix);
	examination_probe(d, call, &v);
	d->healthy = probe_status(&v) == 200 && probe_says(&v, "\"status\":\"ok\"");
	probe_words(&v, words);
	probe_free(&v);
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
	with_login(d, &call);
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
	struct probe_call call = {.target = "/global/event",
				  .header = {"Accept: text/event-stream"},
				  .until = "data:",
				  .compressed = true,
				  .timeout_ms = EVENT_MS};
	char words[PROBE_WORDS_MAX];
	struct probe v;
	enum verdict verdict;

	if (!d->let_in)
		return skip_outside(d);
	with_login(d, &call);
	examination_probe(d, call, &v);
	if (v.found && v.reply.status == 200)
		verdict = examination_say(d, VERDICT_OK, "the first event arrives at once");
	else if (v.end == PROBE_LATE)
		verdict =
		    examination_say(d, VERDICT_FAILED,
				    "no event within %d s: held back in a buffer", EVENT_MS / 1000);
	else
		verdict = examination_say(d, VERDICT_FAILED, "/global/event is no event stream: %s",
					  probe_words(&v, words));
	probe_free(&v);
	return verdict;
}

/* Reads the id of the terminal that opencode made; "" if there is none that fits in a path. */
static void
read_terminal(const struct probe *v, char id[65])
{
	json_t *json =
	    json_loadb(buf_text(&v->reply.body), v->reply.body.len, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(json, "id"));
	size_t len = text == NULL ? 0 : strlen(text);

	id[0] = '\0';
	if (probe_status(v) == 200 && len > 0 && len <= 64 &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len)
		memcpy(id, text, len + 1);
	json_decref(json);
}

static enum verdict
shake_hands(struct examination *d, const char *id)
{
	char target[96], origin[ORIGIN_MAX + 16], words[PROBE_WORDS_MAX], upgrade[32];
	struct probe_call call = {
	    .target = target,
	    .header = {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		       "Sec-WebSocket-Key: b3BlbmNvZGUtZG9jdG9yIQ==", origin}};
	struct probe v;
	bool good;

	snprintf(target, sizeof(target), "/pty/%s/connect", id);
	snprintf(origin, sizeof(origin), "Origin: %s", d->origin);
	with_login(d, &call);
	examination_probe(d, call, &v);
	probe_words(&v, words);
	probe_header(&v, "Upgrade", upgrade, sizeof(upgrade));
	good = probe_status(&v) == 101 && strcasecmp(upgrade, "websocket") == 0;
	probe_free(&v);
	return good
		   ? examination_say(d, VERDICT_OK, "a terminal of opencode's opens")
		   : examination_say(d, VERDICT_FAILED, "the handshake ends in %s, not 101", words);
}

/* Makes a terminal: without one, opencode answers a handshake as it answers a plain request. */
enum verdict
check_opencode_websocket(struct examination *d)
{
	struct probe_call make = {.target = "/pty",
				  .header = {"Content-Type: application/json"},
				  .body = "{\"command\":\"cat\",\"title\":\"opencode-callback "
					  "--doctor\"}"};
	struct probe_call end = {.method = "DELETE"};
	char id[65], target[96], words[PROBE_WORDS_MAX];
	enum verdict verdict;
	struct probe v;

	if (!d->let_in)
		return skip_outside(d);
	with_login(d, &make);
	examination_probe(d, make, &v);
	read_terminal(&v, id);
	probe_words(&v, words);
	probe_free(&v);
	if (id[0] == '\0')
		return examination_say(d, VERDICT_WARNING,
				       "opencode made no terminal to try it with: %s", words);
	verdict = shake_hands(d, id);
	snprintf(target, sizeof(target), "/pty/%s", id);
	end.target = target;
	with_login(d, &end);
	examination_probe(d, end, &v);
	probe_free(&v);
	return verdict;
}
