/*
 * The store of flows: the only state that all processes share. Every step that decides something
 * is one atomic operation with one winner.
 *
 * A store is used through its table of operations. To add a kind of store, add a folder with
 * another table, and a line in store_kind.c.
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

#define STORE_CLAIM_SECONDS 30	/* a claim without an end is "interrupted" after this */
#define STORE_KEEP_SECONDS  600 /* how long an ended flow can still be asked for */
#define STORE_LIST_MAX	    32	/* ids in one listing */
#define STORE_NOTE_MAX	    255 /* bytes of a note */
#define STORE_TOKEN_LEN	    43	/* characters of a lock's token */

struct store_limits {
	int max_pending;
	int max_pending_per_client;
	int rate;  /* requests per minute by which a client's allowance grows */
	int burst; /* its maximum, in requests */
};

/* How to log in to a store that asks for it. */
struct store_login {
	const char *username;	   /* "": with the password alone */
	const char *password_file; /* "": do not log in */
};

/* The state of a client's allowance. */
struct allowance {
	int wait;   /* seconds until the next request is allowed; 0: it is now */
	bool first; /* it was used up just now, which is worth a line in the log */
};

/* A flow and its state at one time. */
struct snapshot {
	struct flow flow;
	enum flow_state state;
	enum flow_reason reason;
	bool bound; /* it belongs to flow.browser or to whoever confirmed it */
	char browser[BROWSER_ID_LEN + 1]; /* its own if bound, else the one it is offered to */
	bool expired;			  /* it was ended because its time was over */
	bool ended;			  /* its end is recorded: nothing changes any more */
	int64_t now;			  /* seconds on the store's clock */
};

/* A lock; initialise it with STORE_LOCK_NONE. */
struct store_lock {
	int fd;				 /* -1: not held */
	uint64_t group;			 /* the group that it is held for */
	char token[STORE_TOKEN_LEN + 1]; /* the holder's token; "": not held */
};

#define STORE_LOCK_NONE ((struct store_lock){.fd = -1})

struct store;

/* Keys by which a flow is counted and found; hashes from secret_key(). */
struct store_keys {
	uint64_t client;  /* who began it; for max_pending_per_client */
	uint64_t browser; /* whose list it is in */
	uint64_t group;	  /* opencode and provider: its sign-ins begin one after the other */
	uint64_t slot;	  /* opencode and redirect URI: only one flow waits there */
};

/* The resources that a process must be allowed to reach for its store. */
struct store_access {
	const char *folder; /* with everything in it; NULL: none */
	int port;	    /* TCP; 0: none */
};

struct store_ops {
	/* Returns seconds on a clock that all users of the store share and nobody sets. */
	int64_t (*now)(struct store *s);

	/*
	 * Waits for the lock of a group. The lock ends with the process, or some time later at
	 * most; ERR_STORE: it did not end in time.
	 */
	enum err (*lock)(struct store *s, uint64_t group, struct store_lock *lock);
	void (*unlock)(struct store *s, struct store_lock *lock);

	/*
	 * Checks whether one more flow is within the limits, not counting those of the same
	 * group. ERR_TOO_MANY_FLOWS.
	 */
	enum err (*check_limits)(struct store *s, const struct store_keys *keys);

	/*
	 * Records a waiting flow. lock: the caller's lock of its group, or NULL. ERR_TAKEN: there
	 * is a flow with this id; ERR_STORE: also if the lock was lost meanwhile.
	 */
	enum err (*add)(struct store *s, const struct flow *flow, const char *authorize_url,
			const struct store_keys *keys, const struct store_lock *lock);

	/* Reads a flow. ERR_UNKNOWN_FLOW: there is none, or its record is damaged. */
	enum err (*find)(struct store *s, const char *id, struct snapshot *out);

	/* Appends the authorize URL. ERR_UNKNOWN_FLOW: the flow no longer waits. */
	enum err (*authorize_url)(struct store *s, const char *id, struct buf *out);

	/* Binds a flow to a browser, once. ERR_TAKEN: it is bound already. */
	enum err (*bind)(struct store *s, const char *id, const char *browser);

	/*
	 * End the waiting, once: of all claim, supersede and expire calls for a flow one wins,
	 * the others get ERR_TAKEN. lock as for add.
	 */
	enum err (*claim)(struct store *s, const char *id, const struct store_lock *lock);
	enum err (*supersede)(struct store *s, const char *id);
	enum err (*expire)(struct store *s, const char *id);

	/* Undoes the caller's own claim; allowed only if nothing was sent. */
	enum err (*release)(struct store *s, const char *id);

	/* Records how a claimed or expired flow ended, once (ERR_TAKEN). */
	enum err (*finish)(struct store *s, const char *id, enum flow_state state,
			   enum flow_reason reason);

	/*
	 * List the newest ids, at most STORE_LIST_MAX: list_recent those of a group or a slot
	 * that began within the last seconds, ended or not; list_browser all of a browser.
	 */
	enum err (*list_recent)(struct store *s, const struct store_keys *keys, int seconds,
				char id[][FLOW_ID_LEN + 1], size_t *count);
	enum err (*list_browser)(struct store *s, uint64_t browser, char id[][FLOW_ID_LEN + 1],
				 size_t *count);
	/* Counts the flows that wait. */
	enum err (*count_waiting)(struct store *s, size_t *count);

	/*
	 * Takes count requests from a client's allowance, all or nothing; 0 only checks it.
	 * ERR_RATE: the allowance is used up, and nothing was taken.
	 */
	enum err (*consume)(struct store *s, uint64_t client, int count, struct allowance *out);

	/* Checks whether a flow could be recorded now. ERR_STORE. */
	enum err (*check_writable)(struct store *s);

	/*
	 * Read and write a short note for all processes, which is forgotten after seconds.
	 * ERR_ABSENT: there is none, or it is too old.
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
