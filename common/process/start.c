#include "process/start.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config_load.h"
#include "util/log.h"

bool
start_files(void)
{
	/* open() returns the lowest free descriptor: this one, since those below are open */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

/* An empty variable counts as unset: container files set many to nothing. */
const char *
start_variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || *value == '\0' ? NULL : value;
}

static const char *
setting(const char *given, const char *name)
{
	return given != NULL ? given : start_variable(name);
}

enum err
start_config(struct config *config, struct config_source *source, char message[CONFIG_MESSAGE_MAX])
{
	enum err err;

	source->file = setting(source->file, "OPENCODE_CALLBACK_CONFIG");
	source->public_url = setting(source->public_url, "OPENCODE_PUBLIC_URL");
	source->proxy_trust = setting(source->proxy_trust, "OPENCODE_TRUST_PROXY_HEADERS");
	if ((err = config_load(config, source, message)) != ERR_OK)
		return err;
	log_open(config->log_to, config->log_level);
	return ERR_OK;
}
