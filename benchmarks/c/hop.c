/* A message on its way through a Redis stream, in C at both ends: the floor of benchmarks/hop.py.

   Blocking calls, one thread, no library: a client that speaks just enough of the server's protocol (RESP), and
   the loops of both ends. The loops take any client that has its calls, so that hop_hiredis.c is measured by the
   same lines. Calls and loops return 0, or -1 where the server or a reply is not what it should be.

   A message begins with its number and the time at which it was made, 8 bytes each; the rest is the caller's. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 16, PLACE = 48, LONGEST = 4096 };

struct client {
    int (*append)(void *self, const char *stream, const char *message, size_t size); /* send an XADD... */
    int (*confirm)(void *self);                                                      /* ...and wait for its id */
    int (*ask)(void *self, const char *stream, const char *place);                   /* send an XREAD... */
    int (*take)(void *self, char *place, char *message, size_t size);                /* ...and wait for an entry */
};

struct resp {
    int fd;
    size_t read, filled;
    char buffer[BUFFER];
};

/* What Python's performance counter reads. */
static int64_t now(void)
{
#ifdef __APPLE__
    return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
#else
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
#endif
}

static int put(struct resp *self, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(self->fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

static int more(struct resp *self)
{
    ssize_t n;
    do
        n = read(self->fd, self->buffer + self->filled, BUFFER - self->filled);
    while (n < 0 && errno == EINTR);
    if (n <= 0) /* the end, a fault, or a reply longer than the buffer */
        return -1;
    self->filled += (size_t)n;
    return 0;
}

/* The number after the sign of the next line, such as 3 of "*3"; -1 if it has another sign. */
static long header(struct resp *self, char sign)
{
    for (;;) {
        char *start = self->buffer + self->read;
        char *end = memchr(start, '\n', self->filled - self->read);
        if (end) {
            self->read += (size_t)(end - start) + 1;
            return *start == sign ? strtol(start + 1, NULL, 10) : -1;
        }
        if (more(self))
            return -1;
    }
}

static const char *bulk(struct resp *self, size_t *size)
{
    long length = header(self, '$');
    if (length < 0)
        return NULL;
    *size = (size_t)length;
    while (self->filled - self->read < *size + 2)
        if (more(self))
            return NULL;
    self->read += *size + 2;
    return self->buffer + self->read - *size - 2;
}

void *resp_open(const char *path, const char *user, const char *secret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct resp *self = calloc(1, sizeof *self);
    if (!self || strlen(path) >= sizeof address.sun_path)
        return NULL;
    strcpy(address.sun_path, path);
    char request[LONGEST];
    int n = snprintf(request, sizeof request, "*3\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(user), user,
                     strlen(secret), secret);
    self->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(self->fd, (struct sockaddr *)&address, sizeof address) || put(self, request, (size_t)n) ||
        header(self, '+') < 0)
        return NULL;
    return self;
}

int resp_append(void *client, const char *stream, const char *message, size_t size)
{
    char request[2 * LONGEST];
    const char *format = "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$1\r\ne\r\n$%zu\r\n";
    int n = snprintf(request, LONGEST, format, strlen(stream), stream, size);
    if (size > LONGEST - 2)
        return -1;
    memcpy(request + n, message, size);
    memcpy(request + n + size, "\r\n", 2);
    return put(client, request, (size_t)n + size + 2);
}

int resp_confirm(void *client)
{
    struct resp *self = client;
    size_t length;
    self->read = self->filled = 0;
    return bulk(self, &length) ? 0 : -1;
}

int resp_ask(void *client, const char *stream, const char *place)
{
    char request[LONGEST];
    int n = snprintf(request, sizeof request,
                     "*8\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$1\r\n1\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n"
                     "$7\r\nSTREAMS\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
                     strlen(stream), stream, strlen(place), place);
    return put(client, request, (size_t)n);
}

int resp_take(void *client, char *place, char *message, size_t size)
{
    struct resp *self = client;
    const char *found;
    size_t length;
    self->read = self->filled = 0;
    if (header(self, '*') != 1 || header(self, '*') != 2 || !bulk(self, &length) || header(self, '*') != 1 ||
        header(self, '*') != 2 || !(found = bulk(self, &length)) || length >= PLACE)
        return -1;
    memcpy(place, found, length);
    place[length] = 0;
    if (header(self, '*') != 2 || !bulk(self, &length) || !(found = bulk(self, &length)) || length != size)
        return -1;
    memcpy(message, found, size);
    return 0;
}

static void stamp(char *message)
{
    int64_t made = now();
    memcpy(message + 8, &made, sizeof made);
}

static int64_t age(const char *message)
{
    int64_t made, received = now();
    memcpy(&made, message + 8, sizeof made);
    return received - made;
}

static void pause_for(int64_t nanoseconds)
{
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    if (nanoseconds)
        nanosleep(&time, NULL);
}

/* Sender: the next message is made some time after the server has confirmed the last. */
int hop_send(const struct client *client, void *self, const char *stream, char *messages, size_t size, size_t n,
             int64_t pause)
{
    for (size_t i = 0; i < n; i++) {
        pause_for(pause);
        stamp(messages + i * size);
        if (client->append(self, stream, messages + i * size, size) || client->confirm(self))
            return -1;
    }
    return 0;
}

/* Receiver: the ages of the messages above a place, which moves on, as they come in. */
int hop_receive(const struct client *client, void *self, const char *stream, char *place, char *messages, size_t size,
                size_t n, int64_t *ages)
{
    for (size_t i = 0; i < n; i++) {
        if (client->ask(self, stream, place) || client->take(self, place, messages + i * size, size))
            return -1;
        ages[i] = age(messages + i * size);
    }
    return 0;
}

/* One of two that answer each other: it says the messages it is given, one for each that it hears. Who does not
   begin waits for the first. */
int hop_bounce(const struct client *client, void *speaker, void *listener, const char *says, const char *hears,
               char *place, char *said, char *heard, size_t size, size_t n, int begins, int64_t *ages)
{
    for (size_t i = 0; i < n; i++) {
        if (client->ask(listener, hears, place))
            return -1;
        if (begins) {
            stamp(said + i * size);
            if (client->append(speaker, says, said + i * size, size) || client->confirm(speaker))
                return -1;
        }
        if (client->take(listener, place, heard + i * size, size))
            return -1;
        ages[i] = age(heard + i * size);
        if (!begins) {
            stamp(said + i * size);
            if (client->append(speaker, says, said + i * size, size) || client->confirm(speaker))
                return -1;
        }
    }
    return 0;
}
