#include "flow/pasted_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flow/paste_answer.h"
#include "flow/paste_authorize.h"
#include "flow/paste_code.h"
#include "flow/paste_layer.h"
#include "flow/paste_mistake.h"
#include "util/secret.h"

/* What can be said of a text before it is read. */
static enum err
check_text(const char *text)
{
	bool empty = true;

	if (text == NULL)
		return ERR_PASTE_EMPTY;
	if (strlen(text) > PASTE_MAX)
		return ERR_PASTE_LONG;
	for (; *text != '\0'; text++) {
		if ((*text > 0 && *text < ' ' && strchr("\t\r\n", *text) == NULL) || *text == 0x7f)
			return ERR_PASTE_TEXT;
		empty = empty && strchr(" \t\r\n<>\"'`", *text) != NULL;
	}
	return empty ? ERR_PASTE_EMPTY : ERR_OK;
}

/* Looks in all readings. *mistake gets what the text seems to be. */
static enum err
read_all(const char *text, const struct flow *flow, struct paste_answer *answer, enum err *mistake,
	 struct buf *query)
{
	struct paste_layer layer;
	bool more = false;
	enum err err = paste_layer_open(&layer, text, !flow->stateless);

	*mistake = ERR_PASTE_TEXT;
	while (err == ERR_OK && paste_layer_next(&layer, more)) {
		/* words that are joined look like a code */
		if (!layer.reading->blanks_joined && paste_mistake_vague(*mistake))
			*mistake = paste_mistake_better(
			    *mistake, paste_mistake_find(&answer->address, flow, layer.reading));
		paste_answer_look(answer, layer.reading, layer.begins);
		/* with a response, nothing is read in a wholly other way; there may be others */
		more = answer->query.len > 0;
	}
	paste_layer_close(&layer);
	if (err == ERR_OK)
		err = paste_answer_result(answer, query);
	return err;
}

/* Makes the reading of a text as it stands. NULL: no memory. */
static struct paste_reading *
read_plain(const char *text)
{
	struct paste_reading *reading = malloc(sizeof(*reading));

	if (reading != NULL)
		paste_reading_write(reading, text, NULL, strlen(text), false);
	return reading;
}

static void
free_plain(struct paste_reading *reading)
{
	secret_wipe(reading->text, sizeof(reading->text));
	free(reading);
}

/* Looks for a code and its state where there is no address. */
static enum err
read_pair(const char *text, const struct flow *flow, enum err otherwise, struct buf *query)
{
	struct paste_reading *reading = read_plain(text);

	if (reading == NULL)
		return ERR_MEMORY;
	if (paste_code_pair(reading, flow, query))
		otherwise = query->err == ERR_TOO_LARGE ? ERR_PASTE_LONG : query->err;
	free_plain(reading);
	return otherwise;
}

enum err
pasted_text_read(const char *text, const struct flow *flow, const char *public_origin,
		 struct buf *query)
{
	struct paste_answer answer;
	enum err mistake, err = check_text(text);

	if (err != ERR_OK)
		return err;
	paste_answer_init(&answer, flow, public_origin);
	err = read_all(text, flow, &answer, &mistake, query);
	paste_answer_free(&answer);
	if (err == ERR_PASTE_TEXT || err == ERR_NO_CODE)
		err = read_pair(text, flow, paste_mistake_better(err, mistake), query);
	return err;
}

enum err
pasted_text_code(const char *text, struct buf *query)
{
	struct paste_reading *reading;
	enum err err = check_text(text);

	if (err != ERR_OK)
		return err;
	if ((reading = read_plain(text)) == NULL)
		return ERR_MEMORY;
	err = paste_code_alone(reading, query);
	free_plain(reading);
	return err;
}

enum err
pasted_text_typed(const char *text, struct buf *code)
{
	struct paste_reading *reading;
	enum err err = check_text(text);

	if (err != ERR_OK)
		return ERR_PASTE_NO_CODE;
	if ((reading = read_plain(text)) == NULL)
		return ERR_MEMORY;
	err = paste_code_typed(reading, code);
	free_plain(reading);
	return err == ERR_PASTE_LONG ? ERR_PASTE_NO_CODE : err;
}

enum err
pasted_text_authorize_url(const char *text, struct buf *url)
{
	struct paste_authorize found = {.url = {.data = NULL}};
	struct paste_layer layer;
	enum err err = check_text(text);

	if (err != ERR_OK)
		return ERR_ADOPT_TEXT;
	buf_init(&found.url, url->max);
	err = paste_layer_open(&layer, text, true);
	while (err == ERR_OK && paste_layer_next(&layer, found.url.len > 0))
		paste_authorize_look(&found, layer.reading);
	paste_layer_close(&layer);
	if (err == ERR_OK && found.differs)
		err = ERR_ADOPT_SEVERAL;
	else if (err == ERR_OK && found.url.len == 0)
		err = found.answer ? ERR_ADOPT_CALLBACK : ERR_ADOPT_TEXT;
	if (err == ERR_OK && buf_puts(url, buf_text(&found.url)) != ERR_OK)
		err = url->err == ERR_MEMORY ? ERR_MEMORY : ERR_ADOPT_TEXT;
	buf_free(&found.url);
	return err;
}
