#include "page_check.h"

#include "view/html.h"
#include "view/page_part.h"

static void
test_waiting(void **unused)
{
	struct page_flow flow = flow_of(PROVIDER, FLOW_WAITING, REASON_NONE);
	struct buf page;

	(void)unused;
	render_flow(&page, &flow);
	assert_has(&page, "<title>Connect ChatGPT · opencode</title>");
	assert_has(&page, "localhost:1455</b>/auth/callback?code=");
	assert_has(&page, "Expires in 5 minutes");
	assert_has(&page, "<code>https://opencode.example.com</code>");
	buf_free(&page);

	flow.address_edit = false;
	render_flow(&page, &flow);
	assert_lacks(&page, "https://opencode.example.com");
	buf_free(&page);
}

/* What all sorts of waiting pages share; the script and other tests rely on it. */
static void
test_waiting_sorts(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < SORTS; i++) {
		struct page_flow flow = flow_of((enum sort)i, FLOW_WAITING, REASON_NONE);
		size_t boxes = flow.direct ? 0 : 1;
		struct buf page;

		render_flow(&page, &flow);
		assert_has(&page, "id=\"state\" data-state=\"waiting\" data-expires-in=\"287\" "
				  "data-status-url=\"/signin/flow/" ID "/status\"");
		assert_count(&page, "<a id=\"open\" class=\"button\"", 1);
		assert_has(&page, " href=\"https://auth.example.com/authorize?a=1&amp;state=" CANARY
				  "\">");
		assert_count(&page, "target=\"_blank\" rel=\"noopener noreferrer\"", boxes);
		assert_count(&page, "<form method=\"post\" action=\"/signin/flow/" ID "\">", boxes);
		assert_count(&page, "name=\"address\"", boxes);
		assert_count(&page, "class=\"tab\"", boxes);
		assert_count(&page, "<form", boxes);
		assert_count(&page, "<button", boxes);
		/* the state of the sign-in stands in the link to the provider and nowhere else */
		assert_count(&page, CANARY, 1);
		/* nothing that would wipe the box, and the keyboard starts at the top */
		assert_lacks(&page, "http-equiv");
		assert_lacks(&page, "autofocus");
		assert_lacks(&page, "role=\"alert\"");
		buf_free(&page);
	}
}

static void
test_waiting_words(void **unused)
{
	static const struct {
		enum sort sort;
		const char *has[4];
		const char *lacks[3];
	} rows[] = {
	    {PROVIDER,
	     {"?code=…&amp;state=…", "Its address is what opencode needs",
	      "answered at localhost:1455:",
	      "If opencode runs on this same computer, it was opencode that answered."},
	     {"#", "terminal"}},
	    {TOKEN,
	     {"<h1>Connect DigitalOcean</h1>", "with everything behind the #",
	      "</b>/auth/callback#access_token=…",
	      "the address has <code>access_token=</code> in it"},
	     {"?code=", "Another way, without copying"}},
	    {MCP,
	     {"<h1>Connect openai</h1>", "Open the openai sign-in",
	      "127.0.0.1:19876</b>/mcp/oauth/callback?code="},
	     {"ChatGPT", "terminal"}},
	    {DIRECT,
	     {"<h1>Connect issue tracker</h1>", "sends you back here by itself",
	      "<code>https://opencode.example.com/mcp/oauth/callback</code>",
	      "Waiting for the sign-in"},
	     {"fails to load", "aste", "localhost"}},
	    {RELAYED,
	     {"sends you back here by itself",
	      "<code>https://relay.example.com/relay/callback</code> has to be allowed there",
	      "A relay, which issue tracker knows in the place of this site"},
	     {"fails to load", "aste", "<code>https://opencode.example.com"}},
	    {INTEGRATION, {"<h1>Connect ChatGPT</h1>"}, {"terminal"}},
	    {TERMINAL,
	     {"<title>Finish the sign-in of your terminal ·",
	      "<h1>Finish the sign-in of your terminal</h1>", "Sign in at auth.openai.com",
	      "it was the terminal that answered. Copy nothing then: it says how it went"},
	     {"Connect", "opencode needs", "this page says how it went"}},
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct page_flow flow = flow_of(rows[i].sort, FLOW_WAITING, REASON_NONE);
		struct buf page;

		render_flow(&page, &flow);
		for (size_t k = 0; k < 4 && rows[i].has[k] != NULL; k++)
			assert_has(&page, rows[i].has[k]);
		for (size_t k = 0; k < 3 && rows[i].lacks[k] != NULL; k++)
			assert_lacks(&page, rows[i].lacks[k]);
		buf_free(&page);
	}
}

static void
test_waiting_problem(void **unused)
{
	(void)unused;
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		struct page_flow flow = flow_of(PROVIDER, FLOW_WAITING, REASON_NONE);
		struct buf page, title;

		flow.problem = (enum err)e;
		buf_init(&page, PAGE_MAX);
		assert_int_equal(page_flow(&page, &site, &flow), ERR_OK);
		assert_whole(&page);
		buf_init(&title, PAGE_MAX);
		html_add(&title, "role=\"alert\"><strong>%s.</strong> %s",
			 error_title(flow.problem), error_advice(flow.problem));
		assert_has(&page, buf_text(&title));
		assert_has(&page, "aria-invalid=\"true\" aria-describedby=\"problem\" autofocus");
		buf_free(&title);
		buf_free(&page);

		/* a page without a box says it too */
		flow = flow_of(DIRECT, FLOW_WAITING, REASON_NONE);
		flow.problem = (enum err)e;
		assert_int_equal(page_flow(&page, &site, &flow), ERR_OK);
		assert_count(&page, "role=\"alert\"", 1);
		buf_free(&page);
	}
}

static void
check_hostile(enum sort sort, enum flow_state state)
{
	struct page_flow flow = flow_of(sort, state, REASON_NONE);
	struct page_site evil = {.base = HOSTILE("base"), .origin = HOSTILE("origin")};
	bool waits = state == FLOW_WAITING, box = waits && !flow.direct;
	struct buf page;

	flow.id = HOSTILE("id");
	flow.provider = HOSTILE("provider");
	flow.authorize_url = HOSTILE("url");
	flow.redirect_host = HOSTILE("host");
	flow.redirect_path = HOSTILE("path");
	flow.again = true;
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_flow(&page, &evil, &flow), ERR_OK);
	assert_tame(&page);
	assert_has(&page, "href=\"" ESCAPED("base") "/assets/style.css");
	if (state != FLOW_DONE || flow.kind != KIND_MCP)
		assert_has(&page, ESCAPED("provider"));
	assert_count(&page, "href=\"" ESCAPED("url") "\"", waits ? 1 : 0);
	assert_count(&page, "<code>" ESCAPED("host") "</code>", box ? 1 : 0);
	if (waits)
		assert_has(&page, ESCAPED("path"));
	if (box)
		assert_has(&page, "action=\"" ESCAPED("base") "/flow/" ESCAPED("id") "\"");
	buf_free(&page);
}

static void
test_hostile(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < SORTS; i++)
		for (int s = 0; s < FLOW_STATE_COUNT; s++)
			check_hostile((enum sort)i, (enum flow_state)s);
}

static void
test_too_small(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < SORTS; i++)
		for (int s = 0; s < FLOW_STATE_COUNT; s++) {
			struct page_flow flow =
			    flow_of((enum sort)i, (enum flow_state)s, REASON_NONE);
			struct buf page;

			buf_init(&page, 500);
			assert_int_equal(page_flow(&page, &site, &flow), ERR_TOO_LARGE);
			assert_string_equal(buf_text(&page), "");
			buf_free(&page);
		}
}

static void
test_long_name(void **unused)
{
	char name[PAGE_TEXT_MAX + 2];
	struct page_flow flow = flow_of(MCP, FLOW_WAITING, REASON_NONE);
	struct buf page;

	(void)unused;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	flow.provider = name;
	for (int s = 0; s < FLOW_STATE_COUNT; s++) {
		flow.state = (enum flow_state)s;
		buf_init(&page, PAGE_MAX);
		assert_int_equal(page_flow(&page, &site, &flow), ERR_TOO_LARGE);
		buf_free(&page);
	}
	/* the longest that a flow can hold fits everywhere */
	name[FLOW_NAME_MAX] = '\0';
	for (int s = 0; s < FLOW_STATE_COUNT; s++) {
		flow.state = (enum flow_state)s;
		render_flow(&page, &flow);
		buf_free(&page);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_waiting),	  cmocka_unit_test(test_waiting_sorts),
	    cmocka_unit_test(test_waiting_words), cmocka_unit_test(test_waiting_problem),
	    cmocka_unit_test(test_hostile),	  cmocka_unit_test(test_too_small),
	    cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests_name("page_waiting", tests, NULL, NULL);
}
