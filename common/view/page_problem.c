#include "view/page_problem.h"

#include "view/html.h"
#include "view/page_part.h"

/* Lists the three causes, because people come to this page to look for theirs. */
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

/* Returns whether the request had no usable authorization response in its query, as when that
 * stands behind a #. */
static bool
lacks_answer(enum err problem)
{
	return problem == ERR_NO_STATE || problem == ERR_NO_CODE || problem == ERR_RESPONSE_MODE;
}

static size_t
count_tokens(const struct page_list *waiting)
{
	size_t n = 0;

	for (size_t i = 0; waiting != NULL && i < waiting->count; i++)
		n += waiting->item[i].response_type == RESPONSE_TYPE_TOKEN;
	return n;
}

/* Appends help for a URL that was edited in the address bar: browsers do not send the part behind
 * its #. The script sees that part, and offers to submit it. */
static void
token_flow(struct buf *out, const struct page_site *site, const struct page_list_item *item)
{
	const char *name = page_part_name(item->kind, item->mcp, item->provider);

	html_add(out,
		 "<p>Your sign-in to <strong>%s</strong> waits for an answer that stands behind a "
		 "<code>#</code>, and that part of an address is not sent by browsers.</p>\n"
		 "<div data-no-fragment>\n"
		 "<p>If the address of this tab has a <code>#</code>, copy <strong>all of "
		 "it</strong>, to its very end, and paste it on the page of that sign-in.</p>\n"
		 "<p><a class=\"button\" href=\"%s/flow/%s\">Go to the %s sign-in</a></p>\n"
		 "</div>\n",
		 name, site->base, item->id, name);
	html_add(out,
		 "<form method=\"post\" action=\"%s/flow/%s\" data-fragment hidden>\n"
		 "<input type=\"hidden\" name=\"address\">\n"
		 "<p>It is in the address of this tab, and one click takes it there.</p>\n"
		 "<button type=\"submit\" class=\"button\" data-busy=\"Finishing…\">Finish the %s "
		 "sign-in</button>\n"
		 "</form>\n",
		 site->base, item->id, name);
}

/* Lists the waiting flows, but no token flows if those were named above. */
static void
waiting_flows(struct buf *out, const struct page_site *site, const struct page_list *waiting,
	      size_t named)
{
	if (waiting == NULL || waiting->count == named)
		return;
	html_add(out,
		 "<section aria-labelledby=\"waiting\">\n"
		 "<h2 id=\"waiting\">%s of this browser that wait</h2>\n"
		 "<ul class=\"rows\">\n",
		 named == 0 ? "Sign-ins" : "Other sign-ins");
	for (size_t i = 0; i < waiting->count; i++)
		if (named == 0 || waiting->item[i].response_type != RESPONSE_TYPE_TOKEN)
			page_part_waiting_row(out, site, &waiting->item[i]);
	buf_puts(out, "</ul>\n</section>\n");
}

static void
advice(struct buf *out, enum err problem, bool listing)
{
	if (problem == ERR_UNKNOWN_FLOW)
		unknown_flow(out);
	else
		html_add(out, "<p>%s</p>\n", error_advice(problem));
	if (listing && lacks_answer(problem))
		buf_puts(out,
			 "<p>If the address bar shows a <code>#</code>, copy the whole address, "
			 "and paste it on the page of the sign-in, below.</p>\n");
}

/* Returns whether a begin failed: then the way on is back to where it was begun. */
static bool
is_start_problem(enum err problem)
{
	return problem == ERR_BEGIN_REFUSED || problem == ERR_BEGIN_KIND ||
	       problem == ERR_BEGIN_NEEDLESS;
}

enum err
page_problem(struct buf *out, const struct page_site *site, enum err problem,
	     const struct page_list *waiting)
{
	size_t tokens = lacks_answer(problem) ? count_tokens(waiting) : 0;
	const char *title = tokens == 0 ? error_title(problem) : "The answer did not arrive";

	page_part_open(out, site, title, PAGE_RELOAD_NEVER);
	html_add(out, "<div id=\"problem\" class=\"verdict\" data-problem=\"%s\">\n",
		 error_name(problem));
	page_part_sign(out, tokens == 0 ? MOOD_BAD : MOOD_WARN);
	html_add(out, "<h1>%s</h1>\n", title);
	for (size_t i = 0; tokens > 0 && i < waiting->count; i++)
		if (waiting->item[i].response_type == RESPONSE_TYPE_TOKEN)
			token_flow(out, site, &waiting->item[i]);
	if (tokens == 0)
		advice(out, problem, waiting != NULL && waiting->count > 0);
	if (is_start_problem(problem))
		html_add(out,
			 "<p><a class=\"button quiet\" href=\"%s/\">Back to the accounts</a></p>\n",
			 site->base);
	else if (tokens == 0 && !site->relay)
		page_part_back(out);
	html_add(out, "<p class=\"word\">In the log: <code>%s</code></p>\n</div>\n",
		 error_name(problem));
	waiting_flows(out, site, waiting, tokens);
	return page_part_close(out);
}
