#include "view/page_part.h"

#include "flow/provider.h"
#include "view/asset.h"
#include "view/html.h"

void
page_part_open(struct buf *out, const struct page_site *site, const char *title, int reload)
{
	const char *version = asset_version();

	html_add(out,
		 "<!DOCTYPE html>\n"
		 "<html lang=\"en\">\n"
		 "<head>\n"
		 "<meta charset=\"utf-8\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		 "<meta name=\"color-scheme\" content=\"light dark\">\n"
		 "<meta name=\"robots\" content=\"noindex\">\n"
		 "<title>%s · opencode</title>\n",
		 title);
	if (reload != PAGE_RELOAD_NEVER)
		buf_printf(out, "<meta http-equiv=\"refresh\" content=\"%d\">\n", reload);
	html_add(out,
		 "<link rel=\"icon\" type=\"image/svg+xml\" href=\"%s/assets/icon.svg?v=%s\">\n"
		 "<link rel=\"stylesheet\" href=\"%s/assets/style.css?v=%s\">\n"
		 "<script src=\"%s/assets/page.js?v=%s\" defer></script>\n"
		 "</head>\n"
		 "<body>\n"
		 "<header>",
		 site->base, version, site->base, version, site->base, version);
	if (site->relay)
		buf_puts(out, "opencode sign-in");
	else
		html_add(out, "<a href=\"/\">opencode</a> <a href=\"%s/\">sign-in</a>", site->base);
	buf_puts(out, "</header>\n<main>\n");
}

enum err
page_part_close(struct buf *out)
{
	buf_puts(out, "</main>\n</body>\n</html>\n");
	return out->err;
}

void
page_part_sign(struct buf *out, enum page_mood mood)
{
	static const struct {
		const char *name;
		const char *path;
	} signs[] = {
	    [MOOD_GOOD] = {"good", "M8 16.5l5.5 5.5L24 11"},
	    [MOOD_WAIT] = {"wait", "M16 4a12 12 0 1 1-12 12"},
	    [MOOD_WARN] = {"warn", "M16 8v10M16 23v.5"},
	    [MOOD_BAD] = {"bad", "M10 10l12 12M22 10L10 22"},
	};

	html_add(out,
		 "<svg class=\"sign %s\" viewBox=\"0 0 32 32\" aria-hidden=\"true\" "
		 "focusable=\"false\"><path d=\"%s\"/></svg>\n",
		 signs[mood].name, signs[mood].path);
}

void
page_part_back(struct buf *out)
{
	buf_puts(out, "<p><a class=\"button quiet\" href=\"/\">Go to opencode</a></p>\n");
}

const char *
page_part_name(enum flow_kind kind, bool mcp, const char *provider)
{
	return mcp || kind == KIND_TERMINAL ? provider : provider_name(provider);
}

void
page_part_waiting_row(struct buf *out, const struct page_site *site,
		      const struct page_list_item *item)
{
	const char *name = page_part_name(item->kind, item->mcp, item->provider);

	html_add(out,
		 "<li class=\"row\" data-state=\"%s\">\n"
		 "<h3>%s</h3>\n"
		 "<p class=\"hint\">",
		 flow_state_name(item->state), name);
	if (item->kind == KIND_TERMINAL)
		buf_puts(out, "begun in a terminal, ");
	if (item->state == FLOW_WAITING) {
		buf_puts(out, "expires in ");
		html_duration(out, item->expires_in);
	} else {
		buf_puts(out, "is being finished");
	}
	html_add(out,
		 "</p>\n"
		 "<a class=\"button\" href=\"%s/flow/%s\">Go on<span class=\"unseen\"> with "
		 "%s</span></a>\n"
		 "</li>\n",
		 site->base, item->id, name);
}

void
page_part_confirm(struct buf *out, const struct page_site *site, const char *id,
		  const char *callback)
{
	html_add(out,
		 "<form method=\"post\" action=\"%s/flow/%s\">\n"
		 "<input type=\"hidden\" name=\"confirm\" value=\"yes\">\n",
		 site->base, id);
	if (callback != NULL)
		html_add(out, "<input type=\"hidden\" name=\"callback\" value=\"%s\">\n", callback);
}

void
page_part_refusal(struct buf *out, enum err problem)
{
	if (problem != ERR_OK)
		html_add(out,
			 "<p id=\"problem\" class=\"problem\" role=\"alert\"><strong>%s.</strong> "
			 "%s</p>\n",
			 error_title(problem), error_advice(problem));
}
