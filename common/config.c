#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_key.h"

#define LINE_MAX_INIH	 199 /* inih cuts longer lines */
#define SECTION_MAX_INIH 49  /* and longer section names */

/* The state of reading one file: handed to inih line by line, so that each line's number is known.
 */
struct reader {
	struct config *config;
	const char *pos; /* what is left of the file */
	int line;
	bool given[CONFIG_OPENCODES_MAX]
		  [CONFIG_KEYS_MAX]; /* per section [opencode …]; others in row 0 */
	int opencodes;		     /* sections [opencode …] seen */
	bool in_key;		     /* a key was read since the section began */
	bool goes_on;		     /* this line goes on with that key's value: inih's rule */
	int error_line;		     /* 0: none yet */
	char error[CONFIG_MESSAGE_MAX / 2];
};

static int fail(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the first complaint. Returns 0, which is inih's word for an error. */
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

/* inih tells of keys only; a section that holds none could be misspelt too. */
static void
check_section(struct reader *r, const char *name, size_t len)
{
	char section[SECTION_MAX_INIH + 1];

	if (len > SECTION_MAX_INIH)
		return;
	memcpy(section, name, len);
	section[len] = '\0';
	if (strncmp(section, "opencode ", 9) != 0 && !config_section_known(section))
		fail(r, "unknown section [%s]", section);
}

/* inih's source of lines, like fgets(). */
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
	if (r->pos[blanks] == '[' && !r->goes_on)
		r->in_key = false;
	if (r->pos[0] == '[')
		check_section(r, r->pos + 1, strcspn(r->pos + 1, "]\r\n"));
	if (r->pos[0] == '[' && len > SECTION_MAX_INIH)
		fail(r, "the section name is longer than %d bytes", SECTION_MAX_INIH - 2);
	memcpy(out, r->pos, full);
	out[full] = '\0';
	r->pos += full;
	return out;
}

/* Finds or adds the opencode that a section names. NULL after a complaint. */
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
	config_opencode_defaults(o);
	memcpy(o->name, name, strlen(name) + 1);
	r->config->opencode_count = (size_t)r->opencodes;
	return o;
}

/* A line that goes on with the key before it. inih leaves a comment behind its value. */
static int
on_more(struct reader *r, const struct config_key *key, void *target, const char *name,
	const char *value)
{
	char why[CONFIG_MESSAGE_MAX / 4] = "", line[LINE_MAX_INIH + 1];
	size_t len = 0;

	if (!config_key_is_list(key))
		return fail(
		    r, "a line that begins with a blank goes on with %s, which has only one", name);
	while (len < LINE_MAX_INIH && value[len] != '\0' &&
	       !(value[len] == ';' && len > 0 && strchr(" \t", value[len - 1]) != NULL))
		len++;
	memcpy(line, value, len);
	line[len] = '\0';
	if (!config_key_add(key, target, line, why, sizeof(why)))
		return fail(r, "%s: %s", name, why);
	return 1;
}

static int
on_key(void *ctx, const char *section, const char *name, const char *value)
{
	struct reader *r = ctx;
	bool opencode = strcmp(section, "opencode") == 0 || strncmp(section, "opencode ", 9) == 0;
	const struct config_key *key = config_key_find(opencode ? "opencode" : section, name);
	char why[CONFIG_MESSAGE_MAX / 4] = "";
	void *target = r->config;
	int row = 0;

	if (key == NULL && section[0] == '\0')
		return fail(r, "the key %s stands in no section", name);
	if (key == NULL && !config_section_known(opencode ? "opencode" : section))
		return fail(r, "unknown section [%s]", section);
	if (key == NULL)
		return fail(r, "unknown key %s in [%s]", name, section);
	if (opencode && (target = section_opencode(r, section, &row)) == NULL)
		return 0;
	if (r->goes_on)
		return on_more(r, key, target, name, value);
	if (r->given[row][config_key_index(key)])
		return fail(r, "%s is given twice", name);
	r->given[row][config_key_index(key)] = true;
	r->in_key = true;
	if (!config_key_set(key, target, value, why, sizeof(why)))
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

/* Reads a whole file that only its owner can write. *missing is set if there is none. */
static enum err
read_file(const char *file, char *out, size_t size, bool *missing, char message[CONFIG_MESSAGE_MAX])
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *cause = NULL;
	size_t len = 0;
	struct stat st;
	ssize_t n = 0;

	*missing = fd < 0 && errno == ENOENT;
	if (fd < 0)
		return complain(message, file, 0, strerror(errno));
	if (fstat(fd, &st) != 0)
		cause = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		cause = "is not a file";
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		cause = "others can write it: run chmod go-w on it";
	while (cause == NULL && len < size - 1 && (n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		cause = strerror(errno);
	else if (len == size - 1)
		cause = "is larger than 64 KiB";
	close(fd);
	out[len] = '\0';
	if (cause == NULL && strlen(out) != len)
		cause = "holds a NUL byte";
	return cause == NULL ? ERR_OK : complain(message, file, 0, cause);
}

static enum err
load_file(struct config *config, const char *file, bool must_exist,
	  char message[CONFIG_MESSAGE_MAX])
{
	char *text = malloc(CONFIG_FILE_MAX + 2);
	struct reader *r = calloc(1, sizeof(*r));
	enum err err = ERR_MEMORY;
	bool missing = false;
	int line;

	snprintf(message, CONFIG_MESSAGE_MAX, "%s: no memory", file);
	if (text == NULL || r == NULL)
		goto out;
	if ((err = read_file(file, text, CONFIG_FILE_MAX + 2, &missing, message)) != ERR_OK) {
		if (missing && !must_exist)
			err = ERR_OK;
		goto out;
	}
	r->config = config;
	r->pos = text;
	line = ini_parse_stream(next_line, r, on_key, r);
	if (r->error_line > 0 && (line <= 0 || r->error_line <= line))
		err = complain(message, file, r->error_line, r->error);
	else if (line > 0)
		err = complain(message, file, line, "is neither [section] nor key = value");
	else if (line < 0)
		err = complain(message, file, 0, "cannot be read");
out:
	free(text);
	free(r);
	return err;
}

/* As a switch it is about the same machine: any other proxy has to be named. */
static const char *
trust_setting(const char *given)
{
	if (given != NULL && strcmp(given, "true") == 0)
		return "loopback unix";
	return given != NULL && strcmp(given, "false") == 0 ? "" : given;
}

/* Settings of the environment and the command line, which win over the file. */
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
		    !config_key_set(config_key_find(override[i].section, override[i].key),
				    override[i].target, override[i].value, why, sizeof(why)))
			return complain(message, override[i].label, 0, why);
	return ERR_OK;
}

/* What only holds or fails between keys. */
static enum err
check_whole(const struct config *config, const char *file, char message[CONFIG_MESSAGE_MAX])
{
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
	return ERR_OK;
}

enum err
config_load(struct config *config, const struct config_source *source,
	    char message[CONFIG_MESSAGE_MAX])
{
	const char *file = source->file != NULL ? source->file : CONFIG_FILE_DEFAULT;
	enum err err;

	message[0] = '\0';
	config_defaults(config);
	err = load_file(config, file, source->file != NULL, message);
	if (err == ERR_OK)
		err = load_overrides(config, source, message);
	if (err == ERR_OK)
		err = check_whole(config, file, message);
	return err == ERR_OK || err == ERR_MEMORY ? err : ERR_CONFIG;
}

enum err
config_dump(const struct config *config, struct buf *out)
{
	const char *section = "";

	for (size_t i = 0; i < config->opencode_count; i++) {
		const struct config_opencode *o = &config->opencode[i];

		buf_printf(out, o->name[0] == '\0' ? "[opencode]\n" : "[opencode %s]\n", o->name);
		config_keys_dump("opencode", o, out);
		buf_puts(out, "\n");
	}
	while ((section = config_section_next(section)) != NULL) {
		buf_printf(out, "[%s]\n", section);
		config_keys_dump(section, config, out);
		if (config_section_next(section) != NULL)
			buf_puts(out, "\n");
	}
	return out->err;
}

bool
config_callback_path(const struct config *config, const char *path)
{
	for (size_t i = 0; i < config->callback_path_count; i++)
		if (strcmp(config->callback_paths[i], path) == 0)
			return true;
	return false;
}
