#include "util/curl_lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "util/log.h"

static const char curl_soname[] = "libcurl.so.4";

static struct curl_lib functions;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void (*when_loaded)(void);

static bool
find_functions(void *library)
{
	void *symbol;

	/* memcpy, because ISO C has no conversion from an object pointer to a function pointer */
#define CURL_LIB_LOAD(name) \
	if ((symbol = dlsym(library, #name)) == NULL) \
		return false; \
	memcpy(&functions.name, &symbol, sizeof(symbol));
	CURL_LIB_FUNCTIONS(CURL_LIB_LOAD)
#undef CURL_LIB_LOAD
	return functions.curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK;
}

static void
load(void)
{
	void *library = dlopen(curl_soname, RTLD_LAZY | RTLD_LOCAL);

	if (library == NULL)
		log_event(LOG_LEVEL_ERROR, "libcurl-missing", "library", curl_soname, "cause",
			  dlerror(), "hint", "is the package libcurl4 installed?", NULL);
	else
		loaded = find_functions(library);
	if (when_loaded != NULL)
		when_loaded();
}

void
curl_lib_when_loaded(void (*done)(void))
{
	when_loaded = done;
}

const struct curl_lib *
curl_lib(void)
{
	if (pthread_once(&once, load) != 0 || !loaded)
		return NULL;
	return &functions;
}
