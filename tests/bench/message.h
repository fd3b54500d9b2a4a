/* The bytes of FastCGI requests that differ by a number, and of the answers what is to be known. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stddef.h>

#define MESSAGE_MAX 16384

/*
 * Writes the request of this number; returns its length. The environment holds its parameters, and
 * its body as BODY. In each value a # becomes the number with nine digits, a @ an address of 10/8
 * that belongs to the number.
 */
size_t message_write(unsigned char out[MESSAGE_MAX], long number);

/* What is kept of an answer while it comes. */
struct message {
	size_t len;
	unsigned char head[32], tail[16];
};
void message_add(struct message *m, const unsigned char *data, size_t len);

/* The HTTP status; 0 if the answer broke off. */
int message_status(const struct message *m);

#endif
