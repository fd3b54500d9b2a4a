/*
 * Reads the keys that a site shares with its relay. Each key is a file with one line of 32 to 512
 * printable characters without blanks, which only its owner may read. `openssl rand -base64 32`
 * makes one.
 */
#ifndef RELAY_KEY_H
#define RELAY_KEY_H

#include "config/config.h"
#include "flow/relay_state.h"
#include "util/error.h"

/* The keys that a relay shares with one site. */
struct relay_pair {
	struct relay_key current;
	struct relay_key previous; /* the key that current replaced, or the same */
};

/* All keys of a configuration, read once. */
struct relay_keys;

/*
 * Reads all keys; *out is NULL if the configuration has none. config must outlive them.
 * relay_key_close() wipes and frees them. ERR_CONFIG: message says what is wrong with which file,
 * and where the configuration names it. ERR_MEMORY.
 */
enum err relay_key_open(struct relay_keys **out, const struct config *config,
			char message[CONFIG_MESSAGE_MAX]) MUST_CHECK;
void relay_key_close(struct relay_keys *keys);

/* Copies the key of [relay], or those of a site, to out. If keys is NULL, reads their files now.
 * ERR_CONFIG: a file is wrong, and the log says why. The caller wipes out. */
enum err relay_key_own(const struct relay_keys *keys, const struct config *config,
		       struct relay_key *out) MUST_CHECK;
enum err relay_key_site(const struct relay_keys *keys, const struct config_site *site,
			const struct config *config, struct relay_pair *out) MUST_CHECK;

#endif
