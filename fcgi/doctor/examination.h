/*
 * The state that the doctor's checks share. Each check makes its requests, says what it saw with
 * examination_say(), and returns the verdict.
 */
#ifndef EXAMINATION_H
#define EXAMINATION_H

#include <stdbool.h>

#include "config/config.h"
#include "doctor/generation.h"
#include "doctor/probe.h"

#define EXAMINATION_MS	      15000
#define EXAMINATION_TEXT_MAX  640
#define EXAMINATION_LOGIN_MAX 1024 /* bytes of the Authorization line */
#define EXAMINATION_EVIL      "evil.example"

enum verdict {
	VERDICT_OK,
	VERDICT_WARNING,
	VERDICT_FAILED,
	VERDICT_SKIPPED,
	VERDICT_BY_HAND, /* cannot be seen from outside */
};

struct examination {
	const struct config *config;
	const struct config_opencode *opencode; /* the one whose URL is examined */
	char origin[ORIGIN_MAX + 1];
	char host[ORIGIN_MAX + 1]; /* the host name alone; IPv6 in brackets */
	int port;
	bool https;
	bool loopback;
	bool private; /* a name of a private network, at which the configuration allows http */
	char login[EXAMINATION_LOGIN_MAX]; /* "Authorization: Basic …", "" if none is to be sent */
	const char *ca_file;
	long long deadline; /* of all checks, in ms of the monotonic clock */

	/* what earlier checks found, for later ones */
	bool carry;   /* the site asks for a password itself: every request brings ours */
	bool fronted; /* a guard of the site keeps us from our own pages */
	bool guarded; /* something asks for a password before opencode answers */
	bool let_in;  /* opencode answers us, with or without a password */
	enum generation generation; /* of the opencode that answers; known if it lets us in */
	bool healthy;		    /* our own health page says ok */
	bool limited;		    /* a response had status 429 */

	char message[EXAMINATION_TEXT_MAX]; /* what the check saw */
	char fix[EXAMINATION_TEXT_MAX]; /* what to change; "": the advice of the table applies */
};

/* Records what the check saw, and returns verdict. */
enum verdict examination_say(struct examination *d, enum verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Records what to change, where the table's advice does not fit. */
void examination_advise(struct examination *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns the milliseconds until the whole examination ends, at least 1. */
int examination_left(const struct examination *d);

/* Makes a request to the site. Fills in origin and time where the call has none, the CA file, and
 * what the site's own password needs.
 * Release the probe in any case. */
void examination_probe(struct examination *d, struct probe_call call, struct probe *probe);

/* Adds our credentials, if there are any, to the headers of a call. */
void examination_login(const struct examination *d, struct probe_call *call);

/* Asks which generation of opencode answers at an origin; NULL: at the site. login: sends our
 * credentials. words, if not NULL: what the first answer was. */
struct generation_look examination_ask_generation(struct examination *d, const char *origin,
						  bool login, char words[PROBE_WORDS_MAX]);

#endif
