/*
 * What a flow's claim and end, as every store keeps them beside its record, make of it.
 *
 *   claim  "claim SECOND", "superseded SECOND", "expired SECOND"; "" while nobody has taken it
 *   end    "STATE REASON", as flow.h names them; "" if none is written down
 */
#ifndef CLAIM_TEXT_H
#define CLAIM_TEXT_H

#include "store/store.h"

#define SNAPSHOT_TEXT_SIZE 64 /* of a claim, of an end, with its NUL */

/* The words of a claim. */
#define SNAPSHOT_CLAIM	    "claim"
#define SNAPSHOT_SUPERSEDED "superseded"
#define SNAPSHOT_EXPIRED    "expired"

/* Writes an end. */
void claim_text_end(enum flow_state state, enum flow_reason reason, char out[SNAPSHOT_TEXT_SIZE]);

/* Fills in all but the flow, its browser and the clock, which must be there. */
void claim_text_read(struct snapshot *out, const char *claim, const char *end);

#endif
