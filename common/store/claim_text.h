/*
 * Derives a flow's state from its claim and its end, two texts that every store keeps beside the
 * record.
 *
 *   claim  "claim SECOND", "superseded SECOND", "expired SECOND"; "" until one is made
 *   end    "STATE REASON", as flow.h names them; "" until it is recorded
 */
#ifndef CLAIM_TEXT_H
#define CLAIM_TEXT_H

#include "store/store.h"

#define CLAIM_TEXT_SIZE 64 /* bytes of a claim or an end, with its NUL */

/* The words of a claim. */
#define CLAIM_TEXT_CLAIMED    "claim"
#define CLAIM_TEXT_SUPERSEDED "superseded"
#define CLAIM_TEXT_EXPIRED    "expired"

/* Writes the text of an end. */
void claim_text_end(enum flow_state state, enum flow_reason reason, char out[CLAIM_TEXT_SIZE]);

/* Sets state, reason, expired and ended of out; out->flow and out->now must be set. */
void claim_text_read(struct snapshot *out, const char *claim, const char *end);

#endif
