/*
 * What the tests of the pages share: texts that try to become markup, what every
 * page must be, and flows of each sort.
 */
#ifndef PAGE_CHECK_H
#define PAGE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "view/page_ask.h"
#include "view/page_code.h"
#include "view/page_device.h"
#include "view/page_issuer.h"
#include "view/page_problem.h"
#include "view/page_start.h"
#include "view/page_verdict.h"
#include "view/page_waiting.h"

/* The page of a flow, whatever its state. */
static inline enum err
page_flow(struct buf *out, const struct page_site *where, const struct page_flow *flow)
{
	return flow->state == FLOW_WAITING ? page_waiting(out, where, flow)
					   : page_verdict(out, where, flow);
}

#define PAGE_MAX 262144
#define ID	 "Zm9vYmFyYmF6cXV4MTIzNA"
#define CANARY	 "canary-4711"

/* A text that tries to become markup, and how it must look in a page; n tells it from others. */
#define HOSTILE(n) "\"'><script>alert(" n ")</script>&amp;{name}%s"
#define ESCAPED(n) "&quot;&#39;&gt;&lt;script&gt;alert(" n ")&lt;/script&gt;&amp;amp;{name}%s"

static const struct page_site site = {.base = "/signin", .origin = "https://opencode.example.com"};

static inline size_t
count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part)) != NULL) {
		n++;
		text += strlen(part);
	}
	return n;
}

static inline void
assert_has(const struct buf *page, const char *part)
{
	if (strstr(buf_text(page), part) == NULL)
		fail_msg("missing: %s\nin: %s", part, buf_text(page));
}

static inline void
assert_lacks(const struct buf *page, const char *part)
{
	if (strstr(buf_text(page), part) != NULL)
		fail_msg("must not be there: %s\nin: %s", part, buf_text(page));
}

static inline void
assert_count(const struct buf *page, const char *part, size_t want)
{
	size_t got = count(buf_text(page), part);

	if (got != want)
		fail_msg("%zu times, not %zu: %s\nin: %s", got, want, part, buf_text(page));
}

/* Nothing hostile is left as it was: only our own script element, every quote and angle escaped. */
static inline void
assert_tame(const struct buf *page)
{
	assert_lacks(page, "<script>");
	assert_lacks(page, "'>");
	assert_lacks(page, "alert('");
	assert_count(page, "<script", 1);
}

/* What every page must be: one whole document that needs nothing which our policy forbids. */
static inline void
assert_whole(const struct buf *page)
{
	const char *text = buf_text(page);

	assert_int_equal(strncmp(text, "<!DOCTYPE html>\n<html lang=\"en\">", 32), 0);
	assert_has(page, "</main>\n</body>\n</html>\n");
	assert_has(page, "name=\"viewport\"");
	assert_has(page, "href=\"/signin/assets/style.css?v=");
	assert_has(page, "<script src=\"/signin/assets/page.js?v=");
	assert_has(page, "<header><a href=\"/\">opencode</a> <a href=\"/signin/\">");
	assert_count(page, "<main", 1);
	assert_count(page, "<h1", 1);
	assert_count(page, "<title>", 1);
	assert_count(page, "<script", 1);
	assert_count(page, "<form", count(text, "</form>"));
	assert_count(page, "<form", count(text, "<button type=\"submit\""));
	assert_lacks(page, "style=\"");
	assert_lacks(page, "data:");
	assert_lacks(page, "<style");
	assert_lacks(page, "(null)");
	assert_lacks(page, "<p></p>");
	assert_lacks(page, "<h1></h1>");
}

/* The same, for pages whose texts are all our own: nothing was left to be filled in. */
static inline void
assert_filled(const struct buf *page)
{
	assert_whole(page);
	assert_lacks(page, "%");
	assert_lacks(page, "{");
	assert_lacks(page, "}");
	assert_lacks(page, "  ");
	assert_lacks(page, "..");
}

/* A flow of each sort that its pages tell apart. */
static const struct page_flow sorts[] = {
    {.provider = "openai",
     .redirect_host = "localhost:1455",
     .redirect_path = "/auth/callback",
     .address_edit = true},
    {.provider = "digitalocean",
     .response_type = RESPONSE_TYPE_TOKEN,
     .redirect_host = "localhost:1456",
     .redirect_path = "/auth/callback",
     .address_edit = true},
    {.kind = KIND_MCP,
     .mcp = true,
     .provider = "openai",
     .redirect_host = "127.0.0.1:19876",
     .redirect_path = "/mcp/oauth/callback",
     .address_edit = true},
    {.kind = KIND_MCP,
     .mcp = true,
     .provider = "issue tracker",
     .redirect_host = "",
     .redirect_path = "/mcp/oauth/callback",
     .direct = true},
    {.kind = KIND_MCP,
     .mcp = true,
     .provider = "issue tracker",
     .redirect_host = "",
     .redirect_path = "",
     .direct = true,
     .relay = "https://relay.example.com/relay/callback"},
    {.kind = KIND_INTEGRATION,
     .provider = "openai",
     .redirect_host = "127.0.0.1:1455",
     .redirect_path = "/auth/callback"},
    {.kind = KIND_TERMINAL,
     .provider = "auth.openai.com",
     .redirect_host = "localhost:1455",
     .redirect_path = "/auth/callback"},
};
#define SORTS (sizeof(sorts) / sizeof(sorts[0]))

enum sort { PROVIDER, TOKEN, MCP, DIRECT, RELAYED, INTEGRATION, TERMINAL };

static inline struct page_flow
flow_of(enum sort sort, enum flow_state state, enum flow_reason reason)
{
	struct page_flow flow = sorts[sort];

	flow.id = ID;
	flow.authorize_url =
	    state == FLOW_WAITING ? "https://auth.example.com/authorize?a=1&state=" CANARY : NULL;
	flow.state = state;
	flow.reason = reason;
	flow.expires_in = 287;
	return flow;
}

static inline void
render_flow(struct buf *page, const struct page_flow *flow)
{
	buf_init(page, PAGE_MAX);
	assert_int_equal(page_flow(page, &site, flow), ERR_OK);
	assert_filled(page);
	assert_count(page, "id=\"state\"", 1);
	assert_count(page, "data-state=\"", 1);
}

#endif
