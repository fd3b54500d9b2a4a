/*
 * Answering a request: pages, JSON, redirects, refusals. Each function fills in the response of the
 * context, with its headers.
 */
#ifndef RESPOND_H
#define RESPOND_H

#include "core/context.h"
#include "util/buf.h"
#include "util/error.h"
#include "view/page_list.h"

#define REFUSALS_LOGGED 10 /* lines a second */

/*
 * Answers with a page: it is drawn into what respond_page_begin() gives, the empty
 * body of the response. A failed buffer, or an empty one, is a 503.
 */
struct buf *respond_page_begin(struct context *x) MUST_CHECK;
void respond_page(struct context *x, int status);

/*
 * Answers with the page, status and headers that belong to an error, and logs the
 * refusal. If it is the visitor's doing, it costs one of his allowance; when that is
 * used up, the answer is ERR_RATE's.
 */
void respond_problem(struct context *x, enum err err);

/* The same, naming this browser's flows that the request may have been meant for. */
void respond_problem_listing(struct context *x, enum err err, const struct page_list *waiting);

/* The same as JSON: in opencode's form for its API, in ours for scripts. */
void respond_api_problem(struct context *x, enum err err);
void respond_json_problem(struct context *x, enum err err);
void respond_json(struct context *x, int status, const char *json);

/* An error of opencode's API in words of its own, for its web UI to show. */
void respond_api_text(struct context *x, int status, const char *text);

/* 303 to a flow's page. */
void respond_flow(struct context *x, const char *id);

/* Logs a refusal, at most REFUSALS_LOGGED lines a second. flow may be NULL. */
void respond_log_refusal(struct context *x, enum err err, const char *flow);

#endif
