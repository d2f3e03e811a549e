/* The client of hop.c on the C library hiredis, where its headers are installed: shows that the floor is one. */

#include <hiredis/hiredis.h>
#include <string.h>

enum { PLACE = 48 };

void *hiredis_open(const char *path, const char *user, const char *secret)
{
    redisContext *context = redisConnectUnix(path);
    if (!context || context->err)
        return NULL;
    redisReply *reply = redisCommand(context, "AUTH %s %s", user, secret);
    int refused = !reply || reply->type != REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return refused ? NULL : context;
}

static int sent(redisContext *context)
{
    int done = 0;
    while (!done)
        if (redisBufferWrite(context, &done) != REDIS_OK)
            return -1;
    return 0;
}

int hiredis_append(void *client, const char *stream, const char *message, size_t size)
{
    return redisAppendCommand(client, "XADD %s * e %b", stream, message, size) != REDIS_OK || sent(client) ? -1 : 0;
}

int hiredis_confirm(void *client)
{
    void *reply;
    if (redisGetReply(client, &reply) != REDIS_OK)
        return -1;
    int is_id = ((redisReply *)reply)->type == REDIS_REPLY_STRING;
    freeReplyObject(reply);
    return is_id ? 0 : -1;
}

int hiredis_ask(void *client, const char *stream, const char *place)
{
    const char *format = "XREAD COUNT 1 BLOCK 0 STREAMS %s %s";
    return redisAppendCommand(client, format, stream, place) != REDIS_OK || sent(client) ? -1 : 0;
}

int hiredis_take(void *client, char *place, char *message, size_t size)
{
    void *reply;
    if (redisGetReply(client, &reply) != REDIS_OK)
        return -1;
    const redisReply *found = reply;
    int is_entry = found->type == REDIS_REPLY_ARRAY && found->elements == 1;
    const redisReply *entry = is_entry ? found->element[0]->element[1]->element[0] : NULL;
    if (entry) {
        const redisReply *id = entry->element[0], *value = entry->element[1]->element[1];
        is_entry = (size_t)id->len < PLACE && (size_t)value->len == size;
        if (is_entry) {
            memcpy(place, id->str, (size_t)id->len + 1);
            memcpy(message, value->str, size);
        }
    }
    freeReplyObject(reply);
    return is_entry ? 0 : -1;
}
