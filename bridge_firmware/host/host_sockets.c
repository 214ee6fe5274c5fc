/* TCP, and waiting for it and for the tty. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host_port.h"

#define BACKLOG 8
#define HOST_BYTES 128U
#define LONGEST_WAIT_US 3600000000ULL /* more than any timer of the bridge */

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

bool host_listen(bridge_port_t *port, const char *address, char *shown, size_t shown_bytes, bool *is_loopback)
{
    char host[HOST_BYTES];
    const char *service;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (!split(address, host, &service)) {
        snprintf(port->trouble, sizeof(port->trouble), "%.100s: write HOST:PORT, for example 127.0.0.1:7820", address);
        return false;
    }
    int wrong = getaddrinfo(host[0] != '\0' ? host : "0.0.0.0", service, &hints, &found);
    if (wrong != 0) {
        snprintf(port->trouble, sizeof(port->trouble), "cannot listen on %.100s: %s", address, gai_strerror(wrong));
        return false;
    }
    port->listener = listen_on(found);
    freeaddrinfo(found);
    if (port->listener < 0) {
        snprintf(port->trouble, sizeof(port->trouble), "cannot listen on %.100s: %s", address, strerror(errno));
        return false;
    }
    show_address(port, shown, shown_bytes, is_loopback);
    return true;
}

bridge_error_t bridge_port_accept(bridge_port_t *port, int *sock)
{
    int one = 1;
    *sock = accept4(port->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*sock < 0) {
        return BRIDGE_WAIT;
    }
    (void)setsockopt(*sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (port->peer_count < BRIDGE_CONNECTIONS) {
        port->peers[port->peer_count].sock = *sock;
        port->peers[port->peer_count].wants_write = false;
        port->peer_count++;
    }
    return BRIDGE_OK;
}

static void note_write(bridge_port_t *port, int sock, bool wants_write)
{
    for (size_t i = 0; i < port->peer_count; i++) {
        if (port->peers[i].sock == sock) {
            port->peers[i].wants_write = wants_write;
        }
    }
}

bridge_error_t bridge_port_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got)
{
    (void)port;
    ssize_t count = recv(sock, data, capacity, 0);
    *got = count > 0 ? (size_t)count : 0;
    bool is_empty = count < 0 && (errno == EAGAIN || errno == EINTR);
    return count > 0 || is_empty ? BRIDGE_OK : BRIDGE_ERR_CLOSED;
}

bridge_error_t bridge_port_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    ssize_t count = send(sock, data.data, data.length, MSG_NOSIGNAL);
    *sent = count > 0 ? (size_t)count : 0;
    note_write(port, sock, *sent < data.length);
    bool is_full = count < 0 && (errno == EAGAIN || errno == EINTR);
    return count >= 0 || is_full ? BRIDGE_OK : BRIDGE_ERR_CLOSED;
}

void bridge_port_finish(bridge_port_t *port, int sock)
{
    (void)port;
    (void)shutdown(sock, SHUT_WR);
}

void bridge_port_close(bridge_port_t *port, int sock)
{
    for (size_t i = 0; i < port->peer_count; i++) {
        if (port->peers[i].sock == sock) {
            port->peers[i] = port->peers[--port->peer_count];
            break;
        }
    }
    close(sock);
}

void host_wait(bridge_port_t *port, uint64_t wake_us)
{
    struct pollfd waits[2 + BRIDGE_CONNECTIONS] = {{.fd = port->listener, .events = POLLIN}};
    waits[1].fd = port->wants_read || port->wants_write ? port->tty : -1;
    waits[1].events = (short)((port->wants_read ? POLLIN : 0) | (port->wants_write ? POLLOUT : 0));
    for (size_t i = 0; i < port->peer_count; i++) {
        waits[2 + i].fd = port->peers[i].sock;
        waits[2 + i].events = (short)(POLLIN | (port->peers[i].wants_write ? POLLOUT : 0));
    }
    uint64_t now_us = bridge_port_now_us(port);
    uint64_t left_us = wake_us > now_us ? wake_us - now_us : 0;
    left_us = left_us < LONGEST_WAIT_US ? left_us : LONGEST_WAIT_US;
    struct timespec within = {(time_t)(left_us / 1000000U), (long)(left_us % 1000000U) * 1000L};
    sigset_t none;
    sigemptyset(&none);
    (void)ppoll(waits, 2 + port->peer_count, &within, &none);
    port->wants_read = false;
    port->wants_write = false;
}
