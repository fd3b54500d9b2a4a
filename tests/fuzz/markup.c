#include "markup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"

#define DEPTH_MAX 32
#define NAME_SIZE 16

static const char *const elements[] = {
    "a",       "b",	 "body", "button", "code",    "details", "div",	  "fieldset",
    "form",    "h1",	 "h2",	 "h3",	   "head",    "header",	 "html",  "i",
    "label",   "legend", "li",	 "main",   "ol",      "option",	 "p",	  "script",
    "section", "select", "span", "strong", "summary", "svg",	 "title", "ul"};
static const char *const voids[] = {"input", "link", "meta", "path"};

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

static bool
is_one_of(const char *name, const char *const list[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Reads a name of small letters at *p. */
static void
read_name(const char **p, char name[NAME_SIZE], const char *whole)
{
	size_t len = strspn(*p, letters);

	CHECK_TEXT(len > 0 && len < NAME_SIZE, whole);
	memcpy(name, *p, len);
	name[len] = '\0';
	*p += len;
}

/* Only what html_text() writes. */
static void
check_text(const char *text, size_t len, const char *whole)
{
	static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

	for (const char *p = text; p < text + len; p++) {
		bool known = *p != '&';

		CHECK_TEXT(*p != '<' && *p != '>' && *p != '"', whole);
		for (size_t i = 0; i < 5; i++)
			known = known || strncmp(p, references[i], strlen(references[i])) == 0;
		CHECK_TEXT(known, whole);
	}
}

static void
check_attribute(const char *name, const char *value, const char *whole)
{
	bool leads = strcmp(name, "href") == 0;
	bool stays = strcmp(name, "src") == 0 || strcmp(name, "action") == 0;

	CHECK_TEXT(strncmp(name, "on", 2) != 0 && strcmp(name, "style") != 0, whole);
	if (!leads && !stays)
		return;
	CHECK_TEXT((value[0] == '/' && value[1] != '/' && value[1] != '\\') ||
		       (leads && (strncasecmp(value, "https://", 8) == 0 ||
				  strncasecmp(value, "http://", 7) == 0)),
		   whole);
}

/* Reads the attributes up to the end of a tag, which *p is behind afterwards. */
static void
read_attributes(const char **p, const char *whole)
{
	char name[NAME_SIZE + 8];

	while (**p == ' ') {
		size_t len = strcspn(*p + 1, " =>/\"<");

		/* svg has names with capital letters */
		CHECK_TEXT(len > 0 && len < sizeof(name), whole);
		memcpy(name, *p + 1, len);
		name[len] = '\0';
		*p += 1 + len;
		if (**p != '=')
			continue;
		CHECK_TEXT((*p)[1] == '"', whole);
		*p += 2;
		len = strcspn(*p, "\"");
		check_text(*p, len, whole);
		check_attribute(name, *p, whole);
		*p += len;
		CHECK_TEXT(**p == '"', whole);
		++*p;
	}
	*p += **p == '/' ? 1 : 0;
	CHECK_TEXT(**p == '>', whole);
	++*p;
}

void
markup_check(const char *text, size_t len)
{
	static const char type[] = "<!DOCTYPE html>\n";
	char open[DEPTH_MAX][NAME_SIZE], name[NAME_SIZE];
	char *whole = fuzz_string(text, len);
	const char *p = whole;
	int depth = 0, scripts = 0;

	CHECK_TEXT(strlen(whole) == len && strncmp(p, type, sizeof(type) - 1) == 0, whole);
	p += sizeof(type) - 1;
	while (*p != '\0') {
		size_t run = strcspn(p, "<");

		check_text(p, run, whole);
		p += run;
		if (*p == '\0')
			break;
		p++;
		if (*p == '/') {
			p++;
			read_name(&p, name, whole);
			CHECK_TEXT(depth > 0 && strcmp(open[depth - 1], name) == 0, whole);
			CHECK_TEXT(*p++ == '>', whole);
			depth--;
			continue;
		}
		read_name(&p, name, whole);
		read_attributes(&p, whole);
		scripts += strcmp(name, "script") == 0 ? 1 : 0;
		if (is_one_of(name, voids, sizeof(voids) / sizeof(voids[0])))
			continue;
		CHECK_TEXT(is_one_of(name, elements, sizeof(elements) / sizeof(elements[0])),
			   whole);
		CHECK_TEXT(depth < DEPTH_MAX, whole);
		memcpy(open[depth++], name, sizeof(name));
	}
	CHECK_TEXT(depth == 0 && scripts == 1, whole);
	free(whole);
}
