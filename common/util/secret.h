/*
 * Secrets: wiping, comparing, hashing and making them. libsodium does the work.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define SECRET_HASH_LEN	   43 /* base64url characters of 32 bytes, unpadded */
#define SECRET_KEYED_BYTES 16
#define SECRET_MAC_LEN	   SECRET_HASH_LEN /* base64url characters of an HMAC-SHA-256 */
#define SECRET_MAC_BYTES   64		   /* of its key, as secret_mac_key() makes it */

/*
 * Before threads start, in a program that has them. Random bytes need it, and make
 * up for it; hashes, comparing and wiping work without. ERR_CONFIG.
 */
enum err secret_init(void) MUST_CHECK;

/* Overwrites len bytes in a way that no compiler leaves out. NULL is fine. */
void secret_wipe(void *data, size_t len);

/* Whether two strings are equal, in a time that depends on their lengths alone. */
bool secret_equal(const char *a, const char *b);

/* Fills data with random bytes. */
void secret_random(void *data, size_t len);

/* A fresh token of 256 random bits as base64url (RFC 4648 section 5). */
void secret_token(char out[SECRET_HASH_LEN + 1]);

/* Base64url(SHA-256(data)), unpadded. */
void secret_hash(const void *data, size_t len, char out[SECRET_HASH_LEN + 1]);

/* A 64-bit hash that names things in our own files; not a secret. Strings, ended by NULL. */
uint64_t secret_key(const char *first, ...) __attribute__((sentinel));

/* A 64-bit hash of value that nobody can foresee who has not the key (SipHash-2-4). */
uint64_t secret_keyed(const unsigned char key[SECRET_KEYED_BYTES], uint64_t value);

/* The key of an HMAC-SHA-256 in the one length in which all are used (RFC 2104 section 2). */
void secret_mac_key(const void *data, size_t len, unsigned char key[SECRET_MAC_BYTES]);

/* Base64url(HMAC-SHA-256(data)), unpadded. */
void secret_mac(const unsigned char key[SECRET_MAC_BYTES], const void *data, size_t len,
		char out[SECRET_MAC_LEN + 1]);

/* Base64url (RFC 4648 section 5) without padding, NUL-terminated; and back, where no other
 * characters may stand, into bytes of which *out_len says how many. False if size is too small, or
 * text is no such thing. */
bool secret_base64url(const void *data, size_t len, char *out, size_t size);
bool secret_base64url_read(const char *text, size_t len, void *out, size_t size, size_t *out_len);

/* Base64 (RFC 4648 section 4) of data for a Basic credential, NUL-terminated; false if size is too
 * small. */
bool secret_base64(const void *data, size_t len, char *out, size_t size);

#endif
