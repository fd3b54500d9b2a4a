#include "store/redis/redis_reply.h"

#include <hiredis/hiredis.h>
#include <string.h>

void
redis_reply_init(struct redis_reply *reply)
{
	reply->array = false;
	reply->count = 0;
	buf_init(&reply->text, REDIS_REPLY_MAX);
}

void
redis_reply_free(struct redis_reply *reply)
{
	buf_free(&reply->text);
	reply->count = 0;
}

const char *
redis_reply_text(const struct redis_reply *reply, size_t i)
{
	const struct redis_item *item = &reply->item[i];

	if (i >= reply->count || item->type != REDIS_TEXT ||
	    strlen(reply->text.data + item->at) != item->len)
		return NULL;
	return reply->text.data + item->at;
}

bool
redis_reply_number(const struct redis_reply *reply, size_t i, int64_t *out)
{
	if (i >= reply->count || reply->item[i].type != REDIS_NUMBER)
		return false;
	*out = reply->item[i].number;
	return true;
}

const char *
redis_reply_error(const struct redis_reply *reply)
{
	if (reply->array || reply->count != 1 || reply->item[0].type != REDIS_ERROR)
		return NULL;
	return reply->text.data + reply->item[0].at;
}

/*
 * The parser calls these for each item, with the reply as privdata. It takes NULL for "out of
 * memory" and stops reading: this is how a reply is refused.
 *
 * Since 1.0 hiredis counts in a size_t. It also reads the types of RESP3, which nobody here asks
 * for.
 */

#if HIREDIS_MAJOR >= 1
typedef size_t item_count;
#else
typedef int item_count;
#endif

static struct redis_item *
next_item(const redisReadTask *task, enum redis_type type)
{
	struct redis_reply *reply = task->privdata;
	size_t i = task->parent == NULL ? 0 : (size_t)task->idx;
	struct redis_item *item;

	if (i != reply->count || i >= REDIS_ITEMS_MAX)
		return NULL;
	item = &reply->item[reply->count++];
	*item = (struct redis_item){.type = type};
	return item;
}

static void *
on_string(const redisReadTask *task, char *text, size_t len)
{
	struct redis_reply *reply = task->privdata;
	bool error = task->type == REDIS_REPLY_ERROR;
	struct redis_item *item;

	if (!error && task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS)
		return NULL;
	if ((item = next_item(task, error ? REDIS_ERROR : REDIS_TEXT)) == NULL)
		return NULL;
	item->at = reply->text.len;
	item->len = len;
	if (buf_add(&reply->text, text, len) != ERR_OK || buf_putc(&reply->text, '\0') != ERR_OK)
		return NULL;
	return item;
}

static void *
on_array(const redisReadTask *task, item_count count)
{
	struct redis_reply *reply = task->privdata;

	if (task->type != REDIS_REPLY_ARRAY || task->parent != NULL || count > REDIS_ITEMS_MAX)
		return NULL;
	reply->array = true;
	return reply;
}

static void *
on_number(const redisReadTask *task, long long number)
{
	struct redis_item *item = next_item(task, REDIS_NUMBER);

	if (item != NULL)
		item->number = number;
	return item;
}

static void *
on_nil(const redisReadTask *task)
{
	return next_item(task, REDIS_ABSENT);
}

static void
on_free(void *reply)
{
	(void)reply; /* its owner frees it */
}

#if HIREDIS_MAJOR >= 1
static void *
on_double(const redisReadTask *task, double number, char *text, size_t len)
{
	(void)task, (void)number, (void)text, (void)len;
	return NULL;
}

static void *
on_bool(const redisReadTask *task, int truth)
{
	(void)task, (void)truth;
	return NULL;
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = on_string,
    .createArray = on_array,
    .createInteger = on_number,
    .createNil = on_nil,
    .freeObject = on_free,
#if HIREDIS_MAJOR >= 1
    .createDouble = on_double,
    .createBool = on_bool,
#endif
};

struct redisReader *
redis_reply_reader(void)
{
	return redisReaderCreateWithFunctions(&functions);
}

enum err
redis_reply_feed(struct redisReader *reader, const char *data, size_t len,
		 struct redis_reply *reply, bool *whole)
{
	void *read = NULL;
	bool good;

	reader->privdata = reply;
	good = reader->len - reader->pos + len <= REDIS_REPLY_MAX &&
	       redisReaderFeed(reader, data, len) == REDIS_OK &&
	       redisReaderGetReply(reader, &read) == REDIS_OK;
	*whole = good && read != NULL;
	/* left-over bytes would be taken for the reply to the next command */
	if (*whole)
		good = reader->pos == reader->len;
	/* of a refused reply some items may be there, and their text gone */
	if (!good)
		redis_reply_free(reply);
	return good ? ERR_OK : ERR_STORE;
}
