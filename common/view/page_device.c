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
	html_add(out,
		 "<h1>%s</h1>\n"
		 "<p class=\"lead\">opencode says: <strong>%s</strong></p>\n"
		 "<ol class=\"steps\">\n"
		 "<li>\n"
		 "<h2>Enter that code at %s</h2>\n"
		 "<p><a id=\"open\" class=\"button\" target=\"_blank\" rel=\"noopener noreferrer\" "
		 "href=\"%s\">Open the %s sign-in</a> <span class=\"hint\">It opens in a new tab."
		 "</span></p>\n"
		 "</li>\n"
		 "<li>\n"
		 "<h2>Then look whether it is connected</h2>\n"
		 "<p>opencode asks %s by itself whether you have entered it, and lists the account "
		 "a few seconds later.</p>\n"
		 "<p><a class=\"button quiet\" href=\"%s/%s%s\">Back to the accounts</a></p>\n"
		 "</li>\n"
		 "</ol>\n",
		 buf_text(&title), device->instructions, provider, device->url, provider, provider,
		 site->base, device->query[0] == '\0' ? "" : "?", device->query);
	if (title.err != ERR_OK)
		out->err = title.err;
	buf_free(&title);
	return page_part_close(out);
}
