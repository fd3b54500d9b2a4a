#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/pasted_text.h"
#include "util/secret.h"

#define PUBLIC "https://opencode.example.com"

/* 43 characters with '-', '_' and both cases, as opencode makes them. */
#define STATE "gq3-XyZ_1AbCdEfGhIjKlMnOpQrStUvWxYz0123456-"
#define Q     "code=a%2Bb-C_d&scope=x+y&state=" STATE
#define A     "http://localhost:1455/auth/callback?" Q

static const struct flow flow = {
    .redirect_host = "localhost:1455",
    .redirect_port = 1455,
    .redirect_path = "/auth/callback",
    .authorize_origin = "https://auth.openai.com",
};

/* Reads text for a flow with this state, and compares. want NULL: only the error is compared. */
static void
expect(const struct flow *like, const char *state, const char *text, enum err want,
       const char *want_query)
{
	struct flow f = *like;
	struct buf query;
	enum err got;

	flow_id(state, strlen(state), f.id);
	buf_init(&query, 8192);
	got = pasted_text_read(text, &f, PUBLIC, &query);
	if (got != want)
		fail_msg("'%s': got %s, want %s", text, error_name(got), error_name(want));
	if (got != ERR_OK)
		assert_int_equal(query.len, 0);
	else if (strcmp(buf_text(&query), want_query) != 0)
		fail_msg("'%s': got '%s', want '%s'", text, buf_text(&query), want_query);
	buf_free(&query);
}

static const struct {
	const char *text;
	enum err want;
	const char *query;
} rows[] = {
    {A, ERR_OK, Q},
    {"  " A "\r\n", ERR_OK, Q},
    {"localhost:1455/auth/callback?" Q, ERR_OK, Q},
    {"HTTP://LOCALHOST:1455/auth/callback?" Q, ERR_OK, Q},
    {"http://127.0.0.1:1455/auth/callback?" Q, ERR_OK, Q},
    {"http://[::1]:1455/auth/callback?" Q, ERR_OK, Q},
    {"https://localhost:1455/auth/callback?" Q, ERR_OK, Q}, /* HSTS, https-only modes */
    {PUBLIC "/auth/callback?" Q, ERR_OK, Q},
    {PUBLIC ":443/auth/callback?" Q, ERR_OK, Q},
    {"http://opencode.example.com/auth/callback?" Q, ERR_OK, Q},
    {"opencode.example.com/auth/callback?" Q, ERR_OK, Q},
    {"http://localhost:1455/auth/callback/?" Q, ERR_OK, Q}, /* one slash more */
    {"/auth/callback?" Q, ERR_OK, Q},
    {"?" Q, ERR_OK, Q},
    {Q, ERR_OK, Q},
    {A "#", ERR_OK, Q},
    {A "#_=_", ERR_OK, Q},
    {Q "#_=_", ERR_OK, Q},
    {"Is it this?\n" Q, ERR_OK, Q},
    {"state=" STATE "&code=C", ERR_OK, "state=" STATE "&code=C"},
    {"session_state=1&" Q, ERR_OK, "session_state=1&" Q},
    {"http://localhost:1455/auth/callback?code=C&iss=https://a.example/x&state=" STATE, ERR_OK,
     "code=C&iss=https://a.example/x&state=" STATE},
    {A "&x=[1]", ERR_OK, Q "&x=[1]"},
    {A "&x[]=1&y={z}", ERR_OK, Q "&x[]=1&y={z}"},
    {"http://localhost:1455/auth/callback?error=access_denied&state=" STATE, ERR_OK,
     "error=access_denied&state=" STATE},
    {"a.b-c_d#" STATE, ERR_OK, "code=a.b-c_d&state=" STATE},
    {"a+b/c= " STATE, ERR_OK, "code=a%2Bb%2Fc%3D&state=" STATE},
    {"a1\r\n" STATE, ERR_OK, "code=a1&state=" STATE},

    {"", ERR_PASTE_EMPTY, NULL},
    {NULL, ERR_PASTE_EMPTY, NULL},
    {" \r\n<> ", ERR_PASTE_EMPTY, NULL},
    {"a1#" STATE "x", ERR_PASTE_TEXT, NULL},
    {"\"ac_X1#" STATE "\"", ERR_OK, "code=ac_X1&state=" STATE},
    {"(ac_X1#" STATE ")", ERR_OK, "code=ac_X1&state=" STATE},
    {"ac_X1#" STATE ".", ERR_OK, "code=ac_X1&state=" STATE},
    {"ac_X1#" STATE "\nSent from my phone", ERR_OK, "code=ac_X1&state=" STATE},
    {"Here: ac_X1#" STATE, ERR_OK, "code=ac_X1&state=" STATE},
    {"code: ac_X1#" STATE, ERR_OK, "code=ac_X1&state=" STATE},
    {"code=ac_X1 state=" STATE, ERR_OK, "code=ac_X1&state=" STATE},
    {"code: ac_X1\nstate: " STATE, ERR_OK, "code=ac_X1&state=" STATE},
    {"{\"code\":\"ac_X1\",\"state\":\"" STATE "\"}", ERR_OK, "code=ac_X1&state=" STATE},
    {"The state is " STATE, ERR_PASTE_TEXT, NULL},
    {"https://evil.example/cb?code=ac_X1&state=" STATE, ERR_PASTE_SITE, NULL},
    {"hello there", ERR_PASTE_TEXT, NULL},
    {"localhost", ERR_PASTE_CODE, NULL},
    {".gitignore", ERR_PASTE_TEXT, NULL},
    {"\xff\xfe\x01", ERR_PASTE_TEXT, NULL},
    {A "\x7f", ERR_PASTE_TEXT, NULL},
    {"<html><body>This site can't be reached</body></html>", ERR_PASTE_TEXT, NULL},
    {"ac_1234567890abcdef", ERR_PASTE_CODE, NULL},
    {"code=ac_1234567890abcdef", ERR_PASTE_CODE, NULL},
    {"state=" STATE, ERR_NO_CODE, NULL},
    {"http://localhost:1455/auth/callback?state=" STATE, ERR_NO_CODE, NULL},
    {PUBLIC "/auth/callback", ERR_NO_CODE, NULL}, /* where no program of the user answers */
    {PUBLIC "/", ERR_PASTE_SITE, NULL},
    {"http://localhost:1455/auth/callback?code=C", ERR_NO_STATE, NULL},
    {"http://localhost:1455/auth/callback?code=CABd", ERR_NO_STATE, NULL},
    {"http://localhost:1455/auth/callback?code=a%2Fb", ERR_NO_STATE, NULL},
    {"http://localhost:1455/success", ERR_PASTE_ANSWERED, NULL},
    {"https://auth.openai.com/oauth/authorize?response_type=code&redirect_uri="
     "http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&state=" STATE,
     ERR_PASTE_AUTHORIZE, NULL},
    {"https://auth.openai.com/log-in", ERR_PASTE_AUTHORIZE, NULL},
    {"http://localhost:1455/auth/callback?code=C&state=other", ERR_PASTE_OTHER, NULL},
    {"code=C&state=other", ERR_PASTE_OTHER, NULL},
    {"https://x.example/"
     "?url=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback%3Fcode%3DC%26state%3Dother",
     ERR_PASTE_OTHER, NULL},
    {"http://localhost:1455/auth/callback#" Q, ERR_PASTE_FRAGMENT, NULL},
    {"#" Q, ERR_PASTE_FRAGMENT, NULL},
    {"http://localhost:1455/auth/callback#code=C&state=other", ERR_PASTE_FRAGMENT, NULL},
    {"http://localhost:1456/auth/callback?code=C&state=other", ERR_PASTE_SITE, NULL},
    {"shop.example/basket", ERR_PASTE_SITE, NULL},
};

/* What there is to paste if a program of the user answered in opencode's place. */
static const char *const answered[] = {
    "http://localhost:1455/success",
    "http://localhost:1455/success?id_token=x.y.z&needs_setup=false",
    "It says http://localhost:1455/success?id=1 now",
    "http://localhost:1455/",
    "http://localhost:1455/?done=1",
    "http://127.0.0.1:1455/#/",
    "localhost:1455",
    "http://localhost:1455/auth/callback",
    "http://localhost:1455/auth/callback/",
    "http://localhost:1455/auth/callback?",
    "http://localhost:1455/auth/callback?done=1#",
    "http://localhost:1455/auth/callback\r\nState mismatch",
    /* another port, where a program of the user sent the browser */
    "http://localhost:8080/",
    "http://localhost:8080/login?next=/auth/callback",
    "https://localhost/index.html",
    "http://127.0.0.1:5173",
    "http://[::1]:3000/x",
    "localhost:3000/x",
    "localhost:3000",
    "localhost/login",
    /* the text of the page */
    "State mismatch",
    "state mismatch. Try again",
    "OpenCode\r\n\r\nAuthorization Successful\r\nYou can close this window and return to OpenCode.",
    "Signed in to Codex\r\n\r\nYou may now close this page",
    "Cannot GET /auth/callback",
    "404 Not Found\r\nnginx/1.22.1",
    "404\r\nThis page could not be found.",
    "<html><title>Page not found</title></html>",
};

/* What looks like it, and is another mistake. */
static const struct {
	const char *text;
	enum err want;
} not_answered[] = {
    {"http://localhost:8080/auth/callback?code=C&state=other", ERR_PASTE_SITE},
    {"http://localhost:8080/?error=access_denied", ERR_PASTE_SITE},
    {"http://localhost.example/success", ERR_PASTE_SITE},
    {"http://localhost:8080@shop.example/", ERR_PASTE_SITE},
    {"http://xlocalhost:8080/", ERR_PASTE_SITE},
    {"http://127.0.0.11:8080/", ERR_PASTE_SITE},
    {"http://shop.example/ Page not found", ERR_PASTE_SITE},
    {"https://auth.openai.com/log-in\nState mismatch", ERR_PASTE_AUTHORIZE},
    {"http://localhost:1455/auth/callback?code=C&state=other\nState mismatch", ERR_PASTE_OTHER},
    {"http://localhost:1455/success http://localhost:1455/auth/callback?code=C", ERR_NO_STATE},
    {"This site can't be reached\r\nlocalhost refused to connect.\r\nERR_CONNECTION_REFUSED",
     ERR_PASTE_TEXT},
    {"Unable to connect", ERR_PASTE_TEXT},
};

static void
names_what_another_program_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++)
		expect(&flow, STATE, answered[i], ERR_PASTE_ANSWERED, NULL);
	for (size_t i = 0; i < sizeof(not_answered) / sizeof(not_answered[0]); i++)
		expect(&flow, STATE, not_answered[i].text, not_answered[i].want, NULL);
	/* beside the right address, none of it matters */
	for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
		char text[1024];

		snprintf(text, sizeof(text), "%s\r\n\r\n%s", A, answered[i]);
		expect(&flow, STATE, text, ERR_OK, Q);
	}
}

static void
reads_what_people_paste(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&flow, STATE, rows[i].text, rows[i].want, rows[i].query);
}

/* With the right state, and another address: what a page that stole a sign-in would show. */
static const char *const foreign[] = {
    "http://localhost:1455@evil/auth/callback?",
    "http://user@localhost:1455/auth/callback?",
    "http://localhost:1456/auth/callback?",
    "http://localhost/auth/callback?",
    "http://localhost:01455/auth/callback?",
    "http://localhost:14550/auth/callback?",
    "http://localhost.evil.example:1455/auth/callback?",
    "http://evil.example:1455/auth/callback?",
    "http://evil.example/auth/callback?",
    "http://evil.example/?",
    "http://xlocalhost:1455/auth/callback?",
    "http://2130706433:1455/auth/callback?",
    "http://0x7f000001:1455/auth/callback?",
    "http://127.1:1455/auth/callback?",
    "http://[0:0:0:0:0:0:0:1]:1455/auth/callback?",
    "http://[::1%25lo]:1455/auth/callback?",
    "http://%6cocalhost:1455/auth/callback?",
    "http://localhost.:1455/auth/callback?",
    "http:///localhost:1455/auth/callback?",
    "http:/localhost:1455/auth/callback?",
    "http:localhost:1455/auth/callback?",
    "http:\\\\localhost:1455\\auth\\callback?",
    "http://evil.example\\@localhost:1455/auth/callback?",
    "http://localhost:1455\\@evil.example/auth/callback?",
    "xhttp://localhost:1455/auth/callback?",
    "git+http://localhost:1455/auth/callback?",
    "ftp://localhost:1455/auth/callback?",
    "javascript://localhost:1455/auth/callback?",
    "//localhost:1455/auth/callback?",
    "http://localhost:1455/auth/../callback?",
    "http://localhost:1455//auth/callback?",
    "http://localhost:1455/auth/callback//?",
    "http://localhost:1455/AUTH/callback?",
    "http://localhost:1455/auth/callbackx?",
    "http://localhost:1455/other?",
    "http://localhost:1455/?",
    "https://opencode.example.com:8443/auth/callback?",
    "https://opencode.example.com.evil.example/auth/callback?",
    "https://opencode.example.com@evil.example/auth/callback?",
    "http://evil.example?x=localhost:1455/auth/callback?",
    "http://evil.example/localhost:1455/auth/callback?",
    "http://evil.example;localhost:1455/auth/callback?",
    "http://evil.example|localhost:1455/auth/callback?",
    "http://evil.example,localhost:1455/auth/callback?",
    "evil.example/auth/callback?",
    "http://evil.example /auth/callback?",
    "http://evil.example\n/auth/callback?",
    "http://evil.example/\r\n?",
    "http://evil.exampl\xc3\xa9/auth/callback?",
    "http://evil.example\xe3\x80\x82/auth/callback?",
    "http://evil.example\xe3\x80\x82localhost:1455/auth/callback?",
    "http://evil.example\xef\xbc\xa0localhost:1455/auth/callback?",
    "http://evil.example\xef\xbc\x9flocalhost:1455/auth/callback?",
    "http://evil.example\xef\xbc\x8flocalhost:1455/auth/callback?",
    "http://\xe4\xbe\x8b.\xe4\xbe\x8b\n/auth/callback?",
    "\xe4\xbe\x8blocalhost:1455/auth/callback?",
    "http://\xd0\xb5vil.example/auth/callback?",
    ("http://l\xd0\xbe"
     "calhost:1455/auth/callback?"),
    "http://local host:1455/auth/callback?",
    "Host: evil.example\r\nGET /auth/callback?",
    "GET https://evil.example/auth/callback?",
    "Location: http://evil.example/auth/callback?",
    "https://auth.openai.com/auth/callback?",
};

static void
refuses_another_address_with_the_right_state(void **state)
{
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", foreign[i], Q);
		expect(&flow, STATE, text, ERR_PASTE_SITE, NULL);
	}
	expect(&flow, STATE, "GET /auth/callback?" Q " HTTP/1.1\r\nHost: evil.example\r\n",
	       ERR_PASTE_SITE, NULL);
	expect(&flow, STATE,
	       "https://x.example/"
	       "?u=http%3A%2F%2Fevil.example%2Fauth%2Fcallback%3Fcode%3DC%26state%3D" STATE,
	       ERR_PASTE_SITE, NULL);
}

#define OTHER "http://localhost:1455/auth/callback?code=other&state=other"

static const struct {
	const char *text;
	enum err want;
	const char *query;
} several[] = {
    {OTHER "\n" A, ERR_OK, Q},
    {A "\n" OTHER, ERR_OK, Q},
    {A " " OTHER, ERR_OK, Q},
    {A " " A, ERR_OK, Q},
    {A "\n" A, ERR_OK, Q},
    {"Old: " OTHER ", new: " A ".", ERR_OK, Q},
    {"code=x&state=other " A, ERR_OK, Q},
    {"http://evil.example/auth/callback?" Q " " A, ERR_OK, Q},
    {A
     " https://x.example/?u=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback%3Fcode%3Dx%26state%3Dy",
     ERR_OK, Q},
    {A " http://localhost:1455/auth/callback?code=B&state=" STATE, ERR_PASTE_DIFFER, NULL},
    {"http://localhost:1455/auth/callback?code=B&state=" STATE "\n" A, ERR_PASTE_DIFFER, NULL},
    {"http://evil.example/?code=B&state=" STATE "\n" A, ERR_PASTE_DIFFER, NULL},
    {"code=B&state=" STATE " " A, ERR_PASTE_DIFFER, NULL},
    {A " https://x.example/"
       "?u=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback%3Fcode%3Dx%26state%3D" STATE,
     ERR_PASTE_DIFFER, NULL},
    {"http://localhost:1455/auth/callback?error=access_denied&state=" STATE " " A, ERR_PASTE_DIFFER,
     NULL},
    {OTHER "\nhttp://localhost:1455/auth/callback?code=x&state=another", ERR_PASTE_OTHER, NULL},
    {OTHER "\nhttps://auth.openai.com/oauth/authorize?state=" STATE, ERR_PASTE_OTHER, NULL},
};

static void
of_several_addresses_the_state_tells_which(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(several) / sizeof(several[0]); i++)
		expect(&flow, STATE, several[i].text, several[i].want, several[i].query);
}

/* Where the state is not last, the end of the address is what the text shows. */
#define F "state=" STATE "&code=Ab3-d_9"
#define B "http://localhost:1455/auth/callback?" F

static const struct {
	const char *text;
	enum err want;
	const char *query;
} ends[] = {
    {B, ERR_OK, F},
    {"(" B ")", ERR_OK, F},
    {"(see " B ").", ERR_OK, F},
    {B ", then nothing", ERR_OK, F},
    {"[" B "]", ERR_OK, F},
    {"[" B "](" B ")", ERR_OK, F},
    {"<" B "|link>", ERR_OK, F},
    {B "[text]", ERR_OK, F},
    {"[url]" B "[/url]", ERR_OK, F},
    {"**" B "**", ERR_OK, F},
    {"**Look: " B "**", ERR_OK, F},
    {"_" B "_", ERR_OK, F},
    {B "_", ERR_OK, F "_"},
    {B "$*!", ERR_OK, F "$*!"},
    {"Look: " B "&scope=x!", ERR_OK, F "&scope=x"},
    {"Look: " B "!", ERR_PASTE_LINES, NULL},
    {B "\r\nBye\r\nAnna", ERR_OK, F},
    {"http://localhost:1455/auth/callback?state=" STATE "&c\node=Ab3", ERR_OK,
     "state=" STATE "&code=Ab3"},
    {"http://localhost:1455/auth/callback?state=" STATE "&c ode=Ab3", ERR_OK,
     "state=" STATE "&code=Ab3"},
    {"location.href='" B "';", ERR_OK, F},
    {"\xe2\x80\x9c" B "\xe2\x80\x9d", ERR_OK, F},
    {B "\xe3\x80\x82", ERR_OK, F},
    {B "\r\nSent from my phone", ERR_OK, F},
    {B "\r\nThanks!", ERR_OK, F},
    {B "\r\nThanks", ERR_OK, F},
    {B "\r\n\r\nab3", ERR_OK, F},
    {B "\r\nf7Q_2", ERR_OK, F "f7Q_2"},
    {B "\\nThanks", ERR_OK, F},
    {"{\"path\":\"\\/auth\\/callback?state=" STATE "&code=4\\/0Ab-C\"}", ERR_OK,
     "state=" STATE "&code=4/0Ab-C"},
    {B "\\f7Q_2", ERR_PASTE_LINES, NULL},
    {"http://localhost:1455/auth/callback?state=" STATE "&code=4/0A b-C&scope=x", ERR_OK,
     "state=" STATE "&code=4/0Ab-C&scope=x"},
    {B "\r\nabc", ERR_PASTE_LINES, NULL},
    {B " f7Q_2", ERR_PASTE_LINES, NULL},
    {B " HTTP/1.1", ERR_OK, F},
    {B " --compressed", ERR_OK, F},
    {"See " B " f7Q_2-x", ERR_PASTE_LINES, NULL},
    {"See " B " 2026-11-30", ERR_OK, F},
    {"See " B "\r\nf7Q_2-x and", ERR_PASTE_LINES, NULL},
    {"curl '" B "\r\nf7Q_2-x' -H 'a: b'", ERR_OK, F "f7Q_2-x"},
    {B "\r\n-- \r\nAnna", ERR_OK, F},
    {"http://localhost:1455/auth/callback?" F "&scope=a\r\nb", ERR_OK, F "&scope=a"},
    {"http://localhost:1455/auth/callback?" F "\r\n&scope=a", ERR_OK, F "&scope=a"},
    /* the width of the lines tells */
    {"http://localhost:1455/auth/callback?state=\r\n" STATE "&code=\r\nAb3", ERR_OK,
     "state=" STATE "&code=Ab3"},
    {"http://localhost:1455/auth/callback?state=gq3-XyZ_\r\n"
     "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456-&code=Abcdefghi\r\njkl",
     ERR_OK, "state=" STATE "&code=Abcdefghijkl"},
    {"http://localhost:1455/auth/callback?state=gq3-XyZ_\r\n"
     "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456-&code=A\r\njkl",
     ERR_OK, "state=" STATE "&code=A"},
};

static void
finds_the_end_where_the_state_is_not_last(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		expect(&flow, STATE, ends[i].text, ends[i].want, ends[i].query);
}

/* States that end with what programs put behind an address, and states that hold escapes. */
static void
the_state_tells_where_it_ends(void **state)
{
	static const char *const tails[] = {"",	 ".", ")", "_",	 "*",  "-",
					    "=", "'", "~", ").", "__;"};
	char text[512], whole[128], own[64];

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		for (size_t k = 0; k < sizeof(tails) / sizeof(tails[0]); k++) {
			snprintf(own, sizeof(own), "Sx%s", tails[i]);
			snprintf(whole, sizeof(whole), "code=C&state=%s", own);
			snprintf(text, sizeof(text), "http://localhost:1455/auth/callback?%s%s",
				 whole, tails[k]);
			expect(&flow, own, text, ERR_OK, whole);
		}
	expect(&flow, "a b/c", "?code=C&state=a+b%2Fc)", ERR_OK, "code=C&state=a+b%2Fc");
	expect(&flow, "~x", "?code=C&state=%7Ex", ERR_OK, "code=C&state=%7Ex");
	expect(&flow, "S", "?code=C&state=Sx", ERR_PASTE_OTHER, NULL);
	expect(&flow, "S", "?code=C&state=S%20", ERR_PASTE_OTHER, NULL);
	expect(&flow, "S", "?code=C&state=S.x", ERR_PASTE_OTHER, NULL);
	expect(&flow, "S", "?code=C&state=s", ERR_PASTE_OTHER, NULL);
	expect(&flow, "S", "?code=C&STATE=S", ERR_PASTE_TEXT, NULL);
	expect(&flow, "S", "?code=C&xstate=S", ERR_PASTE_TEXT, NULL);
	expect(&flow, "", "?code=C&state=", ERR_PASTE_OTHER, NULL);
}

/* The parts of A and Q, for wrappings that stand between them. */
#define HOST "localhost:1455"
#define PATH "/auth/callback"
#define CODE "a%2Bb-C_d"
#define S1   "gq3-XyZ_1AbCdEfGhIjKlM"
#define S2   "nOpQrStUvWxYz0123456-"
#define E    "code=" CODE "&amp;scope=x+y&amp;state=" STATE	   /* the query as HTML writes it */
#define P    "code%3Da%252Bb-C_d%26scope%3Dx%2By%26state%3D" STATE /* percent-encoded */
#define PA   "http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback%3F" P

/* What programs make of the address A. What comes out is Q, word for word. */
static const struct {
	const char *program;
	const char *text;
} wrappings[] = {
    /* mail programs and services */
    {"mail: a sentence", "Here it is: " A " - does it help?"},
    {"mail: RFC 3986 appendix C", "<" A ">"},
    {"mail: RFC 1738 appendix", "<URL:" A ">"},
    {"mail: quoted in a reply", "On Monday Anna wrote:\r\n> Here:\r\n> " A "\r\n> Bye\r\n"},
    {"mail: quoted twice, wrapped at 76",
     ">> http://localhost:1455/auth/callback?code=a%2Bb-C_d&scope=x+y&state=" S1 "\r\n>> " S2
     "\r\n>> Bye"},
    {"mail: signature", A "\r\n-- \r\nAnna\r\n"},
    {"iOS Mail: signature", A "\r\n\r\nSent from my iPhone"},
    {"mail source: quoted-printable (RFC 2045)",
     "Content-Transfer-Encoding: "
     "quoted-printable\r\n\r\nhttp://localhost:1455/auth/callback?code=3D"
     "a%2Bb-C_d&scope=3Dx+y&state=\r\n=3D" S1 "=\r\n" S2 "\r\n"},
    {"mail source: HTML in quoted-printable",
     "<a href=3D\"http://localhost:1455/auth/callback?code=3Da%2Bb-C_d&amp;scope=3Dx+y&a=\r\n"
     "mp;state=3D" STATE "\">here</a>"},
    {"Outlook: text with its link", A "<" A ">"},
    {"Thunderbird: format=flowed (RFC 3676)",
     "> http://localhost:1455/auth/callback? \r\n> code=" CODE "&scope=x+y& \r\n> state=" STATE},
    {"Outlook: plain text of a link", "Click <" A "> here"},
    {"Outlook: Safe Links",
     "https://eur01.safelinks.protection.outlook.com/?url=" PA
     "&data=05%7C02%7Canna%40example.com%7C1%7C0&sdata=ab%2Bc%3D&reserved=0"},
    {"Outlook: Safe Links in HTML",
     "<a href=\"https://eur01.safelinks.protection.outlook.com/?url=" PA
     "&amp;data=05%7C02%7C&amp;reserved=0\" originalsrc=\"http://localhost:1455/auth/callback?" E
     "\">x</a>"},
    {"Outlook: Safe Links, wrapped at 76",
     "https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Flocalhost%\r\n"
     "3A1455%2Fauth%2Fcallback%3Fcode%3Da%252Bb-C_d%26scope%3Dx%2By%26state%3D" S1 "\r\n" S2
     "&data=05%7C02"},
    {"Teams: Safe Links",
     "https://statics.teams.cdn.office.net/evergreen-assets/safelinks/1/atp-safelinks.html?url=" PA
     "&locale=en-us&dest=https%3A%2F%2Fteams.microsoft.com"},
    {"Proofpoint URL Defense v2",
     "https://urldefense.proofpoint.com/v2/url?u=http-3A__localhost-3A1455_auth_callback-3Fcode-3D"
     "a-252Bb-2DC-5Fd-26scope-3Dx-2By-26state-3Dgq3-2DXyZ-5F1AbCdEfGhIjKlMnOpQrStUvWxYz0123456-2D"
     "&d=DwMFaQ&c=x_y&r=z&m=1&s=2&e="},
    {"Proofpoint URL Defense v3",
     "https://urldefense.com/v3/__http://localhost:1455/auth/callback?code=a*2Bb-C_d&scope=x*y&"
     "state=" STATE "__;JSs!!abc-d!EF_g$"},
    {"Proofpoint URL Defense v3, a run",
     "["
     "https://urldefense.com/v3/__http://localhost:1455/auth/callback?code=a*2Bb-C_d&scope=x*y"
     "&state=" STATE "&x=**A__;JSslJQ!!abc$ ]&x"},
    {"Barracuda", "https://linkprotect.cudasvc.com/url?a=" PA "&c=E,1,ab&typo=1"},
    {"Cisco Secure Email",
     "https://secure-web.cisco.com/1aB-c_D/http%3A%2F%2Flocalhost%3A1455%2Fauth"
     "%2Fcallback%3F" P},
    /* messengers */
    {"Slack: mrkdwn", "<" A "|" A ">"},
    {"Slack: API", "{\"text\":\"<http:\\/\\/localhost:1455\\/auth\\/callback?" E "|here>\"}"},
    {"Slack: redirect", "https://slack-redir.net/link?url=" PA "&v=3"},
    {"WhatsApp export", "[30.11.26, 18:04:12] Anna: " A},
    {"WhatsApp: bold", "*" A "*"},
    {"Telegram export", "Anna, [30.11.2026 18:04]\r\n" A "\r\n\r\nBert, [30.11.2026 18:05]\r\nok"},
    {"Signal, iMessage: direction marks", "\xe2\x80\x8e" A "\xe2\x81\xa9\xe2\x80\x8f"},
    {"Discord: no preview", "<" A ">"},
    {"Discord: spoiler", "||" A "||"},
    {"Facebook", "https://l.facebook.com/l.php?u=" PA "&h=AT0abc&s=1"},
    {"Android: share title and address", "localhost\r\n" A},
    {"Android: share, without line end", "localhost " A},
    {"Viber, WeChat: text without blanks",
     "\xe5\x9c\xb0\xe5\x9d\x80\xef\xbc\x9a" A "\xef\xbc\x8c\xe8\xaf\xb7\xe7\x9c\x8b"},
    {"an input method in full width",
     "\xef\xbd\x88\xef\xbd\x94\xef\xbd\x94\xef\xbd\x90\xef\xbc\x9a\xef\xbc\x8f\xef\xbc\x8f"
     "localhost\xef\xbc\x9a"
     "1455/auth/callback\xef\xbc\x9f"
     "code\xef\xbc\x9d" CODE "\xef\xbc\x86scope\xef\xbc\x9dx+y\xef\xbc\x86state\xef\xbc\x9d" STATE},
    {"a rich text: zero-width spaces", "http://\xe2\x80\x8blocalhost:1455/\xe2\x80\x8b"
				       "auth/"
				       "\xe2\x80\x8b"
				       "callback?" Q "\xe2\x80\x8b"},
    {"a rich text: soft hyphens, word joiners",
     "http://local\xc2\xadhost:1455\xe2\x81\xa0/auth/call\xc2\xad"
     "back?code=" CODE "&scope=x+y&state=" S1 "\xc2\xad" S2},
    {"a text file with a byte order mark", "\xef\xbb\xbf" A "\r\n"},
    /* office programs, notes, PDF */
    {"Word: smart quotes", "\xe2\x80\x9c" A "\xe2\x80\x9d."},
    {"Word: field code", "{ HYPERLINK \"" A "\" \\t \"_blank\" }"},
    {"French typography", "\xc2\xab\xc2\xa0" A "\xc2\xa0\xc2\xbb"},
    {"Excel: formula", "=HYPERLINK(\"" A "\",\"here\")"},
    {"Excel: a row", "30.11.2026\t" A "\tAnna"},
    {"CSV", "1,\"" A "\",Anna"},
    {"CSV without quotation marks", "1," A ",Anna"},
    {"Google Docs: redirect",
     "https://www.google.com/url?q=http://localhost:1455/auth/callback%3F" P
     "&sa=D&source=editors&ust=1764522000&usg=AOvVaw0"},
    {"PDF: broken with indentation", "http://localhost:1455/auth/callback?\r\n    code=" CODE
				     "&scope=x+y\r\n    &state=" S1 "\r\n    " S2},
    {"PowerPoint: vertical tab as line end", "http://localhost:1455/auth/\xe2\x80\xa8"
					     "callback?" Q},
    /* wikis and markup */
    {"Markdown: link", "[my link](" A ")"},
    {"Markdown: link with title", "[my link](" A " \"title\")"},
    {"Markdown: address as text", "[" A "](" A ")"},
    {"Markdown: code", "`" A "`"},
    {"Markdown: code block", "```\r\n" A "\r\n```"},
    {"Markdown: escaped by an editor",
     "http://localhost:1455/auth/callback?code=a%2Bb-C\\_d\\&scope=x+y\\&state=gq3-XyZ\\_"
     "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456-"},
    {"Markdown: bold", "**" A "**"},
    {"Markdown: table", "| address | " A " |"},
    {"MediaWiki", "[" A " my link]"},
    {"Confluence, Jira", "[my link|" A "]"},
    {"Jira: smart link", "[" A "|" A "|smart-link]"},
    {"Textile", "\"my link\":" A},
    {"Org mode", "[[" A "][my link]]"},
    {"AsciiDoc", A "[my link]"},
    {"reStructuredText", "`my link <" A ">`_"},
    {"BBCode", "[url=" A "]my link[/url]"},
    {"BBCode without text", "[url]" A "[/url]"},
    {"LaTeX", "\\href{http://localhost:1455/auth/callback?code=a\\%2Bb-C\\_d\\&scope=x+y\\&state="
	      "gq3-XyZ\\_1AbCdEfGhIjKlMnOpQrStUvWxYz0123456-}{here}"},
    {"HTML", "<a href=\"http://localhost:1455/auth/callback?" E "\">here</a>"},
    {"HTML: numeric entities",
     "http&#58;&#x2F;&#47;localhost&#58;1455/auth/callback&#63;code&#61;" CODE
     "&#38;scope&#x3d;x+y&#x26;state&equals;" STATE},
    {"HTML: escaped twice",
     "http://localhost:1455/auth/callback?code=" CODE "&amp;amp;scope=x+y&amp;amp;state=" STATE},
    {"HTML: places for line ends",
     "http://<wbr>localhost:1455/<wbr />auth/<wbr>callback?" E "&#8203;"},
    {"HTML: an attribute without its & escaped",
     "&lt;a href=&quot;http://localhost:1455/auth/callback?" Q "&quot;&gt;"},
    {"XML", "<url><![CDATA[" A "]]></url>"},
    /* browsers */
    {"Firefox: page of the error",
     "about:neterror?e=connectionFailure&u=http%3A//localhost%3A1455/auth/callback%3F" P
     "&c=UTF-8&d=Firefox%20can%E2%80%99t%20connect."},
    {"Chrome: view source", "view-source:" A},
    {"Chrome: text of the error page",
     "This site can\xe2\x80\x99t be reached\r\n\r\nThe webpage at " A
     " might be temporarily down\r\nERR_CONNECTION_REFUSED"},
    {"Safari: text of the error page", "Safari can\xe2\x80\x99t open the page \xe2\x80\x9c" A
				       "\xe2\x80\x9d because Safari can\xe2\x80\x99t connect to "
				       "the server \xe2\x80\x9clocalhost\xe2\x80\x9d."},
    {"a bookmark file", "[InternetShortcut]\r\nURL=" A "\r\n"},
    {"developer tools: copied address and status",
     "Request URL\r\n" A "\r\nRequest Method\r\nGET\r\nStatus Code\r\n(failed)"},
    {"developer tools: cURL (bash)",
     "curl '" A "' \\\r\n  -H 'Upgrade-Insecure-Requests: 1' \\\r\n  -H 'User-Agent: Mozilla/5.0'"},
    {"developer tools: cURL (cmd)",
     "curl ^\"http://localhost:1455/auth/callback?code=a^%2Bb-C_d^&scope=x+y^&state=" STATE
     "^\" ^\r\n  -H ^\"Accept: */*^\""},
    {"developer tools: cURL (cmd), newer",
     "curl --path-as-is "
     "^\"http://localhost:1455/auth/callback?code=a^%^2Bb-C_d^&scope=x+y^&state=" STATE "^\""},
    {"developer tools: PowerShell", "Invoke-WebRequest -UseBasicParsing -Uri \"" A
				    "\" `\r\n-Headers @{\r\n\"Accept\"=\"*/*\"\r\n}"},
    {"developer tools: fetch", "fetch(\"" A "\", {\r\n  \"method\": \"GET\"\r\n});"},
    {"developer tools: HAR",
     "{\"log\":{\"entries\":[{\"request\":{\"method\":\"GET\",\"url\":\"" A
     "\",\"queryString\":[{\"name\":\"state\",\"value\":\"" STATE "\"}]}}]}}"},
    {"developer tools: request headers (Firefox)",
     "GET /auth/callback?" Q " HTTP/1.1\r\nHost: localhost:1455\r\nAccept: text/html\r\n"},
    {"developer tools: request headers (Chrome)",
     ":authority: localhost:1455\r\n:method: GET\r\n:path: /auth/callback?" Q "\r\n:scheme: http"},
    {"developer tools: response headers",
     "HTTP/2 302\r\nlocation: " A "\r\ncache-control: no-store\r\n"},
    {"search engine",
     "https://r.search.example/_ylt=A0;_ylu=Y/RV=2/RE=1/RO=10/RU=" PA "/RK=2/RS=x-"},
    {"single sign-on in front of the site",
     "https://auth.example.com/oauth2/sign_in?rd=%2Fauth%2Fcallback%3F" P},
    /* source code, logs */
    {"JSON", "{\"url\": \"http://localhost:1455/auth/callback?code=" CODE
	     "\\u0026scope=x+y\\u0026state=" STATE "\"}"},
    {"JSON of PHP", "{\"url\":\"http:\\/\\/localhost:1455\\/auth\\/callback?" Q "\"}"},
    {"JSON of PHP, a path", "{\"path\":\"\\/auth\\/callback?" Q "\"}"},
    {"JSON in JSON", "{\"body\":\"{\\\"url\\\":\\\"http://localhost:1455/auth/callback?code=" CODE
		     "\\\\u0026scope=x+y\\\\u0026state=" STATE "\\\"}\"}"},
    {"a string with a line end", "\"" A "\\nnext\""},
    {"C, JavaScript: hexadecimal", "'http:\\x2f\\x2flocalhost:1455/auth/callback\\x3fcode=" CODE
				   "\\x26scope=x+y\\x26state=" STATE "'"},
    {"Bash: octal in $''",
     "$'http://localhost:1455/auth/callback?code=" CODE "\\046scope=x+y\\046state=" STATE "'"},
    {"a comment", "// see " A ";"},
    {"nginx: access log", "203.0.113.1 - - [30/Nov/2026:18:04:12 +0000] \"GET /auth/callback?" Q
			  " HTTP/1.1\" 404 153 \"-\" \"Mozilla/5.0\""},
    {"logfmt", "level=info method=GET path=/auth/callback?" Q " status=404"},
    {"a diff", "+" A},
    {"a list", "-" A},
    {"iCalendar: folded (RFC 5545)",
     "URL:http://localhost:1455/auth/callback?code=" CODE "&sc\r\n ope=x+y&state=" S1 "\r\n " S2},
    {"curl -v",
     "* Connected to localhost\r\n> GET /auth/callback?" Q " HTTP/1.1\r\n> Host: localhost:1455"},
    {"a dict of Python", "{'url': '" A "', 'n': 1}"},
    /* shells and terminals */
    {"zsh: pasted with its quoting",
     "open http://localhost:1455/auth/callback\\?code\\=" CODE "\\&scope\\=x+y\\&state\\=" STATE},
    {"fish, bash", "$ xdg-open '" A "'"},
    {"a terminal of 80 columns",
     "http://localhost:1455/auth/callback?code=a%2Bb-C_d&scope=x+y&state=gq3-XyZ_1Ab\r\n"
     "CdEfGhIjKlMnOpQrStUvWxYz0123456-\r\n$ "},
    {"a terminal of 40 columns, padded with blanks",
     "http://localhost:1455/auth/callback?code\r\n=a%2Bb-C_d&scope=x+y&state=gq3-XyZ_1AbC   \r\n"
     "dEfGhIjKlMnOpQrStUvWxYz0123456-         \r\n"},
    {"a terminal's frame",
     "\xe2\x95\xad\xe2\x94\x80\xe2\x94\x80\xe2\x95\xae\r\n"
     "\xe2\x94\x82 http://localhost:1455/auth/callback?code=" CODE "&scope= \xe2\x94\x82\r\n"
     "\xe2\x94\x82 x+y&state=" STATE "           \xe2\x94\x82\r\n"
     "\xe2\x95\xb0\xe2\x94\x80\xe2\x94\x80\xe2\x95\xaf"},
    {"a frame of ASCII", "+-----+\r\n| http://localhost:1455/auth/callback?code=" CODE
			 " |\r\n| &scope=x+y&state=" STATE " |\r\n+-----+"},
    {"clack, as opencode prints", "\xe2\x97\x8f  Go to: http://localhost:1455/auth/callb\r\n"
				  "\xe2\x94\x82  ack?" Q "\r\n\xe2\x94\x82\r\n\xe2\x94\x94  Done"},
    {"a browser that made blanks of line ends",
     "http://localhost:1455/auth/callback?code=" CODE "&scope=x+y&sta te=" S1 "   " S2},
    {"a browser that made blanks of line ends, with words",
     "Here it is: http://localhost:1455/auth/callback?code=" CODE "&scope=x+y&state=" S1 " " S2
     " Sent from my phone"},
    {"carriage returns alone", "localhost\rhttp://localhost:1455/auth/\rcallback?" Q "\rok"},
    /* habits */
    {"escaped as a whole", PA},
    {"escaped as a whole, twice",
     "http%253A%252F%252Flocalhost%253A1455%252Fauth%252Fcallback%253Fcode%253Da%25252Bb-C_d%2526"
     "scope%253Dx%252By%2526state%253D" STATE},
    {"http:// typed before it", "http://" A},
    {"URL: typed before it", "URL:" A},
    {"one sign in full width", "http\xef\xbc\x9a//localhost\xef\xbc\x9a"
			       "1455/auth/callback?" Q},
    {"a browser that made blanks of line ends, in the path",
     "http://localhost:1455/auth/call back?code=" CODE "&scope=x+y&state=" STATE},
    {"in brackets", "(" A ")"},
    {"with an ellipsis for the host", "\xe2\x80\xa6/auth/callback?" Q},
    {"a note in another language",
     "\xd0\x92\xd0\xbe\xd1\x82 \xd0\xb0\xd0\xb4\xd1\x80\xd0\xb5\xd1\x81: " A
     ". \xd0\xa1\xd0\xbf\xd0\xb0\xd1\x81\xd0\xb8\xd0\xb1\xd0\xbe!"},
    {"with an emoji", "\xf0\x9f\x91\x89" A "\xf0\x9f\x91\x88"},
};

static void
takes_off_what_programs_put_around_an_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrappings) / sizeof(wrappings[0]); i++) {
		const char *want = strstr(wrappings[i].text, "&x=**A") != NULL ? Q "&x=%%" : Q;

		if (getenv("SHOW"))
			printf("%s\n", wrappings[i].program);
		expect(&flow, STATE, wrappings[i].text, ERR_OK, want);
	}
}

#define T "access_token=T&token_type=bearer&state=" STATE

static const struct {
	const char *text;
	enum err want;
	const char *answer;
} token_rows[] = {
    {"http://localhost:1455/auth/callback#" T, ERR_OK, T},
    {"localhost:1455/auth/callback#" T, ERR_OK, T},
    {PUBLIC "/auth/callback#" T, ERR_OK, T},
    {"http://localhost:1455/auth/callback?x=1#" T, ERR_OK, T},
    {"Here: http://localhost:1455/auth/callback#" T "\nThanks", ERR_OK, T},
    {"#" T, ERR_OK, T},
    {T, ERR_OK, T},
    {"http://localhost:1455/auth/callback?error=access_denied&state=" STATE, ERR_OK,
     "error=access_denied&state=" STATE},
    {"http://localhost:1455/auth/callback", ERR_PASTE_TOKEN, NULL},
    {"http://localhost:1455/auth/callback?" T, ERR_PASTE_TOKEN, NULL},
    {"?" T, ERR_PASTE_TOKEN, NULL},
    {"http://localhost:1455/auth/callback#access_token=T&state=other", ERR_PASTE_OTHER, NULL},
    {"http://localhost:1455/auth/callback#access_token=T&scope=a%3Ab+c", ERR_NO_STATE, NULL},
    {"access_token=T&state=other", ERR_PASTE_OTHER, NULL},
    {"http://localhost:1456/auth/callback#" T, ERR_PASTE_SITE, NULL},
    {"http://evil.example/auth/callback#" T, ERR_PASTE_SITE, NULL},
    {"", ERR_PASTE_EMPTY, NULL},
};

static void
reads_tokens_from_the_fragment(void **state)
{
	struct flow token = flow;

	(void)state;
	token.response_type = RESPONSE_TYPE_TOKEN;
	for (size_t i = 0; i < sizeof(token_rows) / sizeof(token_rows[0]); i++)
		expect(&token, STATE, token_rows[i].text, token_rows[i].want, token_rows[i].answer);
}

/* Without a state, the address is the proof, and nothing in it is put together. */
static const struct {
	const char *text;
	enum err want;
	const char *answer;
} stateless_rows[] = {
    {"http://127.0.0.1:1455/auth/callback?code=C", ERR_OK, "code=C"},
    {"Here: <http://127.0.0.1:1455/auth/callback?code=C>, thanks", ERR_OK, "code=C"},
    {"[x](http://127.0.0.1:1455/auth/callback?code=C)", ERR_OK, "code=C"},
    {"https://x.example/?u=http%3A%2F%2F127.0.0.1%3A1455%2Fauth%2Fcallback%3Fcode%3DC&y=1", ERR_OK,
     "code=C"},
    {"http://127.0.0.1:1455/auth/callback?error=access_denied", ERR_OK, "error=access_denied"},
    {"https://shop.example/?code=SAVE10 http://127.0.0.1:1455/auth/callback?code=C", ERR_OK,
     "code=C"},
    {"code=C", ERR_OK, "code=C"},
    {"?code=C", ERR_OK, "code=C"},
    {"text code=C", ERR_PASTE_SITE, NULL},
    {"/auth/callback?code=C", ERR_PASTE_SITE, NULL},
    {"http://127.0.0.1:1456/auth/callback?code=C", ERR_PASTE_SITE, NULL},
    {"http://evil.example/auth/callback?code=C", ERR_PASTE_SITE, NULL},
    {"http://127.0.0.1:1455/auth/callback?code=C http://127.0.0.1:1455/auth/callback?code=B",
     ERR_PASTE_DIFFER, NULL},
    {"http://127.0.0.1:1455/auth/callback?code=C d", ERR_PASTE_LINES, NULL},
};

static void
needs_no_state_where_the_provider_sends_none(void **state)
{
	struct flow stateless = flow;

	(void)state;
	stateless.stateless = true;
	for (size_t i = 0; i < sizeof(stateless_rows) / sizeof(stateless_rows[0]); i++)
		expect(&stateless, "x", stateless_rows[i].text, stateless_rows[i].want,
		       stateless_rows[i].answer);
}

static void
has_limits(void **state)
{
	struct flow f = flow;
	struct buf query;
	char *text = malloc(40000);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', 40000);
	memcpy(text + 16384 - strlen(A), A, strlen(A) + 1);
	expect(&flow, STATE, text, ERR_OK, Q);
	memset(text, 'x', 16385);
	text[16385] = '\0';
	expect(&flow, STATE, text, ERR_PASTE_LONG, NULL);
	/* a response may be as long as a query */
	memcpy(text, A "&x=", strlen(A "&x="));
	text[9000] = '\0';
	expect(&flow, STATE, text, ERR_PASTE_LONG, NULL);
	/* however it is filled, it is read in time */
	for (const char *const *fill =
		 (const char *const[]){"state=", "&state=", "(state=S", "%25", "\\u005c", "&amp;",
				       "code=", "://", "?", "&", "=3D", "http://localhost:1455",
				       "http://localhost:1455/auth/callback?", "state=" STATE,
				       "state=" STATE "\n", "\n", ".", "a\n", NULL};
	     *fill != NULL; fill++) {
		size_t len = strlen(*fill);

		for (size_t i = 0; i + len <= 16384; i += len)
			memcpy(text + i, *fill, len);
		text[16384 / len * len] = '\0';
		flow_id(STATE, strlen(STATE), f.id);
		for (int stateless = 0; stateless < 2; stateless++) {
			f.stateless = stateless;
			buf_init(&query, 8192);
			assert_int_not_equal(pasted_text_read(text, &f, PUBLIC, &query), ERR_OK);
			buf_free(&query);
		}
	}
	free(text);
}

#define SHAPE \
	"https://openrouter.ai/auth?callback_url=http%3A%2F%2Flocalhost%3A54549%2Fcallback&code_" \
	"challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw"
#define AUTH \
	"https://a.example/" \
	"authorize?response_type=code&x=1&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fc&state=T"

static const struct {
	const char *text;
	enum err want;
	const char *url;
} authorize_rows[] = {
    {AUTH, ERR_OK, AUTH},
    {"  " AUTH "\r\n", ERR_OK, AUTH},
    {"Go to: " AUTH, ERR_OK, AUTH},
    {"\"" AUTH "\"", ERR_OK, AUTH},
    {"<" AUTH ">", ERR_OK, AUTH},
    {"[link](" AUTH ")", ERR_OK, AUTH},
    {"Open " AUTH ".", ERR_OK, AUTH},
    {AUTH "\r\n\r\nWaiting for authorization...", ERR_OK, AUTH},
    {AUTH "\r\nWaiting for authorization...", ERR_OK, AUTH},
    {AUTH "\nWaiting...", ERR_OK, AUTH},
    {"\xe2\x97\x8f  Go to: https://a.example/auth\r\n\xe2\x94\x82  orize?response_type=co\r\n"
     "\xe2\x94\x82  de&x=1&redirect_uri=http%\r\n\xe2\x94\x82  3A%2F%2Flocalhost%3A1455%2F\r\n"
     "\xe2\x94\x82  c&state=T\r\n\xe2\x94\x82\r\n\xe2\x97\x8f  Complete authorization in your "
     "browser.",
     ERR_OK, AUTH},
    {"https://a.example/auth orize?response_type=code&x=1& "
     "redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fc&sta te=T",
     ERR_OK, AUTH},
    {"https://a.example/authorize?response_type=code&x=1&redirect_uri=http%3A%2F%2Flocalhost "
     "%3A1455%2Fc&state=T",
     ERR_OK, AUTH},
    {"Go to: https://a.example/authorize?response_type=code&x=1&redirect_uri="
     "http%3A%2F%2Flocalhost%3A1455%2Fc&state=Qx3 T9",
     ERR_OK,
     "https://a.example/authorize?response_type=code&x=1&redirect_uri="
     "http%3A%2F%2Flocalhost%3A1455%2Fc&state=Qx3T9"},
    {"https://a.example/authorize?response_type=code&amp;x=1&amp;redirect_uri="
     "http%3A%2F%2Flocalhost%3A1455%2Fc&amp;state=T",
     ERR_OK, AUTH},
    {"{\"url\":\"https:\\/\\/a.example\\/authorize?response_type=code\\u0026x=1\\u0026redirect_uri="
     "http%3A%2F%2Flocalhost%3A1455%2Fc\\u0026state=T\"}",
     ERR_OK, AUTH},
    {"https://www.google.com/url?q=https://a.example/authorize%3Fresponse_type%3Dcode%26x%3D1%26"
     "redirect_uri%3Dhttp%253A%252F%252Flocalhost%253A1455%252Fc%26state%3DT&sa=D&ust=1",
     ERR_OK, AUTH},
    {"https://a.example/login?next=" AUTH, ERR_OK, AUTH},
    {AUTH " " AUTH, ERR_OK, AUTH},
    {"https://opencode.ai/docs " AUTH, ERR_OK, AUTH},
    {AUTH " http://localhost:1455/c?code=C&state=T", ERR_OK, AUTH},
    {AUTH "\nhttp://localhost:1455/c?code=C&state=T", ERR_OK, AUTH},
    {"Open " SHAPE "\n\nWaiting...", ERR_OK, SHAPE},
    {"Open " SHAPE "&x=1 in your browser", ERR_OK, SHAPE "&x=1"},
    {"https://a.example/login?redirect_uri=http://localhost:1455/c&client_id=x", ERR_OK,
     "https://a.example/login?redirect_uri=http://localhost:1455/c&client_id=x"},
    {"https://a.example/auth?callback_url=https%3A%2F%2Fb.example%2F", ERR_ADOPT_TEXT, NULL},
    {"https://a.example/auth?callback_url=http%3A%2F%2Flocalhost.example%3A1455", ERR_ADOPT_TEXT,
     NULL},
    {AUTH " " AUTH "2", ERR_ADOPT_SEVERAL, NULL},
    {AUTH "\nhttps://b.example/?redirect_uri=x&response_type=code", ERR_ADOPT_SEVERAL, NULL},
    {"http://localhost:1455/c?code=C&state=T", ERR_ADOPT_CALLBACK, NULL},
    {"localhost:1455/c?error=access_denied&state=T", ERR_ADOPT_CALLBACK, NULL},
    {"https://a.example/authorize?redirect_uri=x", ERR_ADOPT_TEXT, NULL},
    {"https://a.example/authorize?response_type=code", ERR_ADOPT_TEXT, NULL},
    {"https://a.example/authorize#response_type=code&redirect_uri=x", ERR_ADOPT_TEXT, NULL},
    {"xhttps://a.example/?response_type=code&redirect_uri=x", ERR_ADOPT_TEXT, NULL},
    {"ftp://a.example/?response_type=code&redirect_uri=x", ERR_ADOPT_TEXT, NULL},
    {"https://a.example/\xff", ERR_ADOPT_TEXT, NULL},
    {"ftp://a.example/", ERR_ADOPT_TEXT, NULL},
    {"hello", ERR_ADOPT_TEXT, NULL},
    {"", ERR_ADOPT_TEXT, NULL},
    {NULL, ERR_ADOPT_TEXT, NULL},
};

static void
finds_the_address_that_a_terminal_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(authorize_rows) / sizeof(authorize_rows[0]); i++) {
		struct buf url;
		enum err got;

		buf_init(&url, 8192);
		got = pasted_text_authorize_url(authorize_rows[i].text, &url);
		if (got != authorize_rows[i].want ||
		    (got == ERR_OK && strcmp(buf_text(&url), authorize_rows[i].url) != 0))
			fail_msg("'%s': got %s '%s'", authorize_rows[i].text, error_name(got),
				 buf_text(&url));
		buf_free(&url);
	}
}

/* What is a code alone, and what goes on then. */
static const struct {
	const char *text;
	const char *query; /* NULL: it is no code */
} code_rows[] = {
    {"nqXdq3YLPa2iyb5two4s-y_DpsGw", "code=nqXdq3YLPa2iyb5two4s-y_DpsGw"},
    {"  nqXdq3YLPa2iyb5two4s-y_DpsGw\r\n", "code=nqXdq3YLPa2iyb5two4s-y_DpsGw"},
    {"\xe2\x80\x8bnqXdq3YLPa2iyb5\xe2\x80\x8b", "code=nqXdq3YLPa2iyb5"},
    {"`nqXdq3YLPa2iyb5`", "code=nqXdq3YLPa2iyb5"},
    {"\xe2\x80\x9cnqXdq3YLPa2iyb5\xe2\x80\x9d", "code=nqXdq3YLPa2iyb5"},
    {"<nqXdq3YLPa2iyb5>", "code=nqXdq3YLPa2iyb5"},
    {"code=nqXdq3YLPa2iyb5", "code=nqXdq3YLPa2iyb5"},
    {"code=CA0dq3YLPa2iyb5", "code=CA0dq3YLPa2iyb5"},
    {"?code=nqXdq3YLPa2iyb5", "code=nqXdq3YLPa2iyb5"},
    {"4/0AX4XfWh_x", "code=4%2F0AX4XfWh_x"},
    {"4%2F0AX4XfWh_x", "code=4%2F0AX4XfWh_x"},
    {"4/0AX4XfWh%x", "code=4%2F0AX4XfWh%25x"},
    {"4%2F0AX4XfWh%", "code=4%252F0AX4XfWh%25"},
    {"YWJjZGVmZ2g+aQ==", "code=YWJjZGVmZ2g%2BaQ%3D%3D"},
    {"eyJhbGciOi.eyJzdWIi.c2ln", "code=eyJhbGciOi.eyJzdWIi.c2ln"},
    {"deadbeef00", "code=deadbeef00"},
    {"hello", NULL},
    {"localhost", NULL},
    {"Authorization", NULL},
    {"authorization", NULL},
    {"1234567890", NULL},
    {"192.168.100.100", NULL},
    {"2026-11-30", NULL},
    {"XK7F-9QPL", "code=XK7F-9QPL"},
    {"Your code: nqXdq3YLPa2iyb5", "code=nqXdq3YLPa2iyb5"},
    {"Code: nqXdq3YLPa2iyb5.", "code=nqXdq3YLPa2iyb5"},
    {"**nqXdq3YLPa2iyb5**", "code=nqXdq3YLPa2iyb5"},
    {"nqXdq3YLPa2iyb5\nSent from my phone", "code=nqXdq3YLPa2iyb5"},
    {"nqXdq3YLPa2iyb5\nnqXdq3YLPa2iyb5", "code=nqXdq3YLPa2iyb5"},
    {"abc123", NULL},
    {"nqXdq3YLPa2iyb5 two4s", NULL},
    {"nqXdq3YLPa2iyb5 other9Code8", NULL},
    {"https://a.example/nqXdq3YLPa2iyb5", NULL},
    {"nqXdq3YLPa\n2iyb5two4s", NULL},
    {"code=nqXdq3YLPa2iyb5&scope=x", NULL},
    {"nqXdq3YLPa2iyb5#other", NULL},
    {"http://localhost:1455/auth/callback?code=nqXdq3YLPa2iyb5", NULL},
    {"nqXdq3YLPa2iyb\xc3\xa9"
     "5",
     NULL},
    {"", NULL},
    {NULL, NULL},
};

static void
knows_a_code_that_stands_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(code_rows) / sizeof(code_rows[0]); i++) {
		const char *want = code_rows[i].query;
		struct buf query;
		enum err got;

		buf_init(&query, 8192);
		got = pasted_text_code(code_rows[i].text, &query);
		if ((got == ERR_OK) != (want != NULL) ||
		    (want != NULL && strcmp(buf_text(&query), want) != 0))
			fail_msg("'%s': got %s '%s'", code_rows[i].text, error_name(got),
				 buf_text(&query));
		buf_free(&query);
	}
}

#define PAGE "http://localhost:8085/cb?code=4/0AX-b&state=abc"

/* What is pasted where the sign-in ends with a code to copy. NULL: it is refused. */
static const struct {
	const char *text;
	const char *code;
} typed_rows[] = {
    {"4/0AX4XfWh-abc", "4/0AX4XfWh-abc"},
    {" `4/0AX4XfWh-abc#state1`\n", "4/0AX4XfWh-abc#state1"},
    {"Code: 4/0AX4XfWh-abc.", "4/0AX4XfWh-abc"},
    {"Code:\n4/0AX4XfWh-abc", "4/0AX4XfWh-abc"},
    {"code=4/0AX4XfWh-abc", "4/0AX4XfWh-abc"},
    {"**4/0AX4XfWh-abc**", "4/0AX4XfWh-abc"},
    {"123456", "123456"},
    {PAGE, PAGE},
    {"localhost\n" PAGE, PAGE},
    {"Here it is:\n" PAGE, PAGE},
    {"Here it is: " PAGE, PAGE},
    {PAGE "\nSent from my phone", PAGE},
    {"http://localhost:8085/cb?code=4/0A\nX-b&state=abc", PAGE},
    {"hello", NULL},
    {"two words", NULL},
    {"MySecretPassword1!x\"", NULL},
    {"4/0AX4XfWh-abc 4/0AX4XfWh-abd", NULL},
    {"https://code.example/", NULL},
    {"https://a.example/authorize?code=true&redirect_uri=x", NULL},
    {"https://a.example/auth?callback_url=x&code_challenge=y", NULL},
    {"http://localhost:8085/cb?error=access_denied&state=abc", NULL},
    {"error=access_denied", NULL},
    {"\xc3\xa9"
     "4/0AX4XfWh",
     NULL},
    {"", NULL},
    {NULL, NULL},
};

static void
finds_the_code_to_copy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(typed_rows) / sizeof(typed_rows[0]); i++) {
		const char *want = typed_rows[i].code;
		struct buf code;
		enum err got;

		buf_init(&code, 4096);
		got = pasted_text_typed(typed_rows[i].text, &code);
		if (got != (want == NULL ? ERR_PASTE_NO_CODE : ERR_OK) ||
		    (want != NULL && strcmp(buf_text(&code), want) != 0))
			fail_msg("'%s': got %s '%s'", typed_rows[i].text, error_name(got),
				 buf_text(&code));
		buf_free(&code);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_people_paste),
	    cmocka_unit_test(names_what_another_program_answered),
	    cmocka_unit_test(refuses_another_address_with_the_right_state),
	    cmocka_unit_test(of_several_addresses_the_state_tells_which),
	    cmocka_unit_test(finds_the_end_where_the_state_is_not_last),
	    cmocka_unit_test(the_state_tells_where_it_ends),
	    cmocka_unit_test(takes_off_what_programs_put_around_an_address),
	    cmocka_unit_test(reads_tokens_from_the_fragment),
	    cmocka_unit_test(needs_no_state_where_the_provider_sends_none),
	    cmocka_unit_test(has_limits),
	    cmocka_unit_test(finds_the_address_that_a_terminal_printed),
	    cmocka_unit_test(knows_a_code_that_stands_alone),
	    cmocka_unit_test(finds_the_code_to_copy),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("pasted_text", tests, NULL, NULL);
}
