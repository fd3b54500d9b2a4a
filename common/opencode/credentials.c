#include "opencode/credentials.h"

#include <string.h>

#include "util/log.h"
#include "util/secret.h"
#include "util/secret_file.h"

/* Reads the password and writes the header's value. */
static bool
read_password(const struct config_opencode *o, char *out, size_t size)
{
	char text[CONFIG_NAME_MAX + PASSWORD_MAX + 3];
	size_t name_len = strlen(o->username);
	bool read = secret_file_password(o->password_file, text + name_len + 1);

	if (read) {
		memcpy(text, o->username, name_len);
		text[name_len] = ':';
		memcpy(out, "Basic ", 7);
		read = secret_base64(text, strlen(text), out + 6, size - 6);
		if (!read)
			log_event(LOG_LEVEL_ERROR, "password-file", "file", o->password_file,
				  "cause", "is too long", NULL);
	}
	secret_wipe(text, sizeof(text));
	return read;
}

static void
find(const struct context *x, bool own, bool file, struct credentials *out)
{
	const struct config_opencode *o = x->site.opencode;
	const char *header = own ? x->request->authorization : NULL;

	out->authorization[0] = '\0';
	if (header != NULL && strlen(header) <= CREDENTIALS_MAX)
		memcpy(out->authorization, header, strlen(header) + 1);
	else if (file && o->password_file[0] != '\0' &&
		 !read_password(o, out->authorization, sizeof(out->authorization)))
		out->authorization[0] = '\0';
}

void
credentials_find(const struct context *x, struct credentials *out)
{
	find(x, x->site.opencode->login == LOGIN_VISITOR, true, out);
}

void
credentials_visitor(const struct context *x, struct credentials *out)
{
	bool visitor = x->site.opencode->login == LOGIN_VISITOR;

	find(x, visitor, !visitor, out);
}

void
credentials_wipe(struct credentials *c)
{
	secret_wipe(c, sizeof(*c));
}

bool
credentials_suffice(const struct context *x, const struct flow *flow)
{
	struct credentials credentials;
	bool have;

	credentials_find(x, &credentials);
	have = credentials.authorization[0] != '\0';
	credentials_wipe(&credentials);
	return have || !flow->authenticated;
}
