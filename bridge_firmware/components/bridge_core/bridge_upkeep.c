/* What the network may ask about the bridge itself: settings and restart; bridge_update.c does the update. */
#include <stdio.h>
#include <string.h>

#include "bridge_session.h"

#define NO_SETTINGS "this bridge has no settings that could be changed over the network"
#define NOT_ALLOWED "the network may not change this bridge's settings; to allow it, write at the bridge's own console: " \
                    "set net_settings yes, save, reboot"
#define NOT_GIVEN "over the network this can be taken away, not given; write it at the bridge's own console"

uint8_t bridge_upkeep_rights(const bridge_t *bridge, const bridge_connection_t *connection)
{
    const bridge_settings_t *settings = bridge->config.settings;
    if (settings == NULL || bridge->config.chip == NULL) {
        return 0;
    }
    if (connection->is_inside_tls) {
        return BRIDGE_MAY_SETTINGS | BRIDGE_MAY_UPDATE;
    }
    return (uint8_t)((settings->network_settings ? BRIDGE_MAY_SETTINGS : 0) |
                     (settings->network_update ? BRIDGE_MAY_UPDATE : 0));
}

static bridge_error_t answer(bridge_t *bridge, uint8_t verdict, const char *key, const char *text)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    upkeep->has_answer = true;
    upkeep->verdict = verdict;
    snprintf(upkeep->key, sizeof(upkeep->key), "%s", key);
    if (text != upkeep->trouble.text) {
        snprintf(upkeep->trouble.text, sizeof(upkeep->trouble.text), "%s", text);
    }
    return BRIDGE_OK;
}

static bridge_error_t refuse(bridge_t *bridge, const char *key, const char *text)
{
    return answer(bridge, BRIDGE_SETTINGS_REFUSED, key, text);
}

/* What is stored; where nothing is, what it runs with. */
static bridge_settings_t stored(bridge_t *bridge)
{
    bridge_settings_t settings = *bridge->config.settings;
    (void)bridge_settings_load(bridge->port, &settings, bridge->config.chip);
    return settings;
}

/* Copy a text that is to end in a zero; false where it has one inside or does not fit. */
static bool copy_text(bridge_span_t from, char *to, size_t capacity)
{
    if (from.length >= capacity || memchr(from.data, '\0', from.length) != NULL) {
        return false;
    }
    memcpy(to, from.data, from.length);
    to[from.length] = '\0';
    return true;
}

/* One change into `settings`; false: it was refused. */
static bool change(bridge_t *bridge, bridge_settings_t *settings, bridge_span_t key_span, bridge_span_t value_span)
{
    char key[BRIDGE_MAX_KEY + 1U];
    char value[BRIDGE_MAX_WIRE_VALUE + 1U];
    if (!copy_text(key_span, key, sizeof(key)) || !copy_text(value_span, value, sizeof(value))) {
        (void)refuse(bridge, "", "a key or a value holds a zero byte");
        return false;
    }
    bool had_settings = settings->network_settings;
    bool had_update = settings->network_update;
    if (bridge_settings_set(settings, bridge->config.chip, key, value, &bridge->upkeep.trouble) != BRIDGE_OK) {
        (void)refuse(bridge, key, bridge->upkeep.trouble.text);
        return false;
    }
    bool is_given = (settings->network_settings && !had_settings) || (settings->network_update && !had_update);
    if (is_given && !bridge->controller->is_inside_tls) {
        (void)refuse(bridge, key, NOT_GIVEN);
        return false;
    }
    return true;
}

static bool is_same(const bridge_t *bridge, const bridge_settings_t *one, const bridge_settings_t *other)
{
    const char *key;
    for (size_t i = 0; (key = bridge_settings_key(bridge->config.chip, i)) != NULL; i++) {
        if (!bridge_settings_is_same(one, other, key)) {
            return false;
        }
    }
    return true;
}

/* R60 */
static bridge_error_t set_settings(bridge_t *bridge, const bridge_message_t *message)
{
    bridge_settings_t settings = stored(bridge);
    bridge_reader_t reader = bridge_reader(message->as.settings.entries.data, message->as.settings.entries.length);
    for (unsigned int i = 0; i < message->as.settings.count; i++) {
        bridge_span_t key = bridge_get_text(&reader, BRIDGE_MAX_WIRE_KEY);
        bridge_span_t value = bridge_get_text(&reader, BRIDGE_MAX_WIRE_VALUE);
        if (!change(bridge, &settings, key, value)) {
            return BRIDGE_OK;
        }
    }
    if (bridge_settings_check(&settings, bridge->config.chip, &bridge->upkeep.trouble) != BRIDGE_OK) {
        return refuse(bridge, "", bridge->upkeep.trouble.text);
    }
    bridge_error_t error = bridge_settings_store(bridge->port, &settings, bridge->config.chip);
    if (error != BRIDGE_OK) {
        return refuse(bridge, "",
                      error == BRIDGE_ERR_FULL ? "the settings do not fit the flash any more"
                                               : "the settings could not be stored");
    }
    bool is_in_force = is_same(bridge, &settings, bridge->config.settings);
    return answer(bridge, is_in_force ? BRIDGE_SETTINGS_DONE : BRIDGE_SETTINGS_AFTER_RESTART, "", "");
}

/* R61 */
static bridge_error_t restart(bridge_t *bridge)
{
    if (bridge->charged > 0) {
        return refuse(bridge, "", "a batch is under way");
    }
    bridge->upkeep.is_restarting = true;
    return answer(bridge, BRIDGE_SETTINGS_DONE, "", "");
}

bridge_error_t bridge_upkeep_hear(bridge_t *bridge, const bridge_message_t *message)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    if (message->type != BRIDGE_GET_SETTINGS && message->type != BRIDGE_SET_SETTINGS &&
        message->type != BRIDGE_RESTART) {
        return bridge_update_hear(bridge, message);
    }
    if (upkeep->has_answer || upkeep->is_table_wanted) { /* R62 */
        return BRIDGE_ERR_RULE;
    }
    uint8_t rights = bridge_upkeep_rights(bridge, bridge->controller);
    bool is_allowed = (rights & BRIDGE_MAY_SETTINGS) != 0 || (message->type == BRIDGE_RESTART && rights != 0);
    if (!is_allowed) {
        return refuse(bridge, "", bridge->config.settings != NULL ? NOT_ALLOWED : NO_SETTINGS);
    }
    switch (message->type) {
    case BRIDGE_SET_SETTINGS:
        return set_settings(bridge, message);
    case BRIDGE_RESTART:
        return restart(bridge);
    default:
        upkeep->is_table_wanted = true;
        return BRIDGE_OK;
    }
}

/* R59 */
static void say_settings(bridge_t *bridge, bridge_connection_t *connection)
{
    bridge_writer_t writer = bridge_writer(bridge->console, sizeof(bridge->console)); /* it is free between two calls */
    bridge_settings_t settings = stored(bridge);
    bridge_message_t message = {.type = BRIDGE_SETTINGS};
    const char *key;
    for (size_t i = 0; (key = bridge_settings_key(bridge->config.chip, i)) != NULL; i++) {
        char value[BRIDGE_SETTING_BYTES];
        bool is_secret = bridge_settings_is_secret(key);
        bool is_pending = !bridge_settings_is_same(&settings, bridge->config.settings, key);
        (void)bridge_settings_get(&settings, key, value);
        const char *shown = !is_secret ? value : strcmp(value, "(set)") == 0 ? "set" : "not set";
        bridge_put_setting(&writer, bridge_span_of(key), bridge_span_of(shown),
                           (uint8_t)((is_secret ? BRIDGE_SETTING_IS_SECRET : 0) |
                                     (is_pending ? BRIDGE_SETTING_IS_PENDING : 0)));
        message.as.settings.count++;
    }
    message.as.settings.entries = (bridge_span_t){bridge->console, writer.at};
    bridge_say(bridge, connection, &message);
}

void bridge_restart(bridge_t *bridge)
{
    bridge_shut(bridge, "the bridge starts anew");
    bridge_port_restart(bridge->port);
}

static void say_answer(bridge_t *bridge, bridge_connection_t *connection)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    bridge_message_t message = {.type = BRIDGE_SETTINGS_ANSWER};
    message.as.answer.verdict = upkeep->verdict;
    message.as.answer.key = bridge_span_of(upkeep->key);
    message.as.answer.text = bridge_span_of(upkeep->trouble.text);
    bridge_say(bridge, connection, &message);
    if (upkeep->is_restarting) {
        upkeep->is_restarting = false;
        bridge_restart(bridge);
    }
}

bool bridge_upkeep_say(bridge_t *bridge, bridge_connection_t *connection)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    if (upkeep->is_table_wanted) {
        upkeep->is_table_wanted = false;
        say_settings(bridge, connection);
        return true;
    }
    if (upkeep->has_answer) {
        upkeep->has_answer = false;
        say_answer(bridge, connection);
        return true;
    }
    if (upkeep->has_status) {
        bridge_message_t message = {.type = BRIDGE_UPDATE_STATUS};
        message.as.status.state = upkeep->state;
        message.as.status.granted = upkeep->granted;
        message.as.status.text = bridge_span_of(upkeep->text);
        upkeep->has_status = false;
        bridge_say(bridge, connection, &message);
        return true;
    }
    return false;
}

void bridge_upkeep_leave(bridge_t *bridge)
{
    bridge_upkeep_t *upkeep = &bridge->upkeep;
    if (upkeep->state == BRIDGE_UPDATE_RECEIVING) {
        bridge_port_update_cancel(bridge->port);
    }
    *upkeep = (bridge_upkeep_t){.state = BRIDGE_UPDATE_NONE};
}
