/*
 * The configuration. It is filled from the defaults, one ini file, and the settings of the
 * environment and of the command line, which the front ends read and pass in. It is checked once,
 * and constant from then on.
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
#define CONFIG_NAME_MAX	     64		       /* bytes of a section's NAME or of a username */
#define RELAY_PATH	     "/relay/callback" /* path of the redirect URI of a relay */
#define CONFIG_RELAY_MAX     256 /* bytes of a URL or of a file's path in [relay…] */
#define CONFIG_MESSAGE_MAX   512

/* The one header that the client address is read from. */
enum config_proxy_header {
	PROXY_X_FORWARDED_FOR,
	PROXY_X_REAL_IP,
	PROXY_CF_CONNECTING_IP,
	PROXY_FORWARDED, /* RFC 7239 */
};

/* The hosts at which sign-ins are possible over plain http. */
enum config_http {
	HTTP_LOOPBACK, /* loopback names, to which browsers connect within the computer */
	HTTP_PRIVATE,  /* those of private networks too */
};

/* Who decides who may use an opencode. */
enum config_login {
	LOGIN_VISITOR, /* opencode: calls bring what the visitor brings */
	LOGIN_OWN,     /* the web server, before us: all our calls use password_file */
};

struct config_opencode {
	char name[CONFIG_NAME_MAX + 1]; /* "" for [opencode] */
	char url[ORIGIN_MAX + 1];	/* public origin; "" = detected for each request */
	char socket[108];		/* may contain %p */
	int port;			/* replaces %p for opencode itself */
	char username[CONFIG_NAME_MAX + 1];
	char password_file[512]; /* "" = none */
	enum config_login login;
};

struct config_issuer {
	char authorize_origin[ORIGIN_MAX + 1];
	char issuer[CONFIG_VALUE_MAX + 1];
};

/* A site to which this relay passes authorization responses on: [relay-site ID]. */
struct config_site {
	const char *id;
	const char *target;
	const char *key_file;
	const char *previous_key_file; /* "" = none */
	int line;		       /* of the section's header in the file */
	int key_line;		       /* of key_file */
	int previous_key_line;	       /* of previous_key_file */
};

/* The large members are placed so that the parts in use lie close together: a CGI program fills
 * this struct for each request, and each page of memory that it touches takes time. */
struct config {
	struct config_issuer issuer[CONFIG_ISSUERS_MAX];
	char store[PATH_MAX];	      /* "dir:/run/opencode-callback" */
	struct trusted_proxies trust; /* the proxies whose forwarding headers are believed */

	/* config_keys_defaults() clears the members from here up to callback_paths */
	size_t opencode_count; /* at least 1 */
	size_t issuer_count;
	size_t callback_path_count;
	char prefix[65]; /* "/signin" */
	enum config_http http;
	enum config_proxy_header proxy_header;
	int lifetime; /* seconds */
	int max_pending;
	int max_pending_per_client;
	int rate;		 /* counted requests of one client per minute */
	int burst;		 /* counted requests of one client at once */
	char worker_socket[108]; /* "" = inherited */
	int worker_threads;
	enum log_target log_to;
	enum log_level log_level;
	char store_username[CONFIG_NAME_MAX + 1];
	char store_password_file[512]; /* "" = none */
	const char *file; /* path of the file that was read; owned by the caller of config_load() */
	char relay_via[CONFIG_RELAY_MAX + 1]; /* redirect URI of our relay, "" = none */
	char relay_id[RELAY_ID_MAX + 1];      /* our ID on that relay */
	char relay_key_file[CONFIG_RELAY_MAX + 1];
	int relay_line; /* line number of key_file, else of the first key in [relay] */
	/* the sites that we are a relay for, sorted by ID; config_free() frees them */
	struct config_site *relay_site;
	size_t relay_site_count;
	/* there are such sites, but no [opencode], no [relay] and no OPENCODE_PUBLIC_URL */
	bool relay_only;

	char callback_paths[CONFIG_PATHS_MAX][129];
	struct config_opencode opencode[CONFIG_OPENCODES_MAX];
};

/* Frees everything that the struct owns, but not the struct itself. */
void config_free(struct config *config);

/* Returns whether a path is one of callback_paths. */
bool config_callback_path(const struct config *config, const char *path);

/* Returns whether path is called, which may have one slash more at its end. */
bool config_path_is(const char *called, const char *path);

/* Returns the site with that ID, or NULL. */
const struct config_site *config_site_find(const struct config *config, const char *id);

#endif
