#include "util/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "util/blocking.h"

struct line {
	char text[LOG_LINE_MAX + 1];
	size_t len;
};

static enum log_target log_target = LOG_TO_STDERR;
static enum log_level log_threshold = LOG_LEVEL_INFO;

/* Keys whose values never reach the log, whoever passes them. */
static const char *const secret_keys[] = {"code",	  "state",	   "cookie",   "token",
					  "access_token", "authorization", "password", "query",
					  "address-bar",  "authorize-url"};

void
log_open(enum log_target target, enum log_level level)
{
	log_target = target;
	log_threshold = level;
	if (target != LOG_TO_SYSLOG)
		return;
	/* now, while files may still be opened: the time zone is in one */
	tzset();
	openlog("opencode-callback", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static void
line_putc(struct line *l, char c)
{
	if (l->len < LOG_LINE_MAX)
		l->text[l->len++] = c;
}

static void
line_puts(struct line *l, const char *s)
{
	for (; *s != '\0'; s++)
		line_putc(l, *s);
}

/* Writes a plain value as it is; quotes any other and escapes its control bytes. */
static void
line_value(struct line *l, const char *value)
{
	static const char hex[] = "0123456789abcdef";
	bool plain = *value != '\0';

	for (const char *p = value; *p != '\0'; p++)
		plain = plain && *p > ' ' && *p < 0x7f && *p != '"' && *p != '\\' && *p != '=';
	if (plain) {
		line_puts(l, value);
		return;
	}
	line_putc(l, '"');
	for (const char *p = value; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\') {
			line_putc(l, '\\');
			line_putc(l, *p);
		} else if (c < ' ' || c >= 0x7f) {
			line_puts(l, "\\x");
			line_putc(l, hex[c >> 4]);
			line_putc(l, hex[c & 15]);
		} else {
			line_putc(l, *p);
		}
	}
	line_putc(l, '"');
}

static bool
key_is_secret(const char *key)
{
	for (size_t i = 0; i < sizeof(secret_keys) / sizeof(secret_keys[0]); i++)
		if (strcmp(key, secret_keys[i]) == 0)
			return true;
	return false;
}

static void
line_send(struct line *l, enum log_level level)
{
	static const int priority[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (log_target == LOG_TO_SYSLOG) {
		l->text[l->len < LOG_LINE_MAX ? l->len : LOG_LINE_MAX - 1] = '\0';
		syslog(priority[level], "%s", l->text);
		return;
	}
	if (l->len == LOG_LINE_MAX)
		l->len--;
	l->text[l->len++] = '\n';
	if (poll(&reader, 1, 0) == 0) /* the reader lags behind: write() would block */
		blocking_begin();
	/* one write, so that lines of several threads and processes stay whole */
	if (write(STDERR_FILENO, l->text, l->len) < 0)
		return;
}

void
log_event(enum log_level level, const char *event, ...)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	struct line l = {.len = 0};
	const char *key, *value;
	va_list ap;

	if (level > log_threshold)
		return;
	if (log_target == LOG_TO_STDERR)
		line_puts(&l, "opencode-callback: ");
	line_puts(&l, "level=");
	line_puts(&l, names[level]);
	line_puts(&l, " event=");
	line_value(&l, event);
	va_start(ap, event);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value == NULL)
			continue;
		line_putc(&l, ' ');
		line_puts(&l, key);
		line_putc(&l, '=');
		line_value(&l, key_is_secret(key) ? "(hidden)" : value);
	}
	va_end(ap);
	line_send(&l, level);
}
