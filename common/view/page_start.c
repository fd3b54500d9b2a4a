#include "view/page_start.h"

#include <string.h>

#include "flow/provider.h"
#include "view/html.h"
#include "view/page_part.h"

/* Opens a form that is sent to {base}/PATH, with the query of the project. */
static void
form_open(struct buf *out, const struct page_site *site, const struct page_start *start,
	  const char *path)
{
	html_add(out, "<form method=\"post\" action=\"%s/%s%s%s\"", site->base, path,
		 start->query[0] == '\0' ? "" : "?", start->query);
}

/* Closes the form with its button. Screen readers are also told what the button refers to. */
static void
form_close(struct buf *out, const char *look, const char *word, const char *name, const char *how)
{
	html_add(out,
		 "<button type=\"submit\" class=\"button%s\" data-busy=\"Beginning…\">%s<span "
		 "class=\"unseen\"> %s%s%s</span></button>\n"
		 "</form>\n",
		 look, word, name, how[0] == '\0' ? "" : ", ", how);
}

static bool
is_waiting(const struct page_list_item *item)
{
	return item->state == FLOW_WAITING || item->state == FLOW_DELIVERING;
}

static const char *
ended_word(enum flow_state state)
{
	static const char *const words[FLOW_STATE_COUNT] = {
	    [FLOW_DONE] = "finished",
	    [FLOW_FAILED] = "failed",
	    [FLOW_DECLINED] = "declined",
	    [FLOW_EXPIRED] = "expired",
	    [FLOW_SUPERSEDED] = "given up for a newer one",
	};

	return words[state] == NULL ? "" : words[state];
}

static void
ended_flows(struct buf *out, const struct page_site *site, const struct page_list *flows)
{
	buf_puts(out,
		 "<p class=\"hint\">Ended a short while ago:</p>\n<ul class=\"ended hint\">\n");
	for (size_t i = 0; i < flows->count; i++) {
		const struct page_list_item *item = &flows->item[i];

		if (!is_waiting(item))
			html_add(out,
				 "<li data-state=\"%s\"><a href=\"%s/flow/%s\">%s</a> %s</li>\n",
				 flow_state_name(item->state), site->base, item->id,
				 page_part_name(item->kind, item->mcp, item->provider),
				 ended_word(item->state));
	}
	buf_puts(out, "</ul>\n");
}

static void
own_flows(struct buf *out, const struct page_site *site, const struct page_list *flows)
{
	size_t waiting = 0;

	if (flows->count == 0)
		return;
	for (size_t i = 0; i < flows->count; i++)
		waiting += is_waiting(&flows->item[i]);
	buf_puts(out, "<section aria-labelledby=\"flows\">\n"
		      "<h2 id=\"flows\">Sign-ins of this browser</h2>\n");
	if (waiting > 0)
		buf_puts(out, "<ul class=\"rows urgent\">\n");
	for (size_t i = 0; i < flows->count; i++)
		if (is_waiting(&flows->item[i]))
			page_part_waiting_row(out, site, &flows->item[i]);
	if (waiting > 0)
		buf_puts(out, "</ul>\n");
	if (waiting < flows->count)
		ended_flows(out, site, flows);
	buf_puts(out, "</section>\n");
}

/* Returns in words the status that opencode gives a server. */
static const char *
server_state(const char *status)
{
	static const struct {
		const char *status;
		const char *text;
	} known[] = {
	    {"connected", "connected"},
	    {"needs_auth", "wants a sign-in"},
	    {"failed", "does not work at the moment: opencode says why"},
	    {"disabled", "switched off in opencode"},
	    {"needs_client_registration", "opencode needs a client id for it, in opencode.json"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].status, status) == 0)
			return known[i].text;
	return status;
}

static bool
server_wants(const struct page_mcp *mcp)
{
	return strcmp(mcp->status, "needs_auth") == 0;
}

/* Returns whether this browser has begun a sign-in to the server, which it continues rather than
 * begins anew. */
static bool
server_waits(const struct page_mcp *mcp, const struct page_list *flows)
{
	if (!server_wants(mcp))
		return false;
	for (size_t i = 0; i < flows->count; i++)
		if (is_waiting(&flows->item[i]) && flows->item[i].mcp &&
		    strcmp(flows->item[i].provider, mcp->label) == 0)
			return true;
	return false;
}

static void
server(struct buf *out, const struct page_site *site, const struct page_start *start,
       const struct page_mcp *mcp)
{
	bool good = strcmp(mcp->status, "connected") == 0;
	bool waits = server_waits(mcp, &start->flows);

	html_add(out, "<li class=\"row\">\n<h3>%s</h3>\n<p class=\"%s\">%s</p>\n", mcp->label,
		 good ? "good" : "hint", server_state(mcp->status));
	if (server_wants(mcp)) {
		form_open(out, site, start, "start");
		html_add(out,
			 " data-mcp=\"%s\">\n"
			 "<input type=\"hidden\" name=\"mcp\" value=\"%s\">\n",
			 mcp->name, mcp->name);
		form_close(out, waits ? " quiet" : " soft", waits ? "Begin anew" : "Sign in",
			   mcp->label, "");
	}
	buf_puts(out, "</li>\n");
}

/* Lists the servers, first those that want a sign-in. */
static void
servers(struct buf *out, const struct page_site *site, const struct page_start *start)
{
	if (start->mcp_count == 0)
		return;
	buf_puts(out, "<section aria-labelledby=\"servers\">\n"
		      "<h2 id=\"servers\">MCP servers</h2>\n"
		      "<ul class=\"rows\">\n");
	for (size_t i = 0; i < start->mcp_count; i++)
		if (server_wants(&start->mcp[i]))
			server(out, site, start, &start->mcp[i]);
	for (size_t i = 0; i < start->mcp_count; i++)
		if (!server_wants(&start->mcp[i]))
			server(out, site, start, &start->mcp[i]);
	buf_puts(out, "</ul>\n</section>\n");
}

/* Returns the prompt with this key, or NULL. */
static const struct page_prompt *
find_prompt(const struct page_method *method, const char *key)
{
	for (size_t i = 0; i < method->prompt_count; i++)
		if (strcmp(method->prompt[i].key, key) == 0)
			return &method->prompt[i];
	return NULL;
}

static const char *
option_label(const struct page_prompt *prompt, const char *value)
{
	for (size_t i = 0; i < prompt->option_count; i++)
		if (strcmp(prompt->option[i].value, value) == 0)
			return prompt->option[i].label;
	return value;
}

/* Returns whether the script can show the prompt only while its condition holds. */
static bool
is_scripted(const struct page_prompt *prompt)
{
	return prompt->condition_count == 1 && !prompt->condition[0].negated;
}

/* Returns in words the value that a condition names. */
static const char *
value_label(const struct page_prompt *prompt, const char *value)
{
	if (prompt == NULL)
		return value;
	if (prompt->type == PROMPT_BOOLEAN)
		return strcmp(value, "true") == 0 ? "yes" : "no";
	return option_label(prompt, value);
}

/* Appends the conditions of a prompt in words, for browsers without the script, and for what the
 * script does not know. */
static void
conditions(struct buf *out, const struct page_method *method, const struct page_prompt *prompt)
{
	buf_puts(out, " <span class=\"when\">(only if ");
	for (size_t i = 0; i < prompt->condition_count; i++) {
		const struct page_condition *c = &prompt->condition[i];
		const struct page_prompt *other = find_prompt(method, c->key);

		html_add(out, "%s“%s” is %s“%s”", i == 0 ? "" : " and ",
			 other == NULL ? c->key : other->message, c->negated ? "not " : "",
			 value_label(other, c->value));
	}
	buf_puts(out, ")</span>");
}

/* Appends what the server has to know of a prompt: its type, and its conditions. */
static void
hidden(struct buf *out, const struct page_method *method, const struct page_prompt *prompt)
{
	static const char *const types[] = {[PROMPT_INTEGER] = "integer",
					    [PROMPT_NUMBER] = "number",
					    [PROMPT_BOOLEAN] = "boolean",
					    [PROMPT_MULTISELECT] = "multiselect"};

	if (prompt->type != PROMPT_TEXT)
		html_add(out, "<input type=\"hidden\" name=\"type.%s\" value=\"%s\">\n",
			 prompt->key, types[prompt->type]);
	for (size_t i = 0; method->strict && i < prompt->condition_count; i++) {
		const struct page_condition *c = &prompt->condition[i];

		html_add(out, "<input type=\"hidden\" name=\"%s.%s.",
			 c->negated ? "unless" : "when", prompt->key);
		buf_number(out, i);
		html_add(out, "\" value=\"%s\t%s\">\n", c->key, c->value);
	}
}

static void
options(struct buf *out, const struct page_prompt *prompt)
{
	for (size_t i = 0; i < prompt->option_count; i++) {
		const struct page_option *option = &prompt->option[i];

		html_add(out, "<option value=\"%s\"%s>%s", option->value,
			 option->initial ? " selected" : "", option->label);
		if (option->hint[0] != '\0')
			html_add(out, " (%s)", option->hint);
		buf_puts(out, "</option>\n");
	}
}

/* Appends a line of text, or a choice of one of the options. */
static void
field_line(struct buf *out, const struct page_prompt *prompt)
{
	static const char *const attributes[] = {
	    [PROMPT_TEXT] = "type=\"text\"",
	    [PROMPT_INTEGER] = "type=\"number\" step=\"1\"",
	    [PROMPT_NUMBER] = "type=\"number\" step=\"any\"",
	};

	if (prompt->option_count > 0) {
		html_add(out, "<select name=\"input.%s\">\n", prompt->key);
		options(out, prompt);
		buf_puts(out, "</select>");
		return;
	}
	html_add(out, "<input name=\"input.%s\" ", prompt->key);
	buf_puts(out, attributes[prompt->type]);
	html_add(
	    out,
	    " autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\" placeholder=\"%s\"",
	    prompt->placeholder);
	if (prompt->initial != NULL)
		html_add(out, " value=\"%s\"", prompt->initial);
	buf_puts(out, ">");
}

/* Appends a box to tick: for a yes, or for each of the options. */
static void
field_boxes(struct buf *out, const struct page_prompt *prompt)
{
	if (prompt->type == PROMPT_BOOLEAN) {
		html_add(out, "<input name=\"input.%s\" type=\"checkbox\" value=\"true\"%s>",
			 prompt->key,
			 prompt->initial != NULL && strcmp(prompt->initial, "true") == 0
			     ? " checked"
			     : "");
		return;
	}
	for (size_t i = 0; i < prompt->option_count; i++) {
		html_add(out, "<label><input name=\"pick.%s.", prompt->key);
		buf_number(out, i);
		html_add(out, "\" type=\"checkbox\" value=\"%s\"%s> %s", prompt->option[i].value,
			 prompt->option[i].initial ? " checked" : "", prompt->option[i].label);
		if (prompt->option[i].hint[0] != '\0')
			html_add(out, " (%s)", prompt->option[i].hint);
		buf_puts(out, "</label>\n");
	}
}

static void
field(struct buf *out, const struct page_method *method, const struct page_prompt *prompt)
{
	const char *element = prompt->type == PROMPT_MULTISELECT ? "fieldset" : "label";

	html_add(out, "<%s class=\"field\"", element);
	if (is_scripted(prompt))
		html_add(out, " data-when=\"%s\" data-is=\"%s\"", prompt->condition[0].key,
			 prompt->condition[0].value);
	html_add(out, "><%s>%s", prompt->type == PROMPT_MULTISELECT ? "legend" : "span",
		 prompt->message);
	if (prompt->condition_count > 0)
		conditions(out, method, prompt);
	html_add(out, "</%s>\n", prompt->type == PROMPT_MULTISELECT ? "legend" : "span");
	if (prompt->type == PROMPT_BOOLEAN || prompt->type == PROMPT_MULTISELECT)
		field_boxes(out, prompt);
	else
		field_line(out, prompt);
	html_add(out, "</%s>\n", element);
	hidden(out, method, prompt);
}

static const char *
account_name(const struct page_account *account)
{
	return account->name != NULL ? account->name : provider_name(account->provider);
}

static void
method_form(struct buf *out, const struct page_site *site, const struct page_start *start,
	    const struct page_account *account, const struct page_method *method)
{
	form_open(out, site, start, "start");
	if (method->prompt_count > 0)
		buf_puts(out, " class=\"asks\"");
	html_add(out,
		 " data-provider=\"%s\" data-method=\"%s\">\n"
		 "<p class=\"hint\">%s</p>\n"
		 "<input type=\"hidden\" name=\"provider\" value=\"%s\">\n"
		 "<input type=\"hidden\" name=\"method\" value=\"%s\">\n",
		 account->provider, method->id, method->label, account->provider, method->id);
	if (method->prompt_count > 0) {
		buf_puts(out, "<div class=\"fields\">\n");
		for (size_t i = 0; i < method->prompt_count; i++)
			field(out, method, &method->prompt[i]);
		buf_puts(out, "</div>\n");
	}
	form_close(out, account->connected ? " quiet" : " soft",
		   account->connected ? "Reconnect" : "Connect", account_name(account),
		   method->label);
}

static void
account_row(struct buf *out, const struct page_site *site, const struct page_start *start,
	    const struct page_account *account)
{
	html_add(out, "<li class=\"account\">\n<div>\n<h3>%s</h3>\n", account_name(account));
	if (account->connected)
		buf_puts(out, "<p class=\"good\">connected</p>\n");
	buf_puts(out, "</div>\n<div>\n");
	if (account->method_count == 0)
		html_add(out, "<p class=\"hint\">%s</p>\n",
			 account->connected ? "by other means than a sign-in"
					    : "set up in opencode itself");
	for (size_t i = 0; i < account->method_count; i++)
		method_form(out, site, start, account, &account->method[i]);
	buf_puts(out, "</div>\n</li>\n");
}

/* Lists the accounts, first those that are not connected. */
static void
accounts(struct buf *out, const struct page_site *site, const struct page_start *start)
{
	if (start->account_count == 0)
		return;
	buf_puts(out, "<section aria-labelledby=\"accounts\">\n"
		      "<h2 id=\"accounts\">Providers</h2>\n"
		      "<ul class=\"rows\">\n");
	for (size_t i = 0; i < start->account_count; i++)
		if (!start->account[i].connected)
			account_row(out, site, start, &start->account[i]);
	for (size_t i = 0; i < start->account_count; i++)
		if (start->account[i].connected)
			account_row(out, site, start, &start->account[i]);
	buf_puts(out, "</ul>\n</section>\n");
}

/* Appends the form for the URL that a program on the server prints. */
static void
terminal(struct buf *out, const struct page_site *site, const struct page_start *start)
{
	buf_puts(
	    out,
	    "<section id=\"terminal\" aria-labelledby=\"adopt\">\n"
	    "<h2 id=\"adopt\">Begun by a program on the server?</h2>\n"
	    "<div class=\"only\">\n"
	    "<p><label for=\"address\"><code>opencode auth login</code>, <code>codex login</code> "
	    "and "
	    "others print a long address. Paste it here and sign in with this browser; the program "
	    "then goes on by itself.</label></p>\n");
	page_part_refusal(out, start->problem);
	form_open(out, site, start, "adopt");
	buf_puts(out, " data-adopt>\n"
		      "<input id=\"address\" name=\"address\" type=\"text\" inputmode=\"url\" "
		      "autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\" "
		      "placeholder=\"https://…/authorize?…\"");
	if (start->problem != ERR_OK)
		buf_puts(out, " aria-invalid=\"true\" aria-describedby=\"problem\" autofocus");
	buf_puts(out, ">\n");
	form_close(out, " soft", "Go on", "with the sign-in of the terminal", "");
	buf_puts(out, "</div>\n</section>\n");
}

static void
lead(struct buf *out, const struct page_start *start)
{
	if (start->account_count > 0 || start->mcp_count > 0)
		buf_puts(out, "<p class=\"lead\">What you sign in to from here is connected in "
			      "opencode.</p>\n");
	else
		buf_puts(out,
			 "<p id=\"nothing\" class=\"lead\">At the moment opencode has no provider "
			 "with a "
			 "sign-in, and no MCP server.</p>\n<p>Providers that take a key "
			 "are set up in opencode itself, under Settings, Providers; MCP servers "
			 "in <code>opencode.json</code>.</p>\n");
}

enum err
page_start(struct buf *out, const struct page_site *site, const struct page_start *start)
{
	static const char heading[] = "Connect accounts";
	struct buf title;

	buf_init(&title, PAGE_TEXT_MAX);
	if (start->problem != ERR_OK)
		buf_printf(&title, "%s · ", error_title(start->problem));
	buf_puts(&title, heading);
	page_part_open(out, site, buf_text(&title), PAGE_RELOAD_NEVER);
	html_add(out, "<h1>%s</h1>\n", heading);
	lead(out, start);
	own_flows(out, site, &start->flows);
	servers(out, site, start);
	accounts(out, site, start);
	terminal(out, site, start);
	if (title.err != ERR_OK)
		out->err = title.err;
	buf_free(&title);
	return page_part_close(out);
}
