/* TCP. Sockets are watched by the epoll of the network's thread, for edges. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge_raw.h"
#include "host_board.h"

#define BACKLOG 8
#define HOST_BYTES 128U

static bool split(const char *address, char *host, const char **service)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0' || (size_t)(colon - address) >= HOST_BYTES) {
        return false;
    }
    bool is_v6 = address[0] == '[' && colon > address + 1 && colon[-1] == ']';
    size_t length = (size_t)(colon - address) - (is_v6 ? 2 : 0);
    memcpy(host, address + (is_v6 ? 1 : 0), length);
    host[length] = '\0';
    *service = colon + 1;
    return true;
}

static int listen_on(const struct addrinfo *found)
{
    int sock = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    if (sock < 0) {
        return -1;
    }
    (void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(sock, found->ai_addr, found->ai_addrlen) != 0 || listen(sock, BACKLOG) != 0) {
        int number = errno;
        close(sock);
        errno = number;
        return -1;
    }
    return sock;
}

static void show_address(const bridge_port_t *port, char *shown, size_t shown_bytes, bool *is_loopback)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    char host[HOST_BYTES] = "?";
    char service[NI_MAXSERV] = "?";
    (void)getsockname(port->listener, (struct sockaddr *)&bound, &length);
    (void)getnameinfo((struct sockaddr *)&bound, length, host, sizeof(host), service, sizeof(service),
                      NI_NUMERICHOST | NI_NUMERICSERV);
    bool is_v6 = bound.ss_family == AF_INET6;
    snprintf(shown, shown_bytes, is_v6 ? "[%s]:%s" : "%s:%s", host, service);
    *is_loopback = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static bool refuse(bridge_port_t *port, const char *address, const char *why)
{
    snprintf(port->trouble, sizeof(port->trouble), "cannot listen on %.100s: %s", address, why);
    return false;
}

bool host_listen(bridge_port_t *port, const char *address, unsigned int offset, char *shown, bool *is_loopback)
{
    char host[HOST_BYTES];
    char service[NI_MAXSERV];
    const char *first;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!split(address, host, &first)) {
        return refuse(port, address, "write HOST:PORT, for example 127.0.0.1:7820");
    }
    unsigned long number = strtoul(first, NULL, 10);
    snprintf(service, sizeof(service), "%s", first);
    if (number > 0 && offset > 0) {
        snprintf(service, sizeof(service), "%lu", number + offset);
    }
    int wrong = getaddrinfo(host[0] != '\0' ? host : "0.0.0.0", service, &hints, &found);
    if (wrong != 0) {
        return refuse(port, address, gai_strerror(wrong));
    }
    port->listener = listen_on(found);
    freeaddrinfo(found);
    if (port->listener < 0) {
        return refuse(port, address, strerror(errno));
    }
    show_address(port, shown, HOST_ADDRESS_BYTES, is_loopback);
    return true;
}

bridge_error_t bridge_raw_accept(bridge_port_t *port, int *sock)
{
    int one = 1;
    *sock = accept4(port->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*sock < 0) {
        return BRIDGE_WAIT;
    }
    (void)setsockopt(*sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event watch = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u32 = port->number};
    if (epoll_ctl(port->epoll, EPOLL_CTL_ADD, *sock, &watch) != 0) {
        close(*sock);
        return BRIDGE_WAIT;
    }
    return BRIDGE_OK;
}

bridge_error_t bridge_raw_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got)
{
    (void)port;
    ssize_t count = recv(sock, data, capacity, 0);
    *got = count > 0 ? (size_t)count : 0;
    bool is_empty = count < 0 && (errno == EAGAIN || errno == EINTR);
    return count > 0 || is_empty ? BRIDGE_OK : BRIDGE_ERR_CLOSED;
}

bridge_error_t bridge_raw_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    (void)port;
    ssize_t count = send(sock, data.data, data.length, MSG_NOSIGNAL);
    *sent = count > 0 ? (size_t)count : 0;
    bool is_full = count < 0 && (errno == EAGAIN || errno == EINTR);
    return count >= 0 || is_full ? BRIDGE_OK : BRIDGE_ERR_CLOSED;
}

void bridge_raw_finish(bridge_port_t *port, int sock)
{
    (void)port;
    (void)shutdown(sock, SHUT_WR);
}

void bridge_raw_close(bridge_port_t *port, int sock)
{
    (void)port;
    close(sock); /* which ends its watch, too */
}
