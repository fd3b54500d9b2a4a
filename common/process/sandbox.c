#include "process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/landlock.h"
#include "store/store_kind.h"
#include "util/log.h"
#ifndef NO_SANDBOX
#include "process/sandbox_filter.h"
#endif

#define REAL_FOLDER (O_DIRECTORY | O_NOFOLLOW) /* no symbolic link to one */
#define STORE_RIGHTS \
	(LANDLOCK_WRITE | LANDLOCK_READ | LANDLOCK_TRUNCATE | LANDLOCK_OPEN_FOLDER | \
	 LANDLOCK_UNLINK | LANDLOCK_MAKE_FILE | LANDLOCK_MAKE_LINK)

void
sandbox_prepare(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef NO_SANDBOX
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	umask(077);
}

#ifndef NO_SANDBOX

/* Writes the folder part of path. */
static void
folder_of(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int len = slash == NULL ? 0 : (int)(slash - path);

	snprintf(folder, PATH_MAX, "%.*s", len > 0 ? len : 1, slash == NULL ? "." : path);
}

/* Not inlined: it takes PATH_MAX bytes of stack, which most requests do not need. */
static void __attribute__((noinline)) allow_folder_of(int rules, const char *path, uint64_t rights)
{
	char folder[PATH_MAX];

	folder_of(path, folder);
	landlock_allow(rules, folder, O_DIRECTORY, rights);
}

/*
 * A rule applies to the folder that is there now. If there is none yet, the worker may use
 * the folder above it, so that a store made later can be used.
 */
static void
allow_store(int rules, const struct config *config, bool lasting)
{
	struct store_access access;
	const char *path;

	store_kind_access(config->store, &access);
	if (access.port != 0)
		landlock_allow_port(rules, access.port);
	path = access.folder;
	if (path == NULL || *path != '/' ||
	    landlock_allow(rules, path, REAL_FOLDER, STORE_RIGHTS) || !lasting)
		return;
	allow_folder_of(rules, path, STORE_RIGHTS);
	log_event(LOG_LEVEL_WARNING, "store-missing", "folder", path, NULL);
}

/* A password is changed by renaming a new file to its name, so the rule is for its folder. */
static void
allow_password(int rules, const char *file)
{
	if (file[0] != '\0')
		allow_folder_of(rules, file, LANDLOCK_READ);
}

static void
allow_passwords(int rules, const struct config *config)
{
	for (size_t i = 0; i < config->opencode_count; i++)
		allow_password(rules, config->opencode[i].password_file);
	allow_password(rules, config->store_password_file);
}

static bool
same_folder(const char *a, const char *b)
{
	const char *a_end = strrchr(a, '/'), *b_end = strrchr(b, '/');

	return a_end != NULL && b_end != NULL && a_end - a == b_end - b &&
	       strncmp(a, b, (size_t)(a_end - a)) == 0;
}

/* The CGI program reads a relay key when a request needs it. Usually all are in one folder. */
static void
allow_keys(int rules, const struct config *config)
{
	const char *path = config->relay_key_file, *last = "";

	for (size_t i = 0; i <= 2 * config->relay_site_count; i++) {
		if (i > 0) {
			const struct config_site *site = &config->relay_site[(i - 1) / 2];

			path = i % 2 == 1 ? site->key_file : site->previous_key_file;
		}
		if (path[0] == '\0')
			continue;
		if (!same_folder(path, last))
			allow_folder_of(rules, path, LANDLOCK_READ);
		last = path;
	}
}

/* On most systems /lib is a symbolic link into /usr and needs no rule. */
static void
allow_libraries(int rules)
{
	static const char *const folders[] = {"/usr", "/lib", "/lib64", "/nix/store", "/gnu/store"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		landlock_allow(rules, folders[i], REAL_FOLDER,
			       LANDLOCK_READ | LANDLOCK_OPEN_FOLDER);
	landlock_allow(rules, "/etc/ld.so.cache", 0, LANDLOCK_READ);
}

static bool
enter_landlock(enum sandbox_stage stage, const struct config *config, int unlink_folder)
{
	int rules = landlock_begin();

	if (rules < 0)
		return false;
	if (config != NULL) {
		allow_store(rules, config, stage == SANDBOX_WORKER);
		allow_passwords(rules, config);
	}
	if (stage == SANDBOX_CGI_EARLY)
		allow_libraries(rules);
	if (stage == SANDBOX_CGI_EARLY && config != NULL)
		allow_keys(rules, config);
	if (unlink_folder >= 0)
		landlock_allow_fd(rules, unlink_folder, LANDLOCK_UNLINK);
	return landlock_end(rules);
}

static bool
enter_seccomp(enum sandbox_stage stage, const struct config *config)
{
	bool to_syslog = config != NULL && config->log_to == LOG_TO_SYSLOG;
	struct store_access access = {.port = 0};
	bool to_port;
	const struct sock_fprog *filter;

	if (config != NULL)
		store_kind_access(config->store, &access);
	to_port = access.port != 0;
	filter = &sandbox_filters[stage][to_syslog][to_port];
	/* without SPEC_ALLOW it is slower, to guard against foreign code; none runs here */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       filter) == 0 ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0) == 0;
}

void
sandbox_enter(enum sandbox_stage stage, const struct config *config, int unlink_folder)
{
	bool late = stage == SANDBOX_CGI_LATE;
	bool files = late || enter_landlock(stage, config, unlink_folder);
	const char *why_files = files ? NULL : strerror(errno);
	bool calls = enter_seccomp(stage, config);
	const char *why_calls = calls ? NULL : strerror(errno);

	if (late && calls)
		return;
	log_event(stage != SANDBOX_WORKER ? LOG_LEVEL_DEBUG
		  : calls		  ? LOG_LEVEL_INFO
					  : LOG_LEVEL_WARNING,
		  "sandbox", "seccomp", calls ? "yes" : "no", "seccomp-cause", why_calls,
		  "landlock", files ? "yes" : "no", "landlock-cause", why_files, NULL);
}

#else

void
sandbox_enter(enum sandbox_stage stage, const struct config *config, int unlink_folder)
{
	(void)config;
	(void)unlink_folder;
	log_event(stage == SANDBOX_WORKER ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "sandbox", "seccomp",
		  "no", "landlock", "no", "hint", "built without it", NULL);
}

#endif
