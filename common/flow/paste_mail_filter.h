/*
 * Proofpoint URL Defense, a mail filter, writes URLs in a form of its own: version 2 has '-' for
 * '%' and '_' for '/'; version 3 has '*' for signs that follow the URL in base64url.
 */
#ifndef PASTE_MAIL_FILTER_H
#define PASTE_MAIL_FILTER_H

#include <stdbool.h>

#include "flow/paste_reading.h"

/* A step like those of paste_escape.h: the URLs that the filter's links lead to stand in their
 * place. */
bool paste_mail_filter_undo(const struct paste_reading *r, struct paste_reading *out);

#endif
