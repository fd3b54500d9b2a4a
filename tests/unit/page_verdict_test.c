#include "page_check.h"

/* Copies the heading of a page, with its tags. */
static void
heading(const struct buf *page, char out[256])
{
	const char *start = strstr(buf_text(page), "<h1>");
	size_t len;

	assert_non_null(start);
	len = strcspn(start, "\n");
	assert_true(len < 256);
	memcpy(out, start, len);
	out[len] = '\0';
}

static void
check_verdict(enum sort sort, enum flow_state state, enum flow_reason reason, char out[256])
{
	struct page_flow flow = flow_of(sort, state, reason);
	size_t turning = state == FLOW_DELIVERING ? 1 : 0;
	bool loads = state == FLOW_DONE && flow.kind == KIND_PROVIDER;
	struct buf page, part;

	render_flow(&page, &flow);
	buf_init(&part, PAGE_MAX);
	buf_printf(&part, "id=\"state\" class=\"verdict\" data-state=\"%s\" data-reason=\"%s\"",
		   flow_state_name(state), flow_reason_name(reason));
	assert_has(&page, buf_text(&part));
	buf_free(&part);
	assert_lacks(&page, "name=\"address\"");
	assert_lacks(&page, "id=\"open\"");
	assert_lacks(&page, "data-again");
	assert_lacks(&page, "right here");
	assert_count(&page, "http-equiv=\"refresh\"", turning);
	assert_count(&page, "data-status-url=", turning);
	assert_count(&page, "name=\"load\" value=\"yes\"", loads ? 1 : 0);
	assert_count(&page, ">Go to opencode</a>", 1 - turning);
	heading(&page, out);
	buf_free(&page);
}

static void
test_every_verdict(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < SORTS; i++) {
		char seen[(int)FLOW_STATE_COUNT + (int)REASON_COUNT][256];
		size_t n = 0;

		for (int s = FLOW_WAITING + 1; s < FLOW_STATE_COUNT; s++)
			check_verdict((enum sort)i, (enum flow_state)s, REASON_NONE, seen[n++]);
		for (int r = REASON_UNCONFIRMED + 1; r < REASON_COUNT; r++)
			check_verdict((enum sort)i, FLOW_FAILED, (enum flow_reason)r, seen[n++]);
		if (i != TERMINAL) /* where nobody learns more than that it was handed over */
			check_verdict((enum sort)i, FLOW_DONE, REASON_UNCONFIRMED, seen[n++]);
		/* each outcome is told apart by its heading */
		for (size_t a = 0; a < n; a++)
			for (size_t b = 0; b < a; b++)
				assert_string_not_equal(seen[a], seen[b]);
	}
}

/* What a verdict says to whom: who has the answer, what became of it, and where to go on. */
static void
test_verdict_words(void **unused)
{
	static const struct {
		enum sort sort;
		enum flow_state state;
		enum flow_reason reason;
		const char *has[3];
		const char *lacks;
	} rows[] = {
	    {PROVIDER,
	     FLOW_DONE,
	     0,
	     {"ChatGPT is connected", "the one that failed to load"},
	     "tools"},
	    {MCP,
	     FLOW_DONE,
	     0,
	     {"openai is connected", "tools are available", "failed to load"},
	     "account"},
	    {DIRECT,
	     FLOW_DONE,
	     0,
	     {"issue tracker is connected", "tools are available"},
	     "failed to load"},
	    {INTEGRATION, FLOW_DONE, 0, {"ChatGPT is connected", "has the account."}, "window"},
	    {TERMINAL,
	     FLOW_DONE,
	     REASON_UNCONFIRMED,
	     {"sign good", "Look at your terminal", "run the command there again"},
	     "connected"},
	    {TERMINAL, FLOW_DONE, 0, {"sign good", "Look at your terminal"}, "connected"},
	    {PROVIDER,
	     FLOW_DONE,
	     REASON_UNCONFIRMED,
	     {"gave no verdict", "settings", "again there"},
	     "is connected</h1>"},
	    {MCP, FLOW_DONE, REASON_UNCONFIRMED, {"gave no verdict", "MCP servers"}, "settings"},
	    {PROVIDER,
	     FLOW_DECLINED,
	     0,
	     {"No account was connected", "go back to opencode"},
	     "terminal"},
	    {DIRECT, FLOW_DECLINED, 0, {"It is not connected", "go back to opencode"}, "account"},
	    {TERMINAL,
	     FLOW_DECLINED,
	     0,
	     {"auth.openai.com says", "terminal is not signed in", "run the command"},
	     "account"},
	    {MCP,
	     FLOW_SUPERSEDED,
	     0,
	     {"one sign-in to openai at a time", "go back to opencode"},
	     "terminal"},
	    {TERMINAL,
	     FLOW_SUPERSEDED,
	     0,
	     {"On that computer", "run the command"},
	     "back to opencode"},
	    {PROVIDER,
	     FLOW_EXPIRED,
	     0,
	     {"nothing was handed to opencode", "Go back to opencode"},
	     "terminal"},
	    {TERMINAL,
	     FLOW_EXPIRED,
	     0,
	     {"nothing was handed to the terminal", "Run the command", "/signin/#terminal"},
	     "back to opencode"},
	    {TOKEN,
	     FLOW_FAILED,
	     REASON_REFUSED_BY_PROVIDER,
	     {"DigitalOcean did not accept", "log"},
	     " code "},
	    {MCP,
	     FLOW_FAILED,
	     REASON_REFUSED_BY_PROVIDER,
	     {"openai did not accept", "It is not connected"},
	     "account"},
	    {MCP,
	     FLOW_FAILED,
	     REASON_LISTENER_GONE,
	     {"opencode no longer waited", "restarted"},
	     "account"},
	    {TERMINAL,
	     FLOW_FAILED,
	     REASON_LISTENER_GONE,
	     {"The terminal no longer waited", "Run the command"},
	     "restarted"},
	    {TERMINAL,
	     FLOW_FAILED,
	     REASON_OPENCODE_GONE,
	     {"The terminal went away", "Look at the terminal"},
	     "Start opencode"},
	    {PROVIDER,
	     FLOW_FAILED,
	     REASON_OPENCODE_GONE,
	     {"opencode went away", "Start opencode", "settings"},
	     "terminal"},
	    {TERMINAL,
	     FLOW_FAILED,
	     REASON_TIMEOUT,
	     {"The terminal did not answer in time", "Look at the terminal"},
	     "settings"},
	    {PROVIDER, FLOW_DELIVERING, 0, {"for an account"}, "terminal"},
	    {MCP, FLOW_DELIVERING, 0, {"for access to it"}, "account"},
	    {TERMINAL, FLOW_DELIVERING, 0, {"The terminal is exchanging"}, "opencode is"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct page_flow flow = flow_of(rows[i].sort, rows[i].state, rows[i].reason);
		struct buf page;
		char *actions;

		render_flow(&page, &flow);
		for (size_t k = 0; k < 3 && rows[i].has[k] != NULL; k++)
			assert_has(&page, rows[i].has[k]);
		if ((actions = strstr(page.data, "<div class=\"actions\">")) != NULL)
			*actions = '\0';
		assert_lacks(&page, rows[i].lacks);
		buf_free(&page);
	}
}

static void
test_listed(void **unused)
{
	struct page_flow flow = flow_of(PROVIDER, FLOW_DONE, REASON_UNCONFIRMED);
	struct buf page;

	(void)unused;
	flow.again = true;
	flow.listed = true;
	render_flow(&page, &flow);
	assert_has(&page, "ChatGPT is connected");
	assert_has(&page, "data-reason=\"unconfirmed\"");
	assert_lacks(&page, "data-again");
	buf_free(&page);
}

static void
check_again(enum sort sort, enum flow_state state, enum flow_reason reason)
{
	bool connected = state == FLOW_DONE && reason == REASON_NONE;
	size_t offered = sort == TERMINAL || state == FLOW_DELIVERING || connected ? 0 : 1;
	struct page_flow flow = flow_of(sort, state, reason);
	const char *button, *back;
	struct buf page;

	flow.again = true;
	render_flow(&page, &flow);
	assert_count(&page,
		     "<form method=\"post\" action=\"/signin/start\" data-again>\n"
		     "<input type=\"hidden\" name=\"again\" value=\"" ID "\">\n",
		     offered);
	if (offered > 0) {
		assert_lacks(&page, "ack to opencode");
		assert_lacks(&page, "again there");
		button = strstr(buf_text(&page), ">Begin again</button>");
		back = strstr(buf_text(&page), ">Go to opencode</a>");
		assert_true((button < back) == (state != FLOW_DONE));
		assert_count(&page, "class=\"button\"", state == FLOW_DONE ? 0 : 1);
	}
	buf_free(&page);
}

static void
test_again(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < SORTS; i++) {
		for (int s = FLOW_WAITING + 1; s < FLOW_STATE_COUNT; s++)
			check_again((enum sort)i, (enum flow_state)s, REASON_NONE);
		check_again((enum sort)i, FLOW_DONE, REASON_UNCONFIRMED);
		for (int r = REASON_UNCONFIRMED + 1; r < REASON_COUNT; r++)
			check_again((enum sort)i, FLOW_FAILED, (enum flow_reason)r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_verdict),
	    cmocka_unit_test(test_verdict_words),
	    cmocka_unit_test(test_listed),
	    cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests_name("page_verdict", tests, NULL, NULL);
}
