/*
 * The configuration: filled from defaults, one ini file, settings of the
 * environment and of the command line (which the front ends read and hand in),
 * checked once, then constant.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "flow/relay_state.h"
#include "http/origin.h"
#include "http/trusted_proxies.h"
#include "util/buf.h"
#include "util/error.h"
#include "util/log.h"

#define CONFIG_FILE_DEFAULT  "/etc/opencode-callback/opencode-callback.ini"
#define CONFIG_OPENCODES_MAX 64
#define CONFIG_PATHS_MAX     16
#define CONFIG_ISSUERS_MAX   16
#define CONFIG_THREADS_MAX   256
#define CONFIG_VALUE_MAX     1024 /* bytes of a value */
#define CONFIG_FILE_MAX	     (4 * 1024 * 1024)
#define CONFIG_NAME_MAX	     64		       /* bytes of a section's NAME, of a username */
#define RELAY_PATH	     "/relay/callback" /* of the redirect URI that a relay has */
#define CONFIG_RELAY_MAX     256 /* bytes of an address, of a file's path, in [relay…] */
#define CONFIG_MESSAGE_MAX   512

/* The one header that tells the client's address. */
enum config_proxy_header {
	PROXY_X_FORWARDED_FOR,
	PROXY_X_REAL_IP,
	PROXY_CF_CONNECTING_IP,
	PROXY_FORWARDED, /* RFC 7239 */
};

struct config_opencode {
	char name[CONFIG_NAME_MAX + 1]; /* "" for [opencode] */
	char url[ORIGIN_MAX + 1];	/* public origin, "" = detected per request */
	char socket[108];		/* may hold %p */
	int port;			/* what %p is for opencode itself */
	char username[CONFIG_NAME_MAX + 1];
	char password_file[512]; /* "" = none */
};

struct config_issuer {
	char authorize_origin[ORIGIN_MAX + 1];
	char issuer[CONFIG_VALUE_MAX + 1];
};

/* A site that a relay passes answers on to: [relay-site ID]. */
struct config_site {
	const char *id;
	const char *target;
	const char *key_file;
	const char *previous_key_file; /* "" = none */
	int line;		       /* of the file, where its section begins; */
	int key_line;		       /* and its two files stand */
	int previous_key_line;
};

/*
 * The large members stand so that what is used of them lies close together: a CGI
 * program fills this for each request, and pays for each page of memory that it touches.
 */
struct config {
	struct config_issuer issuer[CONFIG_ISSUERS_MAX];
	char store[PATH_MAX];	      /* "dir:/run/opencode-callback" */
	struct trusted_proxies trust; /* whose forwarding headers are believed */

	/* config_keys_defaults() clears what is from here to callback_paths */
	size_t opencode_count; /* at least 1 */
	size_t issuer_count;
	size_t callback_path_count;
	char prefix[65]; /* "/signin" */
	enum config_proxy_header proxy_header;
	int lifetime; /* seconds */
	int max_pending;
	int max_pending_per_client;
	int rate;		 /* requests a minute that count, for one client */
	int burst;		 /* and at once */
	char worker_socket[108]; /* "" = inherited */
	int worker_threads;
	enum log_target log_to;
	enum log_level log_level;
	char store_username[CONFIG_NAME_MAX + 1];
	char store_password_file[512];	      /* "" = none */
	const char *file;		      /* that was read; config_load()'s caller's */
	char relay_via[CONFIG_RELAY_MAX + 1]; /* the relay's redirect URI, "" = none */
	char relay_id[RELAY_ID_MAX + 1];      /* what we are called there */
	char relay_key_file[CONFIG_RELAY_MAX + 1];
	int relay_line;			/* of the file, where that stands */
	struct config_site *relay_site; /* what we are a relay for, by id; config_free()'s */
	size_t relay_site_count;
	bool relay_only; /* there are such sites, and no section [opencode] or [relay] */

	char callback_paths[CONFIG_PATHS_MAX][129];
	struct config_opencode opencode[CONFIG_OPENCODES_MAX];
};

/* Frees what it holds besides itself. */
void config_free(struct config *config);

/* Whether a path is one of callback_paths. */
bool config_callback_path(const struct config *config, const char *path);

/* The site of that id, or NULL. */
const struct config_site *config_site_find(const struct config *config, const char *id);

#endif
