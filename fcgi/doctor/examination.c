#include "doctor/examination.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/clock.h"

int
examination_left(const struct examination *d)
{
	long long left = d->deadline - clock_monotonic_ms();

	return left < 1 ? 1 : (int)left;
}

/* Replaces all but printable ASCII: a terminal would obey a stranger's control bytes. */
static void
clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			*text = '?';
}

enum verdict
examination_say(struct examination *d, enum verdict verdict, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(d->message, sizeof(d->message), fmt, args);
	va_end(args);
	clean(d->message);
	return verdict;
}

void
examination_advise(struct examination *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(d->fix, sizeof(d->fix), fmt, args);
	va_end(args);
	clean(d->fix);
}

static bool
has_login(const struct probe_call *call)
{
	for (size_t i = 0; i < PROBE_HEADERS_MAX && call->header[i] != NULL; i++)
		if (strncasecmp(call->header[i], "Authorization:", 14) == 0)
			return true;
	return false;
}

void
examination_probe(struct examination *d, struct probe_call call, struct probe *probe)
{
	int left = examination_left(d), wanted = call.timeout_ms == 0 ? PROBE_MS : call.timeout_ms;

	if (call.origin == NULL)
		call.origin = d->origin;
	if (d->carry && call.origin == d->origin && !has_login(&call))
		examination_login(d, &call);
	call.ca_file = d->ca_file;
	call.timeout_ms = wanted < left ? wanted : left;
	probe_make(&call, probe);
	d->limited = d->limited || probe_status(probe) == 429;
}

void
examination_login(const struct examination *d, struct probe_call *call)
{
	size_t n = 0;

	while (n < PROBE_HEADERS_MAX && call->header[n] != NULL)
		n++;
	if (n < PROBE_HEADERS_MAX && d->login[0] != '\0')
		call->header[n] = d->login;
}

struct generation_look
examination_ask_generation(struct examination *d, const char *origin, bool login,
			   char words[PROBE_WORDS_MAX])
{
	struct generation_look look = {.found = GENERATION_UNKNOWN};

	for (size_t i = 0; generation_paths[i] != NULL && look.found == GENERATION_UNKNOWN; i++) {
		struct probe_call call = {.origin = origin, .target = generation_paths[i]};
		struct probe v;

		if (login)
			examination_login(d, &call);
		examination_probe(d, call, &v);
		generation_read(&look, generation_paths[i], probe_status(&v), &v.reply.body);
		if (i == 0 && words != NULL)
			probe_words(&v, words);
		probe_free(&v);
	}
	return look;
}
