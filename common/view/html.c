#include "view/html.h"

#include <stdarg.h>
#include <string.h>

static const char *
html_reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void
html_text(struct buf *out, const char *text)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "&<>\"'");

		buf_add(out, text, plain);
		text += plain;
		if (*text != '\0')
			buf_puts(out, html_reference(*text++));
	}
}

void
html_add(struct buf *out, const char *markup, ...)
{
	va_list ap;

	va_start(ap, markup);
	while (*markup != '\0') {
		size_t plain = (size_t)(strchrnul(markup, '%') - markup);

		buf_add(out, markup, plain);
		markup += plain;
		if (markup[0] == '%' && markup[1] == 's')
			html_text(out, va_arg(ap, const char *));
		else if (markup[0] == '%')
			buf_putc(out, '%');
		if (*markup != '\0')
			markup += markup[1] == '\0' ? 1 : 2;
	}
	va_end(ap);
}

void
html_duration(struct buf *out, int64_t seconds)
{
	int64_t count = seconds < 0 ? 0 : seconds;
	const char *unit = "second";

	if (count >= 90) {
		count = (count + 30) / 60;
		unit = "minute";
	}
	if (count >= 90) {
		count = (count + 30) / 60;
		unit = "hour";
	}
	buf_number(out, (size_t)count);
	buf_putc(out, ' ');
	buf_puts(out, unit);
	buf_puts(out, count == 1 ? "" : "s");
}
