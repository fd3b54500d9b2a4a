/*
 * The store of flows: the one place that all processes share. Every step that
 * decides something is one atomic operation with one winner.
 *
 * A store is reached through its table of operations. To add a kind of store, add a folder with one
 * more table, and a line in store_kind.c.
 * All operations are thread-safe. ERR_STORE: the store cannot be read or written.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"
#include "util/buf.h"
#include "util/error.h"

#define STORE_CLAIM_SECONDS 30	/* a claim without a result is "interrupted" after this */
#define STORE_KEEP_SECONDS  600 /* how long an ended flow can still be asked for */
#define STORE_LIST_MAX	    32	/* ids that one listing gives */
#define STORE_NOTE_MAX	    255 /* bytes of a note */
#define STORE_TOKEN_LEN	    43	/* of a lock */

struct store_limits {
	int max_pending;
	int max_pending_per_client;
	int rate;  /* requests a minute that a client's allowance grows by, */
	int burst; /* and its most */
};

/* How to be let in, where a store asks. */
struct store_login {
	const char *username;	   /* "": by the password alone */
	const char *password_file; /* "": not at all */
};

/* What is left of a client's allowance. */
struct allowance {
	int wait;   /* seconds until there is one again; 0: there is */
	bool first; /* it was used up just now: worth a line in the log */
};

/* A flow as it stands at one moment. */
struct snapshot {
	struct flow flow;
	enum flow_state state;
	enum flow_reason reason;
	bool bound; /* belongs to flow.browser or to whoever confirmed */
	char browser[BROWSER_ID_LEN +
		     1]; /* bound: its browser; else the one that the flow is offered to */
	bool expired;	 /* it ended because its time was over */
	bool ended;	 /* its end is written down: it stays as it is */
	int64_t now;	 /* the store's clock */
};

/* Begins as STORE_LOCK_NONE. */
struct store_lock {
	int fd;				 /* -1: not held */
	uint64_t group;			 /* what it is held for, */
	char token[STORE_TOKEN_LEN + 1]; /* and by whom; "": not held */
};

#define STORE_LOCK_NONE ((struct store_lock){.fd = -1})

struct store;

/* What a begin is counted and found by; hashes from secret_key(). */
struct store_keys {
	uint64_t client;  /* who began it: for max_pending_per_client */
	uint64_t browser; /* whose list it stands in */
	uint64_t group;	  /* opencode and provider: one begin after the other */
	uint64_t slot;	  /* opencode and redirect URI: one waiting flow */
};

/* What a process must be allowed to reach for its store. */
struct store_access {
	const char *folder; /* it and all in it; NULL: none */
	int port;	    /* TCP; 0: none */
};

struct store_ops {
	/* Seconds on a clock that all users of the store share and nobody sets. */
	int64_t (*now)(struct store *s);

	/*
	 * Waits for the lock of a group. The lock ends with the process at the latest, or
	 * some time after it: ERR_STORE if that is waited for in vain.
	 */
	enum err (*lock)(struct store *s, uint64_t group, struct store_lock *lock);
	void (*unlock)(struct store *s, struct store_lock *lock);

	/* Whether one more flow is within the limits, those of the same group not counted:
	 * ERR_TOO_MANY_FLOWS. */
	enum err (*check_limits)(struct store *s, const struct store_keys *keys);

	/*
	 * Records a waiting flow. ERR_TAKEN: there is one of this id. lock: what the caller
	 * holds of its group, or NULL; ERR_STORE if it was lost meanwhile.
	 */
	enum err (*add)(struct store *s, const struct flow *flow, const char *authorize_url,
			const struct store_keys *keys, const struct store_lock *lock);

	/* ERR_UNKNOWN_FLOW: there is none, or its record is damaged. */
	enum err (*find)(struct store *s, const char *id, struct snapshot *out);

	/* The authorize URL; ERR_UNKNOWN_FLOW once the flow does not wait any more. */
	enum err (*authorize_url)(struct store *s, const char *id, struct buf *out);

	/* Binds a flow to a browser, once. ERR_TAKEN: it is bound. */
	enum err (*bind)(struct store *s, const char *id, const char *browser);

	/* Ends the waiting, once: of all claim, supersede and expire of a flow one wins, the others
	 * get ERR_TAKEN. lock as for add. */
	enum err (*claim)(struct store *s, const char *id, const struct store_lock *lock);
	enum err (*supersede)(struct store *s, const char *id);
	enum err (*expire)(struct store *s, const char *id);

	/* Undoes the caller's own claim; only if nothing was sent. */
	enum err (*release)(struct store *s, const char *id);

	/* Writes how a claimed or expired flow ended, once (ERR_TAKEN). */
	enum err (*finish)(struct store *s, const char *id, enum flow_state state,
			   enum flow_reason reason);

	/*
	 * The newest ids, at most STORE_LIST_MAX: those of a group or a slot that began
	 * within the last seconds, ended or not; all of a browser.
	 */
	enum err (*list_recent)(struct store *s, const struct store_keys *keys, int seconds,
				char id[][FLOW_ID_LEN + 1], size_t *count);
	enum err (*list_browser)(struct store *s, uint64_t browser, char id[][FLOW_ID_LEN + 1],
				 size_t *count);
	enum err (*count_waiting)(struct store *s, size_t *count);

	/*
	 * Takes count from the allowance of a client, all or nothing; 0 looks whether there
	 * is one. ERR_RATE: used up, and nothing taken.
	 */
	enum err (*consume)(struct store *s, uint64_t client, int count, struct allowance *out);

	/* Tries whether a flow could be recorded now: ERR_STORE. */
	enum err (*check_writable)(struct store *s);

	/* A short note for all processes, forgotten after seconds. ERR_ABSENT: no fresh one.
	 */
	enum err (*note_get)(struct store *s, const char *name, int seconds,
			     char note[STORE_NOTE_MAX + 1]);
	enum err (*note_set)(struct store *s, const char *name, const char *note);

	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
};

#endif
