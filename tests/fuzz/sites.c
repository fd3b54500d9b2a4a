#include "sites.h"

#include <string.h>
#include <sys/stat.h>

#include "config/config_load.h"
#include "store/store_kind.h"

struct site_fixture sites[SITES_COUNT] = {
    {.host = "opencode.example.com", .prefix = "/signin", .secure = true},
    {.host = "127.0.0.1:8080", .prefix = "/login"},
};
const char *const site_hosts[SITES_COUNT] = {"opencode.example.com", "127.0.0.1:8080"};

static const char *const web[SITES_COUNT] = {
    "[web]\nprefix = /signin\n[opencode]\nurl = https://opencode.example.com\n",
    "[web]\nprefix = /login\n[proxy]\ntrust = 10.0.0.0/8 unix\n",
};

static struct store *store;
static struct store_limits limits = {1000, 1000, 60000, 1000000};

void
sites_socket(char path[FUZZ_PATH_MAX])
{
	fuzz_path(path, "opencode.sock");
}

/* The file of a site; limits are out of the way, for inputs are many. */
static void
write_ini(size_t site)
{
	char path[FUZZ_PATH_MAX];
	struct buf ini;

	buf_init(&ini, CONFIG_FILE_MAX);
	buf_puts(&ini, web[site]);
	fuzz_path(path, "store");
	buf_printf(&ini, "[flow]\nstore = dir:%s\n", path);
	buf_puts(&ini, "max_pending = 1000\nmax_pending_per_client = 1000\n");
	buf_puts(&ini, "[limit]\nrate = 60000/min\nburst = 1000000\n");
	sites_socket(path);
	buf_printf(&ini, "[opencode]\nsocket = %s\n", path);
	fuzz_path(path, "password");
	if (site == 1)
		buf_printf(&ini, "password_file = %s\n", path);
	fuzz_file("ini", buf_text(&ini), ini.len);
	buf_free(&ini);
}

void
sites_init(void)
{
	static const char password[] = "PASSWORD-canary\n";
	char path[FUZZ_PATH_MAX], message[CONFIG_MESSAGE_MAX];
	struct config_source source = {.file = path};

	fuzz_file("password", password, strlen(password));
	fuzz_path(path, "store");
	CHECK(mkdir(path, 0700) == 0);
	fuzz_path(path, "ini");
	for (size_t i = 0; i < SITES_COUNT; i++) {
		write_ini(i);
		CHECK_TEXT(config_load(&sites[i].config, &source, message) == ERR_OK, message);
	}
	CHECK(store_kind_open(sites[0].config.store, &limits, NULL, &store) == ERR_OK);
}

struct store *
sites_open(void)
{
	fuzz_empty("store");
	for (size_t i = 0; i < SITES_COUNT; i++)
		CHECK(app_open(&sites[i].app, &sites[i].config, 1) == ERR_OK);
	return store;
}

void
sites_close(void)
{
	for (size_t i = 0; i < SITES_COUNT; i++)
		app_close(sites[i].app);
}
