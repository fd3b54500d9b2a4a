/*
 * --doctor URL: examines a finished installation from outside, as a browser would, and says
 * what is right, what is wrong, and which line to change.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "config/config.h"

/* Settings from the command line and the environment; NULL: not given. */
struct doctor_source {
	const char *url;      /* the site's public origin, from the command line */
	const char *username; /* OPENCODE_SERVER_USERNAME */
	const char *password; /* OPENCODE_PASSWORD, OPENCODE_SERVER_PASSWORD */
	const char *ca_file;  /* CURL_CA_BUNDLE, SSL_CERT_FILE */
};

/*
 * Prints one line for each check to standard output, and what to change. Returns 0 if nothing
 * failed, 1 if a check failed or could not be made in time, START_EXIT_USAGE if this is no URL of
 * a site. Changes nothing that lasts: begins no sign-in; if opencode lets it in, opens a terminal
 * for a moment.
 */
int doctor_run(const struct config *config, const struct doctor_source *source);

#endif
