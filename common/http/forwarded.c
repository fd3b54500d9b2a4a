#include "http/forwarded.h"

#include <string.h>
#include <strings.h>

static const char blanks[] = " \t";

bool
forwarded_take_last(const char *list, size_t *len, struct list_item *item)
{
	const char *comma;

	if (*len == 0)
		return false;
	comma = memrchr(list, ',', *len);
	item->text = comma == NULL ? list : comma + 1;
	item->len = (size_t)(list + *len - item->text);
	/* an empty item before the first comma is left out: nobody needs it */
	*len = comma == NULL ? 0 : (size_t)(comma - list);
	while (item->len > 0 && strchr(blanks, item->text[0]) != NULL) {
		item->text++;
		item->len--;
	}
	while (item->len > 0 && strchr(blanks, item->text[item->len - 1]) != NULL)
		item->len--;
	return true;
}

/* Returns the length of the token at text, or 0 (RFC 9110 section 5.6.2). */
static size_t
token_len(const char *text)
{
	return strspn(text, "!#$%&'*+-.^_`|~0123456789"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

/* The destination of a value in struct forwarded; size 0: the value is ignored. */
struct field {
	char *out;
	size_t size;
	size_t len;
};

static void
field_add(struct field *field, char c)
{
	if (field->len + 1 < field->size)
		field->out[field->len] = c;
	field->len++;
}

/* Ends a value. One that did not fit becomes "" rather than a part of itself. */
static void
field_end(struct field *field)
{
	if (field->size > 0)
		field->out[field->len < field->size ? field->len : 0] = '\0';
}

/*
 * Reads a quoted-string (RFC 9110 section 5.6.4) and moves *p behind its closing quote. False: it
 * has none, or holds a control byte.
 */
static bool
read_quoted(const char **p, struct field *field)
{
	const char *s = *p + 1;

	for (; *s != '"'; s++) {
		if (*s == '\\')
			s++;
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return false;
		field_add(field, *s);
	}
	*p = s + 1;
	return true;
}

static bool
read_value(const char **p, struct field *field)
{
	size_t len = token_len(*p);

	if (**p == '"')
		return read_quoted(p, field);
	for (size_t i = 0; i < len; i++)
		field_add(field, (*p)[i]);
	*p += len;
	return len > 0;
}

/* Reads one name=value. seen has a bit for each name that may appear only once. */
static bool
read_pair(const char **p, struct forwarded *out, unsigned *seen)
{
	const struct {
		const char *name;
		char *out;
		size_t size;
	} known[] = {
	    {"for", out->node, sizeof(out->node)},
	    {"proto", out->proto, sizeof(out->proto)},
	    {"host", out->host, sizeof(out->host)},
	    {"by", NULL, 0},
	};
	struct field field = {NULL, 0, 0};
	size_t len = token_len(*p);

	if (len == 0 || (*p)[len] != '=')
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) != len || strncasecmp(known[i].name, *p, len) != 0)
			continue;
		if ((*seen & 1u << i) != 0)
			return false;
		*seen |= 1u << i;
		field.out = known[i].out;
		field.size = known[i].size;
	}
	*p += len + 1;
	if (!read_value(p, &field))
		return false;
	field_end(&field);
	return true;
}

enum forwarded_step
forwarded_next(const char **p, struct forwarded *out)
{
	const char *s = *p;
	unsigned seen = 0;

	if (s == NULL)
		return FORWARDED_END;
	out->node[0] = out->proto[0] = out->host[0] = '\0';
	s += strspn(s, blanks);
	for (;;) {
		/* RFC 7239 section 4: a pair may be missing between two semicolons */
		if (token_len(s) > 0 && !read_pair(&s, out, &seen))
			return FORWARDED_BAD;
		if (*s != ';')
			break;
		s++;
	}
	s += strspn(s, blanks);
	if (*s != ',' && *s != '\0')
		return FORWARDED_BAD;
	*p = *s == ',' ? s + 1 : NULL;
	return FORWARDED_ELEMENT;
}

bool
forwarded_last(const char *header, struct forwarded *out)
{
	enum forwarded_step step;

	while ((step = forwarded_next(&header, out)) == FORWARDED_ELEMENT)
		;
	return step == FORWARDED_END;
}
