#include "page.h"

#include "html.h"
#include "page_part.h"

static void
ask_warning(struct buf *out, const char *provider)
{
	html_add(out,
		 "<p class=\"problem\"><strong>Did somebody send you here?</strong> Then close "
		 "this page. Confirming would connect your %s account to this opencode, for "
		 "everyone who uses it.</p>\n",
		 provider);
}

enum err
page_ask(struct buf *out, const struct page_site *site, const struct page_ask *ask)
{
	const char *provider = page_provider(ask->provider);

	page_open(out, site, "Is this sign-in yours?", PAGE_RELOAD_NEVER);
	buf_puts(out, "<div id=\"ask\" class=\"verdict\">\n");
	page_sign(out, MOOD_WARN);
	html_add(out,
		 "<h1>Is this sign-in yours?</h1>\n"
		 "<p>A sign-in to <strong>%s</strong> was begun ",
		 provider);
	html_duration(out, ask->age);
	html_add(out,
		 " ago from the address <strong>%s</strong>, but not by this browser, as far as "
		 "can be seen from here.</p>\n",
		 ask->address);
	ask_warning(out, provider);
	html_add(out,
		 "<p>If you began it yourself, in a terminal or in an opencode window of another "
		 "address, go on here.</p>\n"
		 "<form method=\"post\" action=\"%s/flow/%s\">\n"
		 "<input type=\"hidden\" name=\"confirm\" value=\"yes\">\n",
		 site->base, ask->id);
	if (ask->callback != NULL)
		html_add(out, "<input type=\"hidden\" name=\"callback\" value=\"%s\">\n",
			 ask->callback);
	html_add(out, "<button type=\"submit\" class=\"button\">I began it: %s</button>\n</form>\n",
		 ask->callback != NULL ? "finish it" : "go on");
	buf_puts(out, "</div>\n");
	return page_close(out);
}

/* The three causes as a list, because people come to this page to look for theirs. */
static void
unknown_flow(struct buf *out)
{
	buf_puts(out, "<p>There are three usual causes:</p>\n"
		      "<ul>\n"
		      "<li>It was opened in <strong>another browser or a private window</strong> "
		      "than the one in which it was begun.</li>\n"
		      "<li><strong>Cookies are blocked</strong> for this site.</li>\n"
		      "<li>The sign-in has <strong>expired</strong>, or opencode-callback’s "
		      "records of it are gone.</li>\n"
		      "</ul>\n"
		      "<p>Nothing was sent to opencode. Go back to opencode, in the browser that "
		      "you want to sign in with, and begin again.</p>\n");
}

enum err
page_problem(struct buf *out, const struct page_site *site, enum err problem)
{
	page_open(out, site, error_title(problem), PAGE_RELOAD_NEVER);
	html_add(out, "<div id=\"problem\" class=\"verdict\" data-problem=\"%s\">\n",
		 error_name(problem));
	page_sign(out, problem == ERR_OK ? MOOD_GOOD : MOOD_BAD);
	html_add(out, "<h1>%s</h1>\n", error_title(problem));
	if (problem == ERR_UNKNOWN_FLOW)
		unknown_flow(out);
	else
		html_add(out, "<p>%s</p>\n", error_advice(problem));
	page_back(out);
	html_add(out, "<p class=\"word\">In the log: <code>%s</code></p>\n</div>\n",
		 error_name(problem));
	return page_close(out);
}

static void
list_item(struct buf *out, const struct page_site *site, const struct page_list_item *item)
{
	html_add(out, "<li data-state=\"%s\"><a href=\"%s/flow/%s\">%s</a> <span class=\"hint\">",
		 flow_state_name(item->state), site->base, item->id, page_provider(item->provider));
	if (item->state == FLOW_WAITING) {
		buf_puts(out, "waiting, expires in ");
		html_duration(out, item->expires_in);
	} else {
		buf_puts(out, flow_state_name(item->state));
	}
	buf_puts(out, "</span></li>\n");
}

enum err
page_list(struct buf *out, const struct page_site *site, const struct page_list_item *items,
	  size_t count)
{
	page_open(out, site, "Sign-ins of this browser", PAGE_RELOAD_NEVER);
	buf_puts(out, "<h1>Sign-ins of this browser</h1>\n");
	if (count == 0)
		buf_puts(out, "<p class=\"lead\">None is waiting. Begin one in opencode: Settings, "
			      "Providers, Connect.</p>\n");
	else
		buf_puts(out, "<ul class=\"list\">\n");
	for (size_t i = 0; i < count; i++)
		list_item(out, site, &items[i]);
	if (count > 0)
		buf_puts(out, "</ul>\n");
	page_back(out);
	return page_close(out);
}
