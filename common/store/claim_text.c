#include "store/claim_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
claim_text_end(enum flow_state state, enum flow_reason reason, char out[CLAIM_TEXT_SIZE])
{
	snprintf(out, CLAIM_TEXT_SIZE, "%s %s", flow_state_name(state), flow_reason_name(reason));
}

/* Splits "WORD SECOND" of a claim. Returns the second. */
static int64_t
claim_time(const char *text, char word[16])
{
	size_t len = strcspn(text, " ");

	if (len >= 16)
		len = 15;
	memcpy(word, text, len);
	word[len] = '\0';
	return strtoll(text + strcspn(text, " "), NULL, 10);
}

static void
read_end(const char *text, struct snapshot *out)
{
	char state[16], reason[32];
	size_t len = strcspn(text, " ");

	out->state = FLOW_FAILED;
	out->reason = REASON_INTERRUPTED;
	if (len >= sizeof(state) || text[len] == '\0' || strlen(text + len + 1) >= sizeof(reason))
		return;
	memcpy(state, text, len);
	state[len] = '\0';
	memcpy(reason, text + len + 1, strlen(text + len + 1) + 1);
	if (!flow_state_parse(state, &out->state) || !flow_reason_parse(reason, &out->reason)) {
		out->state = FLOW_FAILED;
		out->reason = REASON_INTERRUPTED;
	}
}

void
claim_text_read(struct snapshot *out, const char *claim, const char *end)
{
	char word[16];
	int64_t since = claim_time(claim, word);

	out->state = FLOW_EXPIRED;
	out->reason = REASON_NONE;
	out->expired = strcmp(word, CLAIM_TEXT_EXPIRED) == 0;
	out->ended = end[0] != '\0';
	if (end[0] != '\0')
		read_end(end, out);
	else if (strcmp(word, CLAIM_TEXT_SUPERSEDED) == 0)
		out->state = FLOW_SUPERSEDED;
	else if (word[0] != '\0' && out->now - since <= STORE_CLAIM_SECONDS)
		out->state = FLOW_DELIVERING;
	else if (strcmp(word, CLAIM_TEXT_CLAIMED) == 0) {
		out->state = FLOW_FAILED;
		out->reason = REASON_INTERRUPTED;
	} else if (word[0] == '\0' && out->flow.created <= out->now && out->now < out->flow.expires)
		out->state = FLOW_WAITING;
}
