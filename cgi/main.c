/*
 * The CGI program: reads one request from the environment and standard input, and writes one
 * response to standard output.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config_load.h"
#include "http/cgi.h"
#include "process/sandbox.h"
#include "process/start.h"
#include "route/app.h"
#include "util/blocking.h"
#include "util/clock.h"
#include "util/curl_lib.h"
#include "util/log.h"

#define READ_MS	  10000		/* time for the whole body to arrive */
#define DRAIN_MS  2000		/* time for input that nobody read */
#define DRAIN_MAX (1024 * 1024) /* bytes of such input */
#define WRITE_MS  10000		/* time for the web server to take the response */
#define WRITE_MAX 4096		/* PIPE_BUF: a ready pipe takes this many bytes without blocking */

extern char **environ;

/* Standard input: never read beyond Content-Length (RFC 3875 section 4.2). */
struct body {
	int64_t left;	  /* bytes still to be read */
	int64_t deadline; /* on the monotonic clock */
};

/* Waits until fd is ready for events or at its end. Returns false once the deadline has passed. */
static bool
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline - clock_monotonic_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static int
body_read(void *ctx, char *data, size_t len)
{
	struct body *body = ctx;
	ssize_t n;

	if ((int64_t)len > body->left)
		len = (size_t)body->left;
	if (len == 0)
		return 0;
	if (!wait_for(STDIN_FILENO, POLLIN, body->deadline))
		return -1;
	if ((n = read(STDIN_FILENO, data, len)) > 0)
		body->left -= n;
	return (int)n;
}

/*
 * Reads the rest of the input. Apache's mod_cgid truncates the response of a program that ends
 * with unread input, and may not begin to read the response before all input is read.
 */
static void
body_drain(struct body *body)
{
	char waste[4096];
	int64_t most = DRAIN_MAX;
	int n;

	body->deadline = clock_monotonic_ms() + DRAIN_MS;
	while (most > 0 && (n = body_read(body, waste, sizeof(waste))) > 0)
		most -= n;
}

static void
send_all(const char *data, size_t len)
{
	const struct timeval limit = {.tv_sec = WRITE_MS / 1000};
	int64_t deadline = clock_monotonic_ms() + WRITE_MS;

	/* a socket may take less than WRITE_MAX without blocking; on a pipe this call fails */
	(void)setsockopt(STDOUT_FILENO, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (len > 0) {
		ssize_t n;

		if (!wait_for(STDOUT_FILENO, POLLOUT, deadline))
			return;
		n = write(STDOUT_FILENO, data, len < WRITE_MAX ? len : WRITE_MAX);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

static struct config config;

/* Runs before the first call to opencode, after which we read data that others sent. */
static void
when_loaded(void)
{
	sandbox_enter(SANDBOX_CGI_LATE, &config, -1);
}

/*
 * Does everything that needs access outside the sandbox. If it returns NULL, response already
 * says why.
 */
static struct app *
prepare(struct response *response)
{
	struct config_source source = {.file = NULL};
	char message[CONFIG_MESSAGE_MAX];
	struct app *app = NULL;
	enum err err;

	if ((err = start_config(&config, &source, message)) == ERR_OK)
		err = app_open(&app, &config, 1);
	if (err == ERR_CONFIG) {
		log_event(LOG_LEVEL_ERROR, "config", "message", message, NULL);
		cgi_plain(response, 500, "The configuration is wrong; the log says where.");
	} else if (err == ERR_STORE) {
		cgi_plain(response, 503, "Sign-ins cannot be recorded just now; the log says why.");
	} else if (err != ERR_OK) {
		log_event(LOG_LEVEL_ERROR, "start", "message", "out of memory", NULL);
		cgi_plain(response, 503, "The server is out of memory. Try again in a minute.");
	}
	curl_lib_when_loaded(when_loaded);
	sandbox_enter(SANDBOX_CGI_EARLY, err == ERR_OK ? &config : NULL, -1);
	return err == ERR_OK ? app : NULL;
}

static void
serve(void)
{
	static struct cgi_meta meta;
	struct body body = {.deadline = clock_monotonic_ms() + READ_MS};
	struct request request;
	struct response response;
	struct app *app;
	struct buf out;

	response_init(&response);
	app = prepare(&response);
	blocking_over();
	cgi_request(&meta, environ, &request);
	body.left = request.content_length > 0 ? request.content_length : 0;
	request.read = body_read;
	request.read_ctx = &body;

	response.head_only = strcmp(request.method, "HEAD") == 0;
	buf_init(&out, CGI_BYTES_MAX);
	if (app != NULL)
		app_handle(app, &request, &response);
	app_close(app);
	if (meta.chunked)
		body.left = DRAIN_MAX;
	body_drain(&body);
	if (cgi_response(&response, &out) == ERR_OK)
		send_all(out.data, out.len);
	else
		log_event(LOG_LEVEL_ERROR, "answer", "message", "out of memory", NULL);
	buf_free(&out);
	response_free(&response);
}

int
main(void)
{
	sandbox_prepare();
	if (!start_files())
		return EXIT_FAILURE;
	/*
	 * A web server can turn a query into arguments (RFC 3875 section 4.4; CVE-2012-1823),
	 * so the program never reads its arguments.
	 */
	if (getenv("REQUEST_METHOD") == NULL && getenv("GATEWAY_INTERFACE") == NULL) {
		fputs("opencode-callback.cgi is a CGI program: a web server runs it for each "
		      "request.\nThe README says how to set that up. There are no options.\n",
		      stderr);
		return START_EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	serve();
	return EXIT_SUCCESS;
}
