/*
 * Answers a request with a page, JSON, a redirect or a refusal. Each function fills in the
 * response of the context, with its headers.
 */
#ifndef RESPOND_H
#define RESPOND_H

#include "core/context.h"
#include "util/buf.h"
#include "util/error.h"
#include "view/page_list.h"

#define REFUSALS_LOGGED 10 /* lines per second */

/*
 * Answers with a page. respond_page_begin() starts the response and returns its empty body, to
 * which the page is appended; respond_page() sets the status and the headers. A buffer that
 * failed or stayed empty becomes a 503.
 */
struct buf *respond_page_begin(struct context *x) MUST_CHECK;
void respond_page(struct context *x, int status);

/*
 * Answers with the page, status and headers of an error, and logs the refusal. An error that the
 * visitor caused costs one request of the client's allowance; once that is used up, the response
 * is that of ERR_RATE.
 */
void respond_problem(struct context *x, enum err err);

/* Does the same, and lists flows of this browser that the request may have been meant for. */
void respond_problem_listing(struct context *x, enum err err, const struct page_list *waiting);

/* Does the same in JSON: in the form of opencode's API, or in our own form for scripts.
 * respond_json() answers with any JSON text. */
void respond_api_problem(struct context *x, enum err err);
void respond_json_problem(struct context *x, enum err err);
void respond_json(struct context *x, int status, const char *json);

/* Answers with an error in the form of opencode's API, whose web UI shows the text: of the older
 * one, and below /api of the integration API too. */
void respond_api_text(struct context *x, int status, const char *text);

/* Redirects to the page of a flow with status 303. */
void respond_flow(struct context *x, const char *id);

/* Logs a refusal, at most REFUSALS_LOGGED lines per second. flow may be NULL. */
void respond_log_refusal(struct context *x, enum err err, const char *flow);

#endif
