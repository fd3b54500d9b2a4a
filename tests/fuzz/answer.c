#include "answer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/cgi.h"
#include "markup.h"

static const int statuses[] = {200, 303, 400, 401, 403, 404, 405, 409, 411,
			       413, 414, 415, 421, 429, 431, 502, 503, 504};

/* Headers of ours: how often each may stand there. */
static const struct {
	const char *name;
	const char *begins; /* what its value begins with */
	int least, most;
} headers[] = {
    {"Status", "", 1, 1},
    {"Content-Length", "", 1, 1},
    {"Cache-Control", "", 1, 1},
    {"Content-Security-Policy", "default-src 'none'; ", 1, 1},
    {"Referrer-Policy", "", 1, 1},
    {"X-Content-Type-Options", "nosniff", 1, 1},
    {"X-Frame-Options", "DENY", 1, 1},
    {"Content-Type", "", 0, 1},
    {"Location", "/", 0, 1},
    {"Set-Cookie", "", 0, 1},
    {"Allow", "", 0, 1},
    {"Retry-After", "", 0, 1},
    {"WWW-Authenticate", "Basic realm=", 0, 1},
};

#define HEADER_COUNT (sizeof(headers) / sizeof(headers[0]))

static bool
named(const struct piece *name, const char *text)
{
	return name->len == strlen(text) && strncasecmp(name->data, text, name->len) == 0;
}

/* What opencode's own answers may bring besides, any number of times. */
static bool
passes(const struct piece *name)
{
	static const char cors[] = "Access-Control-";
	static const char *const names[] = {"Content-Type", "Vary", "WWW-Authenticate", "Allow"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (named(name, names[i]))
			return true;
	return name->len > sizeof(cors) - 1 && strncasecmp(name->data, cors, sizeof(cors) - 1) == 0;
}

static bool
begins(const struct piece *p, const char *text)
{
	return p->len >= strlen(text) && memcmp(p->data, text, strlen(text)) == 0;
}

static void
read_header(const struct piece *line, bool opencodes, int seen[HEADER_COUNT], struct answer *answer)
{
	const char *colon = memchr(line->data, ':', line->len);
	struct piece name, value;

	CHECK_TEXT(colon != NULL && colon > line->data, line->data);
	name = (struct piece){line->data, (size_t)(colon - line->data)};
	value = (struct piece){colon + 2, line->len - name.len - 2};
	CHECK_TEXT(line->len >= name.len + 2 && colon[1] == ' ', line->data);
	for (size_t i = 0; i < name.len; i++)
		CHECK_TEXT(name.data[i] > ' ' && name.data[i] < 0x7f, line->data);
	for (size_t i = 0; i < value.len; i++)
		CHECK_TEXT((unsigned char)value.data[i] >= ' ' || value.data[i] == '\t',
			   line->data);
	if (named(&name, "Content-Type"))
		answer->type = value;
	if (named(&name, "Location"))
		answer->location = value;
	if (named(&name, "Set-Cookie"))
		answer->cookie = value;
	for (size_t i = 0; i < HEADER_COUNT; i++) {
		if (!named(&name, headers[i].name) || (opencodes && passes(&name)))
			continue;
		CHECK_TEXT(begins(&value, headers[i].begins), line->data);
		seen[i]++;
		return;
	}
	CHECK_TEXT(opencodes && passes(&name), line->data);
}

static void
check_head(const struct answer *answer, const int seen[HEADER_COUNT], bool opencodes,
	   const char *text)
{
	bool ours = false;

	for (size_t i = 0; i < HEADER_COUNT; i++)
		CHECK_TEXT(seen[i] >= headers[i].least && seen[i] <= headers[i].most, text);
	CHECK_TEXT(strstr(text, "\r\nReferrer-Policy: no-referrer\r\n") != NULL ||
		       strstr(text, "\r\nReferrer-Policy: same-origin\r\n") != NULL,
		   text);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		ours = ours || statuses[i] == answer->status;
	CHECK_TEXT(ours || (opencodes && answer->status >= 200 && answer->status <= 599), text);
	CHECK_TEXT((answer->status == 303) == (answer->location.len > 0) || opencodes, text);
	/* the rest of a path: no other host, no second line */
	CHECK_TEXT(answer->location.len < 2 || strchr("/\\", answer->location.data[1]) == NULL,
		   text);
	for (size_t i = 0; i < answer->location.len; i++)
		CHECK_TEXT(answer->location.data[i] > ' ' && answer->location.data[i] < 0x7f, text);
	if (answer->cookie.len > 0)
		CHECK_TEXT(begins(&answer->cookie, "__Host-opencode-callback=") ||
			       begins(&answer->cookie, "opencode-callback="),
			   text);
}

static void
check_body(const struct answer *answer, bool opencodes)
{
	json_t *json;

	if (piece_is(&answer->type, "text/html; charset=utf-8") && !opencodes) {
		markup_check(answer->body.data, answer->body.len);
	} else if (piece_is(&answer->type, "application/json") && !opencodes) {
		json = json_loadb(answer->body.data, answer->body.len, 0, NULL);
		CHECK_TEXT(json != NULL, answer->body.data);
		json_decref(json);
	} else if (answer->type.len == 0 && !opencodes) {
		CHECK_TEXT(answer->body.len == 0, answer->body.data);
	}
}

void
answer_read(const struct response *response, bool opencodes, struct buf *out, struct answer *answer)
{
	struct piece rest, line = {"", 0};
	int seen[HEADER_COUNT] = {0};
	const char *end, *length;

	buf_init(out, CGI_BYTES_MAX);
	CHECK(cgi_response(response, out) == ERR_OK);
	*answer = (struct answer){.type = {"", 0}, .location = {"", 0}, .cookie = {"", 0}};
	CHECK_TEXT(strncmp(out->data, "Status: ", 8) == 0, out->data);
	answer->status = (int)strtol(out->data + 8, NULL, 10);
	end = memmem(out->data, out->len, "\r\n\r\n", 4);
	CHECK_TEXT(end != NULL, out->data);
	answer->head = (struct piece){out->data, (size_t)(end - out->data)};
	answer->body = (struct piece){end + 4, out->len - answer->head.len - 4};
	rest = answer->head;
	while (piece_next(&rest, "\r\n", &line))
		read_header(&line, opencodes, seen, answer);
	check_head(answer, seen, opencodes, out->data);
	length = strstr(out->data, "\r\nContent-Length: ");
	CHECK_TEXT(length != NULL && length < end, out->data);
	if (response->head_only)
		CHECK_TEXT(answer->body.len == 0, out->data);
	else
		CHECK_TEXT(strtoul(length + 18, NULL, 10) == answer->body.len, out->data);
	if (!response->head_only)
		check_body(answer, opencodes);
}
