#include "view/page_device.h"

#include "flow/provider.h"
#include "view/html.h"
#include "view/page_part.h"

enum err
page_device(struct buf *out, const struct page_site *site, const struct page_device *device)
{
	const char *provider = provider_name(device->provider);
	struct buf title;

	buf_init(&title, PAGE_TEXT_MAX);
	buf_printf(&title, "Connect %s", provider);
	page_part_open(out, site, buf_text(&title), PAGE_RELOAD_NEVER);
	html_add(out, "<h1>%s</h1>\n", buf_text(&title));
	if (device->instructions[0] != '\0')
		html_add(out, "<p class=\"lead\">opencode says: <strong>%s</strong></p>\n",
			 device->instructions);
	html_add(out,
		 device->code ? "<ol class=\"steps\">\n<li>\n<h2>Enter that code at %s</h2>\n"
			      : "<ol class=\"steps\">\n<li>\n<h2>Sign in at %s</h2>\n",
		 provider);
	html_add(out,
		 "<p><a id=\"open\" class=\"button\" target=\"_blank\" rel=\"noopener noreferrer\" "
		 "href=\"%s\">Open the %s sign-in</a> <span class=\"hint\">It opens in a new tab."
		 "</span></p>\n"
		 "</li>\n"
		 "<li>\n"
		 "<h2>Then look whether it is connected</h2>\n"
		 "<p>opencode asks %s by itself whether you have %s, and lists the account "
		 "a few seconds later.</p>\n"
		 "<p><a class=\"button quiet\" href=\"%s/%s%s\">Back to the accounts</a></p>\n"
		 "</li>\n"
		 "</ol>\n",
		 device->url, provider, provider, device->code ? "entered it" : "signed in",
		 site->base, device->query[0] == '\0' ? "" : "?", device->query);
	if (title.err != ERR_OK)
		out->err = title.err;
	buf_free(&title);
	return page_part_close(out);
}
