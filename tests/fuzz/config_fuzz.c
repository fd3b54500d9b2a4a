/*
 * The ini file, which is the input. What is accepted, written down again by
 * --dump-config, reads back to the same; what is refused says why, in one line.
 */
#include <string.h>

#include "config/config.h"
#include "config/config_dump.h"
#include "config/config_load.h"
#include "fuzz.h"

#define DUMP_MAX (1024 * 1024)

static char path[FUZZ_PATH_MAX];
static struct config config; /* too large for the stack */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_path(path, "ini");
	return 0;
}

static bool
load(const void *data, size_t len)
{
	struct config_source source = {.file = path};
	char message[CONFIG_MESSAGE_MAX];
	enum err err;

	config_free(&config);
	memset(message, 'x', sizeof(message));
	fuzz_file("ini", data, len);
	err = config_load(&config, &source, message);
	CHECK(memchr(message, '\0', sizeof(message)) != NULL);
	CHECK(err == ERR_OK || err == ERR_CONFIG);
	/* where it is: in this file */
	CHECK_TEXT(err == ERR_OK || strncmp(message, path, strlen(path)) == 0, message);
	CHECK_TEXT(err == ERR_OK || strchr(message, '\n') == NULL, message);
	return err == ERR_OK;
}

/* What the rest of the program relies on. */
static void
check_ranges(void)
{
	CHECK(config.opencode_count >= 1 && config.opencode_count <= CONFIG_OPENCODES_MAX);
	CHECK(config.callback_path_count >= 1 && config.callback_path_count <= CONFIG_PATHS_MAX);
	CHECK(config.trust.count <= TRUST_RANGES_MAX);
	CHECK(config.issuer_count <= CONFIG_ISSUERS_MAX);
	CHECK(config.prefix[0] == '/' && strncmp(config.store, "dir:/", 5) == 0);
	CHECK(config.lifetime >= 1 && config.max_pending >= 1 && config.worker_threads >= 1);
	for (size_t i = 0; i < config.callback_path_count; i++) {
		CHECK(config.callback_paths[i][0] == '/' && config.callback_paths[i][1] != '/');
		CHECK(config_callback_path(&config, config.callback_paths[i]));
	}
	CHECK((config.relay_via[0] == '\0') == (config.relay_key_file[0] == '\0'));
	for (size_t i = 0; i < config.relay_site_count; i++) {
		const struct config_site *site = &config.relay_site[i];

		CHECK(relay_state_id_valid(site->id) &&
		      config_site_find(&config, site->id) == site);
		CHECK(origin_authority(site->target) != NULL);
		CHECK(strpbrk(site->target, "?#\\@ \r\n") == NULL);
		CHECK(site->key_file[0] == '/' && site->key_line > site->line);
	}
	for (size_t i = 0; i < config.opencode_count; i++) {
		const struct config_opencode *o = &config.opencode[i];

		CHECK(o->socket[0] == '/' && o->port >= 1 && o->port <= 65535);
		CHECK(o->url[0] == '\0' || origin_authority(o->url) != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first, second;

	if (size > FUZZ_INPUT_MAX + 16)
		return -1;
	fuzz_reset();
	if (!load(data, size))
		return 0;
	check_ranges();
	buf_init(&first, DUMP_MAX);
	buf_init(&second, DUMP_MAX);
	CHECK(config_dump(&config, &first) == ERR_OK);
	/* what was written with less ado may be too long when all of it is written down */
	if (first.len <= CONFIG_FILE_MAX) {
		CHECK_TEXT(load(buf_text(&first), first.len), buf_text(&first));
		CHECK(config_dump(&config, &second) == ERR_OK);
		CHECK_TEXT(strcmp(buf_text(&first), buf_text(&second)) == 0, buf_text(&first));
	}
	buf_free(&first);
	buf_free(&second);
	return 0;
}
