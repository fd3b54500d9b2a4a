#include "flow/flow_record.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/percent.h"
#include "util/utf8.h"

#define FIRST_LINE "flow 1\n"

enum type { TYPE_TEXT, TYPE_BOOL, TYPE_INT, TYPE_TIME, TYPE_KIND, TYPE_RESPONSE_TYPE };

/* Each member of struct flow has one row. A record may end before the rows from OPTIONAL on, which
 * older versions did not write. */
#define OPTIONAL "mcp"

#define NAMED_ROW(name, type, member) \
	{ \
		name, type, offsetof(struct flow, member), sizeof(((struct flow *)0)->member) \
	}
#define ROW(type, member) NAMED_ROW(#member, type, member)

static const struct row {
	const char *name;
	enum type type;
	size_t offset;
	size_t size;
} rows[] = {
    ROW(TYPE_TEXT, id),
    ROW(TYPE_TEXT, opencode),
    ROW(TYPE_KIND, kind),
    NAMED_ROW("answer", TYPE_RESPONSE_TYPE, response_type),
    ROW(TYPE_BOOL, stateless),
    ROW(TYPE_BOOL, direct),
    ROW(TYPE_TEXT, provider),
    ROW(TYPE_INT, method),
    ROW(TYPE_TEXT, method_id),
    ROW(TYPE_BOOL, from_here),
    ROW(TYPE_BOOL, with_inputs),
    ROW(TYPE_TEXT, attempt),
    ROW(TYPE_TEXT, redirect_host),
    ROW(TYPE_INT, redirect_port),
    ROW(TYPE_TEXT, redirect_path),
    ROW(TYPE_TEXT, authorize_origin),
    ROW(TYPE_TEXT, directory),
    ROW(TYPE_TEXT, workspace),
    ROW(TYPE_TEXT, query),
    ROW(TYPE_BOOL, authenticated),
    ROW(TYPE_BOOL, bound),
    ROW(TYPE_TEXT, browser),
    NAMED_ROW("address", TYPE_TEXT, client_address),
    ROW(TYPE_TIME, created),
    ROW(TYPE_TIME, expires),
    ROW(TYPE_BOOL, mcp),
    ROW(TYPE_TEXT, label),
    ROW(TYPE_BOOL, typed),
    ROW(TYPE_TEXT, instructions),
};
#undef ROW
#undef NAMED_ROW

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Whether a byte is written unchanged. */
static bool
is_plain(unsigned char c)
{
	return c >= ' ' && c != '%' && c != 0x7f;
}

static void
write_text(struct buf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = 0;

		while (is_plain((unsigned char)text[len]))
			len++;
		buf_add(out, text, len);
		text += len;
		if (*text != '\0')
			buf_printf(out, "%%%02X", (unsigned char)*text++);
	}
}

static void
write_value(struct buf *out, enum type type, const void *member)
{
	switch (type) {
	case TYPE_TEXT:
		write_text(out, member);
		break;
	case TYPE_BOOL:
		buf_putc(out, *(const bool *)member ? '1' : '0');
		break;
	case TYPE_INT:
		buf_printf(out, "%d", *(const int *)member);
		break;
	case TYPE_TIME:
		buf_printf(out, "%lld", (long long)*(const int64_t *)member);
		break;
	case TYPE_KIND:
		buf_puts(out, flow_kind_name(*(const enum flow_kind *)member));
		break;
	case TYPE_RESPONSE_TYPE:
		buf_puts(out, flow_response_type_name(*(const enum flow_response_type *)member));
		break;
	}
}

enum err
flow_record_write(const struct flow *flow, struct buf *out)
{
	buf_puts(out, FIRST_LINE);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		buf_puts(out, rows[i].name);
		buf_putc(out, '=');
		write_value(out, rows[i].type, (const char *)flow + rows[i].offset);
		buf_putc(out, '\n');
	}
	return out->err;
}

static bool
read_text(const char *value, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)value[i];

		if (!is_plain((unsigned char)c)) {
			if ((c = percent_decode(value + i, len - i)) <= 0)
				return false;
			i += 2;
		}
		if (n + 1 >= size)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return utf8_valid(out, n);
}

static bool
read_number(const char *value, size_t len, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	if (len == 0 || strspn(value, "-0123456789") != len)
		return false;
	errno = 0;
	*out = strtoll(value, &end, 10);
	return errno == 0 && end == value + len && *out >= min && *out <= max;
}

/* A newline follows value; len does not count it. */
static bool
read_value(const struct row *row, const char *value, size_t len, void *member)
{
	char word[32];
	int64_t number;

	switch (row->type) {
	case TYPE_TEXT:
		return read_text(value, len, member, row->size);
	case TYPE_BOOL:
		if (!read_number(value, len, 0, 1, &number))
			return false;
		*(bool *)member = number != 0;
		return true;
	case TYPE_INT:
		if (!read_number(value, len, INT32_MIN, INT32_MAX, &number))
			return false;
		*(int *)member = (int)number;
		return true;
	case TYPE_TIME:
		return read_number(value, len, INT64_MIN, INT64_MAX, member);
	case TYPE_KIND:
		return read_text(value, len, word, sizeof(word)) && flow_kind_parse(word, member);
	case TYPE_RESPONSE_TYPE:
		return read_text(value, len, word, sizeof(word)) &&
		       flow_response_type_parse(word, member);
	}
	return false;
}

enum err
flow_record_read(const char *text, size_t len, struct flow *flow)
{
	const char *end = text + len, *line = text + sizeof(FIRST_LINE) - 1;

	*flow = (struct flow){.created = 0};
	if (len < sizeof(FIRST_LINE) || strncmp(text, FIRST_LINE, sizeof(FIRST_LINE) - 1) != 0)
		return ERR_UNKNOWN_FLOW;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		size_t name = strlen(rows[i].name);
		const char *stop;

		if (line == end && strcmp(rows[i].name, OPTIONAL) == 0) {
			flow->mcp = flow->kind == KIND_MCP;
			return ERR_OK;
		}
		stop = memchr(line, '\n', (size_t)(end - line));
		if (stop == NULL || (size_t)(stop - line) <= name ||
		    memcmp(line, rows[i].name, name) != 0 || line[name] != '=' ||
		    !read_value(&rows[i], line + name + 1, (size_t)(stop - line) - name - 1,
				(char *)flow + rows[i].offset))
			return ERR_UNKNOWN_FLOW;
		line = stop + 1;
	}
	return line == end ? ERR_OK : ERR_UNKNOWN_FLOW;
}
