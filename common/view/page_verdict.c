#include "view/page_verdict.h"

#include <string.h>

#include "view/html.h"
#include "view/page_part.h"

#define DELIVERING_RELOAD 2 /* seconds; for browsers without the script, and should it fail */

/* How a sign-in stands. {name} is the other side's name, other {marks} stand in words[]. */
struct verdict {
	enum page_mood mood;
	const char *title;
	const char *text;
	const char *advice;
};

static const struct verdict states[FLOW_STATE_COUNT] = {
    [FLOW_DELIVERING] =
	{
	    MOOD_WAIT,
	    "Finishing the sign-in",
	    "{Taker} is exchanging the answer of {name} for {gain}. This takes a few seconds.",
	    "This page goes on by itself.",
	},
    [FLOW_DONE] =
	{
	    MOOD_GOOD,
	    "{name} is connected",
	    "{done}",
	    "You can close this tab{dead}.",
	},
    [FLOW_FAILED] =
	{
	    MOOD_BAD,
	    "The sign-in failed",
	    "The answer of {name} was handed to {taker}, but the sign-in was not finished.",
	    "{again}",
	},
    [FLOW_DECLINED] =
	{
	    MOOD_WARN,
	    "The sign-in was declined",
	    "{name} says that it was cancelled or not allowed there. {nothing}",
	    "If that was not intended, {anew}.",
	},
    [FLOW_SUPERSEDED] =
	{
	    MOOD_WARN,
	    "A newer sign-in took its place",
	    "{one}, and another was begun after this one.",
	    "Finish the newer one, or {anew}.",
	},
    [FLOW_EXPIRED] =
	{
	    MOOD_WARN,
	    "This sign-in has expired",
	    "No answer of {name} came through this page in time, so nothing was handed to {taker}.",
	    "{again}",
	},
};

static const struct verdict reasons[REASON_COUNT] = {
    [REASON_UNCONFIRMED] =
	{
	    MOOD_WARN,
	    "Please check in opencode",
	    "The answer of {name} was handed to opencode, which gave no verdict about it in time.",
	    "{look}",
	},
    [REASON_REFUSED_BY_PROVIDER] =
	{
	    MOOD_BAD,
	    "{name} did not accept the sign-in",
	    "The sign-in page may have looked successful, but then the exchange of its answer "
	    "between {taker} and {name} was refused. {nothing}",
	    "{again}{log}",
	},
    [REASON_LISTENER_GONE] =
	{
	    MOOD_BAD,
	    "{Taker} no longer waited for this",
	    "{ended}, or had given up this sign-in to {name}. {nothing}",
	    "{again}",
	},
    [REASON_OPENCODE_GONE] =
	{
	    MOOD_BAD,
	    "{Taker} went away",
	    "It stopped while it was finishing this sign-in to {name}, so nobody knows how far it "
	    "got.",
	    "{start}{look}",
	},
    [REASON_OPENCODE_AUTH] =
	{
	    MOOD_BAD,
	    "opencode wanted its password",
	    "The answer of {name} was handed over, but opencode did not let this page finish the "
	    "sign-in without the right user name and password.",
	    "{look}",
	},
    [REASON_TIMEOUT] =
	{
	    MOOD_BAD,
	    "{Taker} did not answer in time",
	    "The answer of {name} was handed over, but {taker} did not say how it went.",
	    "{look}",
	},
    [REASON_INTERRUPTED] =
	{
	    MOOD_BAD,
	    "The sign-in was interrupted",
	    "opencode-callback, or the place in which it keeps sign-ins, stopped while this one "
	    "was "
	    "under way. An answer of {name} is never sent a second time, because it is good for "
	    "one "
	    "use only.",
	    "{look}",
	},
    [REASON_ISSUER] =
	{
	    MOOD_BAD,
	    "The answer came from somebody else",
	    "It names another provider than {name}, which this sign-in was begun with, so it was "
	    "not used. {nothing}",
	    "{again}",
	},
};

/* Nothing came through this page, yet there it is. */
static const struct verdict listed = {
    MOOD_GOOD,
    "{name} is connected",
    "opencode says so. Nothing came through this page: the browser reached opencode itself, or it "
    "was connected before.",
    "You can close this tab.",
};

/* A terminal's listener tells nobody but the terminal how the exchange went. */
static const struct verdict handed_over = {
    MOOD_GOOD,
    "Look at your terminal now",
    "It has the answer of {name} and goes on by itself. Only it says whether the sign-in worked.",
    "If it says that it failed, run the command there again. You can close this tab{dead}.",
};

/* What a {mark} stands for, by kind; where a kind has nothing of its own, what a provider has. */
struct word {
	const char *mark;
	const char *here;   /* instead, on a page with a button that begins it again */
	const char *direct; /* instead, if nothing fails to load on the way */
	const char *alone;  /* instead, if no window of opencode waits for it */
	const char *text[KIND_COUNT];
};

static const struct word words[] = {
    {
	"taker", /* who gets the answer */
	.text = {[KIND_PROVIDER] = "opencode", [KIND_TERMINAL] = "the terminal"},
    },
    {
	"Taker",
	.text = {[KIND_PROVIDER] = "opencode", [KIND_TERMINAL] = "The terminal"},
    },
    {
	"gain",
	.text = {[KIND_PROVIDER] = "an account", [KIND_MCP] = "access to it"},
    },
    {
	"done",
	.alone = "opencode has the account.",
	.text = {[KIND_PROVIDER] = "opencode has the account, and its window goes on by itself.",
		 [KIND_INTEGRATION] = "opencode has the account.",
		 [KIND_MCP] = "Its tools are available in opencode at once. A window there that "
			      "still offers the sign-in only has to be reloaded."},
    },
    {
	"nothing",
	.text = {[KIND_PROVIDER] = "No account was connected.",
		 [KIND_MCP] = "It is not connected.",
		 [KIND_TERMINAL] = "The terminal is not signed in."},
    },
    {
	"one", /* why a newer one takes the place of this */
	.text = {[KIND_PROVIDER] = "opencode keeps one sign-in to {name} at a time",
		 [KIND_TERMINAL] = "On that computer one sign-in to {name} runs at a time"},
    },
    {
	"ended",
	.text = {[KIND_PROVIDER] = "It was restarted in the meantime",
		 [KIND_TERMINAL] = "The command there was ended in the meantime"},
    },
    {
	"start",
	.text =
	    {[KIND_PROVIDER] = "Start opencode again if it does not run. ", [KIND_TERMINAL] = ""},
    },
    {
	"log",
	.text = {[KIND_PROVIDER] = " If it fails again, see in opencode’s log whether the server "
				   "reaches {name}.",
		 [KIND_TERMINAL] = ""},
    },
    {
	"look", /* for who has to find out how it went */
	.text = {[KIND_PROVIDER] = "Look in opencode’s settings whether {name} is listed as "
				   "connected. If it is not, begin again{there}.",
		 [KIND_MCP] = "Look in opencode whether {name} is connected, among its MCP "
			      "servers. If it is not, begin again{there}.",
		 [KIND_TERMINAL] = "Look at the terminal: it says how it went. If it failed, run "
				   "the command there again."},
    },
    {
	"there",
	.here = "",
	.text = {[KIND_PROVIDER] = " there"},
    },
    {
	"again", /* how to begin again */
	.here = "You can begin again right here.",
	.text = {[KIND_PROVIDER] = "Go back to opencode and begin again.",
		 [KIND_TERMINAL] = "Run the command in the terminal again, then bring its new "
				   "address here."},
    },
    {
	"anew", /* the same as a part of a sentence */
	.here = "begin again right here",
	.text = {[KIND_PROVIDER] = "go back to opencode and begin again",
		 [KIND_TERMINAL] = "run the command in the terminal again"},
    },
    {
	"dead",
	.direct = "",
	.text = {[KIND_PROVIDER] = ", and the one that failed to load if it is still open"},
    },
};

static const struct verdict *
verdict_of(const struct page_flow *flow)
{
	if (flow->listed && flow->state == FLOW_DONE)
		return &listed;
	if (flow->kind == KIND_TERMINAL && flow->state == FLOW_DONE)
		return &handed_over;
	if (flow->reason != REASON_NONE && (flow->state == FLOW_DONE || flow->state == FLOW_FAILED))
		return &reasons[flow->reason];
	return &states[flow->state];
}

/* Whether this page has a button that begins the same sign-in once more. */
static bool
offers_again(const struct page_flow *flow)
{
	if (!flow->again || flow->kind == KIND_TERMINAL || flow->state == FLOW_DELIVERING)
		return false;
	return flow->state != FLOW_DONE || (flow->reason == REASON_UNCONFIRMED && !flow->listed);
}

static const char *
word_text(const struct page_flow *flow, const char *mark, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct word *word = &words[i];

		if (strlen(word->mark) != len || strncmp(word->mark, mark, len) != 0)
			continue;
		if (word->here != NULL && offers_again(flow))
			return word->here;
		if (word->direct != NULL && flow->direct)
			return word->direct;
		if (word->alone != NULL && flow->from_here && flow->kind == KIND_PROVIDER)
			return word->alone;
		if (word->text[flow->kind] != NULL)
			return word->text[flow->kind];
		return word->text[KIND_PROVIDER];
	}
	return "";
}

/* Appends a text with its marks replaced; not escaped. Words may hold marks, names are as given. */
static void
fill(struct buf *out, const struct page_flow *flow, const char *text)
{
	for (;;) {
		size_t plain = strcspn(text, "{");
		const char *mark = text + plain + 1;
		size_t len;

		buf_add(out, text, plain);
		if (text[plain] == '\0')
			return;
		len = strcspn(mark, "}");
		if (len == 4 && strncmp(mark, "name", len) == 0)
			buf_puts(out, page_part_name(flow->kind, flow->provider));
		else
			fill(out, flow, word_text(flow, mark, len));
		text = mark + len + 1;
	}
}

static void
paragraph(struct buf *out, const struct page_flow *flow, const char *text)
{
	struct buf filled;

	buf_init(&filled, PAGE_TEXT_MAX);
	fill(&filled, flow, text);
	html_add(out, "<p>%s</p>\n", buf_text(&filled));
	if (filled.err != ERR_OK)
		out->err = filled.err;
	buf_free(&filled);
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

/* What a person can do from here, the most likely first. */
static void
actions(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	bool again = offers_again(flow);

	buf_puts(out, "<div class=\"actions\">\n");
	if (again && flow->state != FLOW_DONE)
		again_form(out, site, flow);
	if (flow->kind == KIND_TERMINAL && flow->state != FLOW_DONE)
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

/*
 * For a sign-in that nobody's opencode window waits for. Closed at first: a
 * second click on the button that was in this place must not interrupt anything.
 */
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

enum err
page_verdict(struct buf *out, const struct page_site *site, const struct page_flow *flow)
{
	const struct verdict *verdict = verdict_of(flow);
	bool delivering = flow->state == FLOW_DELIVERING;
	struct buf title;

	buf_init(&title, PAGE_TEXT_MAX);
	fill(&title, flow, verdict->title);
	page_part_open(out, site, buf_text(&title),
		       delivering ? DELIVERING_RELOAD : PAGE_RELOAD_NEVER);
	html_add(out, "<div id=\"state\" class=\"verdict\" data-state=\"%s\" data-reason=\"%s\"",
		 flow_state_name(flow->state), flow_reason_name(flow->reason));
	if (delivering)
		html_add(out, " data-status-url=\"%s/flow/%s/status\"", site->base, flow->id);
	buf_puts(out, ">\n");
	page_part_sign(out, verdict->mood);
	html_add(out, "<h1>%s</h1>\n", buf_text(&title));
	paragraph(out, flow, verdict->text);
	paragraph(out, flow, verdict->advice);
	if (!delivering)
		actions(out, site, flow);
	buf_puts(out, "</div>\n");
	if (flow->state == FLOW_DONE && flow->kind == KIND_PROVIDER)
		load_form(out, site, flow);
	if (title.err != ERR_OK)
		out->err = title.err;
	buf_free(&title);
	return page_part_close(out);
}
