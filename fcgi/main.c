/*
 * The FastCGI program: options, socket, threads, signals.
 */
#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/config_dump.h"
#include "config/config_load.h"
#include "config/relay_key.h"
#include "doctor/doctor.h"
#include "listen.h"
#include "process/sandbox.h"
#include "process/start.h"
#include "route/app.h"
#include "util/curl_lib.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/version.h"
#include "worker.h"

#define DUMP_MAX (2 * CONFIG_FILE_MAX) /* bytes of --dump-config */

enum action {
	ACTION_RUN,
	ACTION_CHECK,
	ACTION_DUMP,
	ACTION_DOCTOR,
	ACTION_VERSION,
	ACTION_HELP,
	ACTION_USAGE,
};

struct options {
	enum action action;
	struct config_source source;
	mode_t mode;
	const char *url; /* of --doctor */
};

static const char usage_text[] =
    "usage: opencode-callback.fcgi [-c FILE] [-s SOCKET] [-m MODE] [-t THREADS]\n"
    "                              [--check-config | --dump-config | --doctor URL |\n"
    "                               --version | --help]\n"
    "\n"
    "  -c FILE         read this configuration, not " CONFIG_FILE_DEFAULT "\n"
    "  -s SOCKET       listen on this Unix socket; without it, on the socket in LISTEN_FDS\n"
    "                  or on descriptor 0\n"
    "  -m MODE         access mode of that socket, octal; 0660 by default\n"
    "  -t THREADS      how many requests are answered at once; 8 by default\n"
    "  --check-config  say whether the configuration is right, and end\n"
    "  --dump-config   print the configuration as it is understood, and end\n"
    "  --doctor URL    look at the finished site from outside, as far as OPENCODE_PASSWORD, or\n"
    "                  OPENCODE_SERVER_USERNAME and OPENCODE_SERVER_PASSWORD, let it in, and\n"
    "                  say what is wrong; ends with 0, or with 1 if a check failed\n"
    "  --version       print the version, and end\n"
    "  --help          print this, and end\n";

static const char version_text[] = "opencode-callback " APP_VERSION SANDBOX_BUILT "\n";

static bool
parse_mode(const char *text, mode_t *mode)
{
	size_t len = strlen(text);

	if (len < 1 || len > 4 || strspn(text, "01234567") != len)
		return false;
	*mode = (mode_t)strtoul(text, NULL, 8);
	return *mode <= 0777;
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	    {"check-config", no_argument, NULL, ACTION_CHECK},
	    {"dump-config", no_argument, NULL, ACTION_DUMP},
	    {"doctor", required_argument, NULL, ACTION_DOCTOR},
	    {"version", no_argument, NULL, ACTION_VERSION},
	    {"help", no_argument, NULL, ACTION_HELP},
	    {NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){.mode = LISTEN_MODE_DEFAULT};
	while ((c = getopt_long(argc, argv, "c:s:m:t:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->source.file = optarg;
			break;
		case 's':
			o->source.worker_socket = optarg;
			break;
		case 't':
			o->source.worker_threads = optarg;
			break;
		case 'm':
			if (parse_mode(optarg, &o->mode))
				break;
			fprintf(stderr, "-m: an octal number from 0 to 0777, not %s\n", optarg);
			o->action = ACTION_USAGE;
			return;
		case ACTION_DOCTOR:
			o->url = optarg;
			o->action = ACTION_DOCTOR;
			break;
		case ACTION_CHECK:
		case ACTION_DUMP:
		case ACTION_VERSION:
		case ACTION_HELP:
			o->action = (enum action)c;
			break;
		default:
			o->action = ACTION_USAGE;
			return;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument\n", argv[optind]);
		o->action = ACTION_USAGE;
	}
}

static int
dump_config(const struct config *config)
{
	struct buf out;
	bool ok;

	buf_init(&out, DUMP_MAX);
	ok = config_dump(config, &out) == ERR_OK && fputs(buf_text(&out), stdout) != EOF &&
	     fflush(stdout) == 0;
	buf_free(&out);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
doctor(const struct config *config, const char *url)
{
	const char *bundle = start_variable("CURL_CA_BUNDLE");
	const char *password = start_variable("OPENCODE_PASSWORD"); /* opencode 2's name for it */
	const struct doctor_source source = {
	    .url = url,
	    .username = start_variable("OPENCODE_SERVER_USERNAME"),
	    .password = password == NULL ? start_variable("OPENCODE_SERVER_PASSWORD") : password,
	    .ca_file = bundle != NULL ? bundle : start_variable("SSL_CERT_FILE"),
	};

	return doctor_run(config, &source);
}

static void
handle(void *ctx, const struct request *request, struct response *response)
{
	app_handle(ctx, request, response);
}

/* Raises the limit of descriptors: one for each connection, and some for opencode and the store. */
static void
raise_limit(void)
{
	const rlim_t want = 2 * CONNECTIONS_MAX;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* More than glibc keeps of a thread's free heap, in blocks too small for a mapping of their own. */
#define SETTLE_BLOCK (64 * 1024)
#define SETTLE_COUNT 8

static void *
settle_thread(void *arg)
{
	void *volatile block[SETTLE_COUNT];

	for (int i = 0; i < SETTLE_COUNT; i++)
		block[i] = malloc(SETTLE_BLOCK);
	for (int i = SETTLE_COUNT - 1; i >= 0; i--)
		free(block[i]);
	return arg;
}

/*
 * The first time that glibc shrinks a thread's heap, it reads a file in /proc/sys/vm. This makes
 * it do so now, before the sandbox forbids it.
 */
static void
settle_malloc(void)
{
	pthread_t thread;

	/* each malloc arena keeps memory of its own; here two are as fast as eight */
	mallopt(M_ARENA_MAX, 2);
	if (pthread_create(&thread, NULL, settle_thread, NULL) == 0)
		pthread_join(thread, NULL);
}

/* Answers requests until a signal asks to end. */
static int
serve(const struct config *config, const struct relay_keys *keys, struct listen *l)
{
	struct worker_config worker_config = {
	    .listen_fd = l->fd, .threads = config->worker_threads, .handler = {.handle = handle}};
	struct worker *worker;
	struct app *app;
	sigset_t signals;
	int signo;
	char threads[16];
	enum err err;

	/* blocked before any thread starts, so that all inherit it; sigwait() takes them */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	raise_limit();
	settle_malloc();

	if ((err = secret_init()) == ERR_OK)
		err = app_open(&app, config, config->worker_threads);
	if (err != ERR_OK) {
		if (err != ERR_STORE) /* which is logged already */
			log_event(LOG_LEVEL_ERROR, "start", "message", "out of memory", NULL);
		return EXIT_FAILURE;
	}
	app_keep_keys(app, keys);
	/* the sandbox prevents loading it later; if it is missing, the log says so */
	(void)curl_lib();
	sandbox_enter(SANDBOX_WORKER, config, l->folder);
	worker_config.handler.ctx = app;
	if (worker_start(&worker, &worker_config) != ERR_OK) {
		log_event(LOG_LEVEL_ERROR, "start", "message", "no memory for the threads", NULL);
		app_close(app);
		return EXIT_FAILURE;
	}
	/* libfcgi has installed handlers of its own */
	signal(SIGPIPE, SIG_IGN);
	snprintf(threads, sizeof(threads), "%d", config->worker_threads);
	log_event(LOG_LEVEL_INFO, "worker-start", "version", APP_VERSION, "threads", threads,
		  "socket", l->path != NULL ? l->path : "inherited", NULL);
	if (config->http == HTTP_PRIVATE)
		log_event(
		    LOG_LEVEL_WARNING, "plain-http", "hint",
		    "[web] http = private: whoever can listen to that network can take over a "
		    "sign-in",
		    NULL);
	sigwait(&signals, &signo);
	listen_unlink(l);
	worker_stop(worker);
	app_close(app);
	log_event(LOG_LEVEL_INFO, "worker-stop", "signal",
		  signo == SIGTERM  ? "TERM"
		  : signo == SIGINT ? "INT"
				    : "USR1",
		  NULL);
	return EXIT_SUCCESS;
}

static int
run(const struct options *o, const struct config *config, const struct relay_keys *keys)
{
	char message[LISTEN_MESSAGE_MAX];
	struct listen l;
	int status;

	if (listen_open(&l, *config->worker_socket != '\0' ? config->worker_socket : NULL, o->mode,
			message) != ERR_OK) {
		fprintf(stderr, "opencode-callback.fcgi: %s\n", message);
		return START_EXIT_USAGE;
	}
	status = serve(config, keys, &l);
	listen_unlink(&l);
	listen_close(&l);
	return status;
}

int
main(int argc, char **argv)
{
	static struct config config;
	char message[CONFIG_MESSAGE_MAX];
	struct relay_keys *keys;
	struct options o;
	int status;

	sandbox_prepare();
	if (!start_files())
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	parse_options(argc, argv, &o);
	if (o.action == ACTION_USAGE) {
		fputs(usage_text, stderr);
		return START_EXIT_USAGE;
	}
	if (o.action == ACTION_HELP || o.action == ACTION_VERSION) {
		fputs(o.action == ACTION_HELP ? usage_text : version_text, stdout);
		return EXIT_SUCCESS;
	}
	if (start_config(&config, &o.source, message) != ERR_OK) {
		fprintf(stderr, "%s\n", message);
		return START_EXIT_CONFIG;
	}
	if (o.action == ACTION_DUMP)
		return dump_config(&config);
	if (o.action == ACTION_DOCTOR)
		return doctor(&config, o.url);
	if (relay_key_open(&keys, &config, message) != ERR_OK) {
		fprintf(stderr, "%s\n", message);
		return START_EXIT_CONFIG;
	}
	if (o.action == ACTION_CHECK) {
		printf("configuration ok: %s\n", o.source.file != NULL ? o.source.file
						 : access(CONFIG_FILE_DEFAULT, F_OK) == 0
						     ? CONFIG_FILE_DEFAULT
						     : "defaults, no file");
		status = EXIT_SUCCESS;
	} else {
		status = run(&o, &config, keys);
	}
	relay_key_close(keys);
	return status;
}
