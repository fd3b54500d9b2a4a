/*
 * Finds the authorization response of one flow (RFC 6749 section 4.1.2) in the readings of a
 * pasted text. The state proves which text is the response, and where the state ends. A flow
 * without a state is answered by the address itself.
 */
#ifndef PASTE_ANSWER_H
#define PASTE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/flow.h"
#include "flow/paste_address.h"
#include "flow/paste_reading.h"
#include "util/buf.h"
#include "util/error.h"

#define PASTE_PROOF_MAX (4 << 20) /* bytes that are hashed for one pasted text */

struct paste_answer {
	const struct flow *flow;
	struct paste_address address;
	struct buf query;      /* the response that was found, as it is to be delivered */
	struct buf escaped;    /* one that holds a sign that may escape another */
	struct buf credential; /* "code=…" of the first response, whatever its address */
	bool differs;	       /* another one has another code */
	enum err refused;      /* why the first one that is proved is not taken */
	size_t proof;	       /* bytes that may still be hashed */
};

/* flow must outlive a. Release with paste_answer_free(). */
void paste_answer_init(struct paste_answer *a, const struct flow *flow, const char *public_origin);
void paste_answer_free(struct paste_answer *a);

/*
 * Looks for responses in a reading, and puts PASTE_OTHER in the place of each that is proved.
 * begins: the reading begins anew with the text, so that what was found before is found again.
 */
void paste_answer_look(struct paste_answer *a, struct paste_reading *r, bool begins);

/*
 * Appends the response to query. ERR_PASTE_DIFFER: several, with different codes.
 * ERR_PASTE_SITE, ERR_PASTE_FRAGMENT, ERR_PASTE_TOKEN, ERR_PASTE_LINES, ERR_PASTE_LONG,
 * ERR_NO_CODE: one that is proved, and cannot be taken. ERR_PASTE_TEXT: none; ERR_MEMORY.
 */
enum err paste_answer_result(const struct paste_answer *a, struct buf *query) MUST_CHECK;

#endif
