#include "curl_lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "log.h"

static const char curl_soname[] = "libcurl.so.4";

static struct curl_lib functions;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
load(void)
{
	void *handle = dlopen(curl_soname, RTLD_LAZY | RTLD_LOCAL);
	void *symbol;

	if (handle == NULL) {
		log_event(LOG_LEVEL_ERROR, "libcurl-missing", "library", curl_soname, "hint",
		    "install the package libcurl4", NULL);
		return;
	}
	/* memcpy, because ISO C has no conversion from an object pointer to a function pointer */
#define CURL_LIB_LOAD(name) \
	if ((symbol = dlsym(handle, #name)) == NULL) \
		return; \
	memcpy(&functions.name, &symbol, sizeof(symbol));
	CURL_LIB_FUNCTIONS(CURL_LIB_LOAD)
#undef CURL_LIB_LOAD
	loaded = functions.curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK;
}

const struct curl_lib *
curl_lib(void)
{
	if (pthread_once(&once, load) != 0 || !loaded)
		return NULL;
	return &functions;
}
