#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doctor/check_front.h"
#include "doctor/check_machine.h"
#include "doctor/check_opencode.h"
#include "doctor/check_request.h"
#include "doctor/check_site.h"
#include "flow/url.h"
#include "process/start.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/secret.h"

enum {
	NEEDS_SITE = 1, /* the site answers at all */
	NEEDS_OURS = 2, /* our handler answers, under this name */
	NEEDS_IN = 4,	/* no guard of the site keeps us out */
};

/* The checks, in the order of the table that is printed. If one fails, those that need what it
 * blocks are skipped. */
static const struct check {
	const char *name;
	enum verdict (*look)(struct examination *d);
	int needs;
	int blocks;
	const char *fix;
} checks[] = {
    {"https", check_site_https, 0, NEEDS_SITE | NEEDS_OURS,
     "a certificate for this name in the web server's file: ssl_certificate (nginx), "
     "SSLCertificateFile (Apache); on this machine, the package ca-certificates"},
    {"redirect", check_site_redirect, NEEDS_SITE, 0,
     "web server, port 80: return 301 https://NAME$request_uri; (nginx), Redirect 301 \"/\" "
     "\"https://NAME/\" (Apache)"},
    {"pages", check_site_pages, NEEDS_SITE, NEEDS_OURS,
     "web server: pass [web] prefix to us, as in conf/nginx or conf/apache; the worker must run "
     "and its socket be the web server's to use"},
    {"host", check_site_host, NEEDS_OURS, NEEDS_OURS,
     "opencode-callback.ini, [opencode] url: the address that browsers use"},
    {"security", check_site_security, NEEDS_OURS | NEEDS_IN, 0,
     "web server: no add_header, fastcgi_hide_header (nginx) or Header set, unset (Apache) for our "
     "paths"},
    {"callbacks", check_front_callbacks, NEEDS_OURS, 0,
     "web server: one location for each of [web] callback_paths in opencode-callback.ini"},
    {"firewall", check_front_firewall, NEEDS_OURS | NEEDS_IN, 0, ""},
    {"begins", check_site_begins, NEEDS_OURS | NEEDS_IN, 0,
     "web server: the locations of /provider/…/oauth/authorize, /mcp/…/auth and "
     "/api/integration/…, as in conf/nginx or conf/apache (there with AllowEncodedSlashes "
     "NoDecode)"},
    {"headers", check_request_headers, NEEDS_OURS | NEEDS_IN, 0,
     "web server or a proxy before it: let request headers pass as they came"},
    {"cookie", check_request_cookie, NEEDS_OURS | NEEDS_IN, 0,
     "opencode-callback.ini, [opencode] url: the address that browsers use; and let Origin pass"},
    {"forwarded", check_request_forwarded, NEEDS_OURS | NEEDS_IN, 0,
     "opencode-callback.ini, [proxy] trust: name only proxies of yours, which set these headers "
     "anew"},
    {"opencode", check_opencode_answers, NEEDS_SITE | NEEDS_IN, 0,
     "web server: pass everything else to opencode (proxy_pass, ProxyPass), at its own port"},
    {"health", check_opencode_health, NEEDS_OURS | NEEDS_IN, 0,
     "opencode.json must name our plugin, and opencode run; [opencode] socket and [flow] store "
     "must "
     "be the handler's to use. Its log says which"},
    {"login", check_opencode_login, NEEDS_OURS | NEEDS_IN, 0,
     "web server: hand Authorization on to us (Apache: CGIPassAuth On)"},
    {"events", check_opencode_events, NEEDS_SITE | NEEDS_IN, 0,
     "web server: proxy_buffering off; (nginx), flushpackets=on (Apache), no compression of "
     "text/event-stream"},
    {"websocket", check_opencode_websocket, NEEDS_SITE | NEEDS_IN, 0,
     "web server: proxy_set_header Upgrade and Connection with proxy_http_version 1.1 (nginx), "
     "ProxyPass … upgrade=websocket (Apache); Host as it came"},
    {"socket", check_machine_socket, 0, 0,
     "opencode.json must name our plugin, OPENCODE_CALLBACK_SOCKET be [opencode] socket, and "
     "opencode be restarted and asked something once"},
    {"ports", check_machine_ports, NEEDS_SITE, 0,
     "firewall: close the port to the outside; opencode itself: --hostname 127.0.0.1"},
    {"logs", check_site_logs, NEEDS_OURS, 0,
     "web server: the log format without the query, as in conf/nginx or conf/apache"},
};

static enum verdict
examine(struct examination *d, const struct check *check, int blocked, const char *by)
{
	enum verdict verdict;

	d->message[0] = d->fix[0] = '\0';
	d->limited = false;
	if (check->needs & blocked)
		return examination_say(d, VERDICT_SKIPPED, "because of %s, above", by);
	if (d->deadline <= clock_monotonic_ms()) {
		examination_advise(d, "run this again when the site answers in time");
		return examination_say(d, VERDICT_FAILED, "not looked at: %d seconds are over",
				       EXAMINATION_MS / 1000);
	}
	verdict = check->look(d);
	if (verdict == VERDICT_FAILED && d->limited) {
		examination_advise(d, "wait a minute, and run this again");
		return examination_say(d, VERDICT_WARNING,
				       "too many requests from here (status 429)");
	}
	return verdict;
}

static void
print(const struct examination *d, const struct check *check, enum verdict verdict)
{
	static const char *const words[] = {
	    [VERDICT_OK] = "ok",	   [VERDICT_WARNING] = "warning",
	    [VERDICT_FAILED] = "failed",   [VERDICT_SKIPPED] = "skipped",
	    [VERDICT_BY_HAND] = "by hand",
	};
	bool advice = verdict == VERDICT_FAILED || d->fix[0] != '\0';

	printf("%-8s %-10s %s\n", words[verdict], check->name, d->message);
	if (advice)
		printf("%-19s -> %s\n", "", d->fix[0] != '\0' ? d->fix : check->fix);
	fflush(stdout);
}

/* Reads the site's URL. Refuses anything but scheme, host and port, which would be ignored. */
static bool
read_url(struct examination *d, const char *url)
{
	struct url a;
	bool good = url_parse(url, &a) == ERR_OK;

	good = good && url_is_web(url) && !a.has_user && a.query == NULL && a.fragment == NULL &&
	       (a.path[0] == '\0' || strcmp(a.path, "/") == 0) &&
	       strlen(a.host) < sizeof(d->host) && url_origin(&a, d->origin, sizeof(d->origin));
	if (good) {
		memcpy(d->host, a.host, strlen(a.host) + 1);
		d->port = a.port;
		d->https = strcmp(a.scheme, "https") == 0;
		d->loopback = origin_host_is_loopback(d->host);
	}
	url_free(&a);
	return good;
}

static void
choose_opencode(struct examination *d, const struct config *config)
{
	d->config = config;
	d->opencode = &config->opencode[0];
	for (size_t i = 0; i < config->opencode_count; i++)
		if (strcmp(config->opencode[i].url, d->origin) == 0)
			d->opencode = &config->opencode[i];
	d->private = config->http == HTTP_PRIVATE && origin_host_is_private(d->host);
}

/* Credentials are sent only over https, to this machine, or where the configuration allows http. */
static void
make_login(struct examination *d, const struct doctor_source *source)
{
	static const char start[] = "Authorization: Basic ";
	const char *name = source->username == NULL ? d->opencode->username : source->username;
	char plain[EXAMINATION_LOGIN_MAX / 2];
	int len;

	if (source->password == NULL || (!d->https && !d->loopback && !d->private))
		return;
	len = snprintf(plain, sizeof(plain), "%s:%s", name, source->password);
	memcpy(d->login, start, sizeof(start));
	if (len < 0 || (size_t)len >= sizeof(plain) ||
	    !secret_base64(plain, (size_t)len, d->login + sizeof(start) - 1,
			   sizeof(d->login) - sizeof(start) + 1))
		d->login[0] = '\0';
	secret_wipe(plain, sizeof(plain));
}

int
doctor_run(const struct config *config, const struct doctor_source *source)
{
	static struct examination d;
	int blocked = 0, count[VERDICT_BY_HAND + 1] = {0};
	const char *by = "";

	if (secret_init() != ERR_OK)
		return EXIT_FAILURE;
	if (!read_url(&d, source->url)) {
		fputs("--doctor: an address such as https://opencode.example.com, without a path; "
		      "credentials belong in OPENCODE_PASSWORD, or OPENCODE_SERVER_USERNAME and "
		      "OPENCODE_SERVER_PASSWORD\n",
		      stderr);
		return START_EXIT_USAGE;
	}
	choose_opencode(&d, config);
	make_login(&d, source);
	d.ca_file = source->ca_file;
	d.deadline = clock_monotonic_ms() + EXAMINATION_MS;
	/* the table shows what fails */
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		enum verdict verdict = examine(&d, &checks[i], blocked, by);

		print(&d, &checks[i], verdict);
		count[verdict]++;
		if (verdict == VERDICT_FAILED && checks[i].blocks != 0 && blocked == 0)
			by = checks[i].name;
		if (verdict == VERDICT_FAILED)
			blocked |= checks[i].blocks;
		if (d.fronted && !(blocked & NEEDS_IN)) {
			by = checks[i].name;
			blocked |= NEEDS_IN;
		}
	}
	printf("%d ok, %d warnings, %d failed, %d skipped, %d to do by hand\n", count[VERDICT_OK],
	       count[VERDICT_WARNING], count[VERDICT_FAILED], count[VERDICT_SKIPPED],
	       count[VERDICT_BY_HAND]);
	secret_wipe(d.login, sizeof(d.login));
	return count[VERDICT_FAILED] == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
