/*
 * The sites that requests go to: the core with its configuration, a store in
 * memory, and a socket on which a stand-in for opencode may listen.
 */
#ifndef SITES_H
#define SITES_H

#include "fuzz.h"
#include "route/app.h"
#include "store/store.h"

#define SITES_COUNT	2
#define SITES_LOGIN	"opencode:PASSWORD-canary" /* for opencode, of the second site */
#define SITES_LOGIN_B64 "b3BlbmNvZGU6UEFTU1dPUkQtY2FuYXJ5"

struct site_fixture {
	const char *host; /* Host header */
	const char *prefix;
	bool secure; /* https */
	struct config config;
	struct app *app;
};

extern struct site_fixture sites[SITES_COUNT];
extern const char *const site_hosts[SITES_COUNT];

/* Once per process. */
void sites_init(void);

/* Where opencode's socket belongs: somebody has to make it. */
void sites_socket(char path[FUZZ_PATH_MAX]);

/* Before each input: opens the sites with an empty store, which it gives. */
struct store *sites_open(void);
void sites_close(void);

#endif
