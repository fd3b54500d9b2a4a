#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"

#include "config/config_dump.h"
#include "config/config_load.h"

static char file[64];

static int
make_file(void **state)
{
	int fd;

	(void)state;
	snprintf(file, sizeof(file), "/tmp/opencode-callback-config-XXXXXX");
	if ((fd = mkstemp(file)) < 0)
		return -1;
	close(fd);
	return 0;
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(file);
}

static void
write_file(const char *text, size_t len)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static struct config config; /* too large for the stack */

static enum err
load(char message[CONFIG_MESSAGE_MAX])
{
	struct config_source source = {.file = file};

	return config_load(&config, &source, message);
}

#define LONG_NAME "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 65 */

#define VIA		 "https://relay.example.com/relay/callback"
#define SITE(id, target) "[relay-site " id "]\ntarget = " target "\nkey_file = /k\n"

static const struct {
	const char *text;
	const char *complaint; /* NULL: accepted */
} rows[] = {
    {"", NULL},
    {"[opencode]\nurl = https://opencode.example.com\n", NULL},
    {"[opencode]\nurl = https://opencode.example.com", NULL},
    {"[opencode]\r\nurl = https://opencode.example.com\r\n", NULL},
    {"\xef\xbb\xbf[opencode]\nurl = https://opencode.example.com\n", NULL},
    {"[opencode a]\nurl = https://a.example\n[opencode b]\nurl = https://b.example\n", NULL},
    {"; a comment\n# another\n[flow]\nlifetime = 120 ; inline\n", NULL},
    {"[opencode]\nurl = http://localhost:8080\n", NULL},
    {"[opencode]\nsocket = /run/opencode/%p.sock\n", NULL},
    {"[flow]\nissuers = https://a.example=https://b.example/tenant\n", NULL},
    {"[proxy]\ntrust = loopback private unix\nheader = forwarded\n", NULL},
    {"[proxy]\ntrust =\n\t10.0.0.0/8 ; ours\n; a comment\n\n  192.0.2.1, 192.0.2.2\r\n\tunix\n"
     "header = CF-Connecting-IP\n",
     NULL},
    {"[web]\ncallback_paths = /auth/callback\n\t/x\n\t/y\n", NULL},
    {"[proxy]\ntrust = 10.0.0.1/8\n", ":2: trust: 10.0.0.1/8: the range is 10.0.0.0/8"},
    {"[proxy]\ntrust = true\n", ":2: trust: true: must be an address"},
    {"[proxy]\ntrust = loopback ::/0\n", ":2: trust: ::/0: that is everybody"},
    {"[proxy]\ntrust =\n\t10.0.0.0/8\n\t10.0.0.0/88\n", ":4: trust: 10.0.0.0/88: must be"},
    {"[proxy]\ntrust = unix\ntrust = loopback\n", ":3: trust is given twice"},
    {"[proxy]\ntrust = unix\n\tloopback\n[log]\n[proxy]\n\ttrust = unix\n",
     ":6: trust is given twice"},
    {"[proxy]\nheader = X-Forwarded-Host\n", ":2: header: must be X-Forwarded-For, X-Real-IP"},
    {"[proxy]\nheader = Forwarded\n\tX-Real-IP\n",
     ":3: a line that begins with a blank goes on with header"},
    {"[flow]\nlifetime = 300\n  max_pending = 5\n",
     ":3: a line that begins with a blank goes on with lifetime"},
    {"[opencode]\nurll = x\n", ":2: unknown key urll in [opencode]"},
    {"[web]\n\nprefx = /x\n", ":3: unknown key prefx in [web]"},
    {"[wbe]\nprefix = /x\n", ":1: unknown section [wbe]"},
    {"[proxxy]\n", ":1: unknown section [proxxy]"},
    {"lifetime = 3\n", ":1: the key lifetime stands in no section"},
    {"[flow]\nlifetime\n", ":2: is neither [section] nor key = value"},
    {"[flow]\nlifetime = 300x\n", ":2: lifetime: must be a whole number from 1 to 3600"},
    {"[flow]\nlifetime = 1e9\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = -1\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = +5\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 0\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 3601\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 0x10\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 1.0\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 1 2\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 300s\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = \"300\"\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 4294967297\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 18446744073709551617\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = \xd9\xa3\xd9\xa0\n", ":2: lifetime: must be"},
    {"[limit]\nrate = 60\n", ":2: rate: must be a whole number from 1 to 60000, and /min"},
    {"[limit]\nrate = 60/s\n", ":2: rate: must be"},
    {"[limit]\nrate = /min\n", ":2: rate: must be"},
    {"[limit]\nrate = 0/min\n", ":2: rate: must be"},
    {"[limit]\nburst = 0\n", ":2: burst: must be"},
    {"[worker]\nthreads = 257\n", ":2: threads: must be a whole number from 1 to 256"},
    {"[worker]\nsocket = worker.sock\n", ":2: socket: must be an absolute path"},
    {"[opencode]\npassword_file = secret\n", ":2: password_file: must be an absolute path"},
    {"[opencode]\nusername = a\x01\n", ":2: username: holds a control byte"},
    {"[flow]\nstore = dir:\n", ":2: store: must be dir:"},
    {"[flow]\nstore = redis:/run/redis.sock\nstore_username = a\nstore_password_file = /b\n", NULL},
    {"[flow]\nstore = redis://localhost\n", NULL},
    {"[flow]\nstore = redis://192.0.2.1:6379/15\n", NULL},
    {"[flow]\nstore = redis://[2001:db8::1]:6380/0\n", NULL},
    {"[flow]\nstore = rediss://localhost\n", ":2: store: there is no TLS here: use Redis' Unix"},
    {"[flow]\nstore = redis:run/redis.sock\n", ":2: store: must be redis: and the absolute path"},
    {"[flow]\nstore = redis:/" LONG_NAME LONG_NAME "\n", ":2: store: is too long for a socket"},
    {"[flow]\nstore = redis://user:word@localhost\n", ":2: store: names no user and no password"},
    {"[flow]\nstore = redis://\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis:///db\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis://localhost:0\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis://localhost:65536\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis://localhost:6379/x\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis://localhost:6379/1?a=b\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis://2001:db8::1\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis://[::1\n", ":2: store: must be redis://host:port/db"},
    {"[flow]\nstore = redis:/r\nstore_password_file = x\n",
     ":3: store_password_file: must be an absolute path"},
    {"[flow]\nissuers = a.example=https://b.example\n", ":2: issuers: stands for an origin"},
    {"[flow]\nissuers = https://a.example\n", ":2: issuers: must be up to 16 pairs"},
    {"[flow]\nissuers = https://a.example=\n", ":2: issuers: must be up to 16 pairs"},
    {"[opencode]\nusername = " LONG_NAME "\n", ":2: username: is too long"},
    {"[opencode]\nsocket = /" LONG_NAME LONG_NAME "\n", ":2: socket: is too long for a socket"},
    {"[opencode]\nsocket = /run/%p/%p.sock\n", ":2: socket: may hold %p once"},
    {"[web]\nprefix = /" LONG_NAME LONG_NAME "\n", ":2: prefix: is too long"},
    {"[web]\ncallback_paths = /" LONG_NAME LONG_NAME "\n", ":2: callback_paths: must be"},
    {"[web]\nprefix = /a//b\n", ":2: prefix: must be a path"},
    {"[web]\nprefix = /\n", ":2: prefix: must be a path"},
    {"[web]\nprefix = /a?b\n", ":2: prefix: must be a path"},
    {"[web]\nprefix = /%61\n", ":2: prefix: must be a path"},
    {"[web]\nprefix = //evil.example\n", ":2: prefix: must be a path"},
    {"[web]\nprefix = /\\evil.example\n", ":2: prefix: must be a path"},
    {"[opencode aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nport = 1\n",
     ":1: the section name is longer than"},
    {"[flow]\nlifetime =\n", ":2: lifetime: must be"},
    {"[flow]\nlifetime = 1\nlifetime = 2\n", ":3: lifetime is given twice"},
    {"[opencode]\nurl = opencode.example.com\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://opencode.example.com/path\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://u:p@opencode.example.com\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://opencode.example.com?x\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://opencode.example.com#x\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://*.example.com\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://a b\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://a,https://b\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://a.example:65536\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://a.example:0\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://[::1\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = https://[.]\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = ftp://a.example\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = //a.example\n", ":2: url: must be an origin"},
    {"[opencode]\nurl = http://opencode.example.com\n", ":2: url: must be https"},
    {"[opencode a]\nport = 1\n[opencode b]\nport = 2\n", "each needs its url"},
    {"[opencode a]\nurl = https://a.example\n[opencode b]\nurl = https://a.example/\n",
     "the same url"},
    {"[opencode a/b]\nport = 1\n", ":2: [opencode a/b]: a NAME has only"},
    {"[opencode]\nsocket = relative.sock\n", ":2: socket: must be an absolute path"},
    {"[opencode]\nsocket = /run/%n.sock\n", ":2: socket: may hold %p once"},
    {"[opencode]\nusername =;x\n", ":2: username: begins with ';'"},
    {"[opencode]\nport = 65536\n", ":2: port: must be a whole number from 1 to 65535"},
    {"[web]\nprefix = signin\n", ":2: prefix: must be a path"},
    {"[web]\nprefix = /signin/\n", ":2: prefix: must be a path"},
    {"[web]\nprefix = /a/../b\n", ":2: prefix: must be a path"},
    {"[web]\ncallback_paths = auth/callback\n", ":2: callback_paths: must be"},
    {"[web]\ncallback_paths = ,\n", ":2: callback_paths: names no path"},
    {"[flow]\nstore = file:/x\n", ":2: store: must be dir:"},
    {"[flow]\nstore = dir:x\n", ":2: store: must be dir:"},
    {"[log]\nto = file\n", ":2: to: must be stderr or syslog"},
    {"[log]\nlevel = loud\n", ":2: level: must be error"},

    {"[relay]\nvia = " VIA "\nid = alice\nkey_file = /etc/key\n", NULL},
    {"[relay]\nvia = http://localhost:8080/relay/callback\nid = alice\nkey_file = /etc/key\n",
     NULL},
    {"[relay]\nvia =\nid =\nkey_file =\n", NULL},
    {SITE("a", VIA), NULL},
    {"\xef\xbb\xbf" SITE("a", VIA), NULL},
    {"  " SITE("Z9_-", "https://[::1]:8443/a/b_c-d.e~f"), NULL},
    {"[relay-site \ta]\ntarget = " VIA "\nkey_file = /k\nprevious_key_file = /l\n", NULL},
    {SITE("b", VIA) SITE("a", VIA) "[log]\nlevel = info\n" SITE("c", VIA), NULL},
    {"[relay]\nvia = " VIA "\nid = alice\n", ":2: [relay] needs via, id and key_file, or none"},
    {"[relay]\nid = alice\n", ":2: [relay] needs"},
    {"[relay]\nvia = " VIA "\nkey_file = /etc/key\n", ":3: [relay] needs"},
    {"[relay]\nvia = " VIA "\nid = alice\nkey_file = /etc/key\n[opencode]\n"
     "url = https://relay.example.com\n[web]\ncallback_paths = /relay/callback\n",
     ":4: [relay] via is a callback of this site itself"},
    {"[relay]\nvia = " VIA "\nid = alice\nkey_file = /etc/key\n[opencode]\n"
     "url = https://relay.example.com\n",
     NULL},
    {"[relay]\nid = a.b\n", ":2: id: must be up to 32 letters"},
    {"[relay]\nid = " LONG_NAME "\n", ":2: id: must be"},
    {"[relay]\nkey_file = key\n", ":2: key_file: must be an absolute path"},
    {"[relay]\ntarget = " VIA "\n", ":2: unknown key target in [relay]"},
    {"[relay-site]\ntarget = " VIA "\n", ":1: [relay-site]: an ID has up to 32 letters"},
    {"[relay-site ]\n", ":1: [relay-site ]: an ID has"},
    {"[relay-site a b]\n", ":1: [relay-site a b]: an ID has"},
    {"[relay-site a.b]\n", ":1: [relay-site a.b]: an ID has"},
    {"[relay-site a/../b]\n", ":1: [relay-site a/../b]: an ID has"},
    {"[relay-site gr\xc3\xbcn]\n", ": an ID has"},
    {"[relay-site aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n", ": an ID has"},
    {"[relay-sites a]\n", ":1: unknown section [relay-sites a]"},
    {"[relay-site a]\n", ":1: [relay-site a] has no target"},
    {"[log]\n\n[relay-site a]\nkey_file = /k\n[log]\nlevel = info\n",
     ":3: [relay-site a] has no target"},
    {"[relay-site a]\ntarget = " VIA "\n", ":1: [relay-site a] has no key_file"},
    {"[relay-site a]\nurl = x\n", ":2: unknown key url in [relay-site a]"},
    {"[relay-site a]\nkey_file = /k\nkey_file = /k\n", ":3: key_file is given twice"},
    {"[relay-site a]\nkey_file = /k\n\t/l\n", ":3: a line that begins with a blank"},
    {SITE("a", VIA) SITE("b", VIA) "\n" SITE("a", VIA), ":8: a second section [relay-site a]"},
    {SITE("a", VIA) "[web]\ncallback_paths = /auth/callback /relay/callback\n",
     "callback_paths has /relay/callback"},
    {"[web]\ncallback_paths = /auth/callback /relay/callback\n", NULL},
    /* where a browser is sent to */
    {SITE("a", "http://alice.example.com/auth/callback"), ":2: target: must be an address"},
    {SITE("a", "http://127.0.0.1:8080/auth/callback"), NULL},
    {SITE("a", "https://alice.example.com"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/"), ":2: target: must be"},
    {SITE("a", "https://u:p@alice.example.com/auth/callback"), ":2: target: must be"},
    {SITE("a", "https://u@alice.example.com/auth/callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth/callback?x=y"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth/callback?"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com?/auth"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth/callback#x"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com//auth/callback"), ":2: target: must be"},
    {SITE("a", "https:///auth/callback"), ":2: target: must be"},
    {SITE("a", "https:/alice.example.com/auth/callback"), ":2: target: must be"},
    {SITE("a", "//alice.example.com/auth/callback"), ":2: target: must be"},
    {SITE("a", "/auth/callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth/../callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com\\@evil.example/callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth\\callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth/%63allback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth\x01/callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth\r/callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com/auth /callback"), ":2: target: must be"},
    {SITE("a", "https://alice.example.com:0/auth/callback"), ":2: target: must be"},
    {SITE("a", "https://*.example.com/auth/callback"), ":2: target: must be"},
    {SITE("a", "javascript:alert(1)/x"), ":2: target: must be"},
    {SITE("a", "ftp://alice.example.com/auth/callback"), ":2: target: must be"},
    {"[relay]\nvia = http://relay.example.com/relay/callback\n", ":2: via: must be an address"},
    {"[relay]\nvia = https://u:p@relay.example.com/relay/callback\n", ":2: via: must be"},
    {"[relay]\nvia = https://relay.example.com//relay/callback\n", ":2: via: must be"},
    {"[relay]\nvia = https://relay.example.com/relay/callback?\n", ":2: via: must be"},
    {"[relay]\nvia = https://relay.example.com/relay\\callback\n", ":2: via: must be"},
};

static void
accepts_and_refuses(void **state)
{
	char message[CONFIG_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum err got;

		write_file(rows[i].text, strlen(rows[i].text));
		got = load(message);
		if ((got == ERR_OK) != (rows[i].complaint == NULL))
			fail_msg("'%s': '%s'", rows[i].text, message);
		if (got != ERR_OK && strstr(message, rows[i].complaint) == NULL)
			fail_msg("'%s': '%s', want '%s'", rows[i].text, message, rows[i].complaint);
		config_free(&config);
	}
}

static void
files_of_a_bad_kind_are_refused(void **state)
{
	static char big[CONFIG_FILE_MAX + 10];
	char message[CONFIG_MESSAGE_MAX], line[300];
	size_t len;
	struct config_source nowhere = {.file = "/nonexistent/opencode-callback.ini"};

	(void)state;
	write_file("[log]\0\n", 7);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, "NUL"));
	memset(big, '\n', sizeof(big));
	write_file(big, sizeof(big));
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, "4 MiB"));
	write_file("[log]\nlevel = ", 14);
	assert_int_equal(truncate(file, 10 << 20), 0); /* one line of 10 MiB */
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, "4 MiB"));
	snprintf(line, sizeof(line), "[log]\n%s = %0200d\n", "level", 1);
	write_file(line, strlen(line));
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, ":2: the line is longer"));
	len = (size_t)snprintf(big, sizeof(big), "[proxy]\ntrust = unix\n");
	for (int i = 0; i <= TRUST_RANGES_MAX; i++)
		len += (size_t)snprintf(big + len, sizeof(big) - len, "\t10.0.%d.%d\n", i / 256,
					i % 256);
	write_file(big, len);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, ":259: trust: 10.0.1.0: there are more than 256 ranges"));
	write_file("", 0);
	assert_int_equal(chmod(file, 0666), 0);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, "others can write"));
	assert_int_equal(chmod(file, 0620), 0);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, "others can write"));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0); /* nobody will ever write to it */
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, "is not a file"));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, "is not a file"));
	assert_int_equal(rmdir(file), 0);
	write_file("", 0);
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(config_load(&config, &nowhere, message), ERR_CONFIG);
	assert_non_null(strstr(message, "No such file"));
}

/* Loads text, and what is dumped of it, which has to be the same. */
static void
assert_reads_back(const char *text)
{
	char message[CONFIG_MESSAGE_MAX];
	struct buf first, second;

	buf_init(&first, CONFIG_FILE_MAX);
	buf_init(&second, CONFIG_FILE_MAX);
	write_file(text, strlen(text));
	if (load(message) != ERR_OK)
		fail_msg("%s", message);
	assert_int_equal(config_dump(&config, &first), ERR_OK);
	config_free(&config);
	write_file(first.data, first.len);
	if (load(message) != ERR_OK)
		fail_msg("%s in\n%s", message, buf_text(&first));
	assert_int_equal(config_dump(&config, &second), ERR_OK);
	assert_string_equal(buf_text(&first), buf_text(&second));
	buf_free(&first);
	buf_free(&second);
}

/* The longest lines that are read leave no room for a blank around the '='. */
static void
a_line_as_long_as_can_be_is_dumped_too(void **state)
{
	static const char *const line[] = {
	    "[flow]\nissuers=https://a.example=https://b.example/",
	    ("[flow]\nissuers = "
	     "https://c.example=https://d.example\n\thttps://a.example=https://b.example/"),
	    "[flow]\nissuers =\n\thttps://a.example=https://b.example/",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		size_t start = (size_t)(strrchr(line[i], '\n') + 1 - line[i]);

		memset(text, 'x', sizeof(text));
		memcpy(text, line[i], strlen(line[i]));
		memcpy(text + start + 198, "\n", 2);
		assert_reads_back(text);
		assert_int_equal(config.issuer_count, i == 1 ? 2 : 1);
	}
}

static void
what_is_dumped_reads_back(void **state)
{
	static const char text[] =
	    "[opencode a]\nurl = https://a.example\nport = 5000\n"
	    "[opencode b]\nurl = https://b.example\npassword_file = /etc/secret\n"
	    "[web]\nprefix = /login\ncallback_paths = /auth/callback /x\n"
	    "\t/a/path/that/is/as/long/as/a/path/can/be/so/that/all/of/them/do/not/fit/into\n"
	    "\t/one/line/of/the/file/that/is/dumped/and/has/to/go/on/in/another/one/after/it\n"
	    "[flow]\nlifetime = 99\nissuers = https://a.example=https://b.example/t\n"
	    "[proxy]\ntrust = loopback private 192.0.2.0/28 198.51.100.0/24\n"
	    "\t2001:db8:1111:2222:3333:4444:5555:6666 2001:db8:1111:2222:3333:4444:5555:7777\n"
	    "\t203.0.113.7 203.0.113.8 203.0.113.9 unix\nheader = X-Real-IP\n"
	    "[worker]\nthreads = 3\n[log]\nto = syslog\nlevel = debug\n"
	    "[relay]\nvia = " VIA "\nid = me\nkey_file = /etc/key\n"
	    "[relay-site z]\ntarget = https://Z.example/x\nkey_file = /etc/z\n"
	    "previous_key_file = /etc/y\n"
	    "[relay-site a]\ntarget = https://a.example/x\nkey_file = /etc/a\n";

	(void)state;
	assert_reads_back(text);
	assert_int_equal(config.issuer_count, 1);
	assert_int_equal(config.worker_threads, 3);
	assert_int_equal(config.callback_path_count, 4);
	assert_int_equal(config.trust.count, 13);
	assert_true(config.trust.unix_socket);
	assert_int_equal(config.proxy_header, PROXY_X_REAL_IP);
	assert_string_equal(config.opencode[1].password_file, "/etc/secret");
	assert_false(config.relay_only);
	assert_string_equal(config.relay_via, VIA);
	assert_string_equal(config.relay_id, "me");
	assert_int_equal(config.relay_site_count, 2);
	/* the target word for word: it is what browsers get */
	assert_string_equal(config_site_find(&config, "z")->target, "https://Z.example/x");
	assert_string_equal(config_site_find(&config, "z")->previous_key_file, "/etc/y");
	assert_string_equal(config_site_find(&config, "a")->previous_key_file, "");
	assert_null(config_site_find(&config, "b"));
	config_free(&config);
}

#define SITES 10000

/* 10,000 sites, in an order that is not theirs, and in a time that nobody notices. */
static void
there_can_be_very_many_sites(void **state)
{
	struct buf text;
	struct timespec from, to;
	char message[CONFIG_MESSAGE_MAX], id[16];
	enum err got;
	double seconds;

	(void)state;
	buf_init(&text, CONFIG_FILE_MAX);
	for (int i = 0; i < SITES; i++)
		buf_printf(&text,
			   "[relay-site s%d]\ntarget = https://s%d.example.com/auth/callback\n"
			   "key_file = /etc/opencode-callback/relay/s%d.key\n",
			   i * 7919 % SITES, i * 7919 % SITES, i);
	assert_int_equal(text.err, ERR_OK);
	write_file(buf_text(&text), text.len);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	got = load(message);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	if (got != ERR_OK)
		fail_msg("%s", message);
	assert_int_equal(config.relay_site_count, SITES);
	assert_true(config.relay_only);
	for (int i = 0; i < SITES; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		assert_non_null(config_site_find(&config, id));
		assert_string_equal(config_site_find(&config, id)->id, id);
	}
	config_free(&config);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	if (seconds > 0.5)
		fail_msg("%.3f s", seconds);
	/* one more of a name that is there is found among them */
	buf_puts(&text, SITE("s4711", VIA));
	write_file(buf_text(&text), text.len);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, ":30001: a second section [relay-site s4711]"));
	assert_int_equal(config.relay_site_count, 0);
	buf_free(&text);
}

static void
the_environment_wins_over_the_file(void **state)
{
	struct config_source source = {
	    .file = file, .public_url = "https://env.example/", .worker_threads = "2"};
	char message[CONFIG_MESSAGE_MAX];

	(void)state;
	write_file("[opencode]\nurl = https://file.example\n", 38);
	assert_int_equal(config_load(&config, &source, message), ERR_OK);
	assert_string_equal(config.opencode[0].url, "https://env.example");
	assert_int_equal(config.worker_threads, 2);
	source.public_url = "nonsense";
	assert_int_equal(config_load(&config, &source, message), ERR_CONFIG);
	assert_non_null(strstr(message, "OPENCODE_PUBLIC_URL"));
}

static void
there_is_an_end_to_opencodes_and_to_pairs(void **state)
{
	static char text[CONFIG_FILE_MAX];
	struct config_source source = {.file = file, .public_url = "https://env.example"};
	char message[CONFIG_MESSAGE_MAX];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < CONFIG_OPENCODES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"[opencode n%d]\nurl = https://n%d.example\n", i, i);
	write_file(text, len);
	assert_int_equal(load(message), ERR_OK);
	assert_int_equal(config.opencode_count, CONFIG_OPENCODES_MAX);
	/* it cannot say whose it is */
	assert_int_equal(config_load(&config, &source, message), ERR_CONFIG);
	assert_non_null(strstr(message, "OPENCODE_PUBLIC_URL"));
	assert_non_null(strstr(message, "with a single [opencode] section"));
	len += (size_t)snprintf(text + len, sizeof(text) - len, "[opencode one-more]\nport = 1\n");
	write_file(text, len);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, ":130: more than 64 sections [opencode NAME]"));

	len = (size_t)snprintf(text, sizeof(text), "[flow]\nissuers =\n");
	for (int i = 0; i < CONFIG_ISSUERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"\thttps://a.example=https://n%d.example\n", i);
	write_file(text, len);
	assert_int_equal(load(message), ERR_OK);
	assert_int_equal(config.issuer_count, CONFIG_ISSUERS_MAX);
	len += (size_t)snprintf(text + len, sizeof(text) - len,
				"\thttps://a.example=https://b.example\n");
	write_file(text, len);
	assert_int_equal(load(message), ERR_CONFIG);
	assert_non_null(strstr(message, ":19: issuers: must be up to 16 pairs"));
}

static void
the_switch_for_proxies_is_about_this_machine(void **state)
{
	static const struct {
		const char *given;
		size_t ranges;
		bool unix_socket;
		const char *complaint; /* NULL: accepted */
	} settings[] = {
	    {NULL, 3, false, NULL},
	    {"true", 2, true, NULL},
	    {"false", 0, false, NULL},
	    {"10.0.0.0/8 unix", 1, true, NULL},
	    {"10.0.0.0/8,::1", 2, false, NULL},
	    {"yes", 0, false, ": yes: must be"},
	    {"true unix", 0, false, ": true: must be"},
	};
	char message[CONFIG_MESSAGE_MAX];

	(void)state;
	write_file("[proxy]\ntrust = 10.0.0.1 10.0.0.2 10.0.0.3\n", 43);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct config_source source = {.file = file, .proxy_trust = settings[i].given};
		enum err got = config_load(&config, &source, message);

		if ((got == ERR_OK) != (settings[i].complaint == NULL))
			fail_msg("row %zu: %s", i, message);
		if (got == ERR_OK && (config.trust.count != settings[i].ranges ||
				      config.trust.unix_socket != settings[i].unix_socket))
			fail_msg("row %zu: %zu ranges", i, config.trust.count);
		if (got != ERR_OK && (strstr(message, settings[i].complaint) == NULL ||
				      strstr(message, "OPENCODE_TRUST_PROXY_HEADERS") == NULL))
			fail_msg("row %zu: %s", i, message);
	}
}

static void
no_file_means_the_defaults(void **state)
{
	struct config_source source = {.file = NULL};
	char message[CONFIG_MESSAGE_MAX];

	(void)state;
	if (access(CONFIG_FILE_DEFAULT, F_OK) == 0)
		skip();
	assert_int_equal(config_load(&config, &source, message), ERR_OK);
	assert_string_equal(config.prefix, "/signin");
	assert_int_equal(config.lifetime, 300);
	assert_false(trusted_proxies_any(&config.trust));
	assert_int_equal(config.proxy_header, PROXY_X_FORWARDED_FOR);
	assert_int_equal(config.callback_path_count, 5);
	assert_int_equal(config.opencode_count, 1);
	assert_string_equal(config.store, "dir:/run/opencode-callback");
	assert_string_equal(config.opencode[0].url, "");
	assert_int_equal(config.issuer_count, 0);
	assert_string_equal(config.relay_via, "");
	assert_int_equal(config.relay_site_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_and_refuses),
	    cmocka_unit_test(files_of_a_bad_kind_are_refused),
	    cmocka_unit_test(what_is_dumped_reads_back),
	    cmocka_unit_test(a_line_as_long_as_can_be_is_dumped_too),
	    cmocka_unit_test(there_can_be_very_many_sites),
	    cmocka_unit_test(the_environment_wins_over_the_file),
	    cmocka_unit_test(there_is_an_end_to_opencodes_and_to_pairs),
	    cmocka_unit_test(the_switch_for_proxies_is_about_this_machine),
	    cmocka_unit_test(no_file_means_the_defaults),
	};

	return cmocka_run_group_tests_name("config", tests, make_file, remove_file);
}
