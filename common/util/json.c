#include "util/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static _Thread_local bool failed;

static void *
allocate(size_t size)
{
	void *data = malloc(size);

	failed = failed || data == NULL;
	return data;
}

void
json_init(void)
{
	size_t seed = 0;

	json_set_alloc_funcs(allocate, free);
	/* without a seed, or with 0, jansson opens a file to seed itself for its first object */
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = 0;
	json_object_seed(seed | 1);
}

enum err
json_read(const char *text, size_t len, size_t flags, json_t **out)
{
	failed = false;
	*out = json_loadb(text, len, flags, NULL);
	if (!failed)
		return *out == NULL ? ERR_REQUEST : ERR_OK;
	json_decref(*out);
	*out = NULL;
	return ERR_MEMORY;
}

char *
json_write(const json_t *json)
{
	char *text;

	failed = false;
	text = json_dumps(json, JSON_COMPACT);
	if (!failed)
		return text;
	free(text);
	return NULL;
}

/* Returns the length of the string that begins at this quote, including both quotes. */
static size_t
string_len(const char *text)
{
	size_t len = 1;

	while (text[len] != '"' && text[len] != '\0')
		len += text[len] == '\\' && text[len + 1] != '\0' ? 2 : 1;
	return text[len] == '"' ? len + 1 : len;
}

/* Sets *same to whether a string, as written in JSON, decodes to text. */
static enum err
string_is(const char *written, size_t len, const char *text, bool *same)
{
	json_t *json = NULL;
	enum err err = ERR_OK;

	*same = false;
	if (len < strlen(text) + 2) /* an escape is never shorter than what it stands for */
		return ERR_OK;
	err = json_read(written, len, JSON_DECODE_ANY, &json);
	if (json_string_value(json) != NULL)
		*same = strcmp(json_string_value(json), text) == 0;
	json_decref(json);
	return err == ERR_MEMORY ? err : ERR_OK;
}

enum err
json_replace(const struct buf *text, const char *old, const char *new, struct buf *out)
{
	const char *pos = buf_text(text);
	json_t *json = json_string(new);
	char *written;
	enum err err = ERR_OK;

	failed = false;
	written = json_dumps(json, JSON_ENCODE_ANY);
	json_decref(json);
	if (failed || written == NULL) {
		free(written);
		return ERR_MEMORY;
	}
	while (*pos != '\0' && err == ERR_OK) {
		size_t plain = strcspn(pos, "\""), len = 0;
		bool same = false;

		buf_add(out, pos, plain);
		pos += plain;
		if (*pos == '"') {
			len = string_len(pos);
			err = string_is(pos, len, old, &same);
			buf_add(out, same ? written : pos, same ? strlen(written) : len);
		}
		pos += len;
	}
	free(written);
	return err != ERR_OK ? err : out->err;
}
