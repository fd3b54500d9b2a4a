#include "view/page_ask.h"

#include "view/html.h"
#include "view/page_part.h"

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
	const char *provider = page_part_name(ask->kind, ask->mcp, ask->provider);

	page_part_open(out, site, "Is this sign-in yours?", PAGE_RELOAD_NEVER);
	buf_puts(out, "<div id=\"ask\" class=\"verdict\">\n");
	page_part_sign(out, MOOD_WARN);
	html_add(out,
		 "<h1>Is this sign-in yours?</h1>\n"
		 "<p>A sign-in to <strong>%s</strong> was begun ",
		 provider);
	html_duration(out, ask->age);
	html_add(out,
		 " ago from the address <strong>%s</strong>, but not by this browser, as far as "
		 "can be seen from here.</p>\n",
		 ask->client_address);
	ask_warning(out, provider);
	buf_puts(out,
		 "<p>If you began it yourself, in a terminal or in an opencode window of another "
		 "address, go on here.</p>\n");
	page_part_confirm(out, site, ask->id, ask->callback);
	html_add(out, "<button type=\"submit\" class=\"button\">I began it: %s</button>\n</form>\n",
		 ask->callback != NULL ? "finish it" : "go on");
	buf_puts(out, "</div>\n");
	return page_part_close(out);
}
