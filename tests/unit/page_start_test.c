#include "page_check.h"

#include "view/html.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct page_option deployments[] = {
    {"github.com", "GitHub.com", "Public", false},
    {"enterprise", "GitHub Enterprise", "", false},
};

static const struct page_condition conditions[] = {
    {"deploymentType", "enterprise", false},
    {"deploymentType", "unknown value", false},
    {"no such key", "x", false},
    {"deploymentType", "enterprise", true},
    {"tls", "true", false},
};

static const struct page_prompt prompts[] = {
    {"deploymentType", "Deployment type", "", deployments, COUNT(deployments), NULL, 0, PROMPT_TEXT,
     NULL},
    {"enterpriseUrl", "Enterprise URL", "company.ghe.com", NULL, 0, &conditions[0], 1, PROMPT_TEXT,
     NULL},
    {"odd", "Odd", "", NULL, 0, &conditions[1], 1, PROMPT_TEXT, NULL},
    {"lost", "Lost", "", NULL, 0, &conditions[2], 1, PROMPT_TEXT, NULL},
    {"free", "Free", "", NULL, 0, NULL, 0, PROMPT_TEXT, NULL},
};

static const struct page_option regions[] = {
    {"eu", "Europe", "Frankfurt", true},
    {"us", "America", "", false},
};

/* One of each type that a form of opencode 2 can have. */
static const struct page_prompt form_fields[] = {
    {"host", "Host", "a name", NULL, 0, NULL, 0, PROMPT_TEXT, "example.com"},
    {"port", "Port", "", NULL, 0, NULL, 0, PROMPT_INTEGER, "443"},
    {"wait", "Seconds", "", NULL, 0, NULL, 0, PROMPT_NUMBER, "0.5"},
    {"tls", "Use TLS", "", NULL, 0, NULL, 0, PROMPT_BOOLEAN, "true"},
    {"plain", "Plain", "", NULL, 0, NULL, 0, PROMPT_BOOLEAN, "false"},
    {"region", "Region", "", regions, COUNT(regions), NULL, 0, PROMPT_TEXT, "eu"},
    {"regions", "Regions", "", regions, COUNT(regions), &conditions[4], 1, PROMPT_MULTISELECT,
     NULL},
    {"both", "Both", "", NULL, 0, &conditions[3], 2, PROMPT_TEXT, NULL},
};

static const struct page_method openai_methods[] = {
    {"0", "ChatGPT (browser)", NULL, 0, false},
    {"1", "ChatGPT (headless)", NULL, 0, false},
};
static const struct page_method copilot_methods[] = {
    {"7", "GitHub", prompts, COUNT(prompts), false}};

static const struct page_account accounts[] = {
    {"openai", true, openai_methods, COUNT(openai_methods), NULL},
    {"github-copilot", false, copilot_methods, COUNT(copilot_methods), NULL},
    {"anthropic", true, NULL, 0, NULL},
    {"unconnected", false, NULL, 0, NULL},
};

static const struct page_mcp servers[] = {
    {"wiki", "wiki", "connected"},
    {"issue%20tracker", "issue tracker", "needs_auth"},
    {"broken", "broken", "failed"},
    {"resting", "resting", "disabled"},
    {"registry", "registry", "needs_client_registration"},
    {"openai", "openai", "word_of_the_future"},
    {"calendar", "calendar", "needs_auth"},
};

static void
render(struct buf *page, const struct page_start *start)
{
	buf_init(page, PAGE_MAX);
	assert_int_equal(page_start(page, &site, start), ERR_OK);
	assert_whole(page);
	/* a page of its own: no state that a script would follow */
	assert_lacks(page, "id=\"state\"");
	assert_lacks(page, "data-status-url");
	assert_count(page, "data-adopt>", 1);
	assert_count(page, "name=\"address\"", 1);
}

static void
test_nothing(void **unused)
{
	struct page_start start = {.query = ""};
	struct buf page;

	(void)unused;
	render(&page, &start);
	assert_filled(&page);
	assert_has(&page, "<title>Connect accounts · opencode</title>");
	assert_has(&page, "id=\"nothing\"");
	assert_has(&page, "<form method=\"post\" action=\"/signin/adopt\" data-adopt>");
	assert_count(&page, "<form", 1);
	assert_count(&page, "<section", 1);
	assert_lacks(&page, "autofocus");
	assert_lacks(&page, "role=\"alert\"");
	buf_free(&page);
}

static void
test_accounts(void **unused)
{
	struct page_start start = {.query = "directory=%2Fa&workspace=b",
				   .account = accounts,
				   .account_count = COUNT(accounts)};
	const char *text;
	struct buf page;

	(void)unused;
	render(&page, &start);
	text = buf_text(&page);
	assert_count(
	    &page, "<form method=\"post\" action=\"/signin/start?directory=%2Fa&amp;workspace=b\"",
	    3);
	assert_has(&page, " data-provider=\"openai\" data-method=\"0\">\n"
			  "<p class=\"hint\">ChatGPT (browser)</p>\n"
			  "<input type=\"hidden\" name=\"provider\" value=\"openai\">\n"
			  "<input type=\"hidden\" name=\"method\" value=\"0\">");
	assert_has(&page, " data-provider=\"openai\" data-method=\"1\">");
	assert_has(&page, " data-provider=\"github-copilot\" data-method=\"7\">");
	assert_has(&page, "<input type=\"hidden\" name=\"method\" value=\"7\">");
	assert_has(&page, "<h3>ChatGPT</h3>\n<p class=\"good\">connected</p>");
	assert_has(&page, "<h3>anthropic</h3>\n<p class=\"good\">connected</p>");
	assert_count(&page, "class=\"button quiet\" data-busy=\"Beginning…\">Reconnect<", 2);
	assert_count(&page, "class=\"button soft\" data-busy=\"Beginning…\">Connect<", 1);
	assert_lacks(&page, "id=\"nothing\"");
	/* what is not connected comes first */
	assert_true(strstr(text, "<h3>GitHub Copilot") < strstr(text, "<h3>ChatGPT"));
	assert_true(strstr(text, "<h3>unconnected") < strstr(text, "<h3>anthropic"));
	buf_free(&page);
}

static void
test_prompts(void **unused)
{
	struct page_start start = {.query = "", .account = &accounts[1], .account_count = 1};
	struct buf page;

	(void)unused;
	render(&page, &start);
	assert_has(&page, "<label class=\"field\"><span>Deployment type</span>\n"
			  "<select name=\"input.deploymentType\">\n"
			  "<option value=\"github.com\">GitHub.com (Public)</option>\n"
			  "<option value=\"enterprise\">GitHub Enterprise</option>\n</select>");
	assert_has(
	    &page,
	    "data-when=\"deploymentType\" data-is=\"enterprise\"><span>Enterprise URL <span "
	    "class=\"when\">(only if “Deployment type” is “GitHub Enterprise”)</span></span>\n"
	    "<input name=\"input.enterpriseUrl\" type=\"text\"");
	assert_has(&page, "placeholder=\"company.ghe.com\">");
	assert_has(&page, "(only if “Deployment type” is “unknown value”)");
	assert_has(&page, "(only if “no such key” is “x”)");
	assert_has(&page, "<label class=\"field\"><span>Free</span>\n");
	assert_count(&page, "data-when=", 3);
	assert_lacks(&page, "name=\"when.");
	buf_free(&page);
}

static void
test_typed_fields(void **unused)
{
	static const struct page_method method = {"form", "With a form", form_fields,
						  COUNT(form_fields), true};
	static const struct page_account account = {"acme", false, &method, 1, "Acme"};
	struct page_start start = {.query = "", .account = &account, .account_count = 1};
	struct buf page;

	(void)unused;
	render(&page, &start);
	assert_has(&page, "<h3>Acme</h3>");
	assert_has(&page, "<input name=\"input.host\" type=\"text\"");
	assert_has(&page, "placeholder=\"a name\" value=\"example.com\">");
	assert_has(&page, "<input name=\"input.port\" type=\"number\" step=\"1\"");
	assert_has(&page, " value=\"443\">");
	assert_has(&page, "<input name=\"input.wait\" type=\"number\" step=\"any\"");
	assert_has(&page, "<input name=\"input.tls\" type=\"checkbox\" value=\"true\" checked>");
	assert_has(&page, "<input name=\"input.plain\" type=\"checkbox\" value=\"true\">");
	assert_has(&page, "<option value=\"eu\" selected>Europe (Frankfurt)</option>\n"
			  "<option value=\"us\">America</option>");
	assert_has(&page, "<fieldset class=\"field\" data-when=\"tls\" data-is=\"true\">"
			  "<legend>Regions <span class=\"when\">(only if “Use TLS” is “yes”)</span>"
			  "</legend>");
	assert_has(&page, "<input name=\"pick.regions.0\" type=\"checkbox\" value=\"eu\" "
			  "checked> Europe (Frankfurt)</label>");
	assert_has(&page, "<input name=\"pick.regions.1\" type=\"checkbox\" value=\"us\"> "
			  "America</label>");
	/* what the script cannot tell stays in words */
	assert_has(&page, "<label class=\"field\"><span>Both <span class=\"when\">(only if "
			  "“deploymentType” is not “enterprise” and “Use TLS” is “yes”)</span>");
	assert_has(&page, "<input type=\"hidden\" name=\"type.port\" value=\"integer\">");
	assert_has(&page, "<input type=\"hidden\" name=\"type.regions\" value=\"multiselect\">");
	assert_count(&page, "name=\"type.", 5);
	assert_has(&page, "<input type=\"hidden\" name=\"when.regions.0\" value=\"tls\ttrue\">");
	assert_has(&page, "<input type=\"hidden\" name=\"unless.both.0\" "
			  "value=\"deploymentType\tenterprise\">\n"
			  "<input type=\"hidden\" name=\"when.both.1\" value=\"tls\ttrue\">");
	buf_free(&page);
}

static void
test_servers(void **unused)
{
	struct page_start start = {.query = "", .mcp = servers, .mcp_count = COUNT(servers)};
	const char *text;
	struct buf page;

	(void)unused;
	render(&page, &start);
	text = buf_text(&page);
	assert_has(&page,
		   "<form method=\"post\" action=\"/signin/start\" data-mcp=\"issue%20tracker\">\n"
		   "<input type=\"hidden\" name=\"mcp\" value=\"issue%20tracker\">");
	assert_has(&page, " data-mcp=\"calendar\">");
	assert_count(&page, " data-mcp=", 2);
	assert_count(&page, "class=\"row\"", COUNT(servers));
	assert_has(&page, "<h3>wiki</h3>\n<p class=\"good\">connected</p>");
	assert_has(&page,
		   "<h3>registry</h3>\n<p class=\"hint\">opencode needs a client id for it, in "
		   "opencode.json</p>");
	assert_has(&page, "switched off");
	assert_has(&page, "does not work");
	/* its own name, and a word that is not known yet as it is */
	assert_has(&page, "<h3>openai</h3>\n<p class=\"hint\">word_of_the_future</p>");
	/* what wants something, then the rest */
	assert_true(strstr(text, "<h3>calendar") < strstr(text, "<h3>wiki"));
	assert_true(strstr(text, "<h3>issue tracker") < strstr(text, "<h3>wiki"));
	assert_lacks(&page, "id=\"accounts\"");
	buf_free(&page);

	start.mcp_count = 0;
	render(&page, &start);
	assert_lacks(&page, "id=\"servers\"");
	buf_free(&page);
}

static void
test_flows(void **unused)
{
	struct page_list_item item[FLOW_STATE_COUNT] = {{.id = ID}};
	struct page_start start = {.query = "", .flows = {item, FLOW_STATE_COUNT}};
	struct buf page, part;

	(void)unused;
	for (int s = 0; s < FLOW_STATE_COUNT; s++) {
		memcpy(item[s].id, ID, sizeof(ID));
		memcpy(item[s].provider, "openai", sizeof("openai"));
		item[s].state = (enum flow_state)s;
		item[s].kind = s == FLOW_WAITING ? KIND_PROVIDER : KIND_MCP;
		item[s].mcp = s != FLOW_WAITING;
		item[s].expires_in = 45;
	}
	render(&page, &start);
	assert_has(&page, "<h3>ChatGPT</h3>\n<p class=\"hint\">expires in 45 seconds</p>\n"
			  "<a class=\"button\" href=\"/signin/flow/" ID "\">Go on<");
	assert_has(&page, "<h3>openai</h3>\n<p class=\"hint\">is being finished</p>");
	assert_count(&page, "href=\"/signin/flow/" ID "\"", FLOW_STATE_COUNT);
	buf_init(&part, PAGE_MAX);
	for (int s = 0; s < FLOW_STATE_COUNT; s++) {
		buf_printf(&part, "data-state=\"%s\"", flow_state_name((enum flow_state)s));
		assert_count(&page, buf_text(&part), 1);
		buf_free(&part);
	}
	buf_free(&page);

	item[0].kind = KIND_TERMINAL;
	start.flows.count = 1;
	render(&page, &start);
	assert_has(&page, "begun in a terminal, expires in 45 seconds");
	assert_lacks(&page, "Ended");
	buf_free(&page);

	item[0].state = FLOW_DONE;
	render(&page, &start);
	assert_lacks(&page, "class=\"row\"");
	assert_has(&page, "Ended");
	buf_free(&page);
}

static void
test_problem(void **unused)
{
	(void)unused;
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		struct page_start start = {.query = "", .problem = (enum err)e};
		struct buf page, part;

		render(&page, &start);
		buf_init(&part, PAGE_MAX);
		html_add(&part, "role=\"alert\"><strong>%s.</strong> %s",
			 error_title(start.problem), error_advice(start.problem));
		assert_has(&page, buf_text(&part));
		buf_free(&part);
		html_add(&part, "<title>%s · Connect accounts", error_title(start.problem));
		assert_has(&page, buf_text(&part));
		buf_free(&part);
		assert_has(&page, "aria-invalid=\"true\" aria-describedby=\"problem\" autofocus");
		buf_free(&page);
	}
}

/* Every text that comes from outside, each told apart from the others. */
static void
test_hostile(void **unused)
{
	static const char *const fields[] = {
	    "base",	   "query", "select", "provider", "label",   "key",	  "message",
	    "placeholder", "value", "option", "hint",	  "whenkey", "whenvalue", "initial",
	    "name",	   "picks", "mcp",    "mcplabel", "status",  "flow",	  "ended",
	};
	const struct page_site evil = {.base = HOSTILE("base"), .origin = HOSTILE("origin")};
	const struct page_option option = {HOSTILE("value"), HOSTILE("option"), HOSTILE("hint"),
					   false};
	const struct page_condition when = {HOSTILE("whenkey"), HOSTILE("whenvalue"), false};
	const struct page_condition chosen = {HOSTILE("select"), HOSTILE("value"), false};
	const struct page_prompt asked[] = {
	    {HOSTILE("key"), HOSTILE("message"), HOSTILE("placeholder"), NULL, 0, &when, 1,
	     PROMPT_TEXT, HOSTILE("initial")},
	    {HOSTILE("select"), HOSTILE("message"), "", &option, 1, &chosen, 1, PROMPT_TEXT, NULL},
	    {HOSTILE("picks"), HOSTILE("message"), "", &option, 1, NULL, 0, PROMPT_MULTISELECT,
	     NULL},
	};
	const struct page_method method = {"-1", HOSTILE("label"), asked, COUNT(asked), true};
	const struct page_account account = {HOSTILE("provider"), false, &method, 1,
					     HOSTILE("name")};
	const struct page_mcp mcp[] = {
	    {HOSTILE("mcp"), HOSTILE("mcplabel"), "needs_auth"},
	    {HOSTILE("mcp"), HOSTILE("mcplabel"), HOSTILE("status")},
	};
	struct page_list_item item[] = {{.id = "'><script>"},
					{.id = "'><script>", .state = FLOW_DONE}};
	const struct page_start start = {HOSTILE("query"), &account,  1,     mcp,
					 COUNT(mcp),	   {item, 2}, ERR_OK};
	struct buf page, part;

	(void)unused;
	memcpy(item[0].provider, HOSTILE("flow"), sizeof(HOSTILE("flow")));
	memcpy(item[1].provider, HOSTILE("ended"), sizeof(HOSTILE("ended")));
	buf_init(&page, PAGE_MAX);
	buf_init(&part, PAGE_MAX);
	assert_int_equal(page_start(&page, &evil, &start), ERR_OK);
	assert_tame(&page);
	for (size_t i = 0; i < COUNT(fields); i++) {
		buf_printf(
		    &part,
		    "&quot;&#39;&gt;&lt;script&gt;alert(%s)&lt;/script&gt;&amp;amp;{name}%%s",
		    fields[i]);
		assert_has(&page, buf_text(&part));
		buf_free(&part);
	}
	assert_has(&page, "action=\"" ESCAPED("base") "/start?" ESCAPED(
			      "query") "\" data-mcp=\"" ESCAPED("mcp") "\">");
	assert_has(&page,
		   "data-when=\"" ESCAPED("whenkey") "\" data-is=\"" ESCAPED("whenvalue") "\">");
	assert_has(&page, "(only if “" ESCAPED("message") "” is “" ESCAPED("option") "”)");
	assert_has(&page, "name=\"when." ESCAPED("key") ".0\" value=\"" ESCAPED(
			      "whenkey") "\t" ESCAPED("whenvalue") "\">");
	assert_count(&page, "/flow/&#39;&gt;&lt;script&gt;\"", 2);
	buf_free(&page);
}

static void
test_too_large(void **unused)
{
	struct page_account many[400];
	struct page_start start = {.query = "", .account = many, .account_count = COUNT(many)};
	struct buf page;

	(void)unused;
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = accounts[1];
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_start(&page, &site, &start), ERR_TOO_LARGE);
	assert_string_equal(buf_text(&page), "");
	buf_free(&page);
	start.account_count = 0;
	buf_init(&page, 500);
	assert_int_equal(page_start(&page, &site, &start), ERR_TOO_LARGE);
	assert_string_equal(buf_text(&page), "");
	buf_free(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing),   cmocka_unit_test(test_accounts),
	    cmocka_unit_test(test_prompts),   cmocka_unit_test(test_typed_fields),
	    cmocka_unit_test(test_servers),   cmocka_unit_test(test_flows),
	    cmocka_unit_test(test_problem),   cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests_name("page_start", tests, NULL, NULL);
}
