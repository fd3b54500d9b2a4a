/*
 * Loading the configuration: one ini file, then what the environment and the command line say.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/config.h"

/* Where settings come from besides the file. A NULL member is not given. */
struct config_source {
	const char *file;	    /* -c or OPENCODE_CALLBACK_CONFIG; must exist if given */
	const char *public_url;	    /* OPENCODE_PUBLIC_URL */
	const char *proxy_trust;    /* OPENCODE_TRUST_PROXY_HEADERS */
	const char *worker_socket;  /* -s */
	const char *worker_threads; /* -t */
};

/*
 * Reads and checks everything; config may hold anything before. On ERR_CONFIG, message says what is
 * wrong, with file and line where there is one, and what is allowed. Without source->file the
 * default file is read if it exists.
 */
enum err config_load(struct config *config, const struct config_source *source,
		     char message[CONFIG_MESSAGE_MAX]) MUST_CHECK;

#endif
