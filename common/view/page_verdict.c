#include "view/page_verdict.h"

#include <string.h>

#include "view/html.h"
#include "view/page_part.h"

#define DELIVERING_RELOAD 2 /* seconds; for browsers without the script, or if it fails */

/* The parts of the page that depend on the verdict. */
struct verdict {
	enum page_mood mood;
	struct buf title; /* not escaped */
	struct buf text;  /* its paragraphs, as markup */
};

typedef void verdict_writer(struct verdict *v, const struct page_flow *flow, const char *name);

static bool
in_terminal(const struct page_flow *flow)
{
	return flow->kind == KIND_TERMINAL;
}

/* Returns whether this page has a button that begins the same sign-in once more. */
static bool
offers_again(const struct page_flow *flow)
{
	if (!flow->again || in_terminal(flow) || flow->state == FLOW_DELIVERING)
		return false;
	return flow->state != FLOW_DONE || (flow->reason == REASON_UNCONFIRMED && !flow->listed);
}

/* Sentences that depend on the flow. */

static const char *
what_is_there_now(const struct page_flow *flow)
{
	if (flow->listed)
		return "opencode says so. Nothing came through this page: the browser reached "
		       "opencode itself, or it was connected before.";
	if (flow->mcp)
		return "Its tools are available in opencode at once. A window there that still "
		       "offers the sign-in only has to be reloaded.";
	if (flow->kind == KIND_INTEGRATION || flow->from_here)
		return "opencode has the account.";
	return "opencode has the account, and its window goes on by itself.";
}

static const char *
nothing_connected(const struct page_flow *flow)
{
	if (in_terminal(flow))
		return "The terminal is not signed in.";
	if (flow->mcp)
		return "It is not connected.";
	return "No account was connected.";
}

static const char *
begin_again(const struct page_flow *flow)
{
	if (in_terminal(flow))
		return "Run the command in the terminal again, then bring its new address here.";
	if (offers_again(flow))
		return "You can begin again right here.";
	return "Go back to opencode and begin again.";
}

static const char *
if_not_intended(const struct page_flow *flow)
{
	if (in_terminal(flow))
		return "If that was not intended, run the command in the terminal again.";
	if (offers_again(flow))
		return "If that was not intended, begin again right here.";
	return "If that was not intended, go back to opencode and begin again.";
}

static const char *
finish_the_newer(const struct page_flow *flow)
{
	if (in_terminal(flow))
		return "Finish the newer one, or run the command in the terminal again.";
	if (offers_again(flow))
		return "Finish the newer one, or begin again right here.";
	return "Finish the newer one, or go back to opencode and begin again.";
}

/* Names the tab that failed to load too, unless the provider sent the browser straight to us. */
static const char *
close_this_tab(const struct page_flow *flow)
{
	if (flow->direct || flow->typed || flow->listed)
		return "You can close this tab.";
	return "You can close this tab, and the one that failed to load if it is still open.";
}

/* Appends how to find out whether the sign-in worked. */
static void
look(struct buf *out, const struct page_flow *flow, const char *name)
{
	if (in_terminal(flow)) {
		buf_puts(out, "Look at the terminal: it says how it went. If it failed, run the "
			      "command there again.");
		return;
	}
	if (flow->mcp)
		html_add(out, "Look in opencode whether %s is connected, among its MCP servers. ",
			 name);
	else
		html_add(out, "Look in opencode’s settings whether %s is listed as connected. ",
			 name);
	if (offers_again(flow))
		buf_puts(out, "If it is not, begin again.");
	else
		buf_puts(out, "If it is not, begin again there.");
}

static void
look_paragraph(struct buf *out, const struct page_flow *flow, const char *name)
{
	buf_puts(out, "<p>");
	look(out, flow, name);
	buf_puts(out, "</p>\n");
}

static void
paragraph(struct buf *out, const char *text)
{
	html_add(out, "<p>%s</p>\n", text);
}

/* The verdicts of the states. */

static void
delivering(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_WAIT;
	buf_puts(&v->title, "Finishing the sign-in");
	if (in_terminal(flow))
		html_add(&v->text,
			 "<p>The terminal is exchanging the answer of %s for an account. "
			 "This takes a few seconds.</p>\n",
			 name);
	else if (flow->mcp)
		html_add(&v->text,
			 "<p>opencode is exchanging the answer of %s for access to it. "
			 "This takes a few seconds.</p>\n",
			 name);
	else
		html_add(&v->text,
			 "<p>opencode is exchanging the answer of %s for an account. "
			 "This takes a few seconds.</p>\n",
			 name);
	paragraph(&v->text, "This page goes on by itself.");
}

static void
connected(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_GOOD;
	buf_printf(&v->title, "%s is connected", name);
	paragraph(&v->text, what_is_there_now(flow));
	paragraph(&v->text, close_this_tab(flow));
}

/* A terminal's listener tells only the terminal how the exchange went. */
static void
handed_over(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_GOOD;
	buf_puts(&v->title, "Look at your terminal now");
	html_add(&v->text,
		 "<p>It has the answer of %s and goes on by itself. Only it says whether the "
		 "sign-in worked.</p>\n"
		 "<p>If it says that it failed, run the command there again. %s</p>\n",
		 name, close_this_tab(flow));
}

static void
failed(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	buf_puts(&v->title, "The sign-in failed");
	if (in_terminal(flow))
		html_add(&v->text,
			 "<p>The answer of %s was handed to the terminal, but the sign-in was not "
			 "finished.</p>\n",
			 name);
	else
		html_add(&v->text,
			 "<p>The answer of %s was handed to opencode, but the sign-in was not "
			 "finished.</p>\n",
			 name);
	paragraph(&v->text, begin_again(flow));
}

static void
declined(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_WARN;
	buf_puts(&v->title, "The sign-in was declined");
	html_add(&v->text, "<p>%s says that it was cancelled or not allowed there. %s</p>\n", name,
		 nothing_connected(flow));
	paragraph(&v->text, if_not_intended(flow));
}

static void
superseded(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_WARN;
	buf_puts(&v->title, "A newer sign-in took its place");
	if (in_terminal(flow))
		html_add(&v->text,
			 "<p>On that computer one sign-in to %s runs at a time, and another was "
			 "begun after this one.</p>\n",
			 name);
	else
		html_add(&v->text,
			 "<p>opencode keeps one sign-in to %s at a time, and another was begun "
			 "after this one.</p>\n",
			 name);
	paragraph(&v->text, finish_the_newer(flow));
}

static void
expired(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_WARN;
	buf_puts(&v->title, "This sign-in has expired");
	if (in_terminal(flow))
		html_add(&v->text,
			 "<p>No answer of %s came through this page in time, so nothing was handed "
			 "to the terminal.</p>\n",
			 name);
	else
		html_add(&v->text,
			 "<p>No answer of %s came through this page in time, so nothing was handed "
			 "to opencode.</p>\n",
			 name);
	paragraph(&v->text, begin_again(flow));
}

/* The verdicts of the reasons. */

static void
unconfirmed(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_WARN;
	buf_puts(&v->title, "Please check in opencode");
	html_add(&v->text,
		 "<p>The answer of %s was handed to opencode, which gave no verdict about it in "
		 "time.</p>\n",
		 name);
	look_paragraph(&v->text, flow, name);
}

static void
refused_by_provider(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	buf_printf(&v->title, "%s did not accept the sign-in", name);
	if (in_terminal(flow)) {
		html_add(&v->text,
			 "<p>The sign-in page may have looked successful, but then the exchange of "
			 "its answer between the terminal and %s was refused. %s</p>\n",
			 name, nothing_connected(flow));
		paragraph(&v->text, begin_again(flow));
	} else {
		html_add(&v->text,
			 "<p>The sign-in page may have looked successful, but then the exchange of "
			 "its answer between opencode and %s was refused. %s</p>\n"
			 "<p>%s If it fails again, see in opencode’s log whether the server "
			 "reaches %s.</p>\n",
			 name, nothing_connected(flow), begin_again(flow), name);
	}
}

static void
listener_gone(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	if (in_terminal(flow)) {
		buf_puts(&v->title, "The terminal no longer waited for this");
		html_add(&v->text,
			 "<p>The command there was ended in the meantime, or had given up this "
			 "sign-in to %s. %s</p>\n",
			 name, nothing_connected(flow));
	} else {
		buf_puts(&v->title, "opencode no longer waited for this");
		html_add(&v->text,
			 "<p>It was restarted in the meantime, or had given up this sign-in to %s. "
			 "%s</p>\n",
			 name, nothing_connected(flow));
	}
	paragraph(&v->text, begin_again(flow));
}

static void
opencode_gone(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	buf_puts(&v->title, in_terminal(flow) ? "The terminal went away" : "opencode went away");
	html_add(&v->text,
		 "<p>It stopped while it was finishing this sign-in to %s, so nobody knows how far "
		 "it got.</p>\n"
		 "<p>",
		 name);
	if (!in_terminal(flow))
		buf_puts(&v->text, "Start opencode again if it does not run. ");
	look(&v->text, flow, name);
	buf_puts(&v->text, "</p>\n");
}

static void
opencode_auth(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	buf_puts(&v->title, "opencode wanted its password");
	html_add(&v->text,
		 "<p>The answer of %s was handed over, but opencode did not let this page finish "
		 "the sign-in without the right user name and password.</p>\n",
		 name);
	look_paragraph(&v->text, flow, name);
}

static void
timed_out(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	if (in_terminal(flow)) {
		buf_puts(&v->title, "The terminal did not answer in time");
		html_add(&v->text,
			 "<p>The answer of %s was handed over, but the terminal did not say how it "
			 "went.</p>\n",
			 name);
	} else {
		buf_puts(&v->title, "opencode did not answer in time");
		html_add(&v->text,
			 "<p>The answer of %s was handed over, but opencode did not say how it "
			 "went.</p>\n",
			 name);
	}
	look_paragraph(&v->text, flow, name);
}

static void
interrupted(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	buf_puts(&v->title, "The sign-in was interrupted");
	html_add(&v->text,
		 "<p>opencode-callback, or the place in which it keeps sign-ins, stopped while "
		 "this one was under way. An answer of %s is never sent a second time, because it "
		 "is good for one use only.</p>\n",
		 name);
	look_paragraph(&v->text, flow, name);
}

static void
other_issuer(struct verdict *v, const struct page_flow *flow, const char *name)
{
	v->mood = MOOD_BAD;
	buf_puts(&v->title, "The answer came from somebody else");
	html_add(&v->text,
		 "<p>It names another provider than %s, which this sign-in was begun with, so it "
		 "was not used. %s</p>\n",
		 name, nothing_connected(flow));
	paragraph(&v->text, begin_again(flow));
}

static verdict_writer *const state_verdicts[FLOW_STATE_COUNT] = {
    [FLOW_DELIVERING] = delivering, [FLOW_DONE] = connected,	    [FLOW_FAILED] = failed,
    [FLOW_DECLINED] = declined,	    [FLOW_SUPERSEDED] = superseded, [FLOW_EXPIRED] = expired,
};

static verdict_writer *const reason_verdicts[REASON_COUNT] = {
    [REASON_UNCONFIRMED] = unconfirmed,	    [REASON_REFUSED_BY_PROVIDER] = refused_by_provider,
    [REASON_LISTENER_GONE] = listener_gone, [REASON_OPENCODE_GONE] = opencode_gone,
    [REASON_OPENCODE_AUTH] = opencode_auth, [REASON_TIMEOUT] = timed_out,
    [REASON_INTERRUPTED] = interrupted,	    [REASON_ISSUER] = other_issuer,
};

static verdict_writer *
verdict_of(const struct page_flow *flow)
{
	if (flow->listed && flow->state == FLOW_DONE)
		return connected;
	if (in_terminal(flow) && flow->state == FLOW_DONE)
		return handed_over;
	if (flow->reason != REASON_NONE && (flow->state == FLOW_DONE || flow->state == FLOW_FAILED))
		return reason_verdicts[flow->reason];
	return state_verdicts[flow->state];
}

static void
again_form(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	html_add(out,
		 "<form method=\"post\" action=\"%s/start\" data-again>\n"
		 "<input type=\"hidden\" name=\"again\" value=\"%s\">\n"
		 "<button type=\"submit\" class=\"button%s\" data-busy=\"Beginning…\">Begin "
		 "again</button>\n"
		 "</form>\n",
		 site->base, flow->id, flow->state == FLOW_DONE ? " quiet" : "");
}

/* Appends what the visitor can do from here, the most likely first. */
static void
actions(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	bool again = offers_again(flow);

	buf_puts(out, "<div class=\"actions\">\n");
	if (again && flow->state != FLOW_DONE)
		again_form(out, site, flow);
	if (in_terminal(flow) && flow->state != FLOW_DONE)
		html_add(
		    out,
		    "<p><a class=\"button\" href=\"%s/#terminal\">Paste a new address</a></p>\n",
		    site->base);
	page_part_back(out);
	if (flow->state == FLOW_DONE)
		html_add(out, "<p><a class=\"button quiet\" href=\"%s/\">Connect more</a></p>\n",
			 site->base);
	if (again && flow->state == FLOW_DONE)
		again_form(out, site, flow);
	buf_puts(out, "</div>\n");
}

/* Offers to load the account, for a sign-in that no opencode window waits for. Closed at first: a
 * second click on the button that was in this place must not interrupt anything. */
static void
load_form(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	html_add(out,
		 "<details class=\"more\">\n"
		 "<summary>Its models are missing in opencode?</summary>\n"
		 "<p>Then opencode has to load the account. That interrupts whatever it is doing "
		 "in this project at the moment.</p>\n"
		 "<form method=\"post\" action=\"%s/flow/%s\">\n"
		 "<input type=\"hidden\" name=\"load\" value=\"yes\">\n"
		 "<button type=\"submit\" class=\"button quiet\">Load the account now, "
		 "interrupting what runs in this project</button>\n"
		 "</form>\n"
		 "</details>\n",
		 site->base, flow->id);
}

/* Appends the page around the text of the verdict. */
static void
add_page(struct buf *out, const struct page_site *site, const struct page_flow *flow,
	 const struct verdict *v)
{
	bool waits = flow->state == FLOW_DELIVERING;

	page_part_open(out, site, buf_text(&v->title),
		       waits ? DELIVERING_RELOAD : PAGE_RELOAD_NEVER);
	html_add(out, "<div id=\"state\" class=\"verdict\" data-state=\"%s\" data-reason=\"%s\"",
		 flow_state_name(flow->state), flow_reason_name(flow->reason));
	if (waits)
		html_add(out, " data-status-url=\"%s/flow/%s/status\"", site->base, flow->id);
	buf_puts(out, ">\n");
	page_part_sign(out, v->mood);
	html_add(out, "<h1>%s</h1>\n", buf_text(&v->title));
	buf_puts(out, buf_text(&v->text));
	if (!waits)
		actions(out, site, flow);
	buf_puts(out, "</div>\n");
	if (flow->state == FLOW_DONE && flow->kind == KIND_PROVIDER)
		load_form(out, site, flow);
}

enum err
page_verdict(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	const char *name = page_part_name(flow->kind, flow->mcp, flow->provider);
	struct verdict verdict;

	buf_init(&verdict.title, PAGE_TEXT_MAX);
	buf_init(&verdict.text, out->max);
	verdict_of(flow)(&verdict, flow, name);
	add_page(out, site, flow, &verdict);
	if (verdict.title.err != ERR_OK)
		out->err = verdict.title.err;
	if (verdict.text.err != ERR_OK)
		out->err = verdict.text.err;
	if (strlen(name) > PAGE_TEXT_MAX)
		out->err = ERR_TOO_LARGE;
	buf_free(&verdict.title);
	buf_free(&verdict.text);
	return page_part_close(out);
}
