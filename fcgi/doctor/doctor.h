/*
 * --doctor URL: looks at a finished installation from outside, as a browser
 * would, and says what is right, what is wrong, and which line to change.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "config/config.h"

/* What the environment adds; a NULL member is not given. */
struct doctor_source {
	const char *url;      /* the site's public origin, from the command line */
	const char *username; /* OPENCODE_SERVER_USERNAME */
	const char *password; /* OPENCODE_SERVER_PASSWORD */
	const char *ca_file;  /* CURL_CA_BUNDLE, SSL_CERT_FILE */
};

/*
 * Prints one line for each check to standard output. 0: nothing failed, 1: something
 * did, or could not be looked at in time, START_EXIT_USAGE: this is no URL of a site. Changes
 * nothing that lasts: begins no sign-in; where it is let in, it opens a terminal for a moment.
 */
int doctor_run(const struct config *config, const struct doctor_source *source);

#endif
