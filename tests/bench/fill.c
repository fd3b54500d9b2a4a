/*
 * Fills a store with waiting flows, as many begins would: those of the numbers that standin.c
 * gives, each counted as another client's, though one browser may finish them all. Prints how many
 * there are, for it ends when the time is over.
 *
 *   fill FOLDER COOKIE PATH FIRST COUNT LIFETIME SECONDS
 *
 * PATH: of the redirect URI. One that begins on the same port and path takes such a flow's place.
 * A LIFETIME of -S: they ended long ago, and are cleaned up by the begins from S seconds on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/cookie.h"
#include "store/store_kind.h"
#include "util/secret.h"

static double
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum err
add(struct store *store, const char *browser, const char *path, long number, int lifetime)
{
	char state[32], url[512];
	struct flow flow = {.kind = KIND_PROVIDER,
			    .response_type = RESPONSE_TYPE_CODE,
			    .bound = true,
			    .authorize_origin = "https://auth.example.com",
			    .client_address = "127.0.0.1"};
	struct store_keys keys;

	snprintf(flow.redirect_path, sizeof(flow.redirect_path), "%s", path);
	snprintf(state, sizeof(state), "bench-state-%09ld", number);
	flow.redirect_port = (int)(2000 + number % 60000);
	snprintf(flow.provider, sizeof(flow.provider), "p%09ld", number);
	snprintf(flow.redirect_host, sizeof(flow.redirect_host), "localhost:%d",
		 flow.redirect_port);
	snprintf(url, sizeof(url),
		 "https://auth.example.com/oauth/authorize?response_type=code&client_id=bench&"
		 "redirect_uri=http%%3A%%2F%%2Flocalhost%%3A%d%%2Fauth%%2Fcallback&state=%s",
		 flow.redirect_port, state);
	flow_id(state, strlen(state), flow.id);
	memcpy(flow.browser, browser, sizeof(flow.browser));
	flow.created = store->ops->now(store);
	flow.expires = flow.created + lifetime;
	if (lifetime < 0) {
		flow.expires = flow.created - STORE_KEEP_SECONDS - lifetime;
		flow.created = flow.expires - 300;
	}
	keys.client = keys.browser = secret_key("browser", state, NULL);
	keys.group = flow_group(flow.opencode, flow.kind, flow.provider);
	keys.slot = flow_slot(&flow);
	return store->ops->add(store, &flow, url, &keys, NULL);
}

int
main(int argc, char **argv)
{
	const struct store_limits limits = {200000, 200000, 60, 30};
	char spec[512], cookie[128], browser[BROWSER_ID_LEN + 1];
	double end = seconds_now() + (argc > 7 ? strtod(argv[7], NULL) : 0);
	long count, first, done = 0;
	int lifetime;
	struct store *store;
	enum err err;

	if (argc < 8 || secret_init() != ERR_OK)
		return EXIT_FAILURE;
	snprintf(spec, sizeof(spec), "%s%s", strchr(argv[1], ':') == NULL ? "dir:" : "", argv[1]);
	snprintf(cookie, sizeof(cookie), "%s", argv[2]);
	first = strtol(argv[4], NULL, 10);
	count = strtol(argv[5], NULL, 10);
	lifetime = (int)strtol(argv[6], NULL, 10);
	cookie_browser(cookie, false, browser);
	if (browser[0] == '\0' || store_kind_open(spec, &limits, NULL, &store) != ERR_OK)
		return EXIT_FAILURE;
	for (; done < count && seconds_now() < end; done++)
		if ((err = add(store, browser, argv[3], first + done, lifetime)) != ERR_OK) {
			fprintf(stderr, "flow %ld: %s\n", first + done, error_name(err));
			return EXIT_FAILURE;
		}
	store->ops->close(store);
	printf("%ld\n", done);
	return EXIT_SUCCESS;
}
