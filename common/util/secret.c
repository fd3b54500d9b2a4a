#include "util/secret.h"

#include <sodium.h>
#include <stdarg.h>
#include <string.h>

/*
 * sodium_init() queries the processor's features. In a virtual machine each query goes to the
 * hypervisor: about 25 us, which the CGI program saves when it ends without using a random byte,
 * as it mostly does.
 */
enum err
secret_init(void)
{
	return sodium_init() < 0 ? ERR_CONFIG : ERR_OK;
}

void
secret_wipe(void *data, size_t len)
{
	if (data != NULL)
		sodium_memzero(data, len);
}

bool
secret_equal(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && sodium_memcmp(a, b, len) == 0;
}

void
secret_random(void *data, size_t len)
{
	if (secret_init() != ERR_OK)
		sodium_misuse();
	randombytes_buf(data, len);
}

void
secret_token(char out[SECRET_HASH_LEN + 1])
{
	unsigned char bytes[32];

	secret_random(bytes, sizeof(bytes));
	sodium_bin2base64(out, SECRET_HASH_LEN + 1, bytes, sizeof(bytes),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof(bytes));
}

void
secret_hash(const void *data, size_t len, char out[SECRET_HASH_LEN + 1])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, data, len);
	sodium_bin2base64(out, SECRET_HASH_LEN + 1, hash, sizeof(hash),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(hash, sizeof(hash));
}

uint64_t
secret_key(const char *first, ...)
{
	crypto_hash_sha256_state state;
	unsigned char hash[crypto_hash_sha256_BYTES];
	uint64_t key;
	va_list ap;

	crypto_hash_sha256_init(&state);
	va_start(ap, first);
	/* include the terminating NUL, so that "a","bc" and "ab","c" differ */
	for (const char *s = first; s != NULL; s = va_arg(ap, const char *))
		crypto_hash_sha256_update(&state, (const unsigned char *)s, strlen(s) + 1);
	va_end(ap);
	crypto_hash_sha256_final(&state, hash);
	memcpy(&key, hash, sizeof(key));
	return key;
}

uint64_t
secret_keyed(const unsigned char key[SECRET_KEYED_BYTES], uint64_t value)
{
	unsigned char data[sizeof(value)], hash[crypto_shorthash_BYTES];

	_Static_assert(SECRET_KEYED_BYTES == crypto_shorthash_KEYBYTES, "SipHash's key");
	memcpy(data, &value, sizeof(data));
	crypto_shorthash(hash, data, sizeof(data), key);
	memcpy(&value, hash, sizeof(value));
	return value;
}

void
secret_mac_key(const void *data, size_t len, unsigned char key[SECRET_MAC_BYTES])
{
	_Static_assert(SECRET_MAC_BYTES == 64, "the block of SHA-256");
	memset(key, 0, SECRET_MAC_BYTES);
	if (len <= SECRET_MAC_BYTES)
		memcpy(key, data, len);
	else
		crypto_hash_sha256(key, data, len);
}

void
secret_mac(const unsigned char key[SECRET_MAC_BYTES], const void *data, size_t len,
	   char out[SECRET_MAC_LEN + 1])
{
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(&state, key, SECRET_MAC_BYTES);
	crypto_auth_hmacsha256_update(&state, data, len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2base64(out, SECRET_MAC_LEN + 1, mac, sizeof(mac),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(mac, sizeof(mac));
}

bool
secret_base64url(const void *data, size_t len, char *out, size_t size)
{
	if (size < sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return false;
	sodium_bin2base64(out, size, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return true;
}

bool
secret_base64url_read(const char *text, size_t len, void *out, size_t size, size_t *out_len)
{
	return sodium_base642bin(out, size, text, len, NULL, out_len, NULL,
				 sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

bool
secret_base64(const void *data, size_t len, char *out, size_t size)
{
	if (size < sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL))
		return false;
	sodium_bin2base64(out, size, data, len, sodium_base64_VARIANT_ORIGINAL);
	return true;
}
