/*
 * A store in Redis: any number of hosts. Every step is one script there, and
 * so atomic. All keys begin with REDIS_PREFIX, and each has an end by Redis' own clock:
 *
 *   flow:ID           a flow: its record, who confirmed it, its claim and its end
 *   url:ID            its authorize URL, while it waits
 *   lock:GROUP        the token of who holds a group
 *   waiting, ended    flows by when they expire
 *   client:, open:    those of a client, of a group, that wait, by the same
 *   group:, slot:, browser:  all flows of one, by when they began
 *   rate:, salt       allowances
 *   note:NAME, try
 *
 * A flow belongs to the epoch of the master in which it began, a run of Redis between two
 * changes of its role. In any other it reads as interrupted, and nobody can claim it: after
 * a failover to a replica that lagged behind, or a restart with an older snapshot, a claim may be
 * lost while the flow is there, and would be delivered twice.
 *
 * A lock is a lease. Whoever was stopped for longer than it lasts finds, at its next add or
 * claim, that it has lost it. A claim whose answer is lost is final, and delivered by nobody.
 */
#ifndef REDIS_STORE_H
#define REDIS_STORE_H

#include "store/store.h"

/*
 * spec: see redis_spec.h. The host is looked up now; nothing is connected to before it is
 * needed, and again after whatever went wrong. The strings of login must outlive the store.
 * ERR_CONFIG, ERR_MEMORY; ERR_STORE: no such host, and the log says so.
 */
enum err redis_store_open(const char *spec, const struct store_limits *limits,
			  const struct store_login *login, struct store **out) MUST_CHECK;

/* Adds what such a store needs. */
void redis_store_access(const char *spec, struct store_access *out);

/* Whether spec is one; why says what is wrong. */
bool redis_store_check(const char *spec, char *why, size_t why_size);

#endif
