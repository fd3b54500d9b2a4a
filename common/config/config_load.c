#include "config/config_load.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_keys.h"
#include "config/config_relay.h"
#include "http/origin.h"

#define LINE_MAX_INIH	 199 /* bytes; inih truncates longer lines */
#define SECTION_MAX_INIH 49  /* bytes; inih truncates longer section names */

/* The state while one file is read. inih gets the file line by line, so that each line's number
 * is known. */
struct reader {
	struct config *config;
	const char *pos; /* the rest of the file */
	int line;
	/* The keys given so far: a row for each [opencode …], the last row for the current
	 * [relay-site …]. Other sections use the first row. */
	bool given[CONFIG_OPENCODES_MAX + 1][CONFIG_KEYS_MAX];
	int opencodes;		  /* sections [opencode …] so far */
	bool in_site;		  /* in a section [relay-site …] */
	struct config_draft site; /* that section */
	enum err err;		  /* ERR_MEMORY if memory ran out, else ERR_OK */
	bool in_key;		  /* a key was read since the section began */
	bool goes_on;		  /* this line continues the value of that key, by inih's rule */
	int error_line;		  /* 0: no error so far */
	char error[CONFIG_MESSAGE_MAX / 2];
};

static int fail(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Records the first error only. Returns 0, which means an error to inih. */
static int
fail(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->error_line > 0)
		return 0;
	r->error_line = r->line;
	va_start(ap, fmt);
	vsnprintf(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
	return 0;
}

/* Returns whether section consists of this word and a name of its own, as in "opencode NAME". */
static bool
is_named(const char *section, const char *word)
{
	size_t len = strlen(word);

	return section[0] == word[0] && strncmp(section, word, len) == 0 &&
	       (section[len] == ' ' || section[len] == '\t');
}

/* Adds the section [relay-site …] that ends here to the configuration. */
static void
end_site(struct reader *r)
{
	const char *why = NULL;
	enum err err = ERR_OK;
	int line = r->line;

	if (r->in_site && r->error_line == 0)
		err = config_relay_site_add(r->config, &r->site, &why);
	r->in_site = false;
	r->line = r->site.line;
	if (why != NULL)
		fail(r, "[relay-site %s] %s", r->site.id, why);
	else if (err != ERR_OK)
		r->err = err;
	r->line = line;
}

static void
begin_site(struct reader *r, const char *section)
{
	const char *id = section + strlen("relay-site");

	id += strspn(id, " \t");
	if (!relay_state_id_valid(id)) {
		fail(r, "[%s]: an ID has up to %d letters, digits, '_' and '-'", section,
		     RELAY_ID_MAX);
		return;
	}
	r->in_site = true;
	r->site = (struct config_draft){.line = r->line};
	memcpy(r->site.id, id, strlen(id) + 1);
	memset(r->given[CONFIG_OPENCODES_MAX], 0, sizeof(r->given[0]));
}

/* Checks the section itself, because inih reports only keys. A section without keys may be
 * misspelt, or may lack the keys that it needs. */
static void
begin_section(struct reader *r, const char *name, size_t len)
{
	char section[SECTION_MAX_INIH + 1];

	end_site(r);
	if (len > SECTION_MAX_INIH)
		return;
	memcpy(section, name, len);
	section[len] = '\0';
	if (is_named(section, "relay-site") || strcmp(section, "relay-site") == 0)
		begin_site(r, section);
	else if (!is_named(section, "opencode") && !config_keys_section_known(section))
		fail(r, "unknown section [%s]", section);
}

/* Gives inih the next line, as fgets() would. */
static char *
next_line(char *out, int size, void *ctx)
{
	struct reader *r = ctx;
	size_t len = strcspn(r->pos, "\n");
	size_t full = len + (r->pos[len] == '\n' ? 1 : 0), blanks;

	if (full == 0)
		return NULL;
	r->line++;
	if (len > LINE_MAX_INIH - 1 || full >= (size_t)size) {
		fail(r, "the line is longer than %d bytes", LINE_MAX_INIH - 1);
		r->pos += full;
		out[0] = '\0';
		return out;
	}
	blanks = strspn(r->pos, " \t\v\f\r");
	r->goes_on = r->in_key && blanks > 0;
	if (r->pos[blanks] == '[' && !r->goes_on) {
		r->in_key = false;
		begin_section(r, r->pos + blanks + 1, strcspn(r->pos + blanks + 1, "]\r\n"));
	}
	if (r->pos[0] == '[' && len > SECTION_MAX_INIH)
		fail(r, "the section name is longer than %d bytes", SECTION_MAX_INIH - 2);
	memcpy(out, r->pos, full);
	out[full] = '\0';
	r->pos += full;
	return out;
}

/* Finds or adds the opencode that a section names. Returns NULL after an error was recorded. */
static struct config_opencode *
section_opencode(struct reader *r, const char *section, int *row)
{
	static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789._-";
	const char *name = section + strlen("opencode");
	struct config_opencode *o;

	name += strspn(name, " \t");
	if (strlen(name) > CONFIG_NAME_MAX || name[strspn(name, name_bytes)] != '\0') {
		fail(r, "[%s]: a NAME has only letters, digits, '.', '_' and '-'", section);
		return NULL;
	}
	for (int i = 0; i < r->opencodes; i++)
		if (strcmp(r->config->opencode[i].name, name) == 0) {
			*row = i;
			return &r->config->opencode[i];
		}
	if (r->opencodes == CONFIG_OPENCODES_MAX) {
		fail(r, "more than %d sections [opencode NAME]", CONFIG_OPENCODES_MAX);
		return NULL;
	}
	*row = r->opencodes++;
	o = &r->config->opencode[*row];
	config_keys_opencode_defaults(o);
	memcpy(o->name, name, strlen(name) + 1);
	r->config->opencode_count = (size_t)r->opencodes;
	return o;
}

/* Reads a line that continues the value of a key. inih leaves a trailing comment in it. */
static int
on_more(struct reader *r, const struct config_key *key, void *target, const char *name,
	const char *value)
{
	char why[CONFIG_MESSAGE_MAX / 4] = "", line[LINE_MAX_INIH + 1];
	size_t len = 0;

	if (!config_keys_is_list(key))
		return fail(
		    r, "a line that begins with a blank goes on with %s, which has only one", name);
	while (len < LINE_MAX_INIH && value[len] != '\0' &&
	       !(value[len] == ';' && len > 0 && strchr(" \t", value[len - 1]) != NULL))
		len++;
	memcpy(line, value, len);
	line[len] = '\0';
	if (!config_keys_add(key, target, line, why, sizeof(why)))
		return fail(r, "%s: %s", name, why);
	return 1;
}

/* Records the line of a key in [relay…], for errors found later: in key files and incomplete
 * sections. */
static void
note_line(struct reader *r, const char *kind, const char *name)
{
	bool key_file;

	if (strncmp(kind, "relay", 5) != 0)
		return;
	key_file = strcmp(name, "key_file") == 0;
	if (!r->in_site && (key_file || r->config->relay_line == 0))
		r->config->relay_line = r->line;
	else if (r->in_site && key_file)
		r->site.key_line = r->line;
	else if (r->in_site && strcmp(name, "previous_key_file") == 0)
		r->site.previous_key_line = r->line;
}

static int
on_key(void *ctx, const char *section, const char *name, const char *value)
{
	struct reader *r = ctx;
	bool opencode = strcmp(section, "opencode") == 0 || is_named(section, "opencode");
	const char *kind = opencode ? "opencode" : r->in_site ? "relay-site" : section;
	const struct config_key *key = config_keys_find(kind, name);
	char why[CONFIG_MESSAGE_MAX / 4] = "";
	void *target = r->config;
	int row = 0;

	if (key == NULL && section[0] == '\0')
		return fail(r, "the key %s stands in no section", name);
	if (key == NULL && !config_keys_section_known(kind))
		return fail(r, "unknown section [%s]", section);
	if (key == NULL)
		return fail(r, "unknown key %s in [%s]", name, section);
	if (opencode && (target = section_opencode(r, section, &row)) == NULL)
		return 0;
	if (r->in_site) {
		target = &r->site;
		row = CONFIG_OPENCODES_MAX;
	}
	if (r->goes_on)
		return on_more(r, key, target, name, value);
	if (r->given[row][config_keys_index(key)])
		return fail(r, "%s is given twice", name);
	r->given[row][config_keys_index(key)] = true;
	r->in_key = true;
	note_line(r, kind, name);
	if (!config_keys_set(key, target, value, why, sizeof(why)))
		return fail(r, "%s: %s", name, why);
	return 1;
}

static enum err
complain(char message[CONFIG_MESSAGE_MAX], const char *file, int line, const char *text)
{
	if (line > 0)
		snprintf(message, CONFIG_MESSAGE_MAX, "%s:%d: %s", file, line, text);
	else
		snprintf(message, CONFIG_MESSAGE_MAX, "%s: %s", file, text);
	return ERR_CONFIG;
}

/* Reads a file of that size and appends a NUL. Returns what is wrong, or NULL. */
static const char *
read_all(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;

	while (len <= size && (n = read(fd, out + len, size + 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	if (n < 0)
		return strerror(errno);
	if (len > size)
		return "has grown while it was read";
	return strlen(out) == len ? NULL : "holds a NUL byte";
}

/* Reads a whole file that only its owner can write. The caller frees *out, even after an error.
 * Sets *missing if the file does not exist. */
static enum err
read_file(const char *file, char **out, bool *missing, char message[CONFIG_MESSAGE_MAX])
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *cause = NULL;
	struct stat st;

	*out = NULL;
	*missing = fd < 0 && errno == ENOENT;
	if (fd < 0)
		return complain(message, file, 0, strerror(errno));
	if (fstat(fd, &st) != 0)
		cause = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		cause = "is not a file";
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		cause = "others can write it: run chmod go-w on it";
	else if (st.st_size > CONFIG_FILE_MAX)
		cause = "is larger than 4 MiB";
	else if ((*out = malloc((size_t)st.st_size + 2)) != NULL)
		cause = read_all(fd, *out, (size_t)st.st_size);
	close(fd);
	if (cause != NULL)
		return complain(message, file, 0, cause);
	return *out == NULL ? ERR_MEMORY : ERR_OK;
}

/* Ends the last section, and checks that no two sections [relay-site …] have the same ID. */
static void
end_sections(struct reader *r)
{
	const struct config_site *twice;

	end_site(r);
	if ((twice = config_relay_sites_sort(r->config)) != NULL) {
		r->line = twice->line;
		fail(r, "a second section [relay-site %s]", twice->id);
	}
}

static enum err
load_file(struct config *config, const char *file, bool must_exist,
	  char message[CONFIG_MESSAGE_MAX])
{
	static const char mark[] = "\xef\xbb\xbf"; /* UTF-8 byte order mark, skipped */
	char *text = NULL;
	struct reader *r = NULL;
	enum err err;
	bool missing = false;
	int line;

	if ((err = read_file(file, &text, &missing, message)) != ERR_OK) {
		if (missing && !must_exist)
			err = ERR_OK;
		goto out;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL) {
		err = ERR_MEMORY;
		goto out;
	}
	r->config = config;
	r->pos = strncmp(text, mark, sizeof(mark) - 1) == 0 ? text + sizeof(mark) - 1 : text;
	line = ini_parse_stream(next_line, r, on_key, r);
	end_sections(r);
	config->relay_only = config->relay_site_count > 0 && r->opencodes == 0;
	if (r->error_line > 0 && (line <= 0 || r->error_line <= line))
		err = complain(message, file, r->error_line, r->error);
	else if (line > 0)
		err = complain(message, file, line, "is neither [section] nor key = value");
	else if (line < 0)
		err = complain(message, file, 0, "cannot be read");
	else
		err = r->err;
out:
	free(text);
	free(r);
	return err;
}

/* Translates OPENCODE_TRUST_PROXY_HEADERS. "true" trusts only proxies on this machine; any other
 * proxy has to be named. */
static const char *
trust_setting(const char *given)
{
	if (given != NULL && strcmp(given, "true") == 0)
		return "loopback unix";
	return given != NULL && strcmp(given, "false") == 0 ? "" : given;
}

/* Applies the settings of the environment and of the command line, which override the file. */
static enum err
load_overrides(struct config *config, const struct config_source *source,
	       char message[CONFIG_MESSAGE_MAX])
{
	const char *trust = trust_setting(source->proxy_trust);
	const struct {
		const char *value;
		const char *section;
		const char *key;
		const char *label;
		void *target;
	} override[] = {
	    {source->public_url, "opencode", "url", "OPENCODE_PUBLIC_URL", &config->opencode[0]},
	    {trust, "proxy", "trust", "OPENCODE_TRUST_PROXY_HEADERS", config},
	    {source->worker_socket, "worker", "socket", "-s", config},
	    {source->worker_threads, "worker", "threads", "-t", config},
	};
	char why[CONFIG_MESSAGE_MAX / 4];

	if (source->public_url != NULL && config->opencode_count > 1)
		return complain(message, "OPENCODE_PUBLIC_URL", 0,
				"can only be given with a single [opencode] section");
	for (size_t i = 0; i < sizeof(override) / sizeof(override[0]); i++)
		if (override[i].value != NULL &&
		    !config_keys_set(config_keys_find(override[i].section, override[i].key),
				     override[i].target, override[i].value, why, sizeof(why)))
			return complain(message, override[i].label, 0, why);
	return ERR_OK;
}

/* Returns whether [relay] via leads back to this site, where nobody would unwrap the state. */
static bool
via_is_own(const struct config *config)
{
	for (size_t i = 0; i < config->opencode_count; i++) {
		const char *url = config->opencode[i].url;
		size_t len = strlen(url);

		if (len > 0 && strncmp(config->relay_via, url, len) == 0 &&
		    config_callback_path(config, config->relay_via + len))
			return true;
	}
	return false;
}

/* Checks what depends on several keys. */
static enum err
check_whole(const struct config *config, const char *file, char message[CONFIG_MESSAGE_MAX])
{
	for (size_t i = 0; i < config->opencode_count; i++) {
		const struct config_opencode *o = &config->opencode[i];

		if (o->login == LOGIN_OWN && o->password_file[0] == '\0')
			return complain(message, file, 0,
					"[opencode] login = own needs a password_file");
		if (config->http == HTTP_LOOPBACK && strncmp(o->url, "http://", 7) == 0 &&
		    !origin_host_is_loopback(o->url + 7))
			return complain(message, file, 0,
					"[opencode] url: plain http on a private name needs [web] "
					"http = private, else https");
	}
	for (size_t i = 0; config->opencode_count > 1 && i < config->opencode_count; i++) {
		if (config->opencode[i].url[0] == '\0')
			return complain(
			    message, file, 0,
			    "with several [opencode NAME] sections, each needs its url");
		for (size_t j = 0; j < i; j++)
			if (strcmp(config->opencode[i].url, config->opencode[j].url) == 0)
				return complain(message, file, 0,
						"two [opencode NAME] sections have the same url");
	}
	if ((config->relay_via[0] == '\0') != (config->relay_id[0] == '\0') ||
	    (config->relay_via[0] == '\0') != (config->relay_key_file[0] == '\0'))
		return complain(message, file, config->relay_line,
				"[relay] needs via, id and key_file, or none of them");
	if (via_is_own(config))
		return complain(message, file, config->relay_line,
				"[relay] via is a callback of this site itself, which needs none");
	if (config->relay_site_count > 0 && config_callback_path(config, RELAY_PATH))
		return complain(message, file, 0,
				"callback_paths has " RELAY_PATH
				", where sites of the relay get their answers from");
	return ERR_OK;
}

enum err
config_load(struct config *config, const struct config_source *source,
	    char message[CONFIG_MESSAGE_MAX])
{
	const char *file = source->file != NULL ? source->file : CONFIG_FILE_DEFAULT;
	enum err err;

	message[0] = '\0';
	config_keys_defaults(config);
	config->file = file;
	err = load_file(config, file, source->file != NULL, message);
	if (err == ERR_OK)
		err = load_overrides(config, source, message);
	if (err == ERR_OK)
		err = check_whole(config, file, message);
	if (config->relay_via[0] != '\0' || source->public_url != NULL)
		config->relay_only = false;
	if (err != ERR_OK)
		config_free(config);
	return err == ERR_OK || err == ERR_MEMORY ? err : ERR_CONFIG;
}
