#include "util/percent.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
percent_decode(const char *text, size_t left)
{
	int high = left > 2 && text[0] == '%' ? hex_digit(text[1]) : -1;
	int low = high < 0 ? -1 : hex_digit(text[2]);

	return low < 0 ? -1 : high << 4 | low;
}

void
percent_encode(unsigned char byte, char out[3])
{
	static const char digits[] = "0123456789ABCDEF";

	out[0] = '%';
	out[1] = digits[byte >> 4];
	out[2] = digits[byte & 15];
}
