#include <string.h>

#include "html.h"
#include "page_part.h"

#define DELIVERING_RELOAD 2 /* seconds; for browsers without the script, and should it fail */

/* In title and text every %s is the provider's name. */
struct verdict {
	enum page_mood mood;
	const char *title;
	const char *text;
	const char *advice;
};

#define BEGIN_AGAIN "Go back to opencode and begin again."
#define LOOK_THERE \
	"Look in opencode’s settings whether %s is listed as connected. If it is not, begin " \
	"again " \
	"there."

static const struct verdict states[FLOW_STATE_COUNT] = {
    [FLOW_DELIVERING] =
	{
	    MOOD_WAIT,
	    "Finishing the sign-in",
	    "opencode is exchanging the answer of %s for an account. This takes a few seconds.",
	    "This page goes on by itself.",
	},
    [FLOW_DONE] =
	{
	    MOOD_GOOD,
	    "%s is connected",
	    "opencode has the account, and its window goes on by itself.",
	    "You can close this tab, and the one that failed to load if it is still open.",
	},
    [FLOW_FAILED] =
	{
	    MOOD_BAD,
	    "The sign-in failed",
	    "The answer of %s was handed to opencode, but the sign-in was not finished.",
	    BEGIN_AGAIN,
	},
    [FLOW_DECLINED] =
	{
	    MOOD_WARN,
	    "The sign-in was declined",
	    "%s says that it was cancelled or not allowed there. No account was connected.",
	    "If that was not intended, go back to opencode and begin again.",
	},
    [FLOW_SUPERSEDED] =
	{
	    MOOD_WARN,
	    "A newer sign-in took its place",
	    "opencode keeps one sign-in to %s at a time, and another was begun after this one.",
	    "Finish the newer one, or go back to opencode and begin again.",
	},
    [FLOW_EXPIRED] =
	{
	    MOOD_WARN,
	    "This sign-in has expired",
	    "No answer of %s came through this page in time, so nothing was handed to opencode.",
	    BEGIN_AGAIN,
	},
};

static const struct verdict reasons[REASON_COUNT] = {
    [REASON_UNCONFIRMED] =
	{
	    MOOD_WARN,
	    "Please check in opencode",
	    "The answer of %s was handed to opencode, which gave no verdict about it in time.",
	    LOOK_THERE,
	},
    [REASON_REFUSED_BY_PROVIDER] =
	{
	    MOOD_BAD,
	    "%s did not accept the sign-in",
	    "The sign-in page may have looked successful, but then the exchange of its code "
	    "between opencode and %s was refused. No account was connected.",
	    BEGIN_AGAIN " If it fails again, see in opencode’s log whether the server reaches %s.",
	},
    [REASON_LISTENER_GONE] =
	{
	    MOOD_BAD,
	    "opencode no longer waited for this",
	    "It was restarted in the meantime, or had given up this sign-in to %s. No account was "
	    "connected.",
	    BEGIN_AGAIN,
	},
    [REASON_OPENCODE_GONE] =
	{
	    MOOD_BAD,
	    "opencode went away",
	    "It stopped while it was finishing this sign-in to %s, so nobody knows how far it got.",
	    "Start opencode again if it does not run. " LOOK_THERE,
	},
    [REASON_OPENCODE_AUTH] =
	{
	    MOOD_BAD,
	    "opencode wanted its password",
	    "The answer of %s was handed over, but opencode did not let this page finish the "
	    "sign-in without the right user name and password.",
	    LOOK_THERE,
	},
    [REASON_TIMEOUT] =
	{
	    MOOD_BAD,
	    "opencode did not answer in time",
	    "The answer of %s was handed over, but opencode did not say how it went.",
	    LOOK_THERE,
	},
    [REASON_INTERRUPTED] =
	{
	    MOOD_BAD,
	    "The sign-in was interrupted",
	    "opencode-callback stopped while it handed the answer of %s over. It is not sent a "
	    "second time, because it is good for one use only.",
	    LOOK_THERE,
	},
    [REASON_ISSUER] =
	{
	    MOOD_BAD,
	    "The answer came from somebody else",
	    "It names another provider than %s, which this sign-in was begun with, so it was not "
	    "used. No account was connected.",
	    BEGIN_AGAIN,
	},
};

/* Nothing came through this page, yet there the account is. */
static const struct verdict listed = {
    MOOD_GOOD,
    "%s is connected",
    "opencode lists the account. Nothing came through this page: the browser reached opencode "
    "itself, or the account was connected before.",
    "You can close this tab.",
};

static const struct verdict *
verdict_of(const struct page_flow *flow)
{
	if (flow->listed && flow->state == FLOW_DONE)
		return &listed;
	if (flow->reason != REASON_NONE && (flow->state == FLOW_DONE || flow->state == FLOW_FAILED))
		return &reasons[flow->reason];
	return &states[flow->state];
}

/* Appends a text with every %s replaced by the provider's name; not escaped. */
static void
fill(struct buf *out, const char *text, const char *provider)
{
	const char *mark;

	for (; (mark = strstr(text, "%s")) != NULL; text = mark + 2) {
		buf_add(out, text, (size_t)(mark - text));
		buf_puts(out, provider);
	}
	buf_puts(out, text);
}

static void
paragraph(struct buf *out, const char *text, const char *provider)
{
	struct buf filled;

	buf_init(&filled, PAGE_TEXT_MAX);
	fill(&filled, text, provider);
	html_add(out, "<p>%s</p>\n", buf_text(&filled));
	if (filled.err != ERR_OK)
		out->err = filled.err;
	buf_free(&filled);
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
		 "<summary>No opencode window is open, or the models are missing there?</summary>\n"
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
	const char *provider = page_provider(flow->provider);
	bool delivering = flow->state == FLOW_DELIVERING;
	struct buf title;

	buf_init(&title, PAGE_TEXT_MAX);
	fill(&title, verdict->title, provider);
	page_open(out, site, buf_text(&title), delivering ? DELIVERING_RELOAD : PAGE_RELOAD_NEVER);
	html_add(out, "<div id=\"state\" class=\"verdict\" data-state=\"%s\" data-reason=\"%s\"",
		 flow_state_name(flow->state), flow_reason_name(flow->reason));
	if (delivering)
		html_add(out, " data-status-url=\"%s/flow/%s/status\"", site->base, flow->id);
	buf_puts(out, ">\n");
	page_sign(out, verdict->mood);
	html_add(out, "<h1>%s</h1>\n", buf_text(&title));
	paragraph(out, verdict->text, provider);
	paragraph(out, verdict->advice, provider);
	if (!delivering)
		page_back(out);
	buf_puts(out, "</div>\n");
	if (flow->state == FLOW_DONE)
		load_form(out, site, flow);
	if (title.err != ERR_OK)
		out->err = title.err;
	buf_free(&title);
	return page_close(out);
}
