#include "util/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/secret.h"

#define BUF_FIRST 2048 /* bytes of the first allocation */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_free(struct buf *b)
{
	secret_wipe(b->data, b->size);
	free(b->data);
	buf_init(b, b->max);
}

void
buf_clear(struct buf *b)
{
	if (b->size == 0 || b->size > BUF_KEPT_MAX) {
		buf_free(b);
		return;
	}
	/* nothing was written behind the NUL: text that did not fit moved to a larger buffer */
	secret_wipe(b->data, b->len + 1);
	b->len = 0;
	b->err = ERR_OK;
}

static enum err
buf_fail(struct buf *b, enum err err)
{
	buf_free(b);
	b->err = err;
	return err;
}

/*
 * Makes room for len more bytes and the NUL, without realloc(), which could leave an unwiped
 * copy.
 */
static enum err
buf_grow(struct buf *b, size_t len)
{
	size_t size = b->size == 0 ? BUF_FIRST : b->size;
	char *data;

	if (b->err != ERR_OK)
		return b->err;
	if (len > b->max - b->len)
		return buf_fail(b, ERR_TOO_LARGE);
	if (b->size > b->len + len)
		return ERR_OK;
	while (size <= b->len + len)
		size *= 2;
	if ((data = malloc(size)) == NULL)
		return buf_fail(b, ERR_MEMORY);
	if (b->data != NULL) {
		memcpy(data, b->data, b->len + 1);
		secret_wipe(b->data, b->size);
		free(b->data);
	} else {
		data[0] = '\0';
	}
	b->data = data;
	b->size = size;
	return ERR_OK;
}

enum err
buf_add(struct buf *b, const void *data, size_t len)
{
	enum err err = buf_grow(b, len);

	if (err != ERR_OK)
		return err;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return ERR_OK;
}

enum err
buf_puts(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

enum err
buf_putc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

enum err
buf_number(struct buf *b, size_t number)
{
	char digits[3 * sizeof(number)];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return buf_add(b, digits + at, sizeof(digits) - at);
}

enum err
buf_printf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->size > b->len ? b->size - b->len : 0;
	enum err err;
	va_list ap;
	int len;

	if (b->err != ERR_OK)
		return b->err;
	va_start(ap, fmt);
	len = vsnprintf(room == 0 ? NULL : b->data + b->len, room, fmt, ap);
	va_end(ap);
	if (len < 0)
		return buf_fail(b, ERR_MEMORY);
	if ((err = buf_grow(b, (size_t)len)) != ERR_OK)
		return err;
	if ((size_t)len >= room) {
		va_start(ap, fmt);
		vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)len;
	return ERR_OK;
}

const char *
buf_text(const struct buf *b)
{
	return b->data == NULL ? "" : b->data;
}
