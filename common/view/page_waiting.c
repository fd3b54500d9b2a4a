#include "view/page_waiting.h"

#include "view/html.h"
#include "view/page_part.h"

static const char *
name_of(const struct page_flow *flow)
{
	return page_part_name(flow->kind, flow->mcp, flow->provider);
}

/* Returns who receives the response in the end. */
static const char *
taker_of(const struct page_flow *flow)
{
	return flow->kind == KIND_TERMINAL ? "the terminal" : "opencode";
}

/* Returns what follows the path in the failed tab's URL. */
static const char *
answer_of(const struct page_flow *flow)
{
	return flow->response_type == RESPONSE_TYPE_TOKEN ? "#access_token=…" : "?code=…";
}

static void
link_open(struct buf *out, const struct page_flow *flow)
{
	buf_puts(out, "<a id=\"open\" class=\"button\"");
	if (!flow->direct)
		buf_puts(out, " target=\"_blank\" rel=\"noopener noreferrer\"");
	html_add(out, " href=\"%s\">Open the %s sign-in</a>",
		 flow->authorize_url == NULL ? "" : flow->authorize_url, name_of(flow));
}

/* Step 1: the link to the provider. */
static void
step_provider(struct buf *out, const struct page_flow *flow)
{
	html_add(out, "<li>\n<h2>Sign in %s %s</h2>\n<p>", flow->mcp ? "to" : "at", name_of(flow));
	link_open(out, flow);
	buf_puts(out,
		 " <span class=\"hint\">It opens in a new tab. Keep this one open.</span></p>\n"
		 "</li>\n");
}

/*
 * What to do if a program of the user answered. It is folded, because few need it. A redirect takes
 * the place of the response in the history of the tab, so that Back does not lead to it.
 */
static void
other_page(struct buf *out, const struct page_flow *flow)
{
	html_add(
	    out,
	    "<details class=\"more\">\n"
	    "<summary>Did a different page come up?</summary>\n"
	    "<p>Then a program on your own computer answered at %s: Codex, another opencode, a "
	    "proxy, a dev server. <strong>If the address has <code>%s</code> in it, copy "
	    "it</strong>, whatever the page says. If not, end that program and open the "
	    "sign-in above once more; Back does not bring the address back.</p>\n",
	    flow->redirect_host,
	    flow->response_type == RESPONSE_TYPE_TOKEN ? "access_token=" : "code=");
	if (flow->response_type == RESPONSE_TYPE_CODE)
		html_add(out, "<p>If it is a page of %s that shows a code, copy the code.</p>\n",
			 name_of(flow));
	if (flow->kind == KIND_TERMINAL)
		buf_puts(out, "<p>If your terminal runs on this same computer, it was the terminal "
			      "that answered. Copy nothing then: it says how it went.</p>\n");
	else
		buf_puts(out, "<p>If opencode runs on this same computer, it was opencode that "
			      "answered. Copy nothing then: this page says how it went, at the "
			      "latest when its time is over.</p>\n");
	buf_puts(out, "</details>\n");
}

/*
 * Step 2: a drawing of the failed tab, with its address marked. Its words are no browser's; the
 * script puts those of the visitor's browser in their place.
 */
static void
step_drawing(struct buf *out, const struct page_flow *flow)
{
	const char *host = flow->redirect_host;
	bool token = flow->response_type == RESPONSE_TYPE_TOKEN;

	html_add(out,
		 "<li>\n"
		 "<h2>After the sign-in, that tab fails to load. Copy its address%s</h2>\n"
		 "<div class=\"tab\" data-host=\"%s\" role=\"img\" aria-label=\"Picture of a "
		 "browser tab that says: This page could not be opened. Its address, %s%s%s, is "
		 "marked: copy all of it%s.\">\n",
		 token ? ", all of it" : "", host, host, flow->redirect_path, answer_of(flow),
		 token ? ", with everything behind the #" : "");
	html_add(
	    out,
	    "<div class=\"tab-top\"><span>%s</span></div>\n"
	    "<div class=\"tab-bar\"><i></i><i></i><span "
	    "class=\"tab-address\"><span><b>%s</b>%s%s&amp;state=…</span></span></div>\n"
	    "<div class=\"tab-mark\"><span>Copy this whole address%s</span></div>\n"
	    "<div class=\"tab-page\"><svg viewBox=\"0 0 32 32\"><path d=\"M7 3h12l7 7v19H7zM19 "
	    "3v7h7M12.5 16v1M20.5 16v1M12.5 23.5q4-4 8 0\"/></svg><strong>This page could not be "
	    "opened</strong><span>Nothing answers at %s.</span></div>\n"
	    "</div>\n"
	    "<p class=\"hint\">That is expected; nothing is broken. <span class=\"tab-tip\">Each "
	    "browser says it in its own words.</span></p>\n",
	    host, host, flow->redirect_path, answer_of(flow), token ? ", to its very end" : "",
	    host);
	other_page(out, flow);
	buf_puts(out, "</li>\n");
}

/* What ends the box, and its button. */
static void
end_paste(struct buf *out, const struct page_flow *flow)
{
	if (flow->problem != ERR_OK)
		buf_puts(out, " aria-invalid=\"true\" aria-describedby=\"problem\" autofocus");
	buf_puts(out, ">\n<button type=\"submit\" class=\"button\" "
		      "data-busy=\"Finishing…\">Finish</button>\n</form>\n</li>\n");
}

/* Step 2 of a sign-in that ends with a code to copy. */
static void
step_code(struct buf *out, const struct page_flow *flow)
{
	buf_puts(out, "<li>\n<h2>Copy the code that it shows at the end</h2>\n");
	if (flow->instructions[0] != '\0')
		html_add(out, "<p>opencode says: <strong>%s</strong></p>\n", flow->instructions);
	buf_puts(out, "<p class=\"hint\">If a tab fails to load instead, copy the whole address of "
		      "that tab.</p>\n</li>\n");
}

/* Step 3 of it. */
static void
step_paste_code(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	buf_puts(out, "<li>\n<h2><label for=\"address\">Paste the code here</label></h2>\n");
	page_part_refusal(out, flow->problem);
	html_add(out,
		 "<form method=\"post\" action=\"%s/flow/%s\">\n"
		 "<input id=\"address\" name=\"address\" type=\"text\" autocomplete=\"off\" "
		 "autocapitalize=\"off\" spellcheck=\"false\" data-typed",
		 site->base, flow->id);
	end_paste(out, flow);
}

/* Step 3: the input box, and above it the error of the last paste. */
static void
step_paste(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	buf_puts(out, "<li>\n<h2><label for=\"address\">Paste that address here</label></h2>\n");
	page_part_refusal(out, flow->problem);
	html_add(out,
		 "<form method=\"post\" action=\"%s/flow/%s\">\n"
		 "<input id=\"address\" name=\"address\" type=\"text\" inputmode=\"url\" "
		 "autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\" "
		 "placeholder=\"http://%s%s%s\" data-redirect=\"%s%s\" data-answer=\"%s\"",
		 site->base, flow->id, flow->redirect_host, flow->redirect_path, answer_of(flow),
		 flow->redirect_host, flow->redirect_path,
		 flow->response_type == RESPONSE_TYPE_TOKEN ? "#" : "?");
	end_paste(out, flow);
}

static void
more_loopback(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	bool terminal = flow->kind == KIND_TERMINAL;

	/* a browser would not send us the part behind a # */
	if (flow->address_edit && flow->response_type == RESPONSE_TYPE_CODE)
		html_add(out,
			 "<h2>Another way, without copying</h2>\n"
			 "<p>In the tab that failed, put <code>%s</code> in place of "
			 "<code>http://%s</code>, leave the rest of its address as it is, and "
			 "press Enter.</p>\n",
			 site->origin, flow->redirect_host);
	html_add(out,
		 "<h2>Why does the tab fail?</h2>\n"
		 "<p>%s sends its answer to <code>%s</code>, which always means the computer in "
		 "front of you; but %s runs on another one, and this page takes the answer "
		 "there.</p>\n",
		 name_of(flow), flow->redirect_host, taker_of(flow));
	if (terminal)
		buf_puts(out, "<h2>How do I know that it worked?</h2>\n"
			      "<p>In the terminal: the command there ends by itself.</p>\n");
}

static void
more_direct(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	html_add(out,
		 "<h2>%s says that the redirect address is wrong?</h2>\n"
		 "<p>Then <code>%s%s</code> has to be allowed there.</p>\n",
		 name_of(flow), flow->relay != NULL ? flow->relay : site->origin,
		 flow->redirect_path);
	if (flow->relay != NULL)
		html_add(out,
			 "<h2>What is that other site on the way?</h2>\n"
			 "<p>A relay, which %s knows in the place of this site. It sees that the "
			 "answer belongs here, and sends you on at once. If it does not, its page "
			 "says why.</p>\n",
			 name_of(flow));
}

static void
lead(struct buf *out, const struct page_flow *flow)
{
	if (flow->direct) {
		html_add(
		    out,
		    "<p class=\"lead\">Sign in, and <strong>that is all</strong>: %s then sends "
		    "you back here by itself.</p>\n",
		    name_of(flow));
		return;
	}
	if (flow->typed) {
		buf_puts(out, "<p class=\"lead\">The sign-in ends with a <strong>code</strong>: "
			      "<strong>copy it and paste it here.</strong></p>\n");
		return;
	}
	html_add(out,
		 "<p class=\"lead\">The sign-in ends in a tab that <strong>fails to load</strong>. "
		 "Its address is what %s needs: ",
		 taker_of(flow));
	buf_puts(out, flow->response_type == RESPONSE_TYPE_TOKEN
			  ? "<strong>copy all of it, with everything behind the #,</strong> and "
			    "<strong>paste it here.</strong>"
			  : "<strong>copy it and paste it here.</strong>");
	if (flow->kind == KIND_TERMINAL)
		buf_puts(out, " Then the terminal goes on by itself.");
	buf_puts(out, "</p>\n");
}

static void
state_line(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	int64_t left = flow->expires_in < 0 ? 0 : flow->expires_in;

	html_add(out, "<p id=\"state\" data-state=\"%s\" data-expires-in=\"",
		 flow_state_name(flow->state));
	buf_number(out, (size_t)left);
	html_add(out,
		 "\" data-status-url=\"%s/flow/%s/status\"><span id=\"status\" "
		 "role=\"status\">Waiting for the %s</span> <span id=\"clock\">Expires in ",
		 site->base, flow->id,
		 flow->direct  ? "sign-in"
		 : flow->typed ? "code"
			       : "address");
	html_duration(out, left);
	buf_puts(out, "</span></p>\n");
}

/* The link opens in this tab, because the redirect leads back to this page. */
static void
direct(struct buf *out, const struct page_flow *flow)
{
	buf_puts(out, "<div class=\"only\">\n");
	page_part_refusal(out, flow->problem);
	buf_puts(out, "<p>");
	link_open(out, flow);
	buf_puts(out,
		 "</p>\n"
		 "<p class=\"hint\">It opens in this tab and ends on this page. If you open it "
		 "in another tab of this browser, this one goes on by itself too.</p>\n"
		 "</div>\n");
}

static void
waiting(struct buf *out, const struct page_site *site, const struct page_flow *flow,
	const char *title)
{
	html_add(out, "<h1>%s</h1>\n", title);
	lead(out, flow);
	state_line(out, site, flow);
	if (flow->direct) {
		direct(out, flow);
	} else {
		buf_puts(out, "<ol class=\"steps\">\n");
		step_provider(out, flow);
		if (flow->typed) {
			step_code(out, flow);
			step_paste_code(out, site, flow);
		} else {
			step_drawing(out, flow);
			step_paste(out, site, flow);
		}
		buf_puts(out, "</ol>\n");
	}
	if (flow->typed)
		return;
	buf_puts(out, "<section class=\"more\" aria-label=\"Good to know\">\n");
	if (flow->direct)
		more_direct(out, site, flow);
	else
		more_loopback(out, site, flow);
	buf_puts(out, "</section>\n");
}

enum err
page_waiting(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	struct buf heading, title;
	enum err err;

	buf_init(&heading, PAGE_TEXT_MAX);
	buf_init(&title, PAGE_TEXT_MAX);
	if (flow->kind == KIND_TERMINAL)
		buf_puts(&heading, "Finish the sign-in of your terminal");
	else
		buf_printf(&heading, "Connect %s", name_of(flow));
	if (flow->problem != ERR_OK)
		buf_printf(&title, "%s · ", error_title(flow->problem));
	buf_puts(&title, buf_text(&heading));
	err = heading.err != ERR_OK ? heading.err : title.err;
	if (err == ERR_OK) {
		page_part_open(out, site, buf_text(&title), PAGE_RELOAD_NEVER);
		waiting(out, site, flow, buf_text(&heading));
		err = page_part_close(out);
	}
	buf_free(&title);
	buf_free(&heading);
	return err;
}
