/*
 * Starts both programs: standard files, environment, configuration, log.
 * The only part of common/ that reads the environment.
 */
#ifndef START_H
#define START_H

#include <stdbool.h>

#include "config/config.h"
#include "config/config_load.h"
#include "util/error.h"

#define START_EXIT_USAGE  64 /* EX_USAGE of sysexits.h */
#define START_EXIT_CONFIG 78 /* EX_CONFIG */

/*
 * Opens /dev/null for each of the descriptors 0 to 2 that is closed, so that no file of ours
 * ever gets such a number. Returns false if that fails.
 */
bool start_files(void) MUST_CHECK;

/* Returns an environment variable; NULL if it is unset or empty. */
const char *start_variable(const char *name);

/*
 * Fills in from the environment what source leaves NULL, loads the configuration and opens
 * the log that it names. On ERR_CONFIG, message says why.
 */
enum err start_config(struct config *config, struct config_source *source,
		      char message[CONFIG_MESSAGE_MAX]) MUST_CHECK;

#endif
