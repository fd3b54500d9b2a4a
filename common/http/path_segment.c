#include "http/path_segment.h"

#include <string.h>

#include "http/query.h"

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	return found == NULL ? -1 : (int)(found - digits) & 15;
}

bool
path_segment_decode(const char *raw, char *out, size_t size)
{
	size_t len = 0;

	for (; *raw != '\0'; raw++) {
		int c = (unsigned char)*raw, high, low;

		if (c == '%') {
			high = hex_digit(raw[1]);
			low = high < 0 ? -1 : hex_digit(raw[2]);
			if (low < 0)
				return false;
			c = high << 4 | low;
			raw += 2;
		}
		if (c < ' ' || c == 0x7f || len + 1 >= size)
			return false;
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return utf8_valid(out, len);
}

bool
path_segment_encode(const char *name, char *out, size_t size)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_.~";
	static const char hex[] = "0123456789ABCDEF";
	size_t len = 0;

	if (strspn(name, ".") == strlen(name) && strlen(name) <= 2)
		return false;
	for (; *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;
		bool keep = strchr(plain, c) != NULL;

		if (len + (keep ? 1 : 3) >= size)
			return false;
		if (keep) {
			out[len++] = (char)c;
			continue;
		}
		out[len++] = '%';
		out[len++] = hex[c >> 4];
		out[len++] = hex[c & 15];
	}
	out[len] = '\0';
	return true;
}
