#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "asset.h"
#include "html.h"
#include "page.h"

#define PAGE_MAX 262144
#define ID	 "Zm9vYmFyYmF6cXV4MTIzNA"
#define CANARY	 "canary-4711"

static const char hostile[] = "\"'><script>alert(1)</script>&amp;";
static const char escaped[] = "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;";

static const struct page_site site = {.base = "/signin", .origin = "https://opencode.example.com"};

static struct page_flow
flow_of(enum flow_state state, enum flow_reason reason)
{
	return (struct page_flow){
	    .id = ID,
	    .provider = "openai",
	    .authorize_url = state == FLOW_WAITING
				 ? "https://auth.example.com/authorize?a=1&state=" CANARY
				 : NULL,
	    .redirect_host = "localhost:1455",
	    .redirect_path = "/auth/callback",
	    .address_edit = true,
	    .state = state,
	    .reason = reason,
	    .expires_in = 287,
	};
}

static size_t
count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part)) != NULL) {
		n++;
		text += strlen(part);
	}
	return n;
}

static void
assert_has(const struct buf *page, const char *part)
{
	if (strstr(buf_text(page), part) == NULL)
		fail_msg("missing: %s\nin: %s", part, buf_text(page));
}

static void
assert_lacks(const struct buf *page, const char *part)
{
	if (strstr(buf_text(page), part) != NULL)
		fail_msg("must not be there: %s\nin: %s", part, buf_text(page));
}

/* What every page must be: one whole document that needs nothing which our policy forbids. */
static void
assert_whole(const struct buf *page)
{
	const char *text = buf_text(page);

	assert_int_equal(strncmp(text, "<!DOCTYPE html>\n<html lang=\"en\">", 32), 0);
	assert_has(page, "</main>\n</body>\n</html>\n");
	assert_has(page, "name=\"viewport\"");
	assert_has(page, "href=\"/signin/assets/style.css?v=");
	assert_has(page, "<script src=\"/signin/assets/page.js?v=");
	assert_int_equal(count(text, "<main"), 1);
	assert_int_equal(count(text, "<h1"), 1);
	assert_int_equal(count(text, "<title>"), 1);
	assert_int_equal(count(text, "<script"), 1);
	assert_int_equal(count(text, "id=\"state\""), count(text, "data-state=\"") > 0 ? 1 : 0);
	assert_lacks(page, "style=\"");
	assert_lacks(page, "data:");
	assert_lacks(page, "<style");
	assert_lacks(page, "%s");
	assert_lacks(page, "(null)");
	assert_lacks(page, "<p></p>");
	assert_lacks(page, "<h1></h1>");
}

static void
render_flow(struct buf *page, const struct page_flow *flow)
{
	buf_init(page, PAGE_MAX);
	assert_int_equal(page_flow(page, &site, flow), ERR_OK);
	assert_whole(page);
}

static void
test_waiting(void **unused)
{
	struct page_flow flow = flow_of(FLOW_WAITING, REASON_NONE);
	struct buf page;

	(void)unused;
	render_flow(&page, &flow);
	assert_has(&page, "<title>Connect ChatGPT · opencode</title>");
	assert_has(&page, "id=\"state\" data-state=\"waiting\" data-expires-in=\"287\" "
			  "data-status-url=\"/signin/flow/" ID "/status\"");
	assert_has(&page,
		   "<a id=\"open\" class=\"button\" target=\"_blank\" rel=\"noopener noreferrer\" "
		   "href=\"https://auth.example.com/authorize?a=1&amp;state=" CANARY "\">");
	assert_has(&page, "<form method=\"post\" action=\"/signin/flow/" ID "\">");
	assert_has(&page, "name=\"address\"");
	assert_has(&page, "localhost:1455</b>/auth/callback?code=");
	assert_has(&page, "Expires in 5 minutes");
	assert_has(&page, "<code>https://opencode.example.com</code>");
	assert_int_equal(count(buf_text(&page), "<form"), 1);
	assert_int_equal(count(buf_text(&page), "<button"), 1);
	/* the state of the sign-in stands in the link to the provider and nowhere else */
	assert_int_equal(count(buf_text(&page), CANARY), 1);
	/* nothing that would wipe the box, and the keyboard starts at the top */
	assert_lacks(&page, "http-equiv");
	assert_lacks(&page, "autofocus");
	assert_lacks(&page, "role=\"alert\"");
	buf_free(&page);

	flow.address_edit = false;
	render_flow(&page, &flow);
	assert_lacks(&page, "https://opencode.example.com");
	buf_free(&page);
}

static void
test_waiting_problem(void **unused)
{
	(void)unused;
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		struct page_flow flow = flow_of(FLOW_WAITING, REASON_NONE);
		struct buf page, title;

		flow.problem = (enum err)e;
		render_flow(&page, &flow);
		buf_init(&title, PAGE_MAX);
		html_add(&title, "role=\"alert\"><strong>%s.</strong> %s",
			 error_title(flow.problem), error_advice(flow.problem));
		assert_has(&page, buf_text(&title));
		assert_has(&page, "aria-invalid=\"true\" aria-describedby=\"problem\" autofocus");
		buf_free(&title);
		buf_free(&page);
	}
}

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
check_verdict(enum flow_state state, enum flow_reason reason, char out[256])
{
	struct page_flow flow = flow_of(state, reason);
	size_t turning = state == FLOW_DELIVERING ? 1 : 0;
	struct buf page, part;

	render_flow(&page, &flow);
	buf_init(&part, PAGE_MAX);
	buf_printf(&part, "id=\"state\" class=\"verdict\" data-state=\"%s\" data-reason=\"%s\"",
		   flow_state_name(state), flow_reason_name(reason));
	assert_has(&page, buf_text(&part));
	buf_free(&part);
	assert_lacks(&page, "name=\"address\"");
	assert_lacks(&page, "id=\"open\"");
	assert_int_equal(count(buf_text(&page), "http-equiv=\"refresh\""), turning);
	assert_int_equal(count(buf_text(&page), "data-status-url="), turning);
	assert_int_equal(count(buf_text(&page), "name=\"load\" value=\"yes\""),
			 state == FLOW_DONE ? 1 : 0);
	heading(&page, out);
	buf_free(&page);
}

static void
test_every_verdict(void **unused)
{
	char seen[FLOW_STATE_COUNT + REASON_COUNT][256];
	size_t n = 0;

	(void)unused;
	for (int s = FLOW_WAITING + 1; s < FLOW_STATE_COUNT; s++)
		check_verdict((enum flow_state)s, REASON_NONE, seen[n++]);
	check_verdict(FLOW_DONE, REASON_UNCONFIRMED, seen[n++]);
	for (int r = REASON_UNCONFIRMED + 1; r < REASON_COUNT; r++)
		check_verdict(FLOW_FAILED, (enum flow_reason)r, seen[n++]);
	/* each outcome is told apart by its heading */
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
}

static void
test_unconfirmed(void **unused)
{
	struct page_flow flow = flow_of(FLOW_DONE, REASON_UNCONFIRMED);
	struct buf page;

	(void)unused;
	render_flow(&page, &flow);
	assert_has(&page, "gave no verdict");
	assert_lacks(&page, "ChatGPT is connected");
	buf_free(&page);
	flow.listed = true;
	render_flow(&page, &flow);
	assert_has(&page, "ChatGPT is connected");
	assert_has(&page, "data-reason=\"unconfirmed\"");
	buf_free(&page);
}

static void
test_hostile_flow(void **unused)
{
	(void)unused;
	for (int s = 0; s < FLOW_STATE_COUNT; s++) {
		struct page_flow flow = flow_of((enum flow_state)s, REASON_NONE);
		struct page_site evil = {.base = hostile, .origin = hostile};
		struct buf page;

		flow.id = hostile;
		flow.provider = hostile;
		flow.authorize_url = hostile;
		flow.redirect_host = hostile;
		flow.redirect_path = hostile;
		buf_init(&page, PAGE_MAX);
		assert_int_equal(page_flow(&page, &evil, &flow), ERR_OK);
		assert_lacks(&page, "<script>");
		assert_lacks(&page, hostile);
		assert_has(&page, escaped);
		buf_free(&page);
	}
}

static void
test_ask(void **unused)
{
	struct page_ask ask = {ID, "gitlab", "203.0.113.7", 130, NULL};
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

	ask = (struct page_ask){hostile, hostile, hostile, -5, hostile};
	assert_int_equal(page_ask(&page, &site, &ask), ERR_OK);
	assert_whole(&page);
	assert_lacks(&page, hostile);
	assert_has(&page, escaped);
	assert_has(&page, "0 seconds ago");
	buf_free(&page);
}

static void
test_list(void **unused)
{
	struct page_list_item items[FLOW_STATE_COUNT] = {{.id = ID}};
	struct buf page;

	(void)unused;
	for (int s = 0; s < FLOW_STATE_COUNT; s++) {
		memcpy(items[s].id, ID, sizeof(items[s].id));
		memcpy(items[s].provider, "<b>'x'", sizeof("<b>'x'"));
		items[s].state = (enum flow_state)s;
		items[s].expires_in = 45;
	}
	buf_init(&page, PAGE_MAX);
	assert_int_equal(page_list(&page, &site, items, FLOW_STATE_COUNT), ERR_OK);
	assert_has(&page, "expires in 45 seconds");
	assert_lacks(&page, "<b>'x'");
	assert_int_equal(count(buf_text(&page), "<a href=\"/signin/flow/" ID "\">&lt;b&gt;"),
			 FLOW_STATE_COUNT);
	for (int s = 0; s < FLOW_STATE_COUNT; s++)
		assert_has(&page, flow_state_name((enum flow_state)s));
	buf_free(&page);

	assert_int_equal(page_list(&page, &site, NULL, 0), ERR_OK);
	assert_whole(&page);
	assert_lacks(&page, "<ul");
	buf_free(&page);
}

static void
test_problems(void **unused)
{
	(void)unused;
	for (int e = ERR_OK + 1; e < ERR_COUNT; e++) {
		struct buf page, part;

		buf_init(&page, PAGE_MAX);
		buf_init(&part, PAGE_MAX);
		assert_int_equal(page_problem(&page, &site, (enum err)e), ERR_OK);
		assert_whole(&page);
		html_add(&part, "data-problem=\"%s\"", error_name((enum err)e));
		assert_has(&page, buf_text(&part));
		buf_free(&part);
		html_add(&part, "<h1>%s</h1>", error_title((enum err)e));
		assert_has(&page, buf_text(&part));
		buf_free(&part);
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
	assert_int_equal(page_problem(&page, &site, ERR_UNKNOWN_FLOW), ERR_OK);
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
test_too_small(void **unused)
{
	struct page_flow flow = flow_of(FLOW_WAITING, REASON_NONE);
	struct buf page;

	(void)unused;
	for (int s = 0; s < FLOW_STATE_COUNT; s++) {
		flow.state = (enum flow_state)s;
		buf_init(&page, 500);
		assert_int_equal(page_flow(&page, &site, &flow), ERR_TOO_LARGE);
		assert_string_equal(buf_text(&page), "");
		buf_free(&page);
	}
	buf_init(&page, 500);
	assert_int_equal(page_problem(&page, &site, ERR_PATH), ERR_TOO_LARGE);
	assert_string_equal(buf_text(&page), "");
	buf_free(&page);
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
	assert_string_equal(asset_version(), asset_version());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_waiting),	  cmocka_unit_test(test_waiting_problem),
	    cmocka_unit_test(test_every_verdict), cmocka_unit_test(test_unconfirmed),
	    cmocka_unit_test(test_hostile_flow),  cmocka_unit_test(test_ask),
	    cmocka_unit_test(test_list),	  cmocka_unit_test(test_problems),
	    cmocka_unit_test(test_unknown_flow),  cmocka_unit_test(test_error_table),
	    cmocka_unit_test(test_too_small),	  cmocka_unit_test(test_html),
	    cmocka_unit_test(test_assets),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
