#include "view/page_issuer.h"

#include "http/origin.h"
#include "view/html.h"
#include "view/page_part.h"

/* Returns a URL without its scheme. */
static const char *
bare(const char *url)
{
	const char *rest = origin_authority(url);

	return rest == NULL ? url : rest;
}

enum err
page_issuer(struct buf *out, const struct page_site *site, const struct page_issuer *issuer)
{
	const char *provider = page_part_name(issuer->kind, issuer->mcp, issuer->provider);

	page_part_open(out, site, "Do both names belong to the provider?", PAGE_RELOAD_NEVER);
	buf_puts(out, "<div id=\"issuer\" class=\"verdict\">\n");
	page_part_sign(out, MOOD_WARN);
	html_add(
	    out,
	    "<h1>Do both names belong to %s?</h1>\n"
	    "<p>You signed in at <strong>%s</strong>. The answer says that it comes from "
	    "<strong>%s</strong>.</p>\n"
	    "<p>Many providers have such a second name, and then all is well. If you do not know "
	    "it, close this page: the answer may belong to somebody else’s sign-in. Nothing has "
	    "been used yet, and your sign-in goes on waiting.</p>\n",
	    provider, bare(issuer->asked), bare(issuer->named));
	page_part_confirm(out, site, issuer->id, issuer->callback);
	buf_puts(out, "<input type=\"hidden\" name=\"issuer\" value=\"yes\">\n"
		      "<button type=\"submit\" class=\"button\" data-busy=\"Finishing…\">Both are "
		      "theirs: finish it</button>\n</form>\n");
	html_add(out,
		 "<p class=\"hint\"><a href=\"%s/flow/%s\">Back to the sign-in</a>. Whoever "
		 "runs this site can answer this once and for all: its log has the line.</p>\n",
		 site->base, issuer->id);
	buf_puts(out, "</div>\n");
	return page_part_close(out);
}
