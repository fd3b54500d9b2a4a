/*
 * A store in Redis, for any number of hosts. Every step is one script there, and so atomic. All
 * keys begin with REDIS_PREFIX, and each expires by Redis' own clock:
 *
 *   flow:ID           a flow: its record, who confirmed it, its claim and its end
 *   url:ID            its authorize URL, while it waits
 *   lock:GROUP        the token of the lock's holder
 *   waiting, ended    flows by their expiry
 *   client:, open:    the waiting flows of a client, of a group, by their expiry
 *   group:, slot:, browser:  all flows of one, by when they began
 *   rate:, salt       allowances
 *   note:NAME, try    a note; a trial write
 *
 * A flow belongs to the epoch of the master in which it began: a run of Redis between two changes
 * of its role. In any other epoch it reads as interrupted, and nobody can claim it: after a
 * failover to a replica that lagged behind, or a restart with an older snapshot, a claim may be
 * lost while the flow is still there, and the flow would be delivered twice.
 *
 * A lock is a lease. A process that was stopped for longer than the lease finds, at its next add
 * or claim, that it has lost the lock. A claim whose reply is lost stands, and nobody delivers
 * it.
 */
#ifndef REDIS_STORE_H
#define REDIS_STORE_H

#include "store/store.h"

/*
 * Opens a store. spec: see redis_address.h. Resolves the host now, but connects only when needed,
 * and again after any failure. The strings of login must outlive the store. ERR_CONFIG,
 * ERR_MEMORY; ERR_STORE: no such host, and the log says so.
 */
enum err redis_store_open(const char *spec, const struct store_limits *limits,
			  const struct store_login *login, struct store **out) MUST_CHECK;

/* Adds what such a store needs to *out. */
void redis_store_access(const char *spec, struct store_access *out);

/* Returns whether spec is an address of a Redis; if not, why says what is wrong. */
bool redis_store_check(const char *spec, char *why, size_t why_size);

#endif
