/* The two threads: one executes for all boards, above the other, which serves all connections. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "host_board.h"

#define BELL_NUMBER UINT32_MAX        /* in the epoll's data, where boards are counted from 0 */
#define LAST_ROUNDS 64                /* of writing: more than the credit, if the network takes it */
#define CONSOLE_NUMBER (UINT32_MAX - 1U)
#define EVENTS 64                     /* taken from epoll in one go */
#define LONGEST_WAIT_US 3600000000ULL /* more than any timer of a bridge */

typedef struct {
    host_board_t *const *boards;
    size_t count;
    host_bell_t engine_bell;
    host_bell_t network_bell;
    int epoll;
    uint64_t *execute_at_us;
    uint64_t *serve_at_us;
    struct pollfd *waits; /* the bell, then a tty a board */
    atomic_bool is_ended;
} host_run_t;

static struct timespec until(uint64_t wake_us)
{
    uint64_t now_us = host_now_us();
    uint64_t left_us = wake_us > now_us ? wake_us - now_us : 0;
    left_us = left_us < LONGEST_WAIT_US ? left_us : LONGEST_WAIT_US;
    return (struct timespec){(time_t)(left_us / 1000000U), (long)(left_us % 1000000U) * 1000L};
}

static void answer_bell(host_bell_t *bell)
{
    eventfd_t rings;
    if (atomic_load(&bell->is_rung)) {
        (void)eventfd_read(bell->event, &rings);
        atomic_store(&bell->is_rung, false); /* before the calls are looked at */
    }
}

static uint64_t earliest(const uint64_t *at_us, size_t count)
{
    uint64_t wake_us = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        wake_us = at_us[i] < wake_us ? at_us[i] : wake_us;
    }
    return wake_us;
}

static void execute(host_run_t *run, size_t i)
{
    host_board_t *board = run->boards[i];
    bridge_port_t *port = &board->port;
    port->wants_read = false;
    port->wants_write = false;
    if (bridge_execute(&board->bridge, &run->execute_at_us[i]) == BRIDGE_ERR_PORT) {
        run->execute_at_us[i] = UINT64_MAX;
        port->wants_read = false;
        port->wants_write = false;
        atomic_store(&port->has_failed, true);
        bridge_port_wake_network(port);
    }
    uint64_t next_us = port->wants_read || port->wants_write ? port->kind->next_us(port) : UINT64_MAX;
    run->execute_at_us[i] = next_us < run->execute_at_us[i] ? next_us : run->execute_at_us[i];
    run->waits[1 + i].fd = port->wants_read || port->wants_write ? port->tty : -1;
    run->waits[1 + i].events = (short)((port->wants_read ? POLLIN : 0) | (port->wants_write ? POLLOUT : 0));
    run->waits[1 + i].revents = 0;
}

static void *execute_all(void *argument)
{
    host_run_t *run = argument;
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* turnaround: the default is 50 us */
    while (!atomic_load(&run->is_ended)) {
        uint64_t now_us = host_now_us();
        for (size_t i = 0; i < run->count; i++) {
            bridge_port_t *port = &run->boards[i]->port;
            bool is_called = atomic_exchange(&port->is_engine_called, false);
            bool is_due = is_called || run->waits[1 + i].revents != 0 || run->execute_at_us[i] <= now_us;
            if (is_due && !atomic_load(&port->has_failed)) {
                execute(run, i);
            }
        }
        struct timespec within = until(earliest(run->execute_at_us, run->count));
        (void)ppoll(run->waits, 1 + run->count, &within, NULL);
        answer_bell(&run->engine_bell);
    }
    return NULL;
}

static void shut(host_board_t *board, const char *text)
{
    board->is_shut = true;
    bridge_shut(&board->bridge, text);
}

/* The results that the engine left, the one that says PORT among them, go before the goodbye (R37). */
static void say_results(host_run_t *run, size_t i)
{
    run->serve_at_us[i] = 0;
    for (unsigned int round = 0; round < LAST_ROUNDS && run->serve_at_us[i] == 0; round++) {
        bridge_serve(&run->boards[i]->bridge, &run->serve_at_us[i]);
    }
}

static void serve(host_run_t *run, size_t i)
{
    host_board_t *board = run->boards[i];
    if (atomic_load(&board->port.has_failed) && !board->is_shut) {
        say_results(run, i);
        char text[BRIDGE_MAX_TEXT];
        snprintf(text, sizeof(text), "the bridge's serial port failed: %.160s", board->port.trouble);
        fprintf(stderr, "error: %s\n", board->port.trouble);
        shut(board, text);
    }
    bridge_serve(&board->bridge, &run->serve_at_us[i]);
    board->is_shut = board->is_shut || board->port.is_restarting;
}

static bool is_over(const host_run_t *run)
{
    for (size_t i = 0; i < run->count; i++) {
        if (!run->boards[i]->is_shut || bridge_is_connected(&run->boards[i]->bridge)) {
            return false;
        }
    }
    return true;
}

static void attend_console(host_run_t *run)
{
    if (!host_read_console()) {
        (void)epoll_ctl(run->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    }
}

/* Wait for connections, bytes, words, the engine's calls or the time; signals come only here. */
static void wait_for_network(host_run_t *run, bool *is_ready)
{
    struct epoll_event events[EVENTS];
    sigset_t none;
    sigemptyset(&none);
    struct timespec within = until(earliest(run->serve_at_us, run->count));
    int timeout_ms = (int)(within.tv_sec * 1000 + (within.tv_nsec + 999999) / 1000000);
    int found = epoll_pwait(run->epoll, events, EVENTS, timeout_ms, &none);
    for (int i = 0; i < found; i++) {
        if (events[i].data.u32 == CONSOLE_NUMBER) {
            attend_console(run);
        } else if (events[i].data.u32 != BELL_NUMBER) {
            is_ready[events[i].data.u32] = true;
        }
    }
    answer_bell(&run->network_bell);
}

static void serve_all(host_run_t *run, bool *is_ready, const volatile int *is_stopped)
{
    bool is_ending = false;
    while (!is_over(run)) {
        uint64_t now_us = host_now_us();
        for (size_t i = 0; i < run->count; i++) {
            if (*is_stopped != 0 && !is_ending) {
                shut(run->boards[i], "");
                is_ready[i] = true;
            }
            bool is_called = atomic_exchange(&run->boards[i]->port.is_network_called, false);
            if (is_called || is_ready[i] || run->serve_at_us[i] <= now_us) {
                is_ready[i] = false;
                serve(run, i);
            }
        }
        is_ending = *is_stopped != 0;
        if (!is_over(run)) {
            wait_for_network(run, is_ready);
        }
    }
}

static void watch(int epoll, int file, uint32_t number, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = number};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event) != 0) {
        perror("epoll");
        exit(EXIT_FAILURE);
    }
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "error: no memory for %zu boards\n", count);
        exit(EXIT_FAILURE);
    }
    return memory;
}

static void prepare(host_run_t *run)
{
    run->engine_bell.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    run->network_bell.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(run->epoll, run->network_bell.event, BELL_NUMBER, EPOLLIN);
    if (run->count == 1 && host_has_console()) {
        host_start_console(run->boards[0]);
        watch(run->epoll, STDIN_FILENO, CONSOLE_NUMBER, EPOLLIN | EPOLLET); /* in the background, a terminal would never be empty */
    }
    run->waits[0] = (struct pollfd){.fd = run->engine_bell.event, .events = POLLIN};
    for (size_t i = 0; i < run->count; i++) {
        bridge_port_t *port = &run->boards[i]->port;
        port->engine_bell = &run->engine_bell;
        port->network_bell = &run->network_bell;
        port->epoll = run->epoll;
        port->number = (uint32_t)i;
        run->waits[1 + i].fd = -1;
        watch(run->epoll, port->listener, port->number, EPOLLIN | EPOLLET);
    }
}

bool host_run(host_board_t *const *boards, size_t count, const volatile int *is_stopped)
{
    host_run_t run = {.boards = boards, .count = count};
    pthread_t engine;
    bool *is_ready = allocate(count, sizeof(*is_ready));
    run.execute_at_us = allocate(count, sizeof(*run.execute_at_us));
    run.serve_at_us = allocate(count, sizeof(*run.serve_at_us));
    run.waits = allocate(1 + count, sizeof(*run.waits));
    prepare(&run);
    if (pthread_create(&engine, NULL, execute_all, &run) != 0) {
        perror("thread");
        exit(EXIT_FAILURE);
    }
    serve_all(&run, is_ready, is_stopped);
    atomic_store(&run.is_ended, true);
    if (!atomic_exchange(&run.engine_bell.is_rung, true)) {
        (void)eventfd_write(run.engine_bell.event, 1);
    }
    (void)pthread_join(engine, NULL);
    bool is_well = true;
    for (size_t i = 0; i < count; i++) {
        is_well = is_well && !atomic_load(&boards[i]->port.has_failed);
    }
    free(is_ready);
    free(run.execute_at_us);
    free(run.serve_at_us);
    free(run.waits);
    return is_well;
}
