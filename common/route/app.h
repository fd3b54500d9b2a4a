/*
 * The core: a request comes in, a response goes out. Knows nothing of CGI,
 * FastCGI, the environment or the process around it.
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
 * Opens the store and makes ready to answer. config must outlive the app.
 * threads: how many threads will call app_handle() at once; 1 for CGI.
 * Fails with ERR_MEMORY, ERR_CONFIG or, where the host of the store has no address,
 * ERR_STORE; a store that cannot be used is told to each visitor instead (503), and tried again.
 */
enum err app_open(struct app **out, const struct config *config, int threads) MUST_CHECK;
void app_close(struct app *app);

/* Has the app use keys that were read before (relay_key.h), which must outlive it. Without them,
 * each is read when a request needs it. */
void app_keep_keys(struct app *app, const struct relay_keys *keys);

/*
 * Answers one request. Never fails: whatever goes wrong is an answer too.
 * response must be initialised. Thread-safe.
 */
void app_handle(struct app *app, const struct request *request, struct response *response);

#endif
