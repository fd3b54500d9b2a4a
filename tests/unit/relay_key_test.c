#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "config/relay_key.h"

#include "config/config_load.h"

#define GOOD "0123456789abcdef0123456789abcdef" /* 32 */
#define LONG GOOD GOOD GOOD GOOD

static char folder[] = "/tmp/opencode-callback-key-XXXXXX";
static char ini[64], key[64], other[64], link_to[64];
static struct config config; /* too large for the stack */

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(ini, sizeof(ini), "%s/ini", folder);
	snprintf(key, sizeof(key), "%s/key", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	snprintf(link_to, sizeof(link_to), "%s/link", folder);
	return symlink(key, link_to);
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(ini);
	unlink(key);
	unlink(other);
	unlink(link_to);
	return rmdir(folder);
}

static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
load(const char *text)
{
	struct config_source source = {.file = ini};
	char message[CONFIG_MESSAGE_MAX];

	write_file(ini, text, strlen(text), 0600);
	if (config_load(&config, &source, message) != ERR_OK)
		fail_msg("%s", message);
}

#define TEXT(text) text, sizeof(text) - 1

static void
a_key_is_one_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		mode_t mode;
		const char *complaint; /* NULL: it is one */
	} files[] = {
	    {TEXT(GOOD), 0600, NULL},
	    {TEXT(GOOD "\n"), 0400, NULL},
	    {TEXT(GOOD "\r\n"), 0600, NULL},
	    {TEXT("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"), 0600, NULL},
	    {TEXT(LONG LONG LONG LONG "\r\n"), 0600, NULL},
	    {TEXT(LONG LONG LONG LONG "x"), 0600, "is longer than 512 characters"},
	    {TEXT(LONG LONG LONG LONG LONG), 0600, "is longer than 512 characters"},
	    {TEXT(""), 0600, "is shorter than 32 characters"},
	    {TEXT("\n"), 0600, "is shorter than 32 characters"},
	    {TEXT("0123456789abcdef0123456789abcde\n"), 0600, "is shorter than 32 characters"},
	    {TEXT(GOOD "\n\n"), 0600, "must be one line"},
	    {TEXT(GOOD "\n" GOOD "\n"), 0600, "must be one line"},
	    {TEXT(GOOD " " GOOD), 0600, "without blanks"},
	    {TEXT(GOOD "\0" GOOD), 0600, "of printable characters"},
	    {TEXT(GOOD "\xff"), 0600, "openssl rand -base64 32"},
	    {TEXT(GOOD), 0640, "others can read or write it: run chmod 600 on it"},
	    {TEXT(GOOD), 0604, "others can read or write it"},
	    {TEXT(GOOD), 0620, "others can read or write it"},
	};
	char message[CONFIG_MESSAGE_MAX], text[512];
	struct relay_keys *keys;

	(void)state;
	snprintf(text, sizeof(text),
		 "[relay]\nvia = https://a.example/r\nid = alice\nkey_file = %s\n", key);
	load(text);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		enum err got;

		unlink(key);
		write_file(key, files[i].text, files[i].len, files[i].mode);
		got = relay_key_open(&keys, &config, message);
		if ((got == ERR_OK) != (files[i].complaint == NULL))
			fail_msg("row %zu: %s", i, message);
		if (got == ERR_OK) {
			relay_key_close(keys);
			continue;
		}
		assert_int_equal(got, ERR_CONFIG);
		/* where it is named, which file, and what to do */
		snprintf(text, sizeof(text), "%s:4: key_file: %s: ", ini, key);
		if (strncmp(message, text, strlen(text)) != 0 ||
		    strstr(message, files[i].complaint) == NULL)
			fail_msg("row %zu: %s", i, message);
	}
	unlink(key);
}

static void
a_key_is_a_file(void **state)
{
	static const struct {
		const char *name;
		const char *complaint;
	} paths[] = {
	    {"none", "No such file or directory"},
	    {"", "is not a file"},
	    {"link", "symbolic link"},
	    {"key/key", "Not a directory"},
	};
	char message[CONFIG_MESSAGE_MAX], text[512];
	struct relay_keys *keys;

	(void)state;
	write_file(key, TEXT(GOOD), 0600);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(
		    text, sizeof(text),
		    "[relay-site bob]\ntarget = https://b.example/auth/callback\nkey_file = %s\n"
		    "previous_key_file = %s/%s\n",
		    key, folder, paths[i].name);
		load(text);
		assert_int_equal(relay_key_open(&keys, &config, message), ERR_CONFIG);
		if (strstr(message, paths[i].complaint) == NULL ||
		    strstr(message, ":4: previous_key_file: ") == NULL)
			fail_msg("row %zu: %s", i, message);
		config_free(&config);
	}
	unlink(key);
}

static void
keys_are_found_by_their_site(void **state)
{
	char message[CONFIG_MESSAGE_MAX], text[1024];
	struct relay_pair kept, fresh;
	struct relay_key own, own_fresh;
	const struct config_site *site;
	struct relay_keys *keys;

	(void)state;
	write_file(key, TEXT("one-" GOOD "\n"), 0600);
	write_file(other, TEXT("two-" GOOD "\n"), 0600);
	snprintf(text, sizeof(text),
		 "[relay-site zoe]\ntarget = https://z.example/x\nkey_file = %s\n"
		 "[relay-site amy]\ntarget = https://a.example/x\nkey_file = %s\n"
		 "previous_key_file = %s\n"
		 "[relay]\nvia = https://r.example/r\nid = me\nkey_file = %s\n",
		 key, other, key, other);
	load(text);
	assert_int_equal(relay_key_open(&keys, &config, message), ERR_OK);
	for (int i = 0; i < 2; i++) {
		site = config_site_find(&config, i == 0 ? "zoe" : "amy");
		assert_non_null(site);
		/* read before, or when they are needed: the same */
		assert_int_equal(relay_key_site(keys, site, &config, &kept), ERR_OK);
		assert_int_equal(relay_key_site(NULL, site, &config, &fresh), ERR_OK);
		assert_memory_equal(&kept, &fresh, sizeof(kept));
		assert_memory_equal(kept.current.bytes, i == 0 ? "one-" : "two-", 4);
		assert_memory_equal(kept.previous.bytes, "one-", 4);
	}
	assert_int_equal(relay_key_own(keys, &config, &own), ERR_OK);
	assert_int_equal(relay_key_own(NULL, &config, &own_fresh), ERR_OK);
	assert_memory_equal(&own, &own_fresh, sizeof(own));
	assert_memory_equal(own.bytes, "two-", 4);
	assert_null(config_site_find(&config, "bob"));
	assert_null(config_site_find(&config, ""));
	/* what was read stays, whatever becomes of the file; what was not is a fault of ours */
	unlink(other);
	assert_int_equal(relay_key_own(keys, &config, &own), ERR_OK);
	assert_int_equal(relay_key_own(NULL, &config, &own), ERR_CONFIG);
	assert_int_equal(relay_key_site(NULL, site, &config, &fresh), ERR_CONFIG);
	relay_key_close(keys);
	config_free(&config);
	unlink(key);
}

static void
without_a_relay_there_are_none(void **state)
{
	char message[CONFIG_MESSAGE_MAX];
	struct relay_keys *keys;

	(void)state;
	load("");
	assert_int_equal(relay_key_open(&keys, &config, message), ERR_OK);
	assert_null(keys);
	relay_key_close(keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_is_one_line),
	    cmocka_unit_test(a_key_is_a_file),
	    cmocka_unit_test(keys_are_found_by_their_site),
	    cmocka_unit_test(without_a_relay_there_are_none),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("relay_key", tests, make_folder, remove_folder);
}
