#include <string.h>

#include "bridge_session.h"

static const uint8_t s_steps[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

_Static_assert(sizeof(s_steps) == BRIDGE_LAST_STEP - BRIDGE_FIRST_STEP + 1, "every step is told");

bridge_error_t bridge_start(bridge_t *bridge, bridge_port_t *port, const bridge_config_t *config)
{
    *bridge = (bridge_t){.port = port, .config = *config};
    bridge_edge_t *edge = &bridge->edge;
    edge->port = port;
    edge->requests.data = config->requests;
    edge->requests.capacity = BRIDGE_REQUEST_QUEUE_BYTES(config->credit);
    edge->work = config->work;
    edge->last_frame = config->last;
    edge->results.data = config->results;
    edge->results.capacity = BRIDGE_RESULT_QUEUE_BYTES(config->credit);
    edge->ring.data = config->ring;
    edge->ring.capacity = config->ring_bytes;
    edge->ring.marks = config->marks;
    edge->ring.mark_capacity = config->mark_count;
    bridge->gone_us = bridge_port_now_us(port);
    bridge->window_until_us = config->is_power_up ? bridge->gone_us + BRIDGE_SECURE_WINDOW_US : 0;
    bool is_on_trial = bridge_port_trial(port) == BRIDGE_TRIAL_UNDER_WAY;
    bridge->trial_until_us = is_on_trial ? bridge->gone_us + config->trial_us : UINT64_MAX;
    bridge_error_t error = bridge_edge_start(edge, &config->console);
    bridge->is_safe = error == BRIDGE_OK;
    return error;
}

static bridge_span_t holder(const bridge_t *bridge)
{
    if (bridge->controller == NULL) {
        return (bridge_span_t){0};
    }
    bridge_span_t name = {bridge->controller->name, bridge->controller->name_length};
    return name.length > 0 ? name : bridge_span_of("?");
}

static void greet(bridge_t *bridge, bridge_connection_t *connection)
{
    const bridge_config_t *config = &bridge->config;
    bridge_message_t message = {.type = BRIDGE_GREETING};
    bridge_greeting_t *greeting = &message.as.greeting;
    memcpy(greeting->unique_id, config->unique_id, BRIDGE_UNIQUE_ID_BYTES);
    memcpy(greeting->boot_id, config->boot_id, BRIDGE_BOOT_ID_BYTES);
    greeting->lines = bridge_port_lines(bridge->port);
    greeting->credit = config->credit;
    greeting->max_batch = config->max_batch;
    greeting->console_ring = config->ring_bytes;
    bridge_edge_console_range(&bridge->edge, &greeting->console_oldest, &greeting->console_next);
    greeting->now_us = bridge_port_now_us(bridge->port);
    bridge_last_t last = bridge_edge_last(&bridge->edge);
    greeting->last_run = last.run;
    greeting->last_number = last.number;
    greeting->last_outcome = last.outcome;
    greeting->name = bridge_span_of(config->name);
    greeting->firmware = bridge_span_of(config->firmware);
    greeting->holder = holder(bridge);
    greeting->steps = (bridge_span_t){s_steps, sizeof(s_steps)};
    greeting->rights = bridge_upkeep_rights(bridge, connection);
    greeting->project = bridge_span_of(config->project != NULL ? config->project : "");
    greeting->chip = bridge_span_of(config->chip != NULL ? config->chip->name : "");
    greeting->trial = (uint8_t)bridge_port_trial(bridge->port);
    connection->console_seen = greeting->console_next;
    bridge_say(bridge, connection, &message);
}

/* A free place; else that of the connection that has parted for the longest. */
static bridge_connection_t *place(bridge_t *bridge)
{
    bridge_connection_t *found = NULL;
    for (size_t i = 0; i < BRIDGE_CONNECTIONS; i++) {
        bridge_connection_t *one = &bridge->connections[i];
        if (one->state == BRIDGE_FREE) {
            return one;
        }
        if (one->state == BRIDGE_IS_PARTING && (found == NULL || one->part_by_us < found->part_by_us)) {
            found = one;
        }
    }
    if (found != NULL) {
        bridge_drop(bridge, found);
    }
    return found;
}

static size_t count_waiting(const bridge_t *bridge)
{
    size_t waiting = 0;
    for (size_t i = 0; i < BRIDGE_CONNECTIONS; i++) {
        waiting += bridge_is_waiting(&bridge->connections[i]) ? 1 : 0;
    }
    return waiting;
}

static void let_in(bridge_t *bridge, uint64_t *wake_us)
{
    bridge_arrival_t arrived;
    bridge_connection_t *connection;
    size_t waiting = count_waiting(bridge);
    for (; bridge_port_accept(bridge->port, waiting, &arrived, wake_us) == BRIDGE_OK; waiting = count_waiting(bridge)) {
        connection = place(bridge);
        if (connection == NULL || bridge->is_shut) {
            bridge_port_close(bridge->port, arrived.sock);
            continue;
        }
        bridge_connection_open(bridge, connection, &arrived);
        greet(bridge, connection);
        if (waiting >= BRIDGE_MAX_WAITING) {
            bridge_span_t text = bridge_span_of("too many connections wait for a hello");
            bridge_close(bridge, connection, BRIDGE_CLOSE_TOO_MANY, text);
        }
    }
}

/* R24 */
static void keep_lines_safe(bridge_t *bridge, uint64_t *wake_us)
{
    if (bridge->controller != NULL || bridge->is_safe) {
        return;
    }
    uint64_t at_us = bridge->gone_us + BRIDGE_SAFE_AFTER_US;
    if (bridge_port_now_us(bridge->port) < at_us) {
        bridge_earliest(wake_us, at_us);
        return;
    }
    bridge->is_safe = bridge_edge_make_safe(&bridge->edge); /* the end of a batch in hand calls again */
}

/* R65: a firmware on trial that starts again is not what starts. */
static void end_trial(bridge_t *bridge, uint64_t *wake_us)
{
    if (bridge_port_now_us(bridge->port) < bridge->trial_until_us) {
        bridge_earliest(wake_us, bridge->trial_until_us);
        return;
    }
    bridge->trial_until_us = UINT64_MAX;
    bridge_shut(bridge, "no controller came to the new firmware in its time: the one before it comes back");
    bridge_port_restart(bridge->port);
    *wake_us = 0; /* what is to be said now */
}

bridge_error_t bridge_execute(bridge_t *bridge, uint64_t *wake_us)
{
    return bridge_edge_poll(&bridge->edge, wake_us);
}

void bridge_serve(bridge_t *bridge, uint64_t *wake_us)
{
    *wake_us = UINT64_MAX;
    bridge_edge_hear_call(&bridge->edge);
    let_in(bridge, wake_us);
    for (size_t i = 0; i < BRIDGE_CONNECTIONS; i++) {
        bridge_connection_read(bridge, &bridge->connections[i], wake_us);
    }
    for (size_t i = 0; i < BRIDGE_CONNECTIONS; i++) { /* one may have ended another */
        bridge_connection_write(bridge, &bridge->connections[i], wake_us);
    }
    keep_lines_safe(bridge, wake_us);
    end_trial(bridge, wake_us);
    if (bridge->has_unread && bridge->bulk != BRIDGE_BULK_LAST) {
        bridge->has_unread = false;
        *wake_us = 0;
    }
}

void bridge_shut(bridge_t *bridge, const char *text)
{
    bridge->is_shut = true;
    for (size_t i = 0; i < BRIDGE_CONNECTIONS; i++) {
        bridge_close(bridge, &bridge->connections[i], BRIDGE_CLOSE_SHUTDOWN, bridge_span_of(text));
    }
}

bool bridge_is_connected(const bridge_t *bridge)
{
    for (size_t i = 0; i < BRIDGE_CONNECTIONS; i++) {
        if (bridge->connections[i].state != BRIDGE_FREE) {
            return true;
        }
    }
    return false;
}

bool bridge_is_controlled(const bridge_t *bridge)
{
    return bridge->controller != NULL;
}
