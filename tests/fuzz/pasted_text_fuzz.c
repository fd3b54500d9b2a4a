/*
 * The input is a pasted text. The response that is found in it stands there word for
 * word; before it stands nothing, or the redirect URI of this sign-in, and no other
 * host.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/pasted_text.h"
#include "front.h"
#include "fuzz.h"
#include "http/query.h"

#define NAME   "opencode.example.com"
#define PUBLIC "https://" NAME

static const struct flow flows[] = {
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
    {.redirect_path = "/mcp/oauth/callback",
     .authorize_origin = "https://auth.example.com",
     .direct = true,
     .kind = KIND_MCP},
};

/* Whether text begins with the address of this sign-in; *end is what follows its path. */
static bool
is_ours(const char *text, const struct flow *flow, const char **end)
{
	const char *fronts[] = {front_listener(text, flow->redirect_port),
				front_public(text, NAME)};
	size_t path = strlen(flow->redirect_path);

	for (size_t i = 0; i < 2; i++) {
		if (fronts[i] == NULL || strncmp(fronts[i], flow->redirect_path, path) != 0)
			continue;
		*end = fronts[i] + path;
		return true;
	}
	return false;
}

/* What was pasted without line ends and what people put around it. */
static char *
clean(const char *text)
{
	static const char around[] = " \t\r\n<>\"'`";
	char *out, *to;

	text += strspn(text, around);
	to = out = fuzz_string(text, strlen(text));
	for (; *text != '\0'; text++)
		if (*text != '\r' && *text != '\n')
			*to++ = *text;
	while (to > out && strchr(around, to[-1]) != NULL)
		to--;
	*to = '\0';
	return out;
}

static void
check_accepted(const char *text, const struct flow *flow, const char *answer)
{
	char *own = clean(text);
	const char *at = own, *end = "";

	if (strspn(own, "?#") == 0 && own[strcspn(own, "=:/?#")] != '=') {
		CHECK_TEXT(is_ours(own, flow, &end), own);
		CHECK_TEXT(end[0] == '?' || end[0] == '#', own);
		at = end;
	}
	CHECK_TEXT(strstr(at, answer) != NULL, own);
	CHECK(strlen(answer) <= FORM_VALUE_MAX && strpbrk(answer, "\r\n\t ") == NULL);
	free(own);
}

static void
check_authorize_url(const char *text)
{
	struct buf url;

	buf_init(&url, FLOW_URL_MAX);
	if (pasted_text_authorize_url(text, &url) == ERR_OK) {
		CHECK(strncmp(buf_text(&url), "http", 4) == 0 && strlen(url.data) == url.len);
		for (size_t i = 0; i < url.len; i++)
			CHECK(url.data[i] > ' ' && url.data[i] < 0x7f);
	}
	buf_free(&url);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
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

		buf_init(&query, FORM_VALUE_MAX);
		if (pasted_text_read(text, &flows[i], PUBLIC, &query) == ERR_OK)
			check_accepted(text, &flows[i], buf_text(&query));
		else
			CHECK(query.len == 0);
		buf_free(&query);
	}
	check_authorize_url(text);
	free(text);
	return 0;
}
