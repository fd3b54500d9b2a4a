#include "script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
add_variable(struct script *s, const char *name, size_t name_len, const struct piece *value)
{
	char *text;

	if (s->variables == SCRIPT_VARIABLES_MAX)
		return;
	text = malloc(name_len + value->len + 2);
	CHECK(text != NULL);
	memcpy(text, name, name_len);
	text[name_len] = '=';
	memcpy(text + name_len + 1, value->data, value->len);
	text[name_len + 1 + value->len] = '\0';
	s->variable[s->variables++] = text;
}

static void
add_text(struct script *s, const char *name, const char *value)
{
	const struct piece piece = {value, strlen(value)};

	add_variable(s, name, strlen(name), &piece);
}

/* "User-Agent: x" becomes HTTP_USER_AGENT=x, but for the two that CGI knows by other names. */
static void
add_header(struct script *s, const struct piece *line)
{
	const char *colon = memchr(line->data, ':', line->len);
	char name[80] = "HTTP_";
	struct piece value;
	size_t len = 5;

	if (colon == NULL || (size_t)(colon - line->data) > sizeof(name) - 8)
		return;
	for (const char *p = line->data; p < colon; p++)
		name[len++] = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	name[len] = '\0';
	value = (struct piece){colon + 1, line->len - (size_t)(colon + 1 - line->data)};
	while (value.len > 0 && value.data[0] == ' ') {
		value.data++;
		value.len--;
	}
	if (strcmp(name, "HTTP_COOKIE") == 0)
		s->cookie = value;
	if (strcmp(name, "HTTP_AUTHORIZATION") == 0)
		s->authorization = value;
	if (strcmp(name, "HTTP_CONTENT_TYPE") == 0 || strcmp(name, "HTTP_CONTENT_LENGTH") == 0)
		add_variable(s, name + 5, len - 5, &value);
	else
		add_variable(s, name, len, &value);
}

/* Whether a line is this directive; what follows its name then. */
static bool
directive(const struct piece *line, const char *name, struct piece *value)
{
	size_t len = strlen(name);

	if (line->len < len || memcmp(line->data, name, len) != 0)
		return false;
	*value = (struct piece){line->data + len, line->len - len};
	return true;
}

static long
number(const struct piece *value)
{
	char text[16] = "";

	memcpy(text, value->data, value->len < sizeof(text) - 1 ? value->len : sizeof(text) - 1);
	return strtol(text, NULL, 10);
}

static void
read_directive(struct script *s, const struct piece *line)
{
	struct piece value;

	if (directive(line, "@reply ", &value) && s->replies < SCRIPT_REPLIES_MAX)
		s->reply[s->replies++] = value;
	else if (directive(line, "@peer ", &value))
		add_variable(s, "REMOTE_ADDR", 11, &value);
	else if (directive(line, "@wait ", &value))
		s->wait = number(&value) % 1000000;
	else if (directive(line, "@site ", &value))
		s->site = (int)number(&value);
	else if (directive(line, "@var ", &value) && memchr(value.data, '=', value.len) != NULL)
		add_variable(s, value.data, strcspn(value.data, "="),
			     &(struct piece){memchr(value.data, '=', value.len) + 1,
					     value.len - strcspn(value.data, "=") - 1});
}

static void
read_request_line(struct script *s, const struct piece *line)
{
	struct piece rest = *line, method = {"", 0}, target = {"", 0};
	const char *mark;

	piece_next(&rest, " ", &method);
	piece_next(&rest, " ", &target);
	add_variable(s, "REQUEST_METHOD", 14, &method);
	add_variable(s, "REQUEST_URI", 11, &target);
	mark = memchr(target.data, '?', target.len);
	s->query = (struct piece){"", 0};
	if (mark != NULL)
		s->query = (struct piece){mark + 1, target.len - (size_t)(mark + 1 - target.data)};
	add_variable(s, "QUERY_STRING", 12, &s->query);
}

static int
read_body(void *ctx, char *data, size_t len)
{
	struct script *s = ctx;

	if (len > s->body.len - s->body_read)
		len = s->body.len - s->body_read;
	memcpy(data, s->body.data + s->body_read, len);
	s->body_read += len;
	return (int)len;
}

bool
script_next(struct piece *rest, const char *const host[], int sites, struct script *s)
{
	struct piece lines, line;
	char length[24];
	bool given = false;

	memset(s, 0, sizeof(*s));
	s->cookie = s->authorization = s->query = s->body = (struct piece){"", 0};
	if (!piece_next(rest, "\n---\n", &s->text))
		return false;
	s->body = s->text;
	piece_next(&s->body, "\n\n", &lines);
	if (s->body.data == NULL)
		s->body = (struct piece){"", 0};
	/* the one that ends the file */
	if (rest->data == NULL && s->body.len > 0 && s->body.data[s->body.len - 1] == '\n')
		s->body.len--;
	/* what is given comes last, for of a name that stands twice the last one counts */
	add_text(s, "REMOTE_ADDR", "192.0.2.1");
	snprintf(length, sizeof(length), "%zu", s->body.len);
	if (s->body.len > 0)
		add_text(s, "CONTENT_LENGTH", length);
	while (piece_next(&lines, "\n", &line)) {
		if (!given)
			read_request_line(s, &line);
		else if (line.len > 0 && line.data[0] == '@')
			read_directive(s, &line);
		else
			add_header(s, &line);
		given = true;
	}
	s->site = s->site > 0 && s->site <= sites ? s->site - 1 : 0;
	cgi_request(&s->meta, s->variable, &s->request);
	if (s->request.host == NULL && s->variables < SCRIPT_VARIABLES_MAX) {
		add_text(s, "HTTP_HOST", host[s->site]);
		cgi_request(&s->meta, s->variable, &s->request);
	}
	s->request.read = read_body;
	s->request.read_ctx = s;
	return true;
}

void
script_free(struct script *s)
{
	for (size_t i = 0; i < s->variables; i++)
		free(s->variable[i]);
}
