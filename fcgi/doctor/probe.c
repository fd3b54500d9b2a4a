#include "doctor/probe.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/curl_request.h"

struct transfer {
	const struct probe_call *call;
	struct probe *probe;
	bool enough; /* we ended it, with all that is wanted */
};

static bool
on_body(void *ctx, const char *data, size_t len)
{
	struct transfer *t = ctx;
	struct buf *body = &t->probe->reply.body;
	size_t room = PROBE_BODY_MAX - body->len;

	if (buf_add(body, data, len < room ? len : room) != ERR_OK)
		return false;
	t->probe->found = t->call->until != NULL && strstr(buf_text(body), t->call->until) != NULL;
	t->enough = t->probe->found || len >= room;
	return !t->enough;
}

/* "HTTP/1.1 200 OK": a new answer begins, the last one was an interim one. */
static void
read_status(struct call_reply *reply, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);
	int status = 0;

	buf_free(&reply->head);
	for (size_t i = 1; blank != NULL && blank + i < line + len && i <= 3; i++)
		status = blank[i] >= '0' && blank[i] <= '9' ? status * 10 + (blank[i] - '0') : 0;
	reply->status = status;
}

static bool
on_line(void *ctx, const char *line, size_t len)
{
	struct transfer *t = ctx;

	if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
		read_status(&t->probe->reply, line, len);
	/* what follows is another protocol's */
	t->enough = len == 0 && t->probe->reply.status == 101;
	return !t->enough;
}

static bool
add_headers(struct curl_request *r, const struct probe_call *call)
{
	bool added = curl_request_header(r, "User-Agent: opencode-callback-doctor") &&
		     curl_request_header(r, "Expect:");

	for (size_t i = 0; added && i < PROBE_HEADERS_MAX && call->header[i] != NULL; i++)
		added = curl_request_header(r, call->header[i]);
	return added;
}

static enum probe_end
map_result(CURLcode result, const struct transfer *t)
{
	if (t->enough)
		return PROBE_ANSWERED;
	switch (result) {
	case CURLE_OK:
		return t->probe->reply.status == 0 ? PROBE_BROKEN : PROBE_ANSWERED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return PROBE_UNREACHABLE;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return PROBE_UNTRUSTED;
	case CURLE_OPERATION_TIMEDOUT:
		return PROBE_LATE;
	default:
		return PROBE_BROKEN;
	}
}

void
probe_make(const struct probe_call *call, struct probe *probe)
{
	struct transfer t = {.call = call, .probe = probe};
	struct curl_request r = {.url = call->origin,
				 .target = call->target,
				 .method = call->method,
				 .body = call->body,
				 .body_len = call->body == NULL ? 0 : strlen(call->body),
				 .ca_file = call->ca_file,
				 .compressed = call->compressed,
				 .timeout_ms = call->timeout_ms,
				 .cause = probe->cause,
				 .lines_max = PROBE_LINES_MAX,
				 .head = &probe->reply.head,
				 .on_body = on_body,
				 .on_line = on_line,
				 .ctx = &t};
	CURLcode result = CURLE_FAILED_INIT;

	*probe = (struct probe){.end = PROBE_BROKEN, .cause = "libcurl cannot be loaded"};
	static_assert(sizeof(probe->cause) >= CURL_ERROR_SIZE, "libcurl writes that much");
	buf_init(&probe->reply.head, PROBE_HEAD_MAX);
	buf_init(&probe->reply.body, PROBE_BODY_MAX);
	if (!curl_request_open(&r))
		return;
	probe->cause[0] = '\0';
	if (add_headers(&r, call) && curl_request_ready(&r))
		result = r.lib->curl_easy_perform(r.easy);
	probe->end = map_result(result, &t);
	if (probe->cause[0] == '\0')
		snprintf(probe->cause, sizeof(probe->cause), "%s",
			 r.lib->curl_easy_strerror(result));
	curl_request_free(&r);
}

void
probe_free(struct probe *probe)
{
	call_reply_free(&probe->reply);
}

int
probe_status(const struct probe *v)
{
	return v->end == PROBE_ANSWERED ? v->reply.status : 0;
}

const char *
probe_words(const struct probe *v, char out[PROBE_WORDS_MAX])
{
	if (v->end == PROBE_ANSWERED)
		snprintf(out, PROBE_WORDS_MAX, "status %d", v->reply.status);
	else
		snprintf(out, PROBE_WORDS_MAX, "%s",
			 v->end == PROBE_LATE ? "no whole answer in time" : v->cause);
	return out;
}

bool
probe_says(const struct probe *v, const char *text)
{
	return v->end == PROBE_ANSWERED && strstr(buf_text(&v->reply.body), text) != NULL;
}

bool
probe_is_problem(const struct probe *v, enum err err)
{
	char mark[64];

	snprintf(mark, sizeof(mark), "data-problem=\"%s\"", error_name(err));
	return probe_status(v) == error_status(err) &&
	       (probe_says(v, mark) ||
		(probe_says(v, "\"UnknownError\"") && probe_says(v, error_title(err))));
}

bool
probe_is_ours(const struct probe *v)
{
	return probe_says(v, "data-problem=\"");
}

int
probe_header(const struct probe *v, const char *name, char *value, size_t size)
{
	const char *pos = NULL;
	struct call_field f;
	int count = 0;

	value[0] = '\0';
	while (call_next_field(&v->reply, &pos, &f)) {
		if (f.name_len != strlen(name) || strncasecmp(f.name, name, f.name_len) != 0)
			continue;
		count++;
		snprintf(value, size, "%.*s", f.value_len < size ? (int)f.value_len : 0, f.value);
	}
	return count;
}
