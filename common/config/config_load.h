/*
 * Loads the configuration: one ini file, then the settings of the environment and of the command
 * line.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/config.h"

/* The settings from outside the file. NULL: not given. */
struct config_source {
	const char *file;	 /* -c or OPENCODE_CALLBACK_CONFIG; if given, the file must exist */
	const char *public_url;	 /* OPENCODE_PUBLIC_URL */
	const char *proxy_trust; /* OPENCODE_TRUST_PROXY_HEADERS */
	const char *worker_socket;  /* -s */
	const char *worker_threads; /* -t */
};

/*
 * Reads and checks the whole configuration; config need not be initialised. If source->file is
 * NULL, the default file is read if it exists. ERR_CONFIG: message says what is wrong and what is
 * allowed, with the file and the line where there is one. ERR_MEMORY. After an error there is
 * nothing to free.
 */
enum err config_load(struct config *config, const struct config_source *source,
		     char message[CONFIG_MESSAGE_MAX]) MUST_CHECK;

#endif
