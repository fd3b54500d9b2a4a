#include "util/text.h"

#include <string.h>

bool
text_join(char *out, size_t size, const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);

	out[0] = '\0';
	if (a_len >= size || b_len >= size - a_len)
		return false;
	memcpy(out, a, a_len);
	memcpy(out + a_len, b, b_len + 1);
	return true;
}

bool
text_copy(char *out, size_t size, const char *text)
{
	return text_join(out, size, text, "");
}
