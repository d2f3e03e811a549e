/* Who asks the servers of benchmarks/http.py: one connection after its answers, or several at once.

   In C, so that it costs less than any server it measures. Every answer is looked at: its status is 200, and
   its body is the one that is expected, byte for byte. A call returns 0; -1 where the system refuses, a server
   hangs up or says nothing, -2 where an answer is another one. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 1 << 16, MOST = 256, PATIENCE = 20, REFUSED = -1, WRONG = -2 }; /* PATIENCE: seconds */

struct asked {
    const char *request;
    size_t request_size;
    const char *body;
    size_t body_size;
};

struct line {
    int fd;
    size_t filled;
    char answer[LONGEST];
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

/* A connection to a port of the loopback interface; NULL if nobody listens there. */
struct line *http_open(int port)
{
    int one = 1;
    struct timeval patience = {.tv_sec = PATIENCE};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    struct line *new = calloc(1, sizeof *new);
    if (!new)
        return NULL;
    new->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (new->fd >= 0 && !connect(new->fd, (struct sockaddr *)&address, sizeof address) &&
        !setsockopt(new->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) &&
        !setsockopt(new->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience))
        return new;
    if (new->fd >= 0)
        close(new->fd);
    free(new);
    return NULL;
}

void http_close(struct line *at)
{
    close(at->fd);
    free(at);
}

static int ask(struct line *at, const struct asked *what)
{
    at->filled = 0;
    ssize_t n = send(at->fd, what->request, what->request_size, 0);
    return n == (ssize_t)what->request_size ? 0 : REFUSED;
}

/* Take what has come of an answer: 1 if that is the whole of it, 0 if more is to come. */
static int take(struct line *at, const struct asked *what)
{
    ssize_t n;
    do
        n = recv(at->fd, at->answer + at->filled, LONGEST - at->filled, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0) /* the end, a fault, or an answer longer than any that is expected */
        return REFUSED;
    at->filled += (size_t)n;
    const char *end = memmem(at->answer, at->filled, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t size = at->filled - (size_t)(end + 4 - at->answer);
    if (memcmp(at->answer, "HTTP/1.1 200", 12) || size > what->body_size)
        return WRONG;
    if (size < what->body_size)
        return 0;
    return memcmp(end + 4, what->body, size) ? WRONG : 1;
}

/* One request at a time; the time from each request to the last byte of its answer. */
int http_one(struct line *at, const struct asked *what, size_t n, int64_t *latencies)
{
    for (size_t i = 0; i < n; i++) {
        int64_t began = now();
        int outcome = ask(at, what);
        while (!outcome)
            outcome = take(at, what);
        if (outcome < 0)
            return outcome;
        latencies[i] = now() - began;
    }
    return 0;
}

/* `n` requests over several connections, each with one request on its way; the time that all of them took. */
int http_many(struct line **lines, size_t n_lines, const struct asked *what, size_t n, int64_t *elapsed)
{
    struct pollfd waiting[MOST];
    size_t n_asked = 0, n_answered = 0;
    if (n_lines > MOST)
        return REFUSED;
    int64_t began = now();
    for (size_t i = 0; i < n_lines; i++) {
        waiting[i] = (struct pollfd){.fd = n_asked < n ? lines[i]->fd : -1, .events = POLLIN};
        if (n_asked < n && ask(lines[i], what))
            return REFUSED;
        n_asked += n_asked < n;
    }
    while (n_answered < n) {
        int n_ready = poll(waiting, n_lines, PATIENCE * 1000);
        if (n_ready < 0 && errno == EINTR)
            continue;
        if (n_ready <= 0)
            return REFUSED;
        for (size_t i = 0; i < n_lines; i++) {
            if (!waiting[i].revents)
                continue;
            int outcome = take(lines[i], what);
            if (outcome < 0)
                return outcome;
            if (!outcome)
                continue;
            n_answered++;
            if (n_asked == n)
                waiting[i] = (struct pollfd){.fd = -1};
            else if (ask(lines[i], what))
                return REFUSED;
            else
                n_asked++;
        }
    }
    *elapsed = now() - began;
    return 0;
}
