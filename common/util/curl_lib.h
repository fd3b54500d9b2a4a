/*
 * libcurl, loaded on first use. Linking it would cost every CGI process several milliseconds, and
 * refusing a callback does not need it.
 */
#ifndef CURL_LIB_H
#define CURL_LIB_H

#include <curl/curl.h>

#include "util/error.h"

#define CURL_LIB_FUNCTIONS(X) \
	X(curl_global_init) \
	X(curl_easy_init) \
	X(curl_easy_setopt) \
	X(curl_easy_perform) \
	X(curl_easy_getinfo) \
	X(curl_easy_cleanup) \
	X(curl_easy_strerror) \
	X(curl_multi_init) \
	X(curl_multi_add_handle) \
	X(curl_multi_perform) \
	X(curl_multi_poll) \
	X(curl_multi_info_read) \
	X(curl_multi_remove_handle) \
	X(curl_multi_cleanup) \
	X(curl_slist_append) \
	X(curl_slist_free_all) \
	X(curl_url) \
	X(curl_url_set) \
	X(curl_url_get) \
	X(curl_url_cleanup) \
	X(curl_free)

/* curl.h defines type-checking macros of these names, which would replace the members. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

struct curl_lib {
#define CURL_LIB_MEMBER(name) __typeof__(&name) name;
	CURL_LIB_FUNCTIONS(CURL_LIB_MEMBER)
#undef CURL_LIB_MEMBER
};

/*
 * Returns the library, loaded and initialised once per process; NULL if it is missing.
 * Thread-safe.
 */
const struct curl_lib *curl_lib(void);

/*
 * Sets a function that the first curl_lib() calls once the library is loaded, or found missing,
 * before anything else is done with it. Call this before that.
 */
void curl_lib_when_loaded(void (*done)(void));

#endif
