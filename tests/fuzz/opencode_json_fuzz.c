/*
 * What opencode says: the JSON of its begins, lists and verdicts, and its other
 * answers, of both generations. The first byte of the input selects what is asked for (a for the
 * first of the table), each line after the first is what opencode answers to one call: "STATUS
 * BODY", or how the call failed: down, gone, timeout, answer. Whatever it says, each
 * request has one well-formed answer, in which nothing of it became markup.
 *
 * The calls themselves do not take place: call_send() and its like are here.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "answer.h"
#include "opencode/call.h"
#include "planted.h"
#include "script.h"
#include "sites.h"

#define CALLS_MAX 400 /* of one input; more is a loop without an end */

enum err __wrap_call_send(const struct call *call, struct call_reply *reply);
enum err
__wrap_call_start(const struct call *call, struct call_reply *reply, struct call_pending **out);
enum err __wrap_call_finish(struct call_pending *pending);

#define COOKIE	 "Cookie: __Host-opencode-callback="
#define COOKIE_A COOKIE "COOKIE-A-canary-AAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
#define COOKIE_B COOKIE "COOKIE-B-canary-BBBBBBBBBBBBBBBBBBBBBBBBBBB\n"
#define COOKIE_D COOKIE "COOKIE-D-canary-DDDDDDDDDDDDDDDDDDDDDDDDDDD\n"
#define COOKIE_E COOKIE "COOKIE-E-canary-EEEEEEEEEEEEEEEEEEEEEEEEEEE\n"
#define COOKIE_F COOKIE "COOKIE-F-canary-FFFFFFFFFFFFFFFFFFFFFFFFFFF\n"
#define OWN	 "Sec-Fetch-Site: same-origin\n"
#define FORM	 OWN "Content-Type: application/x-www-form-urlencoded\n"

/* Begins and the like of a visitor who is bound to the sign-in E. */
#define FORM_E FORM COOKIE_E

/* What is asked for, as scripts. */
static const char *const questions[] = {
    /* a: the start page */
    "GET /signin/\n" COOKIE_A,
    /* b, c, d, e: begins in opencode's API */
    "POST /provider/new/oauth/authorize\n" COOKIE_A "\n{\"method\":0}\n",
    "POST /mcp/new/auth\n\n{}\n",
    "POST /mcp/new/auth/authenticate\n\n{}\n",
    "POST /api/integration/new/connect/oauth\n\n{\"methodID\":\"m\"}\n",
    /* f: one that replaces another */
    "POST /provider/openai/oauth/authorize\n" OWN "\n{\"method\":0}\n",
    /* g, h, i: begins from the start page, and the page behind */
    "POST /signin/start\n" FORM "\nprovider=new&method=1&input.k=v\n---\n"
    "GET /signin/\n" COOKIE_A,
    "POST /signin/start\n" FORM "\nmcp=new\n",
    "POST /signin/start\n" FORM COOKIE_A "\nagain=LykC6y3MEs0UD4TwGfkCr5\n",
    /* j: deliveries, by the answers of opencode, and their pages */
    "GET /auth/callback?code=C&state=STATE-A-canary\n" COOKIE_A "---\n"
    "GET /signin/flow/LykC6y3MEs0UD4TwGfkCr5\n" COOKIE_A "---\n"
    "GET /signin/flow/LykC6y3MEs0UD4TwGfkCr5/status\n" COOKIE_A "---\n"
    "POST /signin/flow/LykC6y3MEs0UD4TwGfkCr5\n" FORM COOKIE_A "\nload=yes\n",
    /* k */
    "GET /mcp/oauth/callback?code=C&state=STATE-B-canary\n" COOKIE_B "---\n"
    "GET /signin/flow/aizPmF4fifdfzD8fTIm7ZK\n" COOKIE_B,
    /* l */
    "GET /auth/callback?code=C&state=STATE-E-canary\n" COOKIE_E "---\n"
    "GET /signin/flow/I9jy5rfSCi6Ba5tk9aVbeb\n" COOKIE_E,
    /* m */
    "GET /callback?code=C&state=STATE-F-canary\n"
    "Authorization: Basic eDp5\n" COOKIE_F "---\n"
    "GET /signin/flow/pnEq3FI1Lj5noRBUXqRSzH\n" COOKIE_F,
    /* n */
    "POST /signin/flow/lE4Hg6NOItuYQ-gbAxU29x\n" FORM COOKIE_D "\naddress=code%3DC\n",
    /* o, p: sign-ins whose time is over */
    "GET /signin/flow/LykC6y3MEs0UD4TwGfkCr5\n@wait 301\n" COOKIE_A,
    "GET /signin/flow/aizPmF4fifdfzD8fTIm7ZK/status\n" COOKIE_B "---\n"
    "GET /signin/flow/aizPmF4fifdfzD8fTIm7ZK/status\n@wait 301\n" COOKIE_B,
    /* q: what health says */
    "GET /signin/health\nAuthorization: Basic eDp5\n",
    /* from here on of opencode 2. r: the start page */
    "GET /signin/\n" COOKIE_A,
    /* s, t: begins in its API, one of which replaces another */
    "POST /api/integration/new/connect/oauth\n" COOKIE_A "\n{\"methodID\":\"m\"}\n",
    "POST /api/integration/openai/connect/oauth\n" OWN COOKIE
    "COOKIE-E-canary-EEEEEEEEEEEEEEEEEEEEEEEEEEE; "
    "opencode_session=SESSION-canary\n\n{\"methodID\":\"m\"}\n",
    /* u, v, w: begins from the start page, and the page behind */
    "POST /signin/start\n" FORM "\nprovider=new&method=m&input.k=v&type.n=integer&input.n=5"
    "&pick.p.0=a&type.p=multiselect&when.k.0=n%095\n---\n"
    "GET /signin/\n" COOKIE_A,
    "POST /signin/start\n" FORM "\nmcp=new\n",
    "POST /signin/start\n" FORM_E "\nagain=I9jy5rfSCi6Ba5tk9aVbeb\n",
    /* x: a delivery and its page; y: while it waits, then when its time is over */
    "GET /auth/callback?code=C&state=STATE-E-canary\n" COOKIE_E "---\n"
    "GET /signin/flow/I9jy5rfSCi6Ba5tk9aVbeb\n" COOKIE_E,
    "GET /signin/flow/I9jy5rfSCi6Ba5tk9aVbeb/status\n" COOKIE_E "---\n"
    "GET /signin/flow/I9jy5rfSCi6Ba5tk9aVbeb\n@wait 301\n" COOKIE_E,
    /* z: whom it lets in */
    "POST /signin/flow/aizPmF4fifdfzD8fTIm7ZK\n" FORM
    "\nconfirm=yes&callback=code%3DC%26state%3DSTATE-B-canary\n",
};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))
#define OF_TWO	  17 /* the first question of opencode 2 */

static struct piece replies;
static int calls;

/* The other answer that is on its way. */
struct call_pending {
	struct call_reply *reply;
};

static enum err
failure(const struct piece *reply)
{
	static const struct {
		const char *word;
		enum err err;
	} words[] = {{"down", ERR_OPENCODE_DOWN},
		     {"gone", ERR_OPENCODE_GONE},
		     {"timeout", ERR_OPENCODE_TIMEOUT},
		     {"answer", ERR_OPENCODE_ANSWER}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (piece_is(reply, words[i].word))
			return words[i].err;
	return ERR_OK;
}

static enum err
answer(const struct call *call, struct call_reply *reply)
{
	size_t max = call->body_max > 0 ? call->body_max : CALL_BODY_MAX;
	struct piece next = {"200 true", 8};
	const char *blank;
	char status[4] = "";
	size_t len;

	*reply = (struct call_reply){.status = 0};
	buf_init(&reply->head, CALL_HEAD_MAX);
	buf_init(&reply->body, max);
	CHECK(++calls < CALLS_MAX);
	CHECK(call->target[0] == '/' && call->host[0] != '\0');
	piece_next(&replies, "\n", &next);
	if (failure(&next) != ERR_OK)
		return failure(&next);
	blank = memchr(next.data, ' ', next.len);
	len = blank == NULL ? next.len : (size_t)(blank - next.data);
	memcpy(status, next.data, len < 3 ? len : 3);
	reply->status = (int)strtol(status, NULL, 10);
	if (reply->status < 200 || reply->status > 599)
		return ERR_OPENCODE_ANSWER;
	buf_puts(&reply->head, "Content-Type: application/json\n");
	if (blank == NULL)
		return ERR_OK;
	len = next.len - len - 1;
	if (len > max && !call->tail)
		return ERR_OPENCODE_ANSWER;
	if (len > max) {
		blank += len - CALL_BODY_MAX / 2;
		len = CALL_BODY_MAX / 2;
	}
	return buf_add(&reply->body, blank + 1, len);
}

enum err
__wrap_call_send(const struct call *call, struct call_reply *reply)
{
	return answer(call, reply);
}

enum err
__wrap_call_start(const struct call *call, struct call_reply *reply, struct call_pending **out)
{
	enum err err = answer(call, reply);

	if (err == ERR_OPENCODE_DOWN)
		return err;
	*out = calloc(1, sizeof(**out));
	CHECK(*out != NULL);
	(*out)->reply = reply;
	return ERR_OK;
}

enum err
__wrap_call_finish(struct call_pending *pending)
{
	enum err err = pending->reply->status == 0 ? ERR_OPENCODE_GONE : ERR_OK;

	free(pending);
	return err;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[FUZZ_PATH_MAX];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)argc;
	(void)argv;
	fuzz_init();
	planted_init();
	sites_init();
	/* the core looks whether it is there */
	sites_socket(path);
	CHECK(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	CHECK(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
	return 0;
}

/* A begin whose answer was changed leads to our flow page and says nothing of the provider's. */
static void
check_begin(const struct answer *a)
{
	json_t *json, *holder;
	const char *url;

	if (a->cookie.len == 0 || a->status != 200)
		return;
	json = json_loadb(a->body.data, a->body.len, 0, NULL);
	CHECK_TEXT(json != NULL, a->body.data);
	holder = json_object_get(json, "data") != NULL ? json_object_get(json, "data") : json;
	url = json_string_value(json_object_get(holder, "url"));
	if (url == NULL)
		url = json_string_value(json_object_get(holder, "authorizationUrl"));
	CHECK_TEXT(url != NULL, a->body.data);
	/* one of our own redirect URIs is left as it is */
	CHECK_TEXT(strncmp(url, "https://opencode.example.com/signin/flow/", 41) == 0 ||
		       strstr(url, "opencode.example.com") != NULL,
		   url);
	json_decref(json);
}

static void
ask(struct script *s)
{
	bool api =
	    strncmp(s->request.path, "/signin/", 8) != 0 && strcmp(s->request.method, "POST") == 0;
	struct response response;
	struct answer a;
	struct buf bytes;

	fuzz_wait(s->wait);
	response_init(&response);
	app_handle(sites[0].app, &s->request, &response);
	answer_read(&response, api, &bytes, &a);
	if (api)
		check_begin(&a);
	response_free(&response);
	buf_free(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct piece first = {"", 0}, rest, text;
	const char *question;
	struct store *store;
	struct script s;
	size_t number;

	if (size == 0 || size > FUZZ_INPUT_MAX * 2)
		return -1;
	replies = (struct piece){(const char *)data, size};
	piece_next(&replies, "\n", &first);
	number = (unsigned char)(data[0] - 'a') % QUESTIONS;
	question = questions[number];
	calls = 0;
	fuzz_reset();
	text = rest = (struct piece){question, strlen(question)};
	store = sites_open();
	planted_add(store, &text);
	if (number >= OF_TWO)
		CHECK(store->ops->note_set(store, "api-", "2") == ERR_OK);
	while (script_next(&rest, site_hosts, SITES_COUNT, &s)) {
		ask(&s);
		script_free(&s);
	}
	sites_close();
	return 0;
}
