#include "opencode/call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/blocking.h"
#include "util/curl_request.h"
#include "util/log.h"

#define STEP_MS 100 /* at most, between two looks at a call that is on its way */

struct call_pending {
	struct call call; /* a copy; what it points to may be gone, but for host, method and body */
	struct call_reply *reply;
	struct curl_request request;
	CURLM *multi;
	int running;
};

void
call_header(struct call *call, const char *name, const char *value)
{
	if (value == NULL || call->header_count == CALL_HEADERS_MAX)
		return;
	call->header[call->header_count++] = (struct header){name, value};
}

static bool
on_body(void *ctx, const char *data, size_t len)
{
	const struct call_pending *p = ctx;
	struct buf *body = &p->reply->body;

	if (p->call.tail && body->len + len > CALL_BODY_MAX) {
		/* a block of libcurl's is at most CURL_MAX_WRITE_SIZE, well below the half that
		 * stays */
		size_t keep = CALL_BODY_MAX / 2 < body->len ? CALL_BODY_MAX / 2 : body->len;

		memmove(body->data, body->data + body->len - keep, keep);
		body->len = keep;
	}
	return buf_add(body, data, len) == ERR_OK;
}

static bool
add_header(struct curl_request *r, const char *name, const char *value)
{
	struct buf line;
	bool added;

	buf_init(&line, HEADER_MAX + 256);
	buf_printf(&line, "%s%s%s", name, value[0] == '\0' ? ";" : ": ", value);
	added = line.err == ERR_OK && curl_request_header(r, buf_text(&line));
	buf_free(&line);
	return added;
}

/* The headers of a call, with those that libcurl would add by itself if nobody gave them. */
static bool
add_headers(struct curl_request *r, const struct call *call)
{
	bool accept = false, type = call->body == NULL;
	bool added = add_header(r, "Host", call->host);

	for (size_t i = 0; added && i < call->header_count; i++) {
		accept = accept || strcasecmp(call->header[i].name, "Accept") == 0;
		type = type || strcasecmp(call->header[i].name, "Content-Type") == 0;
		added = add_header(r, call->header[i].name, call->header[i].value);
	}
	added = added && (accept || add_header(r, "Accept", "*/*"));
	return added && (type || add_header(r, "Content-Type", "application/json"));
}

static enum err
map_result(CURLcode result, const struct call_pending *p)
{
	if (p->reply->head.err != ERR_OK || p->reply->body.err != ERR_OK)
		return ERR_OPENCODE_ANSWER; /* too large, or no memory for it: we stopped it */
	switch (result) {
	case CURLE_OK:
		return ERR_OK;
	case CURLE_COULDNT_CONNECT:
		return ERR_OPENCODE_DOWN;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_OPENCODE_TIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return ERR_MEMORY;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return ERR_OPENCODE_GONE;
	default:
		return ERR_OPENCODE_ANSWER;
	}
}

/* Whether any of the request may have left. */
static bool
is_sent(const struct curl_request *r)
{
	long sent = 0;

	return r->lib->curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK ||
	       sent > 0;
}

/* What a transfer that has ended brought. */
static enum err
conclude(const struct call_pending *p, CURLcode result)
{
	const struct curl_request *r = &p->request;
	long status = 0;
	enum err err = map_result(result, p);

	if (err == ERR_OK &&
	    r->lib->curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		p->reply->status = (int)status;
	/* RFC 9110 section 15: a final status, and one that web servers pass on */
	if (err == ERR_OK && (p->reply->status < 200 || p->reply->status > 599))
		err = ERR_OPENCODE_ANSWER;
	/* libcurl has no memory for an answer with an endless header either */
	if (err == ERR_MEMORY && is_sent(r))
		err = ERR_OPENCODE_GONE;
	if (err != ERR_OK)
		log_event(LOG_LEVEL_WARNING, "opencode-call-failed", "host", p->call.host, "method",
			  p->call.method, "cause", r->lib->curl_easy_strerror(result), NULL);
	return err;
}

/* Sets *p and *reply up, ready to send; p->request is to be freed in any case. */
static bool
prepare(struct call_pending *p, const struct call *call, struct call_reply *reply)
{
	*reply = (struct call_reply){.status = 0};
	buf_init(&reply->head, CALL_HEAD_MAX);
	buf_init(&reply->body, call->body_max > 0 ? call->body_max : CALL_BODY_MAX);
	*p = (struct call_pending){.call = *call, .reply = reply};
	p->request = (struct curl_request){
	    .url = "http://opencode.invalid/",
	    .socket_path = call->socket_path,
	    .target = call->target,
	    .method = call->method,
	    .body = call->body,
	    .body_len = call->body_len,
	    .connect_ms = CALL_CONNECT_MS,
	    .timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : CALL_TOTAL_MS,
	    .head = &reply->head,
	    .on_body = on_body,
	    .ctx = p,
	};
	if (!curl_request_open(&p->request))
		return false;
	blocking_begin();
	return add_headers(&p->request, call) && curl_request_ready(&p->request);
}

enum err
call_send(const struct call *call, struct call_reply *reply)
{
	enum err err = ERR_OPENCODE_DOWN; /* as long as nothing was sent */
	struct call_pending p;

	if (prepare(&p, call, reply))
		err = conclude(&p, p.request.lib->curl_easy_perform(p.request.easy));
	curl_request_free(&p.request);
	return err;
}

static void
pending_free(struct call_pending *p)
{
	if (p->multi != NULL)
		p->request.lib->curl_multi_remove_handle(p->multi, p->request.easy);
	curl_request_free(&p->request);
	if (p->multi != NULL)
		p->request.lib->curl_multi_cleanup(p->multi);
	free(p);
}

/* Moves the transfer on; false once it has ended. */
static bool
pending_step(struct call_pending *p)
{
	if (p->request.lib->curl_multi_perform(p->multi, &p->running) != CURLM_OK ||
	    p->running == 0)
		return false;
	return p->request.lib->curl_multi_poll(p->multi, NULL, 0, STEP_MS, NULL) == CURLM_OK;
}

enum err
call_start(const struct call *call, struct call_reply *reply, struct call_pending **out)
{
	struct call_pending *p = curl_lib() == NULL ? NULL : malloc(sizeof(*p));

	*reply = (struct call_reply){.status = 0};
	if (p == NULL)
		return ERR_OPENCODE_DOWN;
	if (!prepare(p, call, reply) || (p->multi = p->request.lib->curl_multi_init()) == NULL ||
	    p->request.lib->curl_multi_add_handle(p->multi, p->request.easy) != CURLM_OK) {
		pending_free(p);
		return ERR_OPENCODE_DOWN;
	}
	while (!is_sent(&p->request) && pending_step(p))
		continue;
	if (!is_sent(&p->request))
		return call_finish(p);
	*out = p;
	return ERR_OK;
}

enum err
call_finish(struct call_pending *p)
{
	CURLcode result = CURLE_FAILED_INIT;
	CURLMsg *message;
	enum err err;
	int left;

	while (pending_step(p))
		continue;
	while ((message = p->request.lib->curl_multi_info_read(p->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE)
			result = message->data.result;
	err = conclude(p, result);
	pending_free(p);
	return err;
}

void
call_reply_free(struct call_reply *reply)
{
	buf_free(&reply->head);
	buf_free(&reply->body);
}

bool
call_next_field(const struct call_reply *reply, const char **pos, struct call_field *field)
{
	const char *line = *pos == NULL ? buf_text(&reply->head) : *pos;
	size_t len = strcspn(line, "\n");
	const char *colon = memchr(line, ':', len);

	if (colon == NULL)
		return false;
	field->name = line;
	field->name_len = (size_t)(colon - line);
	field->value = colon + 1 + strspn(colon + 1, " \t");
	field->value_len = (size_t)(line + len - field->value);
	*pos = line + len + 1;
	return true;
}
