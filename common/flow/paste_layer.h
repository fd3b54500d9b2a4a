/*
 * The readings of a pasted text, one after the other: first as it stands, then without what
 * programs put into a URL that they carry: HTML entities, backslashes, percent-encoding, the
 * quoted-printable form of mails, the links of mail filters.
 */
#ifndef PASTE_LAYER_H
#define PASTE_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/paste_reading.h"
#include "util/error.h"

struct paste_layer {
	const char *pasted;
	size_t pasted_len;
	bool join_blanks;
	size_t chain, step;	       /* the reading that comes next */
	bool begins;		       /* the present one begins anew with the text */
	struct paste_reading *reading; /* the present one; its owner is the layer */
	struct paste_reading *bytes;   /* what a step makes of it */
};

/*
 * Starts with a text of up to PASTE_MAX bytes, which must outlive the layer. join_blanks: there is
 * also a reading in which blanks are line ends. ERR_MEMORY. Release with paste_layer_close() in
 * any case.
 */
enum err paste_layer_open(struct paste_layer *l, const char *pasted, bool join_blanks) MUST_CHECK;
void paste_layer_close(struct paste_layer *l);

/*
 * Goes to the next reading. The caller may have put PASTE_OTHER in the place of what it found in
 * the present one: the next readings are made of what is left. more: only what unwraps the present
 * one further, not what begins again with the text. False: there is none.
 */
bool paste_layer_next(struct paste_layer *l, bool more);

#endif
