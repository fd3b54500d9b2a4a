#include "http/path_segment.h"

#include <string.h>

#include "util/percent.h"
#include "util/utf8.h"

bool
path_segment_decode(const char *raw, char *out, size_t size)
{
	size_t len = 0;

	for (; *raw != '\0'; raw++) {
		int c = (unsigned char)*raw;

		if (c == '%') {
			if ((c = percent_decode(raw, strnlen(raw, 3))) < 0)
				return false;
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
		percent_encode(c, out + len);
		len += 3;
	}
	out[len] = '\0';
	return true;
}
