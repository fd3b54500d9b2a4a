/*
 * The input is a pasted text. The response that is found in it stands word for word in one of the
 * readings of the text: what is left after paste_layer.c has taken off entities, backslashes,
 * percent-encoding, line ends and signs that nobody sees. It has the state of this sign-in; before
 * it stands nothing, the path of the redirect URI, or an address of this sign-in, and no other
 * host. Pasted alone behind that address, it is found again.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "flow/paste_layer.h"
#include "flow/pasted_text.h"
#include "front.h"
#include "fuzz.h"
#include "http/query.h"
#include "http/request.h"
#include "util/percent.h"

#define NAME   "opencode.example.com"
#define PUBLIC "https://" NAME
#define STATE  "S"

static struct flow flows[] = {
    {.redirect_host = "localhost:1455",
     .redirect_port = 1455,
     .redirect_path = "/auth/callback",
     .authorize_origin = "https://auth.example.com"},
    {.redirect_host = "localhost:1456",
     .redirect_port = 1456,
     .redirect_path = "/auth/callback",
     .authorize_origin = "https://auth.example.com",
     .response_type = RESPONSE_TYPE_TOKEN},
    {.redirect_host = "127.0.0.1:19876",
     .redirect_port = 19876,
     .redirect_path = "/callback",
     .authorize_origin = "https://auth.example.com",
     .stateless = true},
    {.redirect_host = "127.0.0.1:19877",
     .redirect_port = 19877,
     .redirect_path = "/",
     .authorize_origin = "https://auth.example.com"},
    {.redirect_path = "/mcp/oauth/callback",
     .authorize_origin = "https://auth.example.com",
     .direct = true,
     .kind = KIND_MCP},
};

/* Whether a parameter of the query decodes to this flow's state. */
static bool
has_state(const char *query, const struct flow *flow)
{
	for (const char *at = query; *at != '\0';
	     at += strcspn(at, "&") + (strchr(at, '&') != NULL)) {
		char value[QUERY_VALUE_MAX], id[FLOW_ID_LEN + 1];
		size_t len = 0, end = strcspn(at, "&");

		if (strncmp(at, "state=", 6) != 0)
			continue;
		for (size_t i = 6; i < end && len < sizeof(value); i++) {
			int byte = at[i] == '%' ? percent_decode(at + i, end - i) : at[i];

			if (byte < 0)
				break;
			value[len++] = (char)(at[i] == '+' ? ' ' : byte);
			i += at[i] == '%' ? 2 : 0;
		}
		flow_id(value, len, id);
		if (strcmp(id, flow->id) == 0)
			return true;
	}
	return false;
}

/* Whether an address of this sign-in ends at index at; its letters are those of a single address.
 */
static bool
ends_address(const struct paste_reading *r, size_t at, const struct flow *flow)
{
	size_t path = strlen(flow->redirect_path);

	for (size_t start = at; start-- > 0;) {
		const char *text = r->text + start;
		const char *fronts[] = {front_listener(text, flow->redirect_port),
					front_public(text, NAME)};

		if (start > 0 && r->line[start] == PASTE_LINE_NONE &&
		    isalnum((unsigned char)text[-1]))
			continue;
		for (size_t i = 0; i < 2; i++) {
			size_t end = fronts[i] == NULL ? 0 : (size_t)(fronts[i] - r->text);

			if (end == 0 || (strncmp(fronts[i], flow->redirect_path, path) != 0 &&
					 strcmp(flow->redirect_path, "/") != 0))
				continue;
			if (end + path == at || (end + path + 1 == at && r->text[at - 1] == '/') ||
			    (path == 1 && end == at))
				return true;
		}
	}
	return false;
}

/* Whether something may begin at index at: no letter of a host or a path stands before it. */
static bool
begins(const struct paste_reading *r, size_t at)
{
	return at == 0 || r->line[at] != PASTE_LINE_NONE ||
	       (!isalnum((unsigned char)r->text[at - 1]) && strchr("./:\\@%-_&+?#!$"
								   "\x01",
								   r->text[at - 1]) == NULL);
}

/* Whether what stands before the response, at index at, is allowed. */
static bool
front_allowed(const struct paste_reading *r, size_t at, const struct flow *flow)
{
	size_t path = strlen(flow->redirect_path), end = at;

	if (begins(r, at) || ends_address(r, at, flow))
		return true;
	if (at == 0 || strchr("?#", r->text[at - 1]) == NULL)
		return false;
	end--;
	if (begins(r, end) || ends_address(r, end, flow))
		return true;
	for (size_t more = 0; more < 2; more++)
		if (end >= path + more &&
		    strncmp(r->text + end - more - path, flow->redirect_path, path) == 0 &&
		    begins(r, end - more - path))
			return true;
	/* a fragment behind a query */
	while (r->text[at - 1] == '#' && end > 0 && !paste_reading_parts(r->text[end - 1]))
		if (r->text[--end] == '?')
			return ends_address(r, end, flow) || begins(r, end) ||
			       (end >= path &&
				strncmp(r->text + end - path, flow->redirect_path, path) == 0);
	return false;
}

/* Whether a reading of the text holds the response, behind what may stand before one. */
static bool
stands_there(const char *text, const struct flow *flow, const char *answer)
{
	struct paste_layer layer;
	bool found = false;

	CHECK(paste_layer_open(&layer, text, true) == ERR_OK);
	while (!found && paste_layer_next(&layer, false)) {
		const char *at = layer.reading->text;

		CHECK(strlen(at) == layer.reading->len && layer.reading->len <= PASTE_MAX);
		for (; !found && (at = strstr(at, answer)) != NULL; at++)
			found =
			    front_allowed(layer.reading, (size_t)(at - layer.reading->text), flow);
	}
	paste_layer_close(&layer);
	return found;
}

/* A query that can be delivered, with no sign that may be an escape, is found again. */
static void
check_again(const struct flow *flow, const char *answer)
{
	struct query parsed;
	struct buf text, again;
	bool whole = query_parse(&parsed, answer, strlen(answer), QUERY_STRING) == ERR_OK;

	query_free(&parsed);
	if (!whole || strpbrk(answer, "\\^;") != NULL)
		return;
	buf_init(&text, PASTE_MAX);
	buf_init(&again, QUERY_MAX);
	buf_printf(&text, "%s%s%s%c%s", flow->direct ? PUBLIC : "http://", flow->redirect_host,
		   flow->redirect_path,
		   flow->response_type == RESPONSE_TYPE_TOKEN &&
			   strstr(answer, "access_token=") != NULL
		       ? '#'
		       : '?',
		   answer);
	CHECK_TEXT(pasted_text_read(buf_text(&text), flow, PUBLIC, &again) == ERR_OK,
		   buf_text(&text));
	CHECK_TEXT(strcmp(buf_text(&again), answer) == 0, buf_text(&text));
	buf_free(&again);
	buf_free(&text);
}

static void
check_accepted(const char *text, const struct flow *flow, const char *answer)
{
	/* "CODE#STATE": the names stand nowhere */
	bool pair = strncmp(answer, "code=", 5) == 0 && strstr(text, "state=") == NULL;

	CHECK_TEXT(flow->stateless || has_state(answer, flow), answer);
	CHECK(strlen(answer) <= QUERY_MAX);
	for (const char *p = answer; *p != '\0'; p++)
		CHECK(*p > ' ' && *p < 0x7f && *p != '#');
	if (!pair)
		CHECK_TEXT(stands_there(text, flow, answer), answer);
	check_again(flow, answer);
}

/* A code alone is one parameter of a query; its characters stand in the text, in their order. */
static void
check_code(const char *text)
{
	const char *code, *at = text;
	struct buf query;
	struct query q;

	buf_init(&query, QUERY_MAX);
	if (pasted_text_code(text, &query) == ERR_OK) {
		CHECK(query_parse(&q, buf_text(&query), query.len, QUERY_STRING) == ERR_OK);
		code = query_get(&q, "code");
		CHECK(q.count == 1 && code != NULL && code[0] != '\0');
		for (; strchr(text, '%') == NULL && *code != '\0'; code++, at++) {
			at = strchr(at, *code);
			CHECK_TEXT(at != NULL, text);
		}
		query_free(&q);
	}
	buf_free(&query);
}

static void
check_authorize_url(const char *text)
{
	struct buf url;

	buf_init(&url, FLOW_URL_MAX);
	if (pasted_text_authorize_url(text, &url) == ERR_OK) {
		CHECK(strncasecmp(buf_text(&url), "http", 4) == 0 && strlen(url.data) == url.len);
		CHECK((strstr(url.data, "redirect_uri=") != NULL &&
		       strstr(url.data, "response_type=") != NULL) ||
		      strcasestr(url.data, "=http:") != NULL ||
		      strcasestr(url.data, "=http%3a") != NULL);
		for (size_t i = 0; i < url.len; i++)
			CHECK(url.data[i] > ' ' && url.data[i] < 0x7f);
	} else {
		CHECK(url.len == 0);
	}
	buf_free(&url);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		flow_id(STATE, strlen(STATE), flows[i].id);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size > FUZZ_INPUT_MAX)
		return -1;
	fuzz_reset();
	text = fuzz_string(data, size);
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		struct buf query;

		buf_init(&query, QUERY_MAX);
		if (pasted_text_read(text, &flows[i], PUBLIC, &query) == ERR_OK)
			check_accepted(text, &flows[i], buf_text(&query));
		else
			CHECK(query.len == 0);
		buf_free(&query);
	}
	check_authorize_url(text);
	check_code(text);
	free(text);
	return 0;
}
