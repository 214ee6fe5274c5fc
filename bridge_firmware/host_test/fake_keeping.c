/* What the fake port keeps: settings, and a firmware nobody looks into. Nothing where `keeps_nothing`. */
#include "check.h"
#include "fake_port.h"

static fake_kept_t *find(bridge_port_t *port, const char *key)
{
    CHECK_EQUAL(port->locks, 0);
    CHECK(strlen(key) > 0 && strlen(key) <= BRIDGE_MAX_KEY);
    for (size_t i = 0; i < port->kept_count; i++) {
        if (strcmp(port->kept[i].key, key) == 0) {
            return &port->kept[i];
        }
    }
    return NULL;
}

bridge_error_t bridge_port_load(bridge_port_t *port, const char *key, uint8_t *data, size_t capacity, size_t *length)
{
    const fake_kept_t *kept = find(port, key);
    *length = kept != NULL ? kept->length : 0;
    if (kept == NULL) {
        return BRIDGE_ERR_UNKNOWN;
    }
    if (kept->length > capacity) {
        return BRIDGE_ERR_FULL;
    }
    memcpy(data, kept->value, kept->length);
    return BRIDGE_OK;
}

bridge_error_t bridge_port_store(bridge_port_t *port, const char *key, bridge_span_t value)
{
    fake_kept_t *kept = find(port, key);
    if (port->keeps_nothing) {
        return BRIDGE_ERR_PORT;
    }
    if (value.length > FAKE_VALUE_BYTES || (kept == NULL && port->kept_count == FAKE_KEPT)) {
        return BRIDGE_ERR_FULL;
    }
    if (kept == NULL) {
        kept = &port->kept[port->kept_count++];
        strcpy(kept->key, key);
    }
    memcpy(kept->value, value.data, value.length);
    kept->length = value.length;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_update_begin(bridge_port_t *port, uint32_t length_bytes, uint32_t *slot_bytes)
{
    CHECK_EQUAL(port->locks, 0);
    *slot_bytes = FAKE_SLOT_BYTES;
    if (port->keeps_nothing || length_bytes > FAKE_SLOT_BYTES) {
        return port->keeps_nothing ? BRIDGE_ERR_PORT : BRIDGE_ERR_FULL;
    }
    port->is_updating = true;
    port->slot_length = length_bytes;
    port->slot_written = 0;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_update_write(bridge_port_t *port, bridge_span_t data)
{
    CHECK_EQUAL(port->locks, 0);
    CHECK(port->is_updating && data.length > 0);
    CHECK(data.length <= port->slot_length - port->slot_written); /* never beyond what was announced */
    if (port->keeps_nothing) {
        port->is_updating = false;
        return BRIDGE_ERR_PORT;
    }
    port->slot_written += (uint32_t)data.length;
    return BRIDGE_OK;
}

bridge_error_t bridge_port_update_finish(bridge_port_t *port)
{
    CHECK_EQUAL(port->locks, 0);
    CHECK(port->is_updating);
    CHECK_EQUAL(port->slot_written, port->slot_length);
    port->is_updating = false;
    return port->keeps_nothing ? BRIDGE_ERR_PORT : BRIDGE_OK;
}

void bridge_port_update_cancel(bridge_port_t *port)
{
    CHECK_EQUAL(port->locks, 0);
    port->is_updating = false;
}

const char *bridge_port_update_trouble(bridge_port_t *port)
{
    CHECK_EQUAL(port->locks, 0);
    return port->keeps_nothing ? "the flash is worn" : "";
}

bridge_trial_t bridge_port_trial(bridge_port_t *port)
{
    CHECK_EQUAL(port->locks, 0);
    return port->trial;
}

void bridge_port_restart(bridge_port_t *port)
{
    CHECK_EQUAL(port->locks, 0);
    port->restarts++;
}
