#include "util/error.h"

struct error_row {
	const char *name;
	int status;
	const char *title;
	const char *advice;
};

#define BEGIN_AGAIN "Go back to opencode and begin again."

static const struct error_row table[] = {
    [ERR_OK] = {"ok", 200, "Everything is fine", "There is nothing to do."},

    [ERR_REQUEST] =
	{"bad-request", 400, "This request could not be understood",
	 "Go back and try again. If it happens again, the web server's configuration for "
	 "opencode-callback is probably incomplete."},
    [ERR_METHOD] = {"method", 405, "This address does not take that kind of request",
		    "Open it as an ordinary page, or go back to opencode."},
    [ERR_PATH] = {"not-found", 404, "There is no such page",
		  "Check the address, or go back to opencode."},
    [ERR_CROSS_SITE] = {"cross-site", 403, "This request was sent by another site",
			"Only pages of this site may do that. Open opencode here and do it there."},
    [ERR_PREFETCH] =
	{"prefetch", 403, "This address was not opened as a page",
	 "It was loaded in advance or inside another page, so nothing was done. Open it in a "
	 "tab of its own."},
    [ERR_QUERY_LONG] = {"query-too-long", 414, "This address is too long",
			"No sign-in needs one of this length. " BEGIN_AGAIN},
    [ERR_HEADER_LONG] =
	{"header-too-long", 431, "The browser sent too much with this request",
	 "A request may bring 64 KiB of cookies, and 8 KiB in any other header. Open opencode in "
	 "a private window, or delete the cookies of this site and of its parent domains, then "
	 "begin again."},
    [ERR_BODY_LONG] =
	{"body-too-long", 413, "That is too much text",
	 "Copy only the address from the address bar of the tab that failed to load, and paste "
	 "that."},
    [ERR_LENGTH] = {"no-length", 411, "This request does not say how long it is",
		    "Send it with a Content-Length. A browser does that by itself."},
    [ERR_BODY_SHORT] = {"body-cut-off", 400, "Only part of this request arrived",
			"The connection was interrupted. Go back and send it again."},
    [ERR_MEDIA_TYPE] =
	{"media-type", 415, "This form came in a format that is not read here",
	 "Use the form of the page itself, or send application/x-www-form-urlencoded."},
    [ERR_HOST] =
	{"unknown-host", 421, "This host name is not configured here",
	 "Open opencode under its usual address. If this is its address, the [opencode] url of "
	 "opencode-callback has to be set to it."},
    [ERR_NEEDS_HTTPS] =
	{"needs-https", 403, "Signing in needs https",
	 "Over plain http, others on the way could read the sign-in. There are three ways to "
	 "https: a "
	 "certificate for the web server (Caddy and certbot get one by themselves), a tunnel such "
	 "as "
	 "tailscale serve or cloudflared, or ssh -L to the server and http://localhost. In a "
	 "private "
	 "network that you trust, the line “http = private” below [web] in opencode-callback.ini "
	 "allows http."},

    [ERR_ENCODING] =
	{"bad-encoding", 400, "This address is damaged",
	 "Some of its characters are not encoded as they must be. Copy the whole address once "
	 "more, directly from the address bar."},
    [ERR_PARAMS] = {"too-many-parameters", 400, "This address has too many parts",
		    "No sign-in answers with so many parameters. " BEGIN_AGAIN},
    [ERR_VALUE_LONG] = {"value-too-long", 400, "A part of this address is too long",
			"No sign-in answers with values of this length. " BEGIN_AGAIN},
    [ERR_DUPLICATE] =
	{"duplicate-parameter", 400, "This address says the same thing twice",
	 "It may have been pasted twice. Copy the address once more and paste it alone."},
    [ERR_NO_STATE] =
	{"no-state", 400, "The end of this address is missing",
	 "It has no state=, which tells the sign-in that it answers. Click into the address "
	 "bar, select all of it and copy it."},
    [ERR_NO_CODE] =
	{"no-code", 400, "This address holds no answer from the provider",
	 "It has neither code= nor error=. Finish the sign-in at the provider, then copy the "
	 "whole address of the tab that failed to load."},
    [ERR_CODE_AND_ERROR] =
	{"code-and-error", 400, "This address contradicts itself",
	 "It says both that the sign-in worked and that it failed. " BEGIN_AGAIN},
    [ERR_RESPONSE_MODE] =
	{"response-mode", 400, "This is another kind of answer",
	 "The provider answered in a form that this sign-in does not use. " BEGIN_AGAIN},

    [ERR_UNKNOWN_FLOW] =
	{"unknown-flow", 400, "This sign-in is not known in this browser",
	 "Usual causes: it was opened in another browser or a private window; cookies are "
	 "blocked for this site; or it has expired. " BEGIN_AGAIN},
    [ERR_ISSUER] =
	{"wrong-issuer", 400, "The answer came from somebody else",
	 "The address names another provider than the one this sign-in was begun with. It was "
	 "not used. " BEGIN_AGAIN},
    [ERR_ISSUER_UNSURE] =
	{"issuer-unsure", 400, "The answer names another server than the sign-in",
	 "It was not used. Go back to the page of the sign-in, and paste the answer there."},
    [ERR_TOO_MANY_FLOWS] =
	{"too-many-flows", 429, "Too many sign-ins are waiting",
	 "Finish one of them, or wait a few minutes until they expire; then begin again."},
    [ERR_RATE] =
	{"rate", 429, "Too many requests came from your address",
	 "Wait a minute, then try again. A sign-in of yours that waits is not lost: you can "
	 "still finish it."},
    [ERR_CREDENTIALS] =
	{"credentials", 401, "opencode wants its password",
	 "Reload this page and enter opencode's user name and password. Nothing was lost."},

    [ERR_RELAY_SHAPE] =
	{"relay-no-site", 400, "This answer does not say where it belongs",
	 "It came to the relay of several opencodes, but none of them has marked it as its "
	 "own. " BEGIN_AGAIN
	 " If this happens again: whoever runs that opencode has to set via, in the "
	 "section [relay] of its opencode-callback, to the address of this relay; the log there "
	 "says if that is not enough."},
    [ERR_RELAY_STATE] =
	{"relay-refused", 400, "This relay does not pass that answer on",
	 BEGIN_AGAIN
	 " If this happens again, the opencode that you came from is not among the "
	 "sites of this relay, or its key is not the same on both sides. The log of the relay "
	 "says which; whoever runs the relay or that opencode can fix it."},
    [ERR_RELAY_EXPIRED] =
	{"relay-expired", 400, "This sign-in took too long",
	 "Its few minutes were over before the provider sent you back. " BEGIN_AGAIN},
    [ERR_RELAY_CLOCK] =
	{"relay-clock", 400, "The clocks of two servers do not agree",
	 "This sign-in says that it ends later than any can. Whoever runs the relay or that "
	 "opencode has to set the clock that is wrong; then begin again."},

    [ERR_PASTE_EMPTY] =
	{"paste-empty", 400, "The box was empty",
	 "Go to the tab that failed to load, click into its address bar, copy everything there "
	 "and paste it below."},
    [ERR_PASTE_AUTHORIZE] =
	{"paste-authorize", 400, "That is the address of the sign-in page",
	 "Sign in there first. Then the tab moves on and fails to load: copy the address that "
	 "it shows at that moment. It begins with localhost or 127.0.0.1."},
    [ERR_PASTE_CODE] =
	{"paste-code", 400, "That is only a part of the address",
	 "Copy the whole address of the tab that failed to load, from its beginning to its end. (A "
	 "code that the provider shows has letters and digits, and no blank.)"},
    [ERR_PASTE_NO_CODE] =
	{"paste-no-code", 400, "That is not the code",
	 "Copy the code that the provider shows at the end of the sign-in, all of it and nothing "
	 "else. If a tab fails to load instead, copy the whole address of that tab."},
    [ERR_PASTE_CODE_ALONE] =
	{"paste-code-alone", 400, "That code alone cannot be used here",
	 "Nothing ties it to this sign-in, so it could be somebody else’s. Copy the whole address "
	 "of the tab, with code= and state= in it. If there is none, this sign-in cannot be "
	 "finished from here: use another method, or an API key."},
    [ERR_PASTE_SITE] =
	{"paste-other-site", 400, "That is the address of another page",
	 "Up to its first ? it has to be the one in the picture: the same name, the same number, "
	 "the same path. Copy the address of the tab that failed to load, as it stands there."},
    [ERR_PASTE_FRAGMENT] =
	{"paste-fragment", 400, "This answer stands behind a #",
	 "This sign-in needs an address with code= in it. Copy the address of the tab that "
	 "failed to load as it stands there, without changing it."},
    [ERR_PASTE_OTHER] =
	{"paste-other-flow", 400, "That address belongs to another sign-in",
	 "It probably comes from an earlier attempt. Open the provider from this page, sign in, "
	 "and copy the address of the tab that this opens."},
    [ERR_PASTE_TOKEN] =
	{"paste-no-token", 400, "The part behind the # is missing",
	 "This provider puts its answer behind a # in the address. Copy the whole address of "
	 "the "
	 "last tab, to its very end."},
    [ERR_PASTE_ANSWERED] =
	{"paste-answered", 400, "A program on your own computer seems to have answered there",
	 "If that tab’s address has code= or access_token= in it, copy all of it, whatever the "
	 "page says. If not, end that program, open the provider from this page and sign in once "
	 "more. If opencode runs on this computer, it was opencode that answered: paste nothing."},
    [ERR_PASTE_DIFFER] =
	{"paste-several", 400, "These are several answers, and they differ",
	 "They hold different codes for this sign-in, and only one of them can be right. Copy the "
	 "address of the last tab that failed to load, and paste it alone."},
    [ERR_PASTE_LINES] =
	{"paste-lines", 400, "It is not clear where this address ends",
	 "It is broken into lines, or a word stands behind it. Copy the address of the tab that "
	 "failed to load, directly from the address bar, and paste it alone."},
    [ERR_PASTE_LONG] =
	{"paste-too-long", 400, "That is too much text",
	 "Copy only the address from the address bar of the tab that failed to load, and paste "
	 "that."},
    [ERR_PASTE_TEXT] =
	{"paste-text", 400, "That is not an address",
	 "Click into the address bar of the tab that failed to load, copy everything there and "
	 "paste it below. It is one long line."},
    [ERR_ADOPT_TEXT] =
	{"adopt-text", 400, "That is not the address of a sign-in page",
	 "The terminal prints an address that begins with https:// and is several lines long. "
	 "Copy all of it, to its last character."},
    [ERR_ADOPT_SEVERAL] =
	{"adopt-several", 400, "Those are the addresses of several sign-in pages",
	 "Each begins a sign-in of its own. Copy only the one that the terminal printed last."},
    [ERR_ADOPT_CALLBACK] =
	{"adopt-callback", 400, "That is the answer, not the beginning",
	 "First paste the address that the terminal printed. The page behind it then takes the "
	 "address of the tab that failed to load."},
    [ERR_ADOPT_FORM] =
	{"adopt-form", 400, "The answer of that sign-in cannot be copied",
	 "Its address asks for response_mode=form_post: the provider then sends the answer inside "
	 "a form, and no address holds it. Use another way to sign in that the program offers, "
	 "such as a device code or an API key."},
    [ERR_ADOPT_REDIRECT] =
	{"adopt-redirect", 400, "That sign-in does not end at the terminal",
	 "The provider will send its answer to another place than the computer that opencode "
	 "runs "
	 "on, so it cannot be brought there. Begin it on this page instead, or use an API key."},
    [ERR_BEGIN_INPUT] =
	{"begin-input", 400, "opencode did not accept what was entered",
	 "Something is missing, or not in the form that this sign-in wants. Go back, look at "
	 "what was entered, and try again."},
    [ERR_BEGIN_REFUSED] =
	{"begin-refused", 502, "opencode could not begin this sign-in",
	 "It may be waiting for another one of this kind: finish that first, or wait five "
	 "minutes. If it fails again, the log of opencode says why."},
    [ERR_BEGIN_KIND] =
	{"begin-elsewhere", 409, "This sign-in belongs in opencode’s own window",
	 "Its answer goes where this page cannot fetch it: begin it in opencode, under Settings, "
	 "Providers. Nothing was changed."},
    [ERR_BEGIN_NEEDLESS] =
	{"begin-needless", 409, "This server wants no sign-in",
	 "opencode can use it as it is. If it does not work, look at its state in opencode."},

    [ERR_BEGIN_MCP] =
	{"begin-mcp", 502, "opencode could not begin the sign-in to this server",
	 "opencode does not say why; its log does. The likely causes, in this order: the provider "
	 "allows no public redirect address (then take redirectUri, or redirect_uri, out of the "
	 "server’s settings in opencode.json, and paste the address instead); the server, or its "
	 "sign-in, cannot be reached from opencode’s computer; or it wants a client id, in the "
	 "same "
	 "settings."},
    [ERR_BEGIN_TAKEN] =
	{"begin-taken", 409, "Somebody else is signing in to this account right now",
	 "opencode waits for one such sign-in at a time, and another browser began one. It ends "
	 "when it is finished there, or by itself after ten minutes: then begin again. Nothing "
	 "was changed."},
    [ERR_BEGIN_LISTENER] =
	{"begin-listener", 409,
	 "opencode waits for this server’s answer at a port that cannot be found",
	 "Add \"callback_port\": 19876 beside \"redirect_uri\" in the server’s \"oauth\" "
	 "settings, in opencode.json, and begin again. The sign-in was ended in opencode."},

    [ERR_OPENCODE_DOWN] =
	{"opencode-down", 503, "opencode cannot be reached",
	 "It is not running, or its opencode-callback plugin is not loaded. Nothing was lost: "
	 "start it, then reload this page."},
    [ERR_OPENCODE_GONE] =
	{"opencode-gone", 502, "opencode hung up without an answer",
	 "It may have been restarted just now. Look whether it runs, then begin again."},
    [ERR_OPENCODE_TIMEOUT] = {"opencode-timeout", 504, "opencode did not answer in time",
			      "Look whether it runs and is not overloaded, then begin again."},
    [ERR_OPENCODE_ANSWER] =
	{"opencode-answer", 502, "opencode's answer made no sense",
	 "Its version may not fit opencode-callback, or something else answers in its place. "
	 "The log of opencode-callback says more."},
    [ERR_OPENCODE_UNKNOWN] =
	{"opencode-unknown", 502,
	 "opencode answers, but speaks no interface that this version knows",
	 "opencode-callback knows opencode 1.14 to 1.18 and opencode 2. Look whether there is a "
	 "newer opencode-callback, and whether something else answers in opencode's place."},
    [ERR_OPENCODE_PLUGIN] =
	{"opencode-plugin", 502, "The plugin in opencode is older than opencode-callback",
	 "It does not let the calls of this opencode through. Install the plugin that belongs "
	 "to "
	 "this version, and restart opencode."},
    [ERR_LOGIN_OWN] =
	{"login-own", 502, "opencode refuses the password that this site has for it",
	 "Nothing that you could enter helps. The [opencode] username and password_file of "
	 "opencode-callback have to be those of opencode."},
    [ERR_BUSY] = {"busy", 503, "Too much is going on just now",
		  "Nothing was lost: wait a few seconds, then reload this page."},

    [ERR_STORE] =
	{"store", 503, "Sign-ins cannot be recorded just now",
	 "The place in which opencode-callback keeps them cannot be read or written. Its log "
	 "says why; whoever runs this server can fix it."},
    [ERR_ABSENT] = {"absent", 503, "Something is missing that was there a moment ago",
		    "Reload this page."},
    [ERR_UNRECORDED] = {"unrecorded", 503, "This sign-in does not come home here", BEGIN_AGAIN},
    [ERR_TAKEN] = {"taken", 503, "Somebody else was first",
		   "The same thing was done twice at the same moment. Reload this page."},
    [ERR_TOO_LARGE] = {"too-large", 503, "This answer became too large",
		       "It was not sent, rather than cut off. Go back and try again."},
    [ERR_MEMORY] = {"no-memory", 503, "The server is out of memory",
		    "Wait a little, then try again."},
    [ERR_CONFIG] = {"configuration", 500, "opencode-callback is not configured correctly",
		    "Its log says what is wrong; whoever runs this server can fix it."},
};

_Static_assert(sizeof(table) / sizeof(table[0]) == ERR_COUNT, "every error has a row");

/* A missing initialiser would leave a row of NULLs: page_test.c looks for one. */
static const struct error_row *
error_row(enum err e)
{
	return (unsigned int)e < ERR_COUNT ? &table[e] : &table[ERR_REQUEST];
}

const char *
error_name(enum err e)
{
	return error_row(e)->name;
}

int
error_status(enum err e)
{
	return error_row(e)->status;
}

const char *
error_title(enum err e)
{
	return error_row(e)->title;
}

const char *
error_advice(enum err e)
{
	return error_row(e)->advice;
}
