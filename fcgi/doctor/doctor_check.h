/*
 * The checks of the doctor, and what they share. Each makes its requests, says
 * what it saw with doctor_say(), and returns the verdict.
 */
#ifndef DOCTOR_CHECK_H
#define DOCTOR_CHECK_H

#include <stdbool.h>

#include "config/config.h"
#include "doctor/probe.h"

#define DOCTOR_TOTAL_MS	 15000
#define DOCTOR_TEXT_MAX	 640
#define DOCTOR_LOGIN_MAX 1024 /* bytes of the Authorization line */
#define PROBE_WORDS_MAX	 256
#define DOCTOR_EVIL	 "evil.example"

enum verdict {
	VERDICT_OK,
	VERDICT_WARNING,
	VERDICT_FAILED,
	VERDICT_SKIPPED,
	VERDICT_BY_HAND, /* nobody can see it from outside */
};

struct doctor {
	const struct config *config;
	const struct config_opencode *opencode; /* the one that the URL is of */
	char origin[ORIGIN_MAX + 1];
	char host[ORIGIN_MAX + 1]; /* its name alone, IPv6 in brackets */
	int port;
	bool https;
	bool loopback;
	char login[DOCTOR_LOGIN_MAX]; /* "Authorization: Basic …", "" if none is to be sent */
	const char *ca_file;
	long long deadline; /* of all checks, in ms of the monotonic clock */

	/* what earlier checks found, for later ones */
	bool guarded; /* somebody asks for a password before opencode */
	bool let_in;  /* opencode answers us, with or without one */
	bool healthy; /* our own health says ok */
	bool limited; /* an answer was 429 */

	char message[DOCTOR_TEXT_MAX]; /* what the check saw */
	char fix[DOCTOR_TEXT_MAX];     /* what to change; "": what the table says */
};

/* Notes what was seen, and returns the verdict. */
enum verdict doctor_say(struct doctor *d, enum verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What to change, where the table's advice does not fit. */
void doctor_advise(struct doctor *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Milliseconds until the whole examination ends, at least 1. */
int doctor_left(const struct doctor *d);

/* A request to the site; origin, time and trust are filled in where the call has none. Release the
 * probe in any case. */
void doctor_check_probe(struct doctor *d, struct probe_call call, struct probe *probe);

/* The status of an answer, 0 if there was none; and the same in words, for a message. */
int probe_status(const struct probe *v);
const char *probe_words(const struct probe *v, char out[PROBE_WORDS_MAX]);

/* Whether an answer's body holds a text; whether it is our page or JSON for this error. */
bool probe_says(const struct probe *v, const char *text);
bool probe_is_problem(const struct probe *v, enum err err);
/* Whether it is any page of ours that refuses something. */
bool probe_is_ours(const struct probe *v);

/* How often an answer has a header; its last value goes to value, "" if there is none or it is too
 * long. */
int probe_header(const struct probe *v, const char *name, char *value, size_t size);

/* The web server in front and our handler behind it: doctor_site.c, doctor_request.c. */
enum verdict check_https(struct doctor *d);
enum verdict check_redirect(struct doctor *d);
enum verdict check_pages(struct doctor *d);
enum verdict check_host(struct doctor *d);
enum verdict check_security(struct doctor *d);
enum verdict check_callbacks(struct doctor *d);
enum verdict check_begins(struct doctor *d);
enum verdict check_headers(struct doctor *d);
enum verdict check_cookie(struct doctor *d);
enum verdict check_forwarded(struct doctor *d);
enum verdict check_logs(struct doctor *d);

/* opencode: doctor_opencode.c. */
enum verdict check_opencode(struct doctor *d);
enum verdict check_health(struct doctor *d);
enum verdict check_login(struct doctor *d);
enum verdict check_events(struct doctor *d);
enum verdict check_websocket(struct doctor *d);

/* What runs beside it: doctor_machine.c. */
enum verdict check_socket(struct doctor *d);
enum verdict check_ports(struct doctor *d);

#endif
