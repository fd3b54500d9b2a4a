/*
 * What both programs do first: standard files, environment, configuration, log.
 * The only place that reads the environment.
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
 * Opens /dev/null in place of each of the descriptors 0 to 2 that is closed, so
 * that no file of ours ever lands there. False if even that fails.
 */
bool start_files(void) MUST_CHECK;

/* A variable of the environment; NULL if it is not set, or empty. */
const char *start_variable(const char *name);

/*
 * Fills what source leaves NULL from the environment, loads the configuration
 * and turns the log to where it says. On ERR_CONFIG, message says why.
 */
enum err start_config(struct config *config, struct config_source *source,
		      char message[CONFIG_MESSAGE_MAX]) MUST_CHECK;

#endif
