#include "flow/paste_layer.h"

#include <stdlib.h>
#include <string.h>

#include "flow/paste_escape.h"
#include "flow/paste_mail_filter.h"
#include "util/secret.h"

/* What a text is read as at first; each chain of readings begins with one of these. */
enum beginning {
	QUOTED_PRINTABLE, /* all of it */
	AS_IT_STANDS,
	QUOTED_PRINTABLE_PART,
	FULL_WIDTH,
	BLANKS_JOINED,
	BEGINNING_COUNT
};

/*
 * One kind of escape stands inside another, as in the HTML of a mail with a link inside a link.
 * Percent-encoding comes last each time, because there an '&' that is not encoded is an end.
 */
#define OTHERS \
	paste_escape_entities, paste_escape_backslashes, paste_escape_entities, \
	    paste_escape_backslashes, paste_escape_entities, paste_escape_backslashes, \
	    paste_mail_filter_undo

static bool (*const steps[])(const struct paste_reading *r, struct paste_reading *out) = {
    OTHERS, paste_escape_percent, OTHERS, paste_escape_percent, OTHERS, paste_escape_percent,
};

#define STEP_COUNT (sizeof(steps) / sizeof(steps[0]))

enum err
paste_layer_open(struct paste_layer *l, const char *pasted, bool join_blanks)
{
	*l = (struct paste_layer){
	    .pasted = pasted,
	    .pasted_len = strlen(pasted),
	    .join_blanks = join_blanks,
	    .step = STEP_COUNT,
	    .reading = malloc(sizeof(*l->reading)),
	    .bytes = malloc(sizeof(*l->bytes)),
	};
	return l->reading == NULL || l->bytes == NULL ? ERR_MEMORY : ERR_OK;
}

static void
free_reading(struct paste_reading *r)
{
	if (r != NULL)
		secret_wipe(r->text, sizeof(r->text));
	free(r);
}

void
paste_layer_close(struct paste_layer *l)
{
	free_reading(l->reading);
	free_reading(l->bytes);
	*l = (struct paste_layer){.pasted = NULL};
}

/* Whether letters or signs of ASCII stand there in full width: U+FF01 to U+FF5E. */
static bool
has_full_width(const char *text)
{
	return strstr(text, "\xef\xbc") != NULL || strstr(text, "\xef\xbd") != NULL;
}

/* Writes the first reading of a chain. False: this text has no such reading. */
static bool
begin_chain(struct paste_layer *l, enum beginning beginning)
{
	bool full_width = beginning == FULL_WIDTH;

	switch (beginning) {
	case QUOTED_PRINTABLE:
	case QUOTED_PRINTABLE_PART:
		if (!paste_escape_quoted_printable(l->pasted, l->pasted_len,
						   beginning == QUOTED_PRINTABLE, l->bytes))
			return false;
		paste_reading_write(l->reading, l->bytes->text, NULL, l->bytes->len, false);
		return true;
	case FULL_WIDTH:
		if (!has_full_width(l->pasted))
			return false;
		break;
	case BLANKS_JOINED:
		if (!l->join_blanks || strpbrk(l->pasted, "\r\n") != NULL)
			return false; /* it has kept its line ends */
		break;
	default:
		break;
	}
	paste_reading_write(l->reading, l->pasted, NULL, l->pasted_len, full_width);
	if (beginning != BLANKS_JOINED)
		return true;
	if (strchr(l->reading->text, ' ') == NULL)
		return false;
	paste_reading_join_blanks(l->reading);
	return true;
}

bool
paste_layer_next(struct paste_layer *l, bool more)
{
	while (l->step < STEP_COUNT) {
		bool joined = l->reading->blanks_joined;

		if (!steps[l->step++](l->reading, l->bytes))
			continue;
		paste_reading_write(l->reading, l->bytes->text, l->bytes->line, l->bytes->len,
				    false);
		l->reading->blanks_joined = joined;
		l->begins = false;
		return true;
	}
	while (!more && l->chain < BEGINNING_COUNT) {
		if (!begin_chain(l, (enum beginning)l->chain++))
			continue;
		l->step = 0;
		l->begins = true;
		return true;
	}
	return false;
}
