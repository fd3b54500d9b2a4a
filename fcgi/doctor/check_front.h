/*
 * Checks what stands between browsers and us, and answers in our place: a single sign-on, a
 * firewall.
 */
#ifndef CHECK_FRONT_H
#define CHECK_FRONT_H

#include "doctor/examination.h"

/*
 * Returns whether a single sign-on, or something like it, answered a request for a path: it leads
 * to another path, or refuses, and is neither ours nor opencode's password.
 */
bool check_front_is_guard(const struct probe *v, const char *target);
/* Writes what answered: the status, where it leads (without its query), its Server header. */
const char *check_front_words(const struct probe *v, char out[PROBE_WORDS_MAX]);

enum verdict check_front_callbacks(struct examination *d);
enum verdict check_front_firewall(struct examination *d);

#endif
