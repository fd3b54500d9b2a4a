#include "doctor/probe.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/curl_lib.h"

struct transfer {
	const struct probe_call *call;
	struct probe *probe;
	int lines;
	bool enough; /* we ended it, with all that is wanted */
};

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	struct buf *body = &t->probe->reply.body;
	size_t len = size * count, room = PROBE_BODY_MAX - body->len;

	if (buf_add(body, data, len < room ? len : room) != ERR_OK)
		return 0;
	t->probe->found = t->call->until != NULL && strstr(buf_text(body), t->call->until) != NULL;
	t->enough = t->probe->found || len >= room;
	return t->enough ? 0 : len;
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

static size_t
on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	struct call_reply *reply = &t->probe->reply;
	size_t len = size * count, text = len;

	if (++t->lines > PROBE_LINES_MAX)
		return 0;
	while (text > 0 && (data[text - 1] == '\r' || data[text - 1] == '\n'))
		text--;
	if (text > 5 && memcmp(data, "HTTP/", 5) == 0)
		read_status(reply, data, text);
	else if (text > 0 && memchr(data, ':', text) != NULL &&
		 (buf_add(&reply->head, data, text) != ERR_OK ||
		  buf_putc(&reply->head, '\n') != ERR_OK))
		return 0;
	/* what follows is another protocol's */
	t->enough = text == 0 && reply->status == 101;
	return t->enough ? 0 : len;
}

static struct curl_slist *
make_headers(const struct curl_lib *lib, const struct probe_call *call)
{
	static const char *const own[] = {"User-Agent: opencode-callback-doctor", "Expect:"};
	struct curl_slist *list = NULL, *longer;

	for (size_t i = 0; i < 2 + PROBE_HEADERS_MAX; i++) {
		const char *line = i < 2 ? own[i] : call->header[i - 2];

		if (line == NULL)
			break;
		if ((longer = lib->curl_slist_append(list, line)) == NULL) {
			lib->curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

static bool
set_options(const struct curl_lib *lib, CURL *curl, struct transfer *t, struct curl_slist *headers)
{
	const struct probe_call *call = t->call;
	CURLcode failed = CURLE_OK;

#define SET(option, value) \
	do { \
		if (failed == CURLE_OK) \
			failed = lib->curl_easy_setopt(curl, option, value); \
	} while (0)

	SET(CURLOPT_URL, call->origin);
	SET(CURLOPT_REQUEST_TARGET, call->target);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_ERRORBUFFER, t->probe->cause);
	if (call->ca_file != NULL)
		SET(CURLOPT_CAINFO, call->ca_file);
	if (call->compressed)
		SET(CURLOPT_ACCEPT_ENCODING, "");
	if (call->body != NULL) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(call->body));
		SET(CURLOPT_POSTFIELDS, call->body);
	}
	if (call->method != NULL)
		SET(CURLOPT_CUSTOMREQUEST, call->method);
#undef SET
	return failed == CURLE_OK;
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
	const struct curl_lib *lib = curl_lib();
	struct transfer t = {.call = call, .probe = probe};
	CURL *curl = lib == NULL ? NULL : lib->curl_easy_init();
	CURLcode result = CURLE_FAILED_INIT;
	struct curl_slist *headers;

	*probe = (struct probe){.end = PROBE_BROKEN, .cause = "libcurl cannot be loaded"};
	static_assert(sizeof(probe->cause) >= CURL_ERROR_SIZE, "libcurl writes that much");
	buf_init(&probe->reply.head, PROBE_HEAD_MAX);
	buf_init(&probe->reply.body, PROBE_BODY_MAX);
	if (curl == NULL)
		return;
	probe->cause[0] = '\0';
	headers = make_headers(lib, call);
	if (headers != NULL && set_options(lib, curl, &t, headers))
		result = lib->curl_easy_perform(curl);
	probe->end = map_result(result, &t);
	if (probe->cause[0] == '\0')
		snprintf(probe->cause, sizeof(probe->cause), "%s", lib->curl_easy_strerror(result));
	lib->curl_easy_cleanup(curl);
	lib->curl_slist_free_all(headers);
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
