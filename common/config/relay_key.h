/*
 * The keys that a site shares with its relay, which are files: one line of 32 to
 * 512 printable characters without blanks, that nobody but their owner may read.
 * `openssl rand -base64 32` makes one.
 */
#ifndef RELAY_KEY_H
#define RELAY_KEY_H

#include "config/config.h"
#include "flow/relay_state.h"
#include "util/error.h"

/* What a relay has of one site. */
struct relay_pair {
	struct relay_key current;
	struct relay_key previous; /* what current was before, or the same */
};

/* All keys of a configuration, read once. */
struct relay_keys;

/*
 * Reads them; *out is NULL if there are none. config must outlive them. On
 * ERR_CONFIG, message says what is wrong with which file, and where that is named.
 * relay_key_close() wipes them.
 */
enum err relay_key_open(struct relay_keys **out, const struct config *config,
			char message[CONFIG_MESSAGE_MAX]) MUST_CHECK;
void relay_key_close(struct relay_keys *keys);

/*
 * The key of [relay], and those of a site of the configuration. Without keys (NULL) their
 * files are read now. ERR_CONFIG: a file is wrong, the log says how; ERR_MEMORY. The caller
 * wipes what it gets.
 */
enum err relay_key_own(const struct relay_keys *keys, const struct config *config,
		       struct relay_key *out) MUST_CHECK;
enum err relay_key_site(const struct relay_keys *keys, const struct config_site *site,
			const struct config *config, struct relay_pair *out) MUST_CHECK;

#endif
