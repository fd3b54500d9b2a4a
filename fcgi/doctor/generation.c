#include "doctor/generation.h"

#include <jansson.h>
#include <string.h>

#define PLUGIN "[\"file:///usr/share/opencode-callback/plugin/\"]"

#define HEALTH_1 "/global/health"
#define INFO_2	 "/api/info"
#define HEALTH_2 "/api/health"

/* opencode 1 answers the third path too, so the first one comes before it. */
const char *const generation_paths[] = {HEALTH_1, INFO_2, HEALTH_2, NULL};

const struct generation_terms *
generation_terms(enum generation generation)
{
	static const struct generation_terms terms[GENERATION_COUNT] = {
	    [GENERATION_UNKNOWN] = {.name = "opencode",
				    .setting = "\"plugin\": " PLUGIN,
				    .remark = " (opencode 2: \"plugins\")"},
	    [GENERATION_1] = {.name = "opencode 1",
			      .events = "/global/event",
			      .terminals = "/pty",
			      .setting = "\"plugin\": " PLUGIN,
			      .remark = ""},
	    [GENERATION_2] = {.name = "opencode 2",
			      .events = "/api/event",
			      .terminals = "/api/pty",
			      .envelope = "data",
			      .tickets = true,
			      .locked = true,
			      .setting = "\"plugins\": " PLUGIN,
			      .remark = " (the folder; opencode 2 does not load the file "
					"opencode-callback.js)"},
	};

	return &terms[generation];
}

/* Whether the body is a JSON object with the member that shows the path to be opencode's. */
static bool
is_opencode(const char *path, const struct buf *body)
{
	json_t *json = json_loadb(buf_text(body), body->len, JSON_REJECT_DUPLICATES, NULL);
	bool is = strcmp(path, INFO_2) == 0 ? json_is_string(json_object_get(json, "version"))
					    : json_is_true(json_object_get(json, "healthy"));

	json_decref(json);
	return is;
}

void
generation_read(struct generation_look *look, const char *path, int status, const struct buf *body)
{
	bool first = strcmp(path, HEALTH_1) == 0;

	if (status == 200 && is_opencode(path, body))
		look->found = first ? GENERATION_1 : GENERATION_2;
	else if (first)
		look->page = status == 200;
	if (status != 401)
		return;
	look->challenged = true;
	/* opencode 2 asks for a password below /api/ alone, and takes the first path for a page of
	 * its UI; opencode 1 asks everywhere */
	if (look->page && strcmp(path, INFO_2) == 0)
		look->found = GENERATION_2;
}
