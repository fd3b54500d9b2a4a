#include "opencode/begin_answer.h"

#include <string.h>

#define INSTRUCTIONS \
	"Open the link and sign in; the page behind it shows the last step, then this window " \
	"closes by itself."

static const struct kind {
	const char *path;     /* of the call that begins, before the name */
	const char *path_end; /* and after the name */
	const char *holder;   /* member that has the following ones; NULL: the reply itself */
	const char *url;      /* member with the authorize URL */
	const char *mode; /* member that is "auto" if opencode waits for a redirect; NULL: always */
	const char *instructions; /* member with a text for the user, or NULL */
} kinds[KIND_COUNT] = {
    [KIND_PROVIDER] = {"/provider/", "/oauth/authorize", NULL, "url", "method", "instructions"},
    [KIND_MCP] = {"/mcp/", "/auth", NULL, "authorizationUrl", NULL, NULL},
    [KIND_INTEGRATION] = {"/api/integration/", "/connect/oauth", "data", "url", "mode",
			  "instructions"},
    [KIND_TERMINAL] = {"", "", NULL, "url", NULL, NULL},
};

void
begin_answer_path(enum flow_kind kind, const char *provider, struct buf *out)
{
	buf_printf(out, "%s%s%s", kinds[kind].path, provider, kinds[kind].path_end);
}

bool
begin_answer_read(enum flow_kind kind, json_t *answer, struct begin_answer *out)
{
	const struct kind *k = &kinds[kind];
	const char *mode, *attempt, *instructions;

	*out = (struct begin_answer){.holder = answer, .instructions = "", .attempt = ""};
	if (k->holder != NULL)
		out->holder = json_object_get(answer, k->holder);
	out->url = json_string_value(json_object_get(out->holder, k->url));
	mode = k->mode == NULL ? "auto" : json_string_value(json_object_get(out->holder, k->mode));
	out->automatic = mode != NULL && strcmp(mode, "auto") == 0;
	attempt = json_string_value(json_object_get(out->holder, "attemptID"));
	if (attempt != NULL)
		out->attempt = attempt;
	instructions = json_string_value(json_object_get(out->holder, "instructions"));
	if (instructions != NULL)
		out->instructions = instructions;
	return out->url != NULL && out->url[0] != '\0';
}

bool
begin_answer_rewrite(enum flow_kind kind, const struct begin_answer *begun, const char *url)
{
	const struct kind *k = &kinds[kind];

	return json_object_set_new(begun->holder, k->url, json_string(url)) == 0 &&
	       (k->instructions == NULL || json_object_set_new(begun->holder, k->instructions,
							       json_string(INSTRUCTIONS)) == 0);
}
