#include "view/page_code.h"

#include "view/html.h"
#include "view/page_part.h"

enum err
page_code(struct buf *out, const struct page_site *site, const struct page_code *code)
{
	const char *provider = page_part_name(code->kind, code->mcp, code->provider);

	page_part_open(out, site, "Finish with this code?", PAGE_RELOAD_NEVER);
	buf_puts(out, "<div id=\"code\" class=\"verdict\">\n");
	page_part_sign(out, MOOD_WARN);
	html_add(
	    out,
	    "<h1>Finish with this code?</h1>\n"
	    "<p>What you pasted looks like the code alone, without the address around it. That "
	    "is enough if <strong>%s showed it to you just now</strong>, after you opened the "
	    "sign-in from this site.</p>\n"
	    "<p>If somebody sent it to you, do not use it. Your sign-in goes on waiting.</p>\n",
	    provider);
	page_part_confirm(out, site, code->id, code->callback);
	html_add(out,
		 "<button type=\"submit\" class=\"button\" data-busy=\"Finishing…\">Finish with "
		 "it</button>\n</form>\n"
		 "<p class=\"hint\"><a href=\"%s/flow/%s\">Back to the sign-in</a>, without using "
		 "it.</p>\n",
		 site->base, code->id);
	buf_puts(out, "</div>\n");
	return page_part_close(out);
}
