#include "signin/deliver_provider.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "flow/provider.h"
#include "opencode/call.h"
#include "opencode/connected.h"
#include "opencode/opencode.h"
#include "util/clock.h"

#define LOOK_MS	  5000 /* for an account to be listed after another's finishing call */
#define TRY_MS	  1000 /* for a listener that answers at once, or not at all */
#define TRIES	  3
#define BODY_SIZE 32
#define PATH_SIZE (FLOW_NAME_MAX + 40)

enum listed { LISTED_NO, LISTED_YES, LISTED_UNKNOWN };

/* Asks whether opencode lists the account. */
static enum listed
look(const struct delivery *d)
{
	bool connected = false;

	if (connected_ask(d->x, d->flow, &connected) != ERR_OK)
		return LISTED_UNKNOWN;
	return connected ? LISTED_YES : LISTED_NO;
}

/* Waits for the account to be listed. The list is long and slow to come, so the last look begins
 * when the time is over. */
static enum listed
comes_up(const struct delivery *d)
{
	struct delivery wait = *d;
	enum listed listed;
	bool last = false;

	wait.deadline_ms = clock_monotonic_ms() + LOOK_MS;
	while ((listed = look(d)) != LISTED_YES && !last)
		last = !delivery_pause(&wait);
	return listed;
}

/* Returns whether the reply is {"name":"ProviderAuthOauthMissing",…}, which is no verdict rather
 * than a failure. */
static bool
says_missing(const struct call_reply *reply)
{
	json_t *json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	const char *name = json_string_value(json_object_get(json, "name"));
	bool missing = name != NULL && strcmp(name, "ProviderAuthOauthMissing") == 0;

	json_decref(json);
	return missing;
}

static void
verdict(struct delivery *d, enum err err, const struct call_reply *reply)
{
	d->outcome.state = FLOW_DONE;
	d->outcome.reason = REASON_NONE;
	d->outcome.status = err == ERR_OK ? reply->status : 0;
	if (err == ERR_OPENCODE_TIMEOUT)
		d->outcome.reason = REASON_UNCONFIRMED;
	else if (err != ERR_OK || opencode_unreached(reply) || reply->status == 504)
		delivery_fail(d, REASON_OPENCODE_GONE);
	else if (reply->status == 401)
		delivery_fail(d, REASON_OPENCODE_AUTH);
	else if (reply->status == 400 && says_missing(reply))
		d->outcome.reason = REASON_UNCONFIRMED;
	else if (reply->status != 200)
		delivery_fail(d, REASON_REFUSED_BY_PROVIDER);
	else if (strcmp(buf_text(&reply->body), "true") != 0)
		d->outcome.reason = REASON_UNCONFIRMED;
}

static void
finishing_path(const struct delivery *d, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "/provider/%s/oauth/callback", d->flow->provider);
}

/*
 * Prepares the call that makes opencode store the tokens. Its reply is the true verdict, because
 * a listener's own page says "successful" even if the token exchange fails. opencode gets exactly
 * one per flow, ever.
 */
static void
finishing_call(const struct delivery *d, struct call *call, char path[PATH_SIZE],
	       char body[BODY_SIZE])
{
	int finish_ms = provider_of(d->flow)->finish_ms;

	finishing_path(d, path);
	*call = (struct call){.method = "POST",
			      .body = body,
			      .timeout_ms = finish_ms != 0 ? finish_ms : delivery_left_ms(d)};
	call->body_len = (size_t)snprintf(body, BODY_SIZE, "{\"method\":%d}", d->flow->method);
}

static void
finish(struct delivery *d)
{
	char path[PATH_SIZE], body[BODY_SIZE];
	struct call call;
	struct call_reply reply;
	enum err err;

	finishing_call(d, &call, path, body);
	err = opencode_flow_send(d->x, d->flow, path, &call, &reply);
	/* opencode's program may keep the plugin from connecting for seconds; nothing was sent */
	if (err == ERR_OK && opencode_unreached(&reply)) {
		call_reply_free(&reply);
		finishing_call(d, &call, path, body);
		err = opencode_flow_send(d->x, d->flow, path, &call, &reply);
	}
	verdict(d, err, &reply);
	call_reply_free(&reply);
}

/*
 * Finishes where every finishing call exchanges the code anew. If opencode's own window has sent
 * one, ours would use the code a second time, and a provider may then revoke the tokens of the
 * first (RFC 6749 section 4.1.2). So ours is sent only if the account does not get listed without
 * it. If the account was listed before, nothing can be seen.
 */
static void
finish_beside(struct delivery *d, bool before)
{
	if (!d->flow->from_here && (before || comes_up(d) == LISTED_YES)) {
		d->outcome = (struct outcome){.state = FLOW_DONE,
					      .reason = before ? REASON_UNCONFIRMED : REASON_NONE};
		return;
	}
	finish(d);
	/* somebody else's call was faster after all */
	if (!d->flow->from_here && d->outcome.reason == REASON_REFUSED_BY_PROVIDER &&
	    look(d) == LISTED_YES)
		d->outcome = (struct outcome){.state = FLOW_DONE};
}

/* Judges by the list: somebody else's finishing call took the response from the listener, so only
 * the list tells how that went. */
static void
judge_by_list(struct delivery *d, bool before)
{
	enum listed listed = before ? LISTED_UNKNOWN : comes_up(d);

	if (listed == LISTED_NO)
		delivery_fail(d, REASON_REFUSED_BY_PROVIDER);
	else
		d->outcome = (struct outcome){.state = FLOW_DONE,
					      .reason = listed == LISTED_YES ? REASON_NONE
									     : REASON_UNCONFIRMED};
}

/* Makes our own finishing call, and the redirect while it waits. */
static void
finish_with_redirect(struct delivery *d)
{
	char path[PATH_SIZE], body[BODY_SIZE];
	struct call_pending *pending = NULL;
	struct call_reply reply, redirected;
	struct call call;
	enum err err;

	finishing_call(d, &call, path, body);
	err = opencode_flow_start(d->x, d->flow, path, &call, &reply, &pending);
	if (err == ERR_OPENCODE_DOWN) {
		d->outcome.err = err; /* nothing was sent */
		call_reply_free(&reply);
		return;
	}
	for (int i = 0; err == ERR_OK && i < TRIES; i++) {
		enum err heard = delivery_redirect(d, TRY_MS, &redirected);

		call_reply_free(&redirected);
		if (heard != ERR_OPENCODE_TIMEOUT)
			break;
	}
	if (err == ERR_OK)
		err = call_finish(pending);
	if (d->response->declined)
		d->outcome.state = FLOW_DECLINED;
	else
		verdict(d, err, &reply);
	call_reply_free(&reply);
}

/* Delivers to a listener that answers only while a finishing call waits, and takes nothing
 * before. If opencode's own window has sent one, it has the code now; otherwise we send ours. */
static void
deliver_finish_first(struct delivery *d, bool before)
{
	struct call_reply reply;
	enum err err = ERR_OPENCODE_TIMEOUT;

	if (!d->flow->from_here) {
		err = delivery_redirect(d, TRY_MS, &reply);
		if (err != ERR_OPENCODE_TIMEOUT)
			delivery_judge(d, err, &reply);
		call_reply_free(&reply);
	}
	if (err == ERR_OPENCODE_TIMEOUT)
		finish_with_redirect(d);
	else if (d->outcome.err == ERR_OK && d->outcome.state == FLOW_DELIVERING)
		judge_by_list(d, before);
}

/* Makes the finishing call with the code that was copied. opencode itself exchanges it. */
static void
finish_typed(struct delivery *d)
{
	json_t *json = json_pack("{s:i, s:s}", "method", d->flow->method, "code", d->response->raw);
	struct call_reply reply;
	char path[PATH_SIZE];
	enum err err;

	finishing_path(d, path);
	err = delivery_post(d, path, json, &reply);
	if (err == ERR_OPENCODE_DOWN || err == ERR_MEMORY)
		d->outcome.err = err; /* nothing was sent */
	else
		verdict(d, err, &reply);
	call_reply_free(&reply);
}

void
deliver_provider(struct delivery *d)
{
	const struct provider *provider = provider_of(d->flow);
	bool shared = (provider->finish_first || provider->exchanges_each) && !d->flow->from_here;
	bool before = shared && look(d) != LISTED_NO;
	struct call_reply reply;

	if (d->flow->typed) {
		finish_typed(d);
		return;
	}
	if (provider->finish_first) {
		deliver_finish_first(d, before);
		return;
	}
	delivery_listener(d, &reply);
	call_reply_free(&reply);
	if (d->outcome.err != ERR_OK || d->outcome.state != FLOW_DELIVERING)
		return;
	if (provider->exchanges_each)
		finish_beside(d, before);
	else
		finish(d);
}
