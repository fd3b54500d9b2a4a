#include "store/redis/redis_command.h"

#include <string.h>

void
redis_command_begin(struct buf *command, size_t count)
{
	buf_printf(command, "*%zu\r\n", count);
}

void
redis_command_add(struct buf *command, const void *data, size_t len)
{
	buf_printf(command, "$%zu\r\n", len);
	buf_add(command, data, len);
	buf_add(command, "\r\n", 2);
}

void
redis_command_text(struct buf *command, const char *text)
{
	redis_command_add(command, text, strlen(text));
}
