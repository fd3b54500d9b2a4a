#include "config/config_dump.h"

#include "config/config_keys.h"
#include "config/config_relay.h"

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
	while ((section = config_keys_section_next(section)) != NULL) {
		buf_printf(out, "[%s]\n", section);
		config_keys_dump(section, config, out);
		if (config_keys_section_next(section) != NULL)
			buf_puts(out, "\n");
	}
	config_relay_sites_dump(config, out);
	return out->err;
}
