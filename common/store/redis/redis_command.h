/*
 * A command in the Redis protocol (RESP2): an array of words.
 */
#ifndef REDIS_COMMAND_H
#define REDIS_COMMAND_H

#include <stddef.h>

#include "util/buf.h"

#define REDIS_COMMAND_MAX 65536 /* bytes of a command */

/* Append the start of a command of count words, and its words. Failures stay in command->err. */
void redis_command_begin(struct buf *command, size_t count);
void redis_command_add(struct buf *command, const void *data, size_t len);
void redis_command_text(struct buf *command, const char *text);

#endif
