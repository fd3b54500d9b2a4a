#include "page_check.h"

#include "view/asset.h"
#include "view/html.h"

static void
test_ask(void **unused)
{
	struct page_ask ask = {ID, KIND_PROVIDER, false, "gitlab", "203.0.113.7", 130, NULL};
	struct buf page;

	(void)unused;
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_ask(&page, &site, &ask), ERR_OK);
	assert_whole(&page);
	assert_has(&page, "GitLab");
	assert_has(&page, "203.0.113.7");
	assert_has(&page, "2 minutes ago");
	assert_has(&page, "<form method=\"post\" action=\"/signin/flow/" ID "\">");
	assert_has(&page, "<input type=\"hidden\" name=\"confirm\" value=\"yes\">");
	assert_lacks(&page, "name=\"callback\"");
	assert_int_equal(count(buf_text(&page), "<button"), 1);
	buf_free(&page);

	ask.callback = "code=" CANARY "&state=s";
	assert_int_equal(page_ask(&page, &site, &ask), ERR_OK);
	assert_whole(&page);
	assert_has(&page, "<input type=\"hidden\" name=\"callback\" value=\"code=" CANARY
			  "&amp;state=s\">");
	assert_int_equal(count(buf_text(&page), CANARY), 1);
	assert_int_equal(count(buf_text(&page), "<button"), 1);
	buf_free(&page);

	/* a server may be called like a provider */
	ask.kind = KIND_MCP;
	ask.mcp = true;
	assert_int_equal(page_ask(&page, &site, &ask), ERR_OK);
	assert_has(&page, "<strong>gitlab</strong>");
	buf_free(&page);

	ask = (struct page_ask){HOSTILE("id"),	     KIND_PROVIDER,	 false,
				HOSTILE("provider"), HOSTILE("address"), -5,
				HOSTILE("callback")};
	assert_int_equal(page_ask(&page, &site, &ask), ERR_OK);
	assert_whole(&page);
	assert_tame(&page);
	assert_has(&page, "/flow/" ESCAPED("id") "\"");
	assert_has(&page, "<strong>" ESCAPED("provider") "</strong>");
	assert_has(&page, "<strong>" ESCAPED("address") "</strong>");
	assert_has(&page, "value=\"" ESCAPED("callback") "\"");
	assert_has(&page, "0 seconds ago");
	buf_free(&page);
}

static void
test_problems(void **unused)
{
	static const struct page_list none = {NULL, 0};

	(void)unused;
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		struct buf page, part;

		buf_init(&page, PAGE_MAX);
		buf_init(&part, PAGE_MAX);
		assert_int_equal(page_problem(&page, &site, (enum err)e, NULL), ERR_OK);
		assert_whole(&page);
		html_add(&part, "data-problem=\"%s\"", error_name((enum err)e));
		assert_has(&page, buf_text(&part));
		buf_free(&part);
		html_add(&part, "<h1>%s</h1>", error_title((enum err)e));
		assert_has(&page, buf_text(&part));
		buf_free(&part);
		/* an empty list is as good as none */
		assert_int_equal(page_problem(&part, &site, (enum err)e, &none), ERR_OK);
		assert_string_equal(buf_text(&part), buf_text(&page));
		assert_lacks(&page, "<ul class=\"rows\">");
		assert_lacks(&page, "<code>#</code>");
		buf_free(&part);
		buf_free(&page);
	}
}

static void
test_code(void **unused)
{
	struct page_code code = {ID, KIND_PROVIDER, false, "xai", "code=C&state=S"};
	struct buf page;

	(void)unused;
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_code(&page, &site, &code), ERR_OK);
	assert_whole(&page);
	assert_has(&page, "Finish with this code?");
	assert_has(&page, "name=\"callback\" value=\"code=C&amp;state=S\"");
	buf_free(&page);

	code = (struct page_code){HOSTILE("id"), KIND_MCP, true, HOSTILE("provider"),
				  HOSTILE("callback")};
	assert_int_equal(page_code(&page, &site, &code), ERR_OK);
	assert_whole(&page);
	assert_tame(&page);
	assert_has(&page, ESCAPED("provider"));
	assert_has(&page, "value=\"" ESCAPED("callback") "\"");
	buf_free(&page);
}

static void
test_issuer(void **unused)
{
	struct page_issuer issuer = {ID,
				     KIND_PROVIDER,
				     false,
				     "gitlab",
				     "https://app.example",
				     "https://api.example/x",
				     "code=C&state=S"};
	struct buf page;

	(void)unused;
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_issuer(&page, &site, &issuer), ERR_OK);
	assert_whole(&page);
	assert_has(&page, "Do both names belong to GitLab?");
	assert_has(&page, "You signed in at <strong>app.example</strong>");
	assert_has(&page, "comes from <strong>api.example/x</strong>");
	assert_has(&page, "name=\"callback\" value=\"code=C&amp;state=S\"");
	buf_free(&page);

	issuer = (struct page_issuer){HOSTILE("id"),	   KIND_PROVIDER,    true,
				      HOSTILE("provider"), HOSTILE("asked"), HOSTILE("named"),
				      HOSTILE("callback")};
	assert_int_equal(page_issuer(&page, &site, &issuer), ERR_OK);
	assert_whole(&page);
	assert_tame(&page);
	assert_has(&page, ESCAPED("provider"));
	assert_has(&page, ESCAPED("named"));
	assert_has(&page, "value=\"" ESCAPED("callback") "\"");
	buf_free(&page);
}

static const struct page_list_item waiting[] = {
    {"code-flow-aaaaaaaaaaaa", KIND_PROVIDER, false, RESPONSE_TYPE_CODE, "openai", FLOW_WAITING,
     45},
    {"mcp-flow-aaaaaaaaaaaaa", KIND_MCP, true, RESPONSE_TYPE_CODE, "openai", FLOW_WAITING, 200},
    {"token-flow-aaaaaaaaaaa", KIND_PROVIDER, false, RESPONSE_TYPE_TOKEN, "digitalocean",
     FLOW_WAITING, 200},
};

/* A relay's name has no opencode to go back to. */
static void
test_problem_of_a_relay(void **unused)
{
	const struct page_site relay = {.base = "/signin", .origin = "", .relay = true};

	(void)unused;
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		struct buf page;

		buf_init(&page, PAGE_MAX);
		assert_int_equal(page_problem(&page, &relay, (enum err)e, NULL), ERR_OK);
		assert_count(&page, "<h1", 1);
		assert_has(&page, "<header>opencode sign-in</header>");
		assert_lacks(&page, "href=\"/\"");
		buf_free(&page);
	}
}

static void
test_problem_list(void **unused)
{
	static const struct page_list list = {waiting, 2};

	(void)unused;
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		bool empty = e == ERR_NO_STATE || e == ERR_NO_CODE || e == ERR_RESPONSE_MODE;
		struct buf page, part;

		buf_init(&page, PAGE_MAX);
		buf_init(&part, PAGE_MAX);
		assert_int_equal(page_problem(&page, &site, (enum err)e, &list), ERR_OK);
		assert_whole(&page);
		html_add(&part, "<h1>%s</h1>", error_title((enum err)e));
		assert_has(&page, buf_text(&part));
		assert_has(&page, "Sign-ins of this browser that wait</h2>");
		assert_has(&page, "<h3>ChatGPT</h3>\n<p class=\"hint\">expires in 45 seconds</p>");
		assert_has(&page, "href=\"/signin/flow/code-flow-aaaaaaaaaaaa\"");
		assert_has(&page, "<h3>openai</h3>");
		assert_has(&page, "href=\"/signin/flow/mcp-flow-aaaaaaaaaaaaa\"");
		assert_count(&page, "<code>#</code>", empty ? 1 : 0);
		assert_lacks(&page, "data-fragment");
		buf_free(&part);
		buf_free(&page);
	}
}

static void
test_problem_token(void **unused)
{
	static const struct page_list list = {waiting, 3}, alone = {waiting + 2, 1};
	static const enum err empty[] = {ERR_NO_STATE, ERR_NO_CODE, ERR_RESPONSE_MODE};
	struct buf page;

	(void)unused;
	buf_init(&page, PAGE_MAX);
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		assert_int_equal(page_problem(&page, &site, empty[i], &list), ERR_OK);
		assert_filled(&page);
		assert_has(&page, error_name(empty[i]));
		assert_has(&page, "<h1>The answer did not arrive</h1>\n"
				  "<p>Your sign-in to <strong>DigitalOcean</strong>");
		assert_has(&page,
			   "<form method=\"post\" action=\"/signin/flow/token-flow-aaaaaaaaaaa\" "
			   "data-fragment hidden>\n<input type=\"hidden\" name=\"address\">");
		/* once as the link, once as the form; the others below */
		assert_count(&page, "/flow/token-flow-aaaaaaaaaaa\"", 2);
		assert_has(&page, "Other sign-ins of this browser that wait</h2>");
		assert_count(&page, "<li ", 2);
		buf_free(&page);

		assert_int_equal(page_problem(&page, &site, empty[i], &alone), ERR_OK);
		assert_lacks(&page, "<ul");
		assert_lacks(&page, "that wait");
		buf_free(&page);
	}
	/* other mistakes have nothing to do with a # */
	assert_int_equal(page_problem(&page, &site, ERR_ENCODING, &list), ERR_OK);
	assert_lacks(&page, "data-fragment");
	assert_count(&page, "<li ", 3);
	buf_free(&page);
}

static void
test_problem_hostile(void **unused)
{
	struct page_site evil = {.base = HOSTILE("base"), .origin = HOSTILE("origin")};
	struct page_list_item item[2] = {
	    {.id = "x'><script>", .response_type = RESPONSE_TYPE_TOKEN}, {.id = "x'><script>"}};
	struct page_list list = {item, 2};
	struct buf page;

	(void)unused;
	for (size_t i = 0; i < 2; i++)
		memcpy(item[i].provider, HOSTILE("provider"), sizeof(HOSTILE("provider")));
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_problem(&page, &evil, ERR_NO_STATE, &list), ERR_OK);
	assert_tame(&page);
	assert_count(&page, ESCAPED("provider"), 5);
	assert_has(&page, "<h3>" ESCAPED("provider") "</h3>");
	assert_has(&page, "action=\"" ESCAPED("base") "/flow/");
	buf_free(&page);
}

static void
test_too_small(void **unused)
{
	static const struct page_list list = {waiting, 3};
	struct buf page;

	(void)unused;
	for (size_t max = 500; max <= 2000; max += 500) {
		buf_init(&page, max);
		assert_int_equal(page_problem(&page, &site, ERR_NO_STATE, &list), ERR_TOO_LARGE);
		assert_string_equal(buf_text(&page), "");
		buf_free(&page);
	}
}

static void
test_unknown_flow(void **unused)
{
	static const char *const causes[] = {
	    "another browser", "private window",      "ookies",
	    "expired",	       "Go back to opencode", "begin again"};
	struct buf page;

	(void)unused;
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_problem(&page, &site, ERR_UNKNOWN_FLOW, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		assert_has(&page, causes[i]);
		assert_non_null(strstr(error_advice(ERR_UNKNOWN_FLOW), causes[i]));
	}
	buf_free(&page);
}

static void
test_error_table(void **unused)
{
	static const struct {
		enum err err;
		int status;
	} rows[] = {
	    {ERR_METHOD, 405},
	    {ERR_PATH, 404},
	    {ERR_CROSS_SITE, 403},
	    {ERR_PREFETCH, 403},
	    {ERR_QUERY_LONG, 414},
	    {ERR_HEADER_LONG, 431},
	    {ERR_BODY_LONG, 413},
	    {ERR_LENGTH, 411},
	    {ERR_MEDIA_TYPE, 415},
	    {ERR_HOST, 421},
	    {ERR_NEEDS_HTTPS, 403},
	    {ERR_UNKNOWN_FLOW, 400},
	    {ERR_TOO_MANY_FLOWS, 429},
	    {ERR_CREDENTIALS, 401},
	    {ERR_OPENCODE_DOWN, 503},
	    {ERR_OPENCODE_GONE, 502},
	    {ERR_OPENCODE_TIMEOUT, 504},
	    {ERR_OPENCODE_ANSWER, 502},
	    {ERR_BUSY, 503},
	    {ERR_STORE, 503},
	    {ERR_TAKEN, 503},
	    {ERR_TOO_LARGE, 503},
	    {ERR_MEMORY, 503},
	    {ERR_CONFIG, 500},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(error_status(rows[i].err), rows[i].status);
	for (int e = ERR_OK; e < ERR_COUNT; e++) {
		const char *name = error_name((enum err)e);

		assert_non_null(name);
		assert_true(name[0] != '\0');
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		assert_true(strlen(error_title((enum err)e)) > 0);
		/* a title is put in front of the advice as a sentence, or stands alone */
		assert_null(strchr(error_title((enum err)e), '.'));
		assert_non_null(strrchr(error_advice((enum err)e), '.'));
		/* a visitor can never cause a 500 */
		assert_int_equal(error_status((enum err)e) == 500, e == ERR_CONFIG);
		for (int other = ERR_OK; other < e; other++)
			assert_string_not_equal(name, error_name((enum err)other));
	}
	/* a value from nowhere has an answer too */
	assert_string_equal(error_name(ERR_COUNT), error_name(ERR_REQUEST));
}

static void
test_html(void **unused)
{
	static const struct {
		int64_t seconds;
		const char *want;
	} times[] = {
	    {-1, "0 seconds"},	{0, "0 seconds"},     {1, "1 second"},
	    {89, "89 seconds"}, {90, "2 minutes"},    {287, "5 minutes"},
	    {300, "5 minutes"}, {3600, "60 minutes"}, {7200, "2 hours"},
	};
	struct buf out;

	(void)unused;
	buf_init(&out, 1000);
	html_add(&out, "100%% <%s%s>", "&<>\"'", "");
	assert_string_equal(buf_text(&out), "100% <&amp;&lt;&gt;&quot;&#39;>");
	buf_free(&out);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		html_duration(&out, times[i].seconds);
		assert_string_equal(buf_text(&out), times[i].want);
		buf_free(&out);
	}
}

static void
test_assets(void **unused)
{
	const struct asset *style = asset_find("style.css");
	const struct asset *script = asset_find("page.js");
	const struct asset *icon = asset_find("icon.svg");

	(void)unused;
	assert_non_null(style);
	assert_non_null(script);
	assert_non_null(icon);
	assert_string_equal(style->type, "text/css; charset=utf-8");
	assert_string_equal(script->type, "text/javascript; charset=utf-8");
	assert_string_equal(icon->type, "image/svg+xml");
	assert_true(style->len > 1000 && style->data[style->len - 1] == '\n');
	assert_int_equal(strncmp(script->data, "/*", 2), 0);
	assert_int_equal(strncmp(icon->data, "<svg", 4), 0);
	assert_null(asset_find("style.cs"));
	assert_null(asset_find("style.css/"));
	assert_null(asset_find("../page.js"));
	assert_null(asset_find(""));
	assert_int_equal(strlen(asset_version()), 16);
	assert_int_equal(strspn(asset_version(), "0123456789abcdef"), 16);
}

static void
test_device(void **unused)
{
	const struct page_site evil = {.base = HOSTILE("base"), .origin = "x"};
	const struct page_device device = {HOSTILE("provider"), HOSTILE("url"), HOSTILE("words"),
					   true, HOSTILE("query")};
	struct page_device plain = {"xai", "https://x.example/?a=1&b=2", "Enter AB-CD", true, ""};
	struct buf page;

	(void)unused;
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_device(&page, &evil, &device), ERR_OK);
	assert_tame(&page);
	assert_has(&page, ESCAPED("words"));
	assert_has(&page, "href=\"" ESCAPED("url") "\"");
	buf_free(&page);
	assert_int_equal(page_device(&page, &site, &plain), ERR_OK);
	assert_has(&page, "<h1>Connect SuperGrok</h1>");
	assert_has(&page, "Enter AB-CD");
	assert_has(&page, "href=\"https://x.example/?a=1&amp;b=2\"");
	assert_has(&page, "href=\"/signin/\"");
	assert_has(&page, "Enter that code at SuperGrok");
	buf_free(&page);
	plain.code = false;
	plain.instructions = "";
	assert_int_equal(page_device(&page, &site, &plain), ERR_OK);
	assert_has(&page, "Sign in at SuperGrok");
	assert_null(strstr(buf_text(&page), "opencode says"));
	assert_null(strstr(buf_text(&page), "code at"));
	buf_free(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_device),
	    cmocka_unit_test(test_ask),
	    cmocka_unit_test(test_code),
	    cmocka_unit_test(test_issuer),
	    cmocka_unit_test(test_problems),
	    cmocka_unit_test(test_problem_of_a_relay),
	    cmocka_unit_test(test_problem_list),
	    cmocka_unit_test(test_problem_token),
	    cmocka_unit_test(test_problem_hostile),
	    cmocka_unit_test(test_too_small),
	    cmocka_unit_test(test_unknown_flow),
	    cmocka_unit_test(test_error_table),
	    cmocka_unit_test(test_html),
	    cmocka_unit_test(test_assets),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
