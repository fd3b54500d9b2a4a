#include "page_part.h"

#include <string.h>

#include "asset.h"
#include "html.h"

void
page_open(struct buf *out, const struct page_site *site, const char *title, int reload)
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
		 "<header><a href=\"/\">opencode</a> <span>sign-in</span></header>\n"
		 "<main>\n",
		 site->base, version, site->base, version, site->base, version);
}

enum err
page_close(struct buf *out)
{
	buf_puts(out, "</main>\n</body>\n</html>\n");
	return out->err;
}

void
page_sign(struct buf *out, enum page_mood mood)
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
page_back(struct buf *out)
{
	buf_puts(out, "<p><a class=\"button quiet\" href=\"/\">Go to opencode</a></p>\n");
}

const char *
page_provider(const char *id)
{
	static const struct {
		const char *id;
		const char *name;
	} names[] = {
	    {"openai", "ChatGPT"}, {"github-copilot", "GitHub Copilot"},
	    {"gitlab", "GitLab"},  {"digitalocean", "DigitalOcean"},
	    {"poe", "Poe"},	   {"snowflake-cortex", "Snowflake"},
	    {"xai", "SuperGrok"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].id, id) == 0)
			return names[i].name;
	return id;
}
