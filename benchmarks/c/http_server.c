/* One answer over HTTP/1.1 to whoever asks for it, in C on epoll: the floor of benchmarks/http.py.

   One thread, no library, no timer: what a server has to do with the system to answer over a connection that
   stays open, and next to nothing besides. It answers requests for one path that have no body, byte for byte
   the same, and ends a connection on which it meets anything else. Calls return -1 where the system refuses. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST = 4096, EVENTS = 64, BACKLOG = 256 };

struct connection {
    int fd;
    size_t filled;
    char request[LONGEST];
};

/* A socket that listens at a free port of the loopback interface, which is left in `port`. */
int http_listen(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

static int take(int epoll, int listener)
{
    int one = 1;
    struct connection *new = calloc(1, sizeof *new);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = new};
    if (!new || (new->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0 ||
        setsockopt(new->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
        return -1;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, new->fd, &event);
}

/* Answer every whole request that has come; -1 where the connection has to end. */
static int answer(struct connection *at, const char *path, size_t path_size, const char *response, size_t size)
{
    ssize_t n = recv(at->fd, at->request + at->filled, LONGEST - at->filled, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN ? 0 : -1;
    at->filled += (size_t)n;
    char *end;
    while ((end = memmem(at->request, at->filled, "\r\n\r\n", 4))) {
        size_t length = (size_t)(end - at->request) + 4;
        if (length < path_size + 5 || memcmp(at->request, "GET ", 4) || memcmp(at->request + 4, path, path_size) ||
            at->request[4 + path_size] != ' ' || send(at->fd, response, size, MSG_NOSIGNAL) != (ssize_t)size)
            return -1;
        at->filled -= length;
        memmove(at->request, at->request + length, at->filled);
    }
    return at->filled < LONGEST ? 0 : -1;
}

/* Answer for as long as the process lives. */
int http_serve(int listener, const char *path, const char *response, size_t size)
{
    struct epoll_event ready[EVENTS], event = {.events = EPOLLIN, .data.ptr = NULL};
    size_t path_size = strlen(path);
    int epoll = epoll_create1(0);
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
        return -1;
    for (;;) {
        int n = epoll_wait(epoll, ready, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            return -1;
        for (int i = 0; i < n; i++) {
            struct connection *at = ready[i].data.ptr;
            if (!at) {
                if (take(epoll, listener))
                    return -1;
            } else if (answer(at, path, path_size, response, size)) {
                close(at->fd);
                free(at);
            }
        }
    }
}
