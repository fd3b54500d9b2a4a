/*
 * Wipes, compares, hashes and generates secrets, with libsodium.
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
#define SECRET_MAC_BYTES   64		   /* bytes of an HMAC key, as secret_mac_key() makes it */

/*
 * Initialises libsodium. A program with threads calls it before they start. Only random bytes
 * need it, and they call it on demand; hashing, comparing and wiping work without it. ERR_CONFIG.
 */
enum err secret_init(void) MUST_CHECK;

/* Overwrites len bytes; no compiler optimises this away. data may be NULL. */
void secret_wipe(void *data, size_t len);

/* Returns whether two strings are equal, in a time that depends only on their lengths. */
bool secret_equal(const char *a, const char *b);

/* Fills data with len random bytes. */
void secret_random(void *data, size_t len);

/* Writes a new token of 256 random bits as base64url (RFC 4648 section 5). */
void secret_token(char out[SECRET_HASH_LEN + 1]);

/* Writes base64url(SHA-256(data)), unpadded. */
void secret_hash(const void *data, size_t len, char out[SECRET_HASH_LEN + 1]);

/*
 * Returns a 64-bit hash of strings, ended by NULL, that names things in our own files. It is no
 * secret.
 */
uint64_t secret_key(const char *first, ...) __attribute__((sentinel));

/* Returns a 64-bit hash of value (SipHash-2-4) that nobody can predict without the key. */
uint64_t secret_keyed(const unsigned char key[SECRET_KEYED_BYTES], uint64_t value);

/*
 * Makes an HMAC-SHA-256 key of the fixed length SECRET_MAC_BYTES from data (RFC 2104 section 2).
 */
void secret_mac_key(const void *data, size_t len, unsigned char key[SECRET_MAC_BYTES]);

/* Writes base64url(HMAC-SHA-256(data)), unpadded. */
void secret_mac(const unsigned char key[SECRET_MAC_BYTES], const void *data, size_t len,
		char out[SECRET_MAC_LEN + 1]);

/*
 * Encode as base64url (RFC 4648 section 5), unpadded and NUL-terminated, and decode it; *out_len
 * is the number of decoded bytes. False: size is too small, or text holds another character.
 */
bool secret_base64url(const void *data, size_t len, char *out, size_t size);
bool secret_base64url_read(const char *text, size_t len, void *out, size_t size, size_t *out_len);

/*
 * Encodes data as base64 (RFC 4648 section 4) for a Basic credential, NUL-terminated. False: size
 * is too small.
 */
bool secret_base64(const void *data, size_t len, char *out, size_t size);

#endif
