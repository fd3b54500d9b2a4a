#include "http/query.h"

#include <stdlib.h>
#include <string.h>

#include "util/percent.h"
#include "util/secret.h"
#include "util/utf8.h"

static bool
raw_allowed(unsigned char c, enum query_kind kind)
{
	return c > ' ' && c < 0x7f && !((c == '?' || c == '#') && kind != QUERY_FORM);
}

static bool
decoded_allowed(unsigned char c, enum query_kind kind)
{
	if (c == '\t' || c == '\r' || c == '\n')
		return kind == QUERY_FORM;
	return c >= ' ' && c != 0x7f;
}

/* Decodes one name or value into *out and moves *out behind its NUL. */
static enum err
decode(const char *raw, size_t len, enum query_kind kind, char **out)
{
	size_t max = kind == QUERY_FORM ? FORM_VALUE_MAX : QUERY_VALUE_MAX;
	char *start = *out, *p = *out;

	for (size_t i = 0; i < len; i++) {
		char c = raw[i];

		if (!raw_allowed((unsigned char)c, kind))
			return ERR_ENCODING;
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int byte = percent_decode(raw + i, len - i);

			if (byte < 0)
				return ERR_ENCODING;
			c = (char)byte;
			i += 2;
		}
		if (!decoded_allowed((unsigned char)c, kind))
			return ERR_ENCODING;
		*p++ = c;
	}
	if (!utf8_valid(start, (size_t)(p - start)))
		return ERR_ENCODING;
	if ((size_t)(p - start) > max)
		return ERR_VALUE_LONG;
	*p++ = '\0';
	*out = p;
	return ERR_OK;
}

static enum err
parse_pair(struct query *q, const char *pair, size_t len, enum query_kind kind, char **out)
{
	const char *eq = memchr(pair, '=', len);
	size_t name_len = eq == NULL ? len : (size_t)(eq - pair);
	struct query_param *param = &q->param[q->count];
	enum err err;

	if (q->count == QUERY_PARAMS_MAX)
		return ERR_PARAMS;
	if (name_len == 0)
		return ERR_ENCODING;
	param->name = *out;
	if ((err = decode(pair, name_len, kind, out)) != ERR_OK)
		return err;
	param->value = *out;
	if (eq == NULL)
		*(*out)++ = '\0';
	else if ((err = decode(eq + 1, len - name_len - 1, kind, out)) != ERR_OK)
		return err;
	q->count++;
	return ERR_OK;
}

static enum err
refuse_duplicates(const struct query *q)
{
	for (size_t i = 1; i < q->count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(q->param[i].name, q->param[j].name) == 0)
				return ERR_DUPLICATE;
	return ERR_OK;
}

enum err
query_parse(struct query *q, const char *raw, size_t len, enum query_kind kind)
{
	const char *end = raw + len;
	enum err err = ERR_OK;
	char *out;

	*q = (struct query){.count = 0};
	/* a pair decodes to at most its length plus two NULs; '=' and '&' make up for one */
	q->storage_len = len + QUERY_PARAMS_MAX + 2;
	if ((out = q->storage = calloc(1, q->storage_len)) == NULL)
		return ERR_MEMORY;
	while (raw < end && err == ERR_OK) {
		const char *amp = memchr(raw, '&', (size_t)(end - raw));
		size_t pair_len = (size_t)((amp == NULL ? end : amp) - raw);

		if (pair_len > 0)
			err = parse_pair(q, raw, pair_len, kind, &out);
		raw += pair_len + (amp == NULL ? 0 : 1);
	}
	if (err == ERR_OK && kind != QUERY_REPEATED)
		err = refuse_duplicates(q);
	if (err != ERR_OK)
		query_free(q);
	return err;
}

void
query_free(struct query *q)
{
	secret_wipe(q->storage, q->storage_len);
	free(q->storage);
	*q = (struct query){.count = 0};
}

bool
query_repeats(const struct query *q, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < q->count; i++)
		count += strcmp(q->param[i].name, name) == 0 ? 1 : 0;
	return count > 1;
}

const char *
query_get(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->count; i++)
		if (strcmp(q->param[i].name, name) == 0)
			return q->param[i].value;
	return NULL;
}

bool
query_copy_raw(const char *raw, const char *name, char *out, size_t size)
{
	size_t name_len = strlen(name), used = strlen(out);

	while (*raw != '\0') {
		size_t len = strcspn(raw, "&");

		if (len > name_len && raw[name_len] == '=' && strncmp(raw, name, name_len) == 0) {
			size_t between = used > 0 ? 1 : 0;

			if (used + between + len >= size)
				return false;
			if (between > 0)
				out[used] = '&';
			memcpy(out + used + between, raw, len);
			out[used + between + len] = '\0';
			return true;
		}
		raw += len + (raw[len] == '&' ? 1 : 0);
	}
	return true;
}

/* Whether an encoded name, which query_parse() has accepted, decodes to name. */
static bool
name_is(const char *raw, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++, name++) {
		char c = raw[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			c = (char)percent_decode(raw + i, len - i);
			i += 2;
		}
		if (*name == '\0' || *name != c)
			return false;
	}
	return *name == '\0';
}

void
query_replace_raw(const char *raw, const char *name, const char *value, struct buf *out)
{
	while (*raw != '\0') {
		size_t len = strcspn(raw, "&"), name_len = strcspn(raw, "&=");
		bool replaced = name_len < len && name_is(raw, name_len, name);

		buf_add(out, raw, replaced ? name_len + 1 : len);
		if (replaced)
			buf_puts(out, value);
		raw += len;
		if (*raw == '&')
			buf_putc(out, *raw++);
	}
}

void
query_encode(const char *text, size_t len, struct buf *out)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_.~";

	for (size_t i = 0; i < len; i++)
		if (memchr(plain, text[i], sizeof(plain) - 1) != NULL)
			buf_putc(out, text[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)text[i]);
}
