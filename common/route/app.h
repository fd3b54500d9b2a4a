/*
 * The core: turns a request into a response. Knows nothing about CGI, FastCGI, the
 * environment or the process around it.
 */
#ifndef APP_H
#define APP_H

#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "util/error.h"

struct app;
struct relay_keys;

/*
 * Opens the store and prepares to answer. config must outlive the app.
 * threads: how many threads will call app_handle() at once; 1 for CGI.
 * ERR_MEMORY, ERR_CONFIG; ERR_STORE: the host of the store has no address. A store that cannot
 * be used is no error here: each visitor is told (503), and each request tries it again.
 */
enum err app_open(struct app **out, const struct config *config, int threads) MUST_CHECK;
void app_close(struct app *app);

/* Makes the app use keys that were read before (relay_key.h), which must outlive it. Without this
 * call, each key is read when a request needs it. */
void app_keep_keys(struct app *app, const struct relay_keys *keys);

/*
 * Answers one request. Never fails: every error becomes a response. response must be
 * initialised. Thread-safe.
 */
void app_handle(struct app *app, const struct request *request, struct response *response);

#endif
