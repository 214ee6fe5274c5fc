/* TCP by lwIP, under the door of secure mode, and the network task's sleep. */
#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>
#include <unistd.h>

#include "esp_log.h"
#include "lwip/sockets.h"

#include "bridge_raw.h"
#include "port.h"

#define BACKLOG 4
/* The core notices a dead peer by its own Pings (R22); these are for a connection nobody said Hello on. */
#define KEEP_IDLE_S 5
#define KEEP_EVERY_S 2
#define KEEP_PROBES 2

/* A controller may have the credit under way in each direction. */
_Static_assert(CONFIG_LWIP_TCP_WND_DEFAULT >= CONFIG_STMOTA_CREDIT, "lwIP's window is below the credit");
_Static_assert(CONFIG_LWIP_TCP_SND_BUF_DEFAULT >= CONFIG_STMOTA_CREDIT, "lwIP's send buffer is below the credit");
_Static_assert(CONFIG_LWIP_MAX_SOCKETS >= PORT_PEERS + 4, "the listener, mDNS and DHCP want sockets too");

static const char TAG[] = "tcp";

static void set_option(int sock, int level, int option, int value)
{
    (void)setsockopt(sock, level, option, &value, sizeof(value));
}

static bool make_nonblocking(int sock)
{
    int flags = fcntl(sock, F_GETFL, 0);
    return flags >= 0 && fcntl(sock, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool port_listen(bridge_port_t *port)
{
    struct sockaddr_in any = {
        .sin_family = AF_INET,
        .sin_port = htons(port->settings.tcp_port),
        .sin_addr.s_addr = htonl(INADDR_ANY),
    };
    port->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (port->listener < 0) {
        return false;
    }
    set_option(port->listener, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(port->listener, (struct sockaddr *)&any, sizeof(any)) != 0 || listen(port->listener, BACKLOG) != 0 ||
        !make_nonblocking(port->listener)) {
        ESP_LOGE(TAG, "cannot listen on port %u: errno %d", port->settings.tcp_port, errno);
        return false;
    }
    return true;
}

bridge_error_t bridge_raw_accept(bridge_port_t *port, int *sock)
{
    *sock = accept(port->listener, NULL, NULL);
    if (*sock < 0) {
        return BRIDGE_WAIT;
    }
    if (port->peer_count == PORT_PEERS || !make_nonblocking(*sock)) {
        (void)close(*sock);
        return BRIDGE_WAIT;
    }
    set_option(*sock, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(*sock, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(*sock, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
    set_option(*sock, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S);
    set_option(*sock, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
    port->peers[port->peer_count++] = (port_peer_t){.sock = *sock, .is_empty = true};
    return BRIDGE_OK;
}

static port_peer_t *find(bridge_port_t *port, int sock)
{
    for (size_t i = 0; i < port->peer_count; i++) {
        if (port->peers[i].sock == sock) {
            return &port->peers[i];
        }
    }
    return NULL;
}

bridge_error_t bridge_raw_receive(bridge_port_t *port, int sock, uint8_t *data, size_t capacity, size_t *got)
{
    port_peer_t *peer = find(port, sock);
    ssize_t count = recv(sock, data, capacity, 0);
    bool is_empty = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    *got = count > 0 ? (size_t)count : 0;
    if (peer != NULL) {
        peer->is_empty = is_empty;
    }
    return count > 0 || is_empty ? BRIDGE_OK : BRIDGE_ERR_CLOSED;
}

bridge_error_t bridge_raw_send(bridge_port_t *port, int sock, bridge_span_t data, size_t *sent)
{
    port_peer_t *peer = find(port, sock);
    ssize_t count = send(sock, data.data, data.length, 0);
    bool is_full = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    *sent = count > 0 ? (size_t)count : 0;
    if (peer != NULL) {
        peer->is_full = *sent < data.length;
    }
    return count >= 0 || is_full ? BRIDGE_OK : BRIDGE_ERR_CLOSED;
}

void bridge_raw_finish(bridge_port_t *port, int sock)
{
    (void)port;
    (void)shutdown(sock, SHUT_WR);
}

void bridge_raw_close(bridge_port_t *port, int sock)
{
    port_peer_t *peer = find(port, sock);
    if (peer != NULL) {
        *peer = port->peers[--port->peer_count];
    }
    (void)close(sock);
}

/* Returns one more than the highest. */
static int fill_sets(const bridge_port_t *port, fd_set *readable, fd_set *writable)
{
    int highest = port->bell > port->listener ? port->bell : port->listener;
    FD_ZERO(readable);
    FD_ZERO(writable);
    FD_SET(port->bell, readable);
    FD_SET(port->listener, readable);
    for (size_t i = 0; i < port->peer_count; i++) {
        const port_peer_t *peer = &port->peers[i];
        if (peer->is_empty) { /* one that was left unread on purpose would wake us for ever */
            FD_SET(peer->sock, readable);
        }
        if (peer->is_full) {
            FD_SET(peer->sock, writable);
        }
        highest = peer->sock > highest ? peer->sock : highest;
    }
    return highest + 1;
}

void port_sockets_wait(bridge_port_t *port, uint64_t wake_us)
{
    fd_set readable, writable;
    uint64_t now_us = bridge_port_now_us(port);
    uint64_t left_us = wake_us > now_us ? wake_us - now_us : 0;
    struct timeval within = {.tv_sec = (time_t)(left_us / 1000000U), .tv_usec = (suseconds_t)(left_us % 1000000U)};
    int count = fill_sets(port, &readable, &writable);
    if (select(count, &readable, &writable, NULL, &within) > 0 && FD_ISSET(port->bell, &readable)) {
        uint64_t rung;
        (void)read(port->bell, &rung, sizeof(rung));
    }
}
