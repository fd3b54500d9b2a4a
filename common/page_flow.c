#include <inttypes.h>

#include "html.h"
#include "page_part.h"

/* Step 1: the way to the provider. */
static void
step_provider(struct buf *out, const struct page_flow *flow)
{
	const char *provider = page_provider(flow->provider);

	html_add(out,
		 "<li>\n"
		 "<h2>Sign in at %s</h2>\n"
		 "<p><a id=\"open\" class=\"button\" target=\"_blank\" rel=\"noopener noreferrer\" "
		 "href=\"%s\">Open the %s sign-in</a> <span class=\"hint\">It opens in a new tab. "
		 "Keep this one open.</span></p>\n"
		 "</li>\n",
		 provider, flow->authorize_url == NULL ? "" : flow->authorize_url, provider);
}

/* Step 2: the dead tab as a browser shows it, with the one thing that matters marked. */
static void
step_drawing(struct buf *out, const struct page_flow *flow)
{
	const char *host = flow->redirect_host;

	html_add(
	    out,
	    "<li>\n"
	    "<h2>After the sign-in, that tab fails to load. Copy its address</h2>\n"
	    "<div class=\"tab\" role=\"img\" aria-label=\"Picture of a browser tab that says: This "
	    "site can’t be reached. Its address, %s%s?code=…, is marked: copy all of it.\">\n"
	    "<div class=\"tab-top\"><span>%s</span></div>\n"
	    "<div class=\"tab-bar\"><i></i><i></i><span "
	    "class=\"tab-address\"><span><b>%s</b>%s?code=…&amp;state=…</span></span></div>\n"
	    "<div class=\"tab-mark\"><span>Copy this whole address</span></div>\n"
	    "<div class=\"tab-page\"><svg viewBox=\"0 0 32 32\"><path d=\"M7 3h12l7 7v19H7zM19 "
	    "3v7h7M12.5 16v1M20.5 16v1M12.5 23.5q4-4 8 0\"/></svg><strong>This site can’t be "
	    "reached</strong><span>%s refused to connect.</span></div>\n"
	    "</div>\n"
	    "<p class=\"hint\">That is expected; nothing is broken. Some browsers use other words "
	    "for it.</p>\n"
	    "</li>\n",
	    host, flow->redirect_path, host, host, flow->redirect_path, host);
}

/* Step 3: the box, above it what was wrong with the last thing pasted. */
static void
step_paste(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	buf_puts(out, "<li>\n<h2><label for=\"address\">Paste that address here</label></h2>\n");
	if (flow->problem != ERR_OK)
		html_add(out,
			 "<p id=\"problem\" class=\"problem\" role=\"alert\"><strong>%s.</strong> "
			 "%s</p>\n",
			 error_title(flow->problem), error_advice(flow->problem));
	html_add(out,
		 "<form method=\"post\" action=\"%s/flow/%s\">\n"
		 "<input id=\"address\" name=\"address\" type=\"text\" inputmode=\"url\" "
		 "autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\" "
		 "placeholder=\"http://%s%s?code=…\"",
		 site->base, flow->id, flow->redirect_host, flow->redirect_path);
	if (flow->problem != ERR_OK)
		buf_puts(out, " aria-invalid=\"true\" aria-describedby=\"problem\" autofocus");
	buf_puts(out,
		 ">\n<button type=\"submit\" class=\"button\">Finish</button>\n</form>\n</li>\n");
}

static void
more(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	buf_puts(out, "<section class=\"more\" aria-label=\"Good to know\">\n");
	if (flow->address_edit)
		html_add(out,
			 "<h2>Another way, without copying</h2>\n"
			 "<p>In the tab that failed, put <code>%s</code> in place of "
			 "<code>http://%s</code>, leave the rest of its address as it is, and "
			 "press Enter.</p>\n",
			 site->origin, flow->redirect_host);
	html_add(
	    out,
	    "<h2>The last tab says that authorization was successful?</h2>\n"
	    "<p>Then this browser runs on the server itself, and you are done.</p>\n"
	    "<h2>Why does the tab fail?</h2>\n"
	    "<p>%s sends its answer to <code>%s</code>, which always means the computer in front "
	    "of you; but opencode runs on another one, and this page takes the answer there.</p>\n"
	    "</section>\n",
	    page_provider(flow->provider), flow->redirect_host);
}

static void
waiting(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	int64_t left = flow->expires_in < 0 ? 0 : flow->expires_in;

	html_add(
	    out,
	    "<h1>Connect %s</h1>\n"
	    "<p class=\"lead\">The sign-in ends in a tab that <strong>fails to load</strong>. Its "
	    "address is what opencode needs: <strong>copy it and paste it here.</strong></p>\n",
	    page_provider(flow->provider));
	buf_printf(out, "<p id=\"state\" data-state=\"%s\" data-expires-in=\"%" PRId64 "\"",
		   flow_state_name(flow->state), left);
	html_add(out,
		 " data-status-url=\"%s/flow/%s/status\"><span id=\"status\" "
		 "role=\"status\">Waiting for the address</span> <span id=\"clock\">Expires in ",
		 site->base, flow->id);
	html_duration(out, left);
	buf_puts(out, "</span></p>\n<ol class=\"steps\">\n");
	step_provider(out, flow);
	step_drawing(out, flow);
	step_paste(out, site, flow);
	buf_puts(out, "</ol>\n");
	more(out, site, flow);
}

static enum err
page_waiting(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	struct buf title;
	enum err err;

	buf_init(&title, PAGE_TEXT_MAX);
	if (flow->problem != ERR_OK)
		buf_printf(&title, "%s · ", error_title(flow->problem));
	buf_printf(&title, "Connect %s", page_provider(flow->provider));
	if ((err = title.err) == ERR_OK) {
		page_open(out, site, buf_text(&title), PAGE_RELOAD_NEVER);
		waiting(out, site, flow);
		err = page_close(out);
	}
	buf_free(&title);
	return err;
}

enum err
page_flow(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	if (flow->state == FLOW_WAITING)
		return page_waiting(out, site, flow);
	return page_verdict(out, site, flow);
}
